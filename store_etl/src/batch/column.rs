//! One column of a batch.

use super::bitmap::Bitmap;
use super::no_memory;
use std::ops::Range;
use store_core::{Decimal, Error, Inet, Mac, Result, Type, ValueRef};

/// Cells of one type, some of them NULL.
#[derive(Clone, Debug)]
pub struct Column {
    ty: Type,
    /// The cells that are not NULL; absent while none is.
    valid: Option<Bitmap>,
    values: Values,
}

/// The values of a column. A NULL's value is any.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Values {
    /// bool
    Bool(Bitmap),
    /// int16
    Int16(Vec<i16>),
    /// int32, and dates as days since 1970
    Int32(Vec<i32>),
    /// int64, and timestamps as microseconds since 1970
    Int64(Vec<i64>),
    /// float32
    Float32(Vec<f32>),
    /// float64
    Float64(Vec<f64>),
    /// decimals as whole units of the type's scale
    Decimal(Vec<i128>),
    /// text
    Text(Texts<String>),
    /// bytes
    Bytes(Texts<Vec<u8>>),
    /// inet, 16 bytes each
    Inet(Vec<[u8; 16]>),
    /// mac, 6 bytes each
    Mac(Vec<[u8; 6]>),
}

/// Values of any length, one after another. Value n stands at `offsets[n]..offsets[n + 1]`.
#[derive(Clone, Debug)]
pub struct Texts<B> {
    offsets: Vec<u32>,
    data: B,
}

impl<B: Default> Default for Texts<B> {
    fn default() -> Self {
        Self { offsets: vec![0], data: B::default() }
    }
}

impl Texts<String> {
    /// Adds texts of another list that follow one another.
    fn append(&mut self, from: &Self, run: Range<usize>) -> Result<()> {
        let bytes = from.bytes_of(&run);
        self.data.try_reserve(bytes.len()).map_err(|_| no_memory(bytes.len()))?;
        let before = self.data.len();
        self.data.push_str(&from.data[bytes]);
        self.end_values(from, run, before, self.data.len())
    }

    /// A text.
    #[inline]
    pub fn get(&self, nth: usize) -> &str {
        &self.data[self.offsets[nth] as usize..self.offsets[nth + 1] as usize]
    }

    /// Adds a text.
    #[inline]
    pub fn push(&mut self, text: &str) -> Result<()> {
        self.data.try_reserve(text.len()).map_err(|_| no_memory(text.len()))?;
        self.data.push_str(text);
        self.end_value()
    }

    /// Lets a function write a text at the end of the others.
    pub fn push_with(&mut self, write: impl FnOnce(&mut String)) -> Result<()> {
        write(&mut self.data);
        self.end_value()
    }

    /// Adds texts of these lengths that make up one; false, and none, if one of them would end within a
    /// character, or there would be too much.
    #[must_use]
    pub(crate) fn push_many(&mut self, all: &str, lengths: impl Iterator<Item = u32>) -> bool {
        let (before, count) = (self.data.len(), self.offsets.len());
        if u32::try_from(before + all.len()).is_err() || self.data.try_reserve(all.len()).is_err() {
            return false;
        }
        self.data.push_str(all);
        let mut end = before;
        let mut whole = true;
        self.offsets.extend(lengths.map(|len| {
            end += len as usize;
            whole &= self.data.is_char_boundary(end);
            end as u32
        }));
        whole &= end == self.data.len();
        if !whole {
            self.offsets.truncate(count);
            self.data.truncate(before);
        }
        whole
    }

    /// Makes room for so many texts of so many bytes.
    pub(crate) fn reserve_exact(&mut self, count: usize, bytes: usize) {
        self.offsets.reserve_exact(count);
        self.data.reserve_exact(bytes);
    }

    fn end_value(&mut self) -> Result<()> {
        self.offsets.push(end_of(self.data.len())?);
        Ok(())
    }
}

