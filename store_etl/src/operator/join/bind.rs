//! A join bound to the columns of its inputs.

use super::record::RecordLayout;
use super::sizes::Sizes;
use crate::batch::Field;
use crate::operator::HashOptions;
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// The one that is named first.
    Left,
    /// The other one.
    #[default]
    Right,
}

/// What a join gives and how it goes about it.
#[derive(Clone, Copy, Default)]
pub struct Shape<'a> {
    /// What goes before the name of a right column that a left one has; without it that is an error.
    pub prefix: Option<&'a str>,
    /// The names of the columns that come out; all of them if it is `None`.
    pub wanted: Option<&'a dyn Fn(&str) -> bool>,
    /// The side that is taken in before the other one streams by.
    pub build: Side,
}

impl Side {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

impl JoinKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Inner, Self::Left, Self::Right, Self::Full, Self::Semi, Self::Anti];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inner => "inner",
            Self::Left => "left",
            Self::Right => "right",
            Self::Full => "full",
            Self::Semi => "semi",
            Self::Anti => "anti",
        }
    }

    /// The kind of this name, in any case.
    pub fn from_name(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::invalid(format!("bad join \"{name}\": must be {names}"))
        })
    }

    /// The kind that gives the same when the sides are exchanged.
    const fn mirrored(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
            other => other,
        }
    }

    /// True if a side's rows come out without a partner too.
    pub(crate) const fn keeps(self, side: Side) -> bool {
        match side {
            Side::Left => matches!(self, Self::Left | Self::Full | Self::Anti),
            Side::Right => matches!(self, Self::Right | Self::Full),
        }
    }

    /// True if pairs come out.
    pub(crate) const fn pairs(self) -> bool {
        !matches!(self, Self::Semi | Self::Anti)
    }
}

/// A join bound to its inputs. Inside, the right side is the one that is taken in first, whichever it is,
/// and the left one streams by.
#[derive(Clone, Debug)]
pub struct Join {
    pub(super) kind: JoinKind,
    /// Which side of the inputs is taken in first.
    pub(super) build: Side,
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
    /// Binds a join on pairs of a left and a right column. A right column that is called as a left one, and
    /// is no key with it, gets the prefix, or is an error.
    pub fn bind(
        left: &[Field],
        right: &[Field],
        on: &[(usize, usize)],
        kind: JoinKind,
        prefix: Option<&str>,
    ) -> Result<Self> {
        Self::shaped(left, right, on, kind, &Shape { prefix, ..Shape::default() })
    }

    /// The same, with only the columns that are wanted, and with either side taken in first.
    pub fn shaped(
        left: &[Field],
        right: &[Field],
        on: &[(usize, usize)],
        kind: JoinKind,
        shape: &Shape<'_>,
    ) -> Result<Self> {
        let types = key_types(left, right, on)?;
        if !Self::may_build(left, right, on, kind, shape.build) {
            return Err(Error::invalid(format!(
                "a {} join takes its right side in first: only that works with semi and anti joins, and with \
                 keys of floats that are called the same",
                kind.name()
            )));
        }
        let columns = Columns::of(left, right, on, kind, shape)?;
        let (inputs, outs) = match shape.build {
            Side::Right => ([left, right], [&columns.left, &columns.right]),
            Side::Left => ([right, left], [&columns.right, &columns.left]),
        };
        let kind = if shape.build == Side::Left { kind.mirrored() } else { kind };
        let streamed: Vec<(usize, usize)> = wanted(outs[0]).collect();
        // Beside a streaming row the value of a column that both have is that row's.
        let given: Vec<usize> = streamed.iter().map(|(_, out)| *out).collect();
        let mut built: Vec<(usize, usize, usize)> = wanted(outs[1])
            .map(|(nth, out)| (nth, if given.contains(&out) { NOWHERE } else { out }, out))
            .collect();
        built.retain(|(_, pair, _)| kind.pairs() && (*pair != NOWHERE || kind.keeps(Side::Right)));
        let key = |side: usize| {
            // Rows whose key has a NULL are not compared.
            let column = move |(pair, ty): (&(usize, usize), &Type)| {
                let left = (side == 0) == (shape.build == Side::Right);
                (if left { pair.0 } else { pair.1 }, *ty, false)
            };
            KeyLayout::new(on.iter().zip(&types).map(column))
        };
        let payload = |side: usize, columns: &mut dyn Iterator<Item = usize>| {
            let fields = inputs[side];
            KeyLayout::exact(columns.map(|nth| (nth, fields[nth].ty, fields[nth].nullable)))
        };
        let left_payload = payload(0, &mut streamed.iter().map(|(nth, _)| *nth));
        let right_payload = payload(1, &mut built.iter().map(|(nth, ..)| *nth));
        Ok(Self {
            kind,
            build: shape.build,
            layouts: [
                RecordLayout::new(key(0), left_payload, false),
                RecordLayout::new(key(1), right_payload, true),
            ],
            left_map: given,
            left_out: streamed,
            right_map: built.iter().map(|(_, pair, _)| *pair).collect(),
            right_alone: built.iter().map(|(.., alone)| *alone).collect(),
            fields: columns.fields,
        })
    }

