//! A join bound to the columns of its inputs.

use super::JoinOptions;
use super::record::RecordLayout;
use super::sizes::Sizes;
use crate::batch::Field;
use crate::operator::key::KeyLayout;
use store_core::te::HashPlan;
use store_core::{Error, Result, Type};

/// Which rows a join gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// Pairs of rows with equal keys.
    Inner,
    /// Those, and left rows without a partner.
    Left,
    /// Those, and right rows without a partner.
    Right,
    /// Those, and rows of either side without a partner.
    Full,
    /// Left rows that have a partner, each once.
    Semi,
    /// Left rows that have none.
    Anti,
}

/// A side of a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

impl Side {
    pub const fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

impl JoinKind {
    /// The kind of this name, in any case.
    pub fn from_name(name: &str) -> Result<Self> {
        const NAMES: [(JoinKind, &str); 6] = [
            (JoinKind::Inner, "inner"),
            (JoinKind::Left, "left"),
            (JoinKind::Right, "right"),
            (JoinKind::Full, "full"),
            (JoinKind::Semi, "semi"),
            (JoinKind::Anti, "anti"),
        ];
        let found = NAMES.iter().find(|(_, own)| own.eq_ignore_ascii_case(name));
        found.map(|(kind, _)| *kind).ok_or_else(|| {
            let names = NAMES.map(|(_, own)| own).join(", ");
            Error::invalid(format!("bad join \"{name}\": must be {names}"))
        })
    }

    /// True if a side's rows come out without a partner too.
    pub(super) const fn keeps(self, side: Side) -> bool {
        match side {
            Side::Left => matches!(self, Self::Left | Self::Full | Self::Anti),
            Side::Right => matches!(self, Self::Right | Self::Full),
        }
    }

    /// True if pairs come out.
    pub(super) const fn pairs(self) -> bool {
        !matches!(self, Self::Semi | Self::Anti)
    }
}

/// A join bound to its inputs.
#[derive(Clone, Debug)]
pub struct Join {
    pub(super) kind: JoinKind,
    fields: Vec<Field>,
    /// By side.
    pub(super) layouts: [RecordLayout; 2],
    /// Columns of the left input and where they come out.
    pub(super) left_out: Vec<(usize, usize)>,
    /// Where the left payload's columns come out.
    pub(super) left_map: Vec<usize>,
    /// Where the right payload's columns come out beside a left row: some come from that.
    pub(super) right_map: Vec<usize>,
    /// Where they come out alone.
    pub(super) right_alone: Vec<usize>,
}

/// A column of the payload that does not come out.
pub(super) const NOWHERE: usize = usize::MAX;

impl Join {
    /// Binds a join on pairs of a left and a right column. Both inputs have no more columns than come
    /// out. A right column that is called as a left one, and is no key with it, gets the prefix, or is an
    /// error.
    pub fn bind(
        left: &[Field],
        right: &[Field],
        on: &[(usize, usize)],
        kind: JoinKind,
        prefix: Option<&str>,
    ) -> Result<Self> {
        let types = key_types(left, right, on)?;
        let shared = |r: usize| {
            let same = |(a, b): &&(usize, usize)| {
                *b == r && left[*a].name == right[r].name && left[*a].ty == right[r].ty
            };
            on.iter().find(same).map(|(a, _)| *a)
        };
        let mut fields: Vec<Field> = left.to_vec();
        let (mut right_columns, mut right_map, mut right_alone) =
            (Vec::new(), Vec::new(), Vec::new());
        if kind.pairs() {
            for (nth, field) in right.iter().enumerate() {
                let (pair, alone) = match shared(nth) {
                    // Beside a left row the value is that row's.
                    Some(out) if kind.keeps(Side::Right) => (NOWHERE, out),
                    Some(_) => continue,
                    None => {
                        let name = named(&fields, field, prefix)?;
                        fields.push(Field { name, ..field.clone() });
                        (fields.len() - 1, fields.len() - 1)
                    }
                };
                right_columns.push((nth, field.ty, field.nullable));
                right_map.push(pair);
                right_alone.push(alone);
            }
        }
        for (nth, field) in fields.iter_mut().enumerate() {
            let partner = on.iter().find(|(a, b)| *a == nth && shared(*b) == Some(nth));
            if let Some((_, b)) = partner {
                field.nullable |= kind.keeps(Side::Right) && right[*b].nullable;
                continue;
            }
            let lonely = if nth < left.len() { Side::Right } else { Side::Left };
            field.nullable |= kind.keeps(lonely) && kind.pairs();
        }
        let key = |side: fn(&(usize, usize)) -> usize| {
            // Rows whose key has a NULL are not compared.
            KeyLayout::new(on.iter().zip(&types).map(|(pair, ty)| (side(pair), *ty, false)))
        };
        let left_columns =
            left.iter().enumerate().map(|(nth, field)| (nth, field.ty, field.nullable));
        Ok(Self {
            kind,
            layouts: [
                RecordLayout::new(key(|pair| pair.0), KeyLayout::exact(left_columns), false),
                RecordLayout::new(key(|pair| pair.1), KeyLayout::exact(right_columns), true),
            ],
            left_out: (0..left.len()).map(|nth| (nth, nth)).collect(),
            left_map: (0..left.len()).collect(),
            right_map,
            right_alone,
            fields,
        })
    }