impl Texts<Vec<u8>> {
    /// Adds values of another list that follow one another.
    fn append(&mut self, from: &Self, run: Range<usize>) -> Result<()> {
        let bytes = from.bytes_of(&run);
        self.data.try_reserve(bytes.len()).map_err(|_| no_memory(bytes.len()))?;
        let before = self.data.len();
        self.data.extend_from_slice(&from.data[bytes]);
        self.end_values(from, run, before, self.data.len())
    }

    /// Makes room for so many values of so many bytes.
    pub(crate) fn reserve_exact(&mut self, count: usize, bytes: usize) {
        self.offsets.reserve_exact(count);
        self.data.reserve_exact(bytes);
    }

    /// The bytes.
    #[inline]
    pub fn get(&self, nth: usize) -> &[u8] {
        &self.data[self.offsets[nth] as usize..self.offsets[nth + 1] as usize]
    }

    /// Adds bytes.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.data.try_reserve(bytes.len()).map_err(|_| no_memory(bytes.len()))?;
        self.data.extend_from_slice(bytes);
        self.offsets.push(end_of(self.data.len())?);
        Ok(())
    }
}

fn end_of(len: usize) -> Result<u32> {
    u32::try_from(len).map_err(|_| Error::invalid("a batch holds less than 4 GiB of text"))
}

impl<B> Texts<B> {
    fn bytes_of(&self, run: &Range<usize>) -> Range<usize> {
        self.offsets[run.start] as usize..self.offsets[run.end] as usize
    }

    /// Notes where values end that were copied from another list to this place.
    fn end_values(
        &mut self,
        from: &Self,
        run: Range<usize>,
        before: usize,
        end: usize,
    ) -> Result<()> {
        end_of(end)?;
        let first = from.offsets[run.start];
        let ends = &from.offsets[run.start + 1..=run.end];
        self.offsets.extend(ends.iter().map(|end| end - first + before as u32));
        Ok(())
    }

    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// How many values there are.
    pub(crate) fn count(&self) -> usize {
        self.len()
    }

    /// Where each value ends, behind a 0.
    pub(crate) fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// The offsets and all values.
    pub(crate) fn into_parts(self) -> (Vec<u32>, B) {
        (self.offsets, self.data)
    }

    /// All values, one after another.
    pub(crate) const fn data(&self) -> &B {
        &self.data
    }

    /// Moves the values from this one on apart, so that one stands wherever `valid` is not 0, and an empty
    /// one elsewhere.
    pub(crate) fn spread(&mut self, from: usize, valid: &[u8]) {
        let mut source = self.offsets.len() - 1;
        self.offsets.resize(from + valid.len() + 1, 0);
        for nth in (0..valid.len()).rev() {
            self.offsets[from + nth + 1] = self.offsets[source];
            source -= usize::from(valid[nth] != 0);
        }
        debug_assert_eq!(source, from);
    }
}

/// The same for each kind of values that lie in a vector.
macro_rules! each_vector {
    ($values:expr, $vector:ident => $do:expr; bool $map:ident => $bool:expr; text $text:ident => $long:expr) => {
        match $values {
            Values::Bool($map) => $bool,
            Values::Int16($vector) => $do,
            Values::Int32($vector) => $do,
            Values::Int64($vector) => $do,
            Values::Float32($vector) => $do,
            Values::Float64($vector) => $do,
            Values::Decimal($vector) => $do,
            Values::Inet($vector) => $do,
            Values::Mac($vector) => $do,
            Values::Text($text) => $long,
            Values::Bytes($text) => $long,
        }
    };
}

impl Column {
    /// An empty column.
    pub fn new(ty: Type) -> Self {
        let values = match ty {
            Type::Bool => Values::Bool(Bitmap::new()),
            Type::Int16 => Values::Int16(Vec::new()),
            Type::Int32 | Type::Date => Values::Int32(Vec::new()),
            Type::Float32 => Values::Float32(Vec::new()),
            Type::Float64 => Values::Float64(Vec::new()),
            Type::Decimal { .. } => Values::Decimal(Vec::new()),
            Type::Text => Values::Text(Texts::default()),
            Type::Bytes => Values::Bytes(Texts::default()),
            Type::Inet => Values::Inet(Vec::new()),
            Type::Mac => Values::Mac(Vec::new()),
            _ => Values::Int64(Vec::new()),
        };
        Self { ty, valid: None, values }
    }

