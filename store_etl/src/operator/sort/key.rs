//! Sort keys as bytes that compare as the rows should.
//!
//! ```text
//! column    tag 1 │ value, all bits turned over if it is descending
//! tag       1 a value; 0 NULL where NULLs come first, 2 where they come last
//! ```
//!
//! A value is encoded as an index would (`store_core::value::encode_key`), so no encoded column is the
//! beginning of another, and columns stand one behind the other. NULLs come last in both directions
//! unless it says otherwise.

use store_core::value::{KEY_BYTES_MAX, encode_key, encode_text_key};
use store_core::{Error, Result, Type, ValueRef};

const NULL_FIRST_TAG: u8 = 0;
const VALUE_TAG: u8 = 1;
const NULL_LAST_TAG: u8 = 2;

/// In which direction a column sorts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    #[default]
    Ascending,
    /// Largest first.
    Descending,
}

/// Where the rows without a value come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nulls {
    /// Before all others.
    First,
    /// After all others.
    #[default]
    Last,
}

/// How one column sorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortColumn {
    /// The type of its values.
    pub ty: Type,
    /// Smallest or largest first.
    pub direction: Direction,
    /// Where NULLs come, whatever the direction.
    pub nulls: Nulls,
}

impl SortColumn {
    /// Ascending, NULLs last.
    pub const fn ascending(ty: Type) -> Self {
        Self { ty, direction: Direction::Ascending, nulls: Nulls::Last }
    }

    /// Descending, NULLs last.
    pub const fn descending(ty: Type) -> Self {
        Self { ty, direction: Direction::Descending, nulls: Nulls::Last }
    }

    /// Appends a value, which has the column's type, to a key.
    ///
    /// ```
    /// use store_core::{Type, ValueRef};
    /// use store_etl::operator::sort::SortColumn;
    /// let column = SortColumn::descending(Type::Int32);
    /// let key = |value| {
    ///     let mut key = Vec::new();
    ///     column.encode(value, &mut key).map(|()| key)
    /// };
    /// assert!(key(ValueRef::Int(7))? < key(ValueRef::Int(6))?);
    /// assert!(key(ValueRef::Int(6))? < key(ValueRef::Null)?);
    /// # Ok::<_, store_core::Error>(())
    /// ```
    #[inline]
    pub fn encode(&self, value: ValueRef<'_>, key: &mut Vec<u8>) -> Result<()> {
        if value.is_null() {
            key.push(match self.nulls {
                Nulls::First => NULL_FIRST_TAG,
                Nulls::Last => NULL_LAST_TAG,
            });
            return Ok(());
        }
        if let ValueRef::Text(text) = value {
            check_length(text.len())?;
        } else if let ValueRef::Bytes(bytes) = value {
            check_length(bytes.len())?;
        }
        key.push(VALUE_TAG);
        let start = key.len();
        encode_key(value, self.ty, true, key)?;
        self.turn(&mut key[start..]);
        Ok(())
    }

    #[inline]
    fn turn(self, encoded: &mut [u8]) {
        if self.direction == Direction::Descending {
            for byte in encoded {
                *byte = !*byte;
            }
        }
    }

    /// Appends the value of a field of text, which is none of those that mean NULL.
    #[inline]
    pub(super) fn encode_text(self, field: &[u8], key: &mut Vec<u8>) -> Result<()> {
        key.push(VALUE_TAG);
        let start = key.len();
        if matches!(self.ty, Type::Text | Type::Bytes) {
            check_length(field.len())?;
        }
        encode_text_key(field, self.ty, key)?;
        self.turn(&mut key[start..]);
        Ok(())
    }
}

fn check_length(len: usize) -> Result<()> {
    if len > KEY_BYTES_MAX {
        let message =
            format!("a value of {len} bytes is too long to sort by (at most {KEY_BYTES_MAX})");
        return Err(Error::invalid(message).detail(len.to_string()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    #[test]
    fn keys_compare_as_rows_should_in_every_direction() {
        let texts = ["", "a", "a\0", "ab", "b"].map(ValueRef::Text);
        let numbers = [i64::MIN, -1, 0, 7, i64::MAX].map(ValueRef::Int);
        let mut rows = Vec::new();
        for text in texts.into_iter().chain([ValueRef::Null]) {
            for number in numbers.into_iter().chain([ValueRef::Null]) {
                rows.push([text, number]);
            }
        }
        for case in 0..16 {
            let column = |ty, bits: u32| SortColumn {
                ty,
                direction: [Direction::Ascending, Direction::Descending][(bits & 1) as usize],
                nulls: [Nulls::First, Nulls::Last][(bits >> 1 & 1) as usize],
            };
            let columns = [column(Type::Text, case), column(Type::Int64, case >> 2)];
            let key = |row: &[ValueRef<'_>; 2]| {
                let mut key = Vec::new();
                columns[0].encode(row[0], &mut key).unwrap();
                columns[1].encode(row[1], &mut key).unwrap();
                key
            };
            let order = |a: ValueRef<'_>, b: ValueRef<'_>, column: &SortColumn| match (
                a.is_null(),
                b.is_null(),
                column.nulls,
            ) {
                (true, true, _) => Ordering::Equal,
                (true, false, Nulls::First) | (false, true, Nulls::Last) => Ordering::Less,
                (true, false, Nulls::Last) | (false, true, Nulls::First) => Ordering::Greater,
                _ if column.direction == Direction::Descending => b.order(a),
                _ => a.order(b),
            };
            for a in &rows {
                for b in &rows {
                    let expected =
                        order(a[0], b[0], &columns[0]).then_with(|| order(a[1], b[1], &columns[1]));
                    assert_eq!(key(a).cmp(&key(b)), expected, "{a:?} {b:?} {columns:?}");
                }
            }
        }
    }

    #[test]
    fn a_value_too_long_to_sort_by_is_refused() {
        let long = "x".repeat(KEY_BYTES_MAX + 1);
        let column = SortColumn::ascending(Type::Text);
        let error = column.encode(ValueRef::Text(&long), &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("8193 bytes is too long to sort by"), "{error}");
    }
}