    /// True if this side may be taken in first, so that the other one streams by. The left one of semi and
    /// anti joins may not, nor if a float is a key of the same name on both sides: equal ones may be of other
    /// bytes, and what comes out is the left one's.
    pub fn may_build(
        left: &[Field],
        right: &[Field],
        on: &[(usize, usize)],
        kind: JoinKind,
        side: Side,
    ) -> bool {
        let is_float = |(a, b): &(usize, usize)| {
            left[*a].name == right[*b].name && matches!(left[*a].ty, Type::Float32 | Type::Float64)
        };
        side == Side::Right || kind.pairs() && !on.iter().any(is_float)
    }

    /// The columns that come out.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The side that is taken in first.
    pub const fn build(&self) -> Side {
        self.build
    }

    /// How it cuts up its memory, or why it cannot; its details name the least.
    pub fn hash_plan(&self, options: &HashOptions) -> Result<HashPlan> {
        Ok(Sizes::of(self, options)?.plan(self, options.memory))
    }

    /// The smallest memory that it works in.
    pub fn memory_min(&self, options: &HashOptions) -> usize {
        Sizes::least(self, options)
    }

    pub(super) const fn layout(&self, side: Side) -> &RecordLayout {
        &self.layouts[side as usize]
    }
}

/// The columns that come out, and for each column of a side where it does.
struct Columns {
    fields: Vec<Field>,
    left: Vec<Option<usize>>,
    right: Vec<Option<usize>>,
}

impl Columns {
    fn of(
        left: &[Field],
        right: &[Field],
        on: &[(usize, usize)],
        kind: JoinKind,
        shape: &Shape<'_>,
    ) -> Result<Self> {
        let shared = |r: usize| {
            let same = |(a, b): &&(usize, usize)| {
                *b == r && left[*a].name == right[r].name && left[*a].ty == right[r].ty
            };
            on.iter().find(same).map(|(a, _)| *a)
        };
        let lonely = |side: Side| kind.pairs() && kind.keeps(side);
        let mut all: Vec<Field> = left.to_vec();
        for field in &mut all {
            field.nullable |= lonely(Side::Right);
        }
        let mut places: Vec<usize> = Vec::new();
        for (nth, field) in right.iter().enumerate().filter(|_| kind.pairs()) {
            if let Some(at) = shared(nth) {
                // The value is that of whichever side has the row.
                all[at].nullable = left[at].nullable || lonely(Side::Right) && right[nth].nullable;
                places.push(at);
                continue;
            }
            let name = named(&all, field, shape.prefix)?;
            let nullable = field.nullable || lonely(Side::Left);
            all.push(Field { name, nullable, ..field.clone() });
            places.push(all.len() - 1);
        }
        let mut outs = Vec::with_capacity(all.len());
        let mut fields = Vec::new();
        for field in all {
            let is_wanted = shape.wanted.is_none_or(|wanted| wanted(&field.name));
            outs.push(is_wanted.then_some(fields.len()));
            if is_wanted {
                fields.push(field);
            }
        }
        let right = places.into_iter().map(|at| outs[at]).collect();
        outs.truncate(left.len());
        Ok(Self { fields, left: outs, right })
    }
}

/// Columns that come out, and where.
fn wanted(outs: &[Option<usize>]) -> impl Iterator<Item = (usize, usize)> {
    outs.iter().enumerate().filter_map(|(nth, out)| out.map(|out| (nth, out)))
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