    /// A column of these values.
    pub(crate) fn made(ty: Type, values: Values, valid: Option<Bitmap>) -> Self {
        let column = Self { ty, valid, values };
        debug_assert!(column.valid.as_ref().is_none_or(|valid| valid.len() == column.len()));
        column
    }

    /// Its values, as they are.
    pub(crate) fn into_values(self) -> Values {
        self.values
    }

    /// Its values, and the cells that are not NULL.
    pub(crate) fn into_parts(self) -> (Values, Option<Bitmap>) {
        (self.values, self.valid)
    }

    /// Lets a function add `count` values, and then marks those that are NULL: all but the ones where
    /// `valid` is not 0.
    pub(crate) fn extend_with(
        &mut self,
        count: usize,
        valid: Option<&[u8]>,
        add: impl FnOnce(&mut Values) -> Result<()>,
    ) -> Result<()> {
        let before = self.len();
        add(&mut self.values)?;
        debug_assert_eq!(self.len(), before + count);
        self.mark_nulls(before, valid);
        Ok(())
    }

    /// Its values, to add some; then [`Column::mark_nulls`] is to follow.
    pub(crate) const fn values_mut(&mut self) -> &mut Values {
        &mut self.values
    }

    /// The value that was added last is none of NULL.
    #[inline(always)]
    pub(crate) fn mark_valid(&mut self) {
        if let Some(valid) = &mut self.valid {
            valid.push(true);
        }
    }

    /// Marks those of the values behind the first `before` that are NULL: all but the ones where `valid` is not 0.
    pub(crate) fn mark_nulls(&mut self, before: usize, valid: Option<&[u8]>) {
        let nulls = valid.is_some_and(|valid| valid.contains(&0));
        if nulls || self.valid.is_some() {
            let count = self.len() - before;
            let known = self.valid.get_or_insert_with(|| Bitmap::filled(before, true));
            match valid {
                Some(valid) => valid.iter().for_each(|valid| known.push(*valid != 0)),
                None => known.extend_with(true, count),
            }
        }
    }

    /// Its type.
    pub const fn ty(&self) -> Type {
        self.ty
    }

    /// Its values.
    pub const fn values(&self) -> &Values {
        &self.values
    }

    /// The cells that are not NULL; absent if none is.
    pub const fn valid(&self) -> Option<&Bitmap> {
        self.valid.as_ref()
    }

    /// How many cells it has.
    pub fn len(&self) -> usize {
        each_vector!(&self.values, v => v.len(); bool map => map.len(); text texts => texts.len())
    }

    /// True if it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if a cell is NULL.
    #[inline(always)]
    pub(crate) fn is_null(&self, nth: usize) -> bool {
        self.valid.as_ref().is_some_and(|valid| !valid.get(nth))
    }

    /// The bytes of a text or bytes cell; `None` for NULL.
    #[inline]
    pub(crate) fn long(&self, nth: usize) -> Option<&[u8]> {
        let (offsets, data) = match &self.values {
            Values::Text(texts) => (&texts.offsets, texts.data.as_bytes()),
            Values::Bytes(texts) => (&texts.offsets, &texts.data[..]),
            _ => return None,
        };
        let bytes = &data[offsets[nth] as usize..offsets[nth + 1] as usize];
        if self.is_null(nth) { None } else { Some(bytes) }
    }