    /// The columns that come out.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// How it cuts up its memory, or why it cannot; its details name the least.
    pub fn hash_plan(&self, options: &JoinOptions) -> Result<HashPlan> {
        Ok(Sizes::of(self, options)?.plan(self, options.memory))
    }

    /// The smallest memory that it works in.
    pub fn memory_min(&self, options: &JoinOptions) -> usize {
        Sizes::least(self, options)
    }

    pub(super) const fn layout(&self, side: Side) -> &RecordLayout {
        &self.layouts[side as usize]
    }
}

/// The types that the pairs are compared as.
fn key_types(left: &[Field], right: &[Field], on: &[(usize, usize)]) -> Result<Vec<Type>> {
    if on.is_empty() {
        return Err(Error::invalid("a join needs a pair of columns at least: on: [\"a = b\"]"));
    }
    let one = |(a, b): &(usize, usize)| match (left.get(*a), right.get(*b)) {
        (Some(a), Some(b)) => common_type(a, b),
        _ => Err(Error::invalid("a join on a column that is not there")),
    };
    on.iter().map(one).collect()
}

/// What a right column is called.
fn named(fields: &[Field], field: &Field, prefix: Option<&str>) -> Result<String> {
    let is_taken = |name: &str| fields.iter().any(|other| other.name == name);
    if !is_taken(&field.name) {
        return Ok(field.name.clone());
    }
    let name = &field.name;
    match prefix.map(|prefix| format!("{prefix}{name}")) {
        Some(other) if !is_taken(&other) => Ok(other),
        _ => Err(Error::invalid(format!(
            "both sides of the join have a column \"{name}\"; rename one with a map step, or leave it out \
             with a project step"
        ))
        .detail(name)),
    }
}

/// The type that both columns of a pair are compared as.
fn common_type(a: &Field, b: &Field) -> Result<Type> {
    use Type::{Decimal, Float32, Float64, Int16, Int32, Int64};
    match (a.ty, b.ty) {
        (one, other) if one == other => Ok(one),
        (Int16 | Int32 | Int64, Int16 | Int32 | Int64) => Ok(Int64),
        (Float32 | Float64, Float32 | Float64) => Ok(Float64),
        (Decimal { scale, .. }, Decimal { scale: other, .. }) if scale == other => {
            Type::decimal(38, scale)
        }
        (one, other) => Err(Error::type_mismatch(format!(
            "a join compares \"{}\", which is {one}, with \"{}\", which is {other}: CAST one of them",
            a.name, b.name
        ))),
    }
}