    /// A cell.
    #[inline]
    pub fn get(&self, nth: usize) -> ValueRef<'_> {
        if self.is_null(nth) {
            return ValueRef::Null;
        }
        match &self.values {
            Values::Bool(map) => ValueRef::Bool(map.get(nth)),
            Values::Int16(v) => ValueRef::Int(v[nth].into()),
            Values::Int32(v) if self.ty == Type::Date => ValueRef::Date(v[nth]),
            Values::Int32(v) => ValueRef::Int(v[nth].into()),
            Values::Int64(v) if self.ty == Type::Timestamp => ValueRef::Timestamp(v[nth]),
            Values::Int64(v) => ValueRef::Int(v[nth]),
            Values::Float32(v) => ValueRef::Float32(v[nth]),
            Values::Float64(v) => ValueRef::Float64(v[nth]),
            Values::Decimal(v) => decimal(v[nth], self.ty),
            Values::Text(texts) => ValueRef::Text(texts.get(nth)),
            Values::Bytes(texts) => ValueRef::Bytes(texts.get(nth)),
            Values::Inet(v) => ValueRef::Inet(Inet::from_octets(v[nth])),
            Values::Mac(v) => ValueRef::Mac(Mac::from_octets(v[nth])),
        }
    }

    /// Adds a cell of the column's type, as [`ValueRef::coerce`] gives it, or NULL.
    #[inline]
    pub fn push(&mut self, value: ValueRef<'_>) -> Result<()> {
        match (&mut self.values, value) {
            (Values::Int64(v), ValueRef::Int(value) | ValueRef::Timestamp(value)) => v.push(value),
            (Values::Text(texts), ValueRef::Text(text)) => texts.push(text)?,
            (Values::Float64(v), ValueRef::Float64(value)) => v.push(value),
            (Values::Bool(map), ValueRef::Bool(value)) => map.push(value),
            (Values::Int16(v), ValueRef::Int(value)) => v.push(value as i16),
            (Values::Int32(v), ValueRef::Int(value)) => v.push(value as i32),
            (Values::Int32(v), ValueRef::Date(value)) => v.push(value),
            (Values::Float32(v), ValueRef::Float32(value)) => v.push(value),
            (Values::Decimal(v), ValueRef::Decimal(units, _)) => v.push(units.get()),
            (Values::Bytes(texts), ValueRef::Bytes(bytes)) => texts.push(bytes)?,
            (Values::Inet(v), ValueRef::Inet(value)) => v.push(value.octets()),
            (Values::Mac(v), ValueRef::Mac(value)) => v.push(value.octets()),
            (_, ValueRef::Null) => return self.push_null(),
            (_, other) => {
                let ty = self.ty;
                return Err(Error::type_mismatch(format!("{other} is no value of a {ty} column")));
            }
        }
        self.mark_valid();
        Ok(())
    }

    /// Adds a NULL.
    pub fn push_null(&mut self) -> Result<()> {
        let len = self.len();
        self.valid.get_or_insert_with(|| Bitmap::filled(len, true)).push(false);
        each_vector!(&mut self.values, v => v.push(Default::default()); bool map => map.push(false);
            text texts => texts.offsets.push(*texts.offsets.last().expect("the first is 0")));
        Ok(())
    }

    /// Adds cells of a column of the same type.
    pub fn append_picked(&mut self, from: &Self, rows: &[u32]) -> Result<()> {
        debug_assert_eq!(self.ty, from.ty);
        if self.valid.is_some() || from.valid.is_some() {
            let len = self.len();
            let valid = self.valid.get_or_insert_with(|| Bitmap::filled(len, true));
            match &from.valid {
                Some(known) => rows.iter().for_each(|row| valid.push(known.get(*row as usize))),
                None => valid.extend_with(true, rows.len()),
            }
        }
        let is_dense = is_dense(rows);
        macro_rules! pick {
            ($($kind:ident)*) => {
                match (&mut self.values, &from.values) {
                    $((Values::$kind(to), Values::$kind(from)) if is_dense => {
                        runs(rows).for_each(|run| to.extend_from_slice(&from[run]));
                    }
                    (Values::$kind(to), Values::$kind(from)) => {
                        to.extend(rows.iter().map(|row| from[*row as usize]));
                    })*
                    (Values::Bool(to), Values::Bool(from)) => {
                        for row in rows {
                            to.push(from.get(*row as usize));
                        }
                    }
                    (Values::Text(to), Values::Text(from)) => {
                        runs(rows).try_for_each(|run| to.append(from, run))?;
                    }
                    (Values::Bytes(to), Values::Bytes(from)) => {
                        runs(rows).try_for_each(|run| to.append(from, run))?;
                    }
                    _ => return Err(Error::type_mismatch("columns of two types")),
                }
            };
        }
        pick!(Int16 Int32 Int64 Float32 Float64 Decimal Inet Mac);
        Ok(())
    }

    /// Takes the cells of a column of the same type in place of its own.
    pub(crate) fn copy_from(&mut self, from: &Self) -> Result<()> {
        debug_assert_eq!(self.ty, from.ty);
        self.valid.clone_from(&from.valid);
        macro_rules! copy {
            ($($kind:ident)*) => {
                match (&mut self.values, &from.values) {
                    $((Values::$kind(to), Values::$kind(from)) => to.clone_from(from),)*
                    (Values::Text(to), Values::Text(from)) => {
                        to.offsets.clone_from(&from.offsets);
                        to.data.clone_from(&from.data);
                    }
                    (Values::Bytes(to), Values::Bytes(from)) => {
                        to.offsets.clone_from(&from.offsets);
                        to.data.clone_from(&from.data);
                    }
                    _ => return Err(Error::type_mismatch("columns of two types")),
                }
            };
        }
        copy!(Bool Int16 Int32 Int64 Float32 Float64 Decimal Inet Mac);
        Ok(())
    }

    /// Forgets the cells and keeps the memory.
    pub fn clear(&mut self) {
        self.truncate(0);
        self.valid = None;
    }

    /// Forgets the cells from this one on.
    pub fn truncate(&mut self, len: usize) {
        if let Some(valid) = &mut self.valid {
            valid.truncate(len);
        }
        match &mut self.values {
            Values::Text(texts) if len < texts.len() => {
                texts.offsets.truncate(len + 1);
                texts.data.truncate(texts.offsets[len] as usize);
            }
            Values::Bytes(texts) if len < texts.len() => {
                texts.offsets.truncate(len + 1);
                texts.data.truncate(texts.offsets[len] as usize);
            }
            values => each_vector!(values, v => v.truncate(len); bool map => map.truncate(len);
                text _texts => ()),
        }
    }

    /// Bytes of the cells.
    pub fn data_bytes(&self) -> usize {
        match &self.values {
            Values::Text(texts) => texts.data.len() + texts.offsets.len() * size_of::<u32>(),
            Values::Bytes(texts) => texts.data.len() + texts.offsets.len() * size_of::<u32>(),
            Values::Bool(map) => map.len().div_ceil(8),
            _ => self.len() * fixed_bytes(self.ty),
        }
    }

    /// Bytes in memory.
    pub fn held_bytes(&self) -> usize {
        let valid = self.valid.as_ref().map_or(0, Bitmap::held_bytes);
        let values = each_vector!(&self.values,
            v => v.capacity() * fixed_bytes(self.ty);
            bool map => map.held_bytes();
            text texts => texts.data.capacity() + texts.offsets.capacity() * size_of::<u32>());
        valid + values
    }
}

/// True if most rows follow the one before them.
fn is_dense(rows: &[u32]) -> bool {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return false };
    last.wrapping_sub(*first) as usize <= rows.len() + rows.len() / 4
}

/// The rows in pieces of which each row follows the one before it.
fn runs(rows: &[u32]) -> impl Iterator<Item = Range<usize>> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let first = *rest.first()? as usize;
        let len = rest.iter().zip(first..).take_while(|(row, wanted)| **row as usize == *wanted);
        let len = len.count();
        rest = &rest[len..];
        Some(first..first + len)
    })
}

/// The cell of a decimal column.
fn decimal(units: i128, ty: Type) -> ValueRef<'static> {
    let Type::Decimal { scale, .. } = ty else { return ValueRef::Null };
    Decimal::new(units, scale).expect("a column holds what was checked").into()
}

/// Bytes of a cell of fixed width; the offset of one that is not.
pub(crate) const fn fixed_bytes(ty: Type) -> usize {
    match ty {
        Type::Bool => 1,
        Type::Int16 => 2,
        Type::Int32 | Type::Date | Type::Float32 | Type::Text | Type::Bytes => 4,
        Type::Decimal { .. } | Type::Inet => 16,
        Type::Mac => 6,
        _ => 8,
    }
}
