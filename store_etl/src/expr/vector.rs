//! What an expression came to for the rows of a batch: a column, or one value for all.

use crate::batch::{Bitmap, Column, Values};
use store_core::{Result, Type, Value, ValueRef};

/// The result of a part of an expression.
#[derive(Debug)]
pub(super) enum Vector<'b> {
    /// A column of the batch.
    Borrowed(&'b Column),
    /// A column made here.
    Made(Column),
    /// The same for every row.
    Constant(Type, &'b Value),
}

impl Vector<'_> {
    /// The rows whose cell is not NULL; `None` if that is all.
    pub fn valid(&self) -> Option<&Bitmap> {
        match self {
            Self::Borrowed(column) => column.valid(),
            Self::Made(column) => column.valid(),
            Self::Constant(..) => None,
        }
    }

    pub fn column(&self) -> Option<&Column> {
        match self {
            Self::Borrowed(column) => Some(column),
            Self::Made(column) => Some(column),
            Self::Constant(..) => None,
        }
    }

    pub fn get(&self, row: usize) -> ValueRef<'_> {
        match self {
            Self::Borrowed(column) => column.get(row),
            Self::Made(column) => column.get(row),
            Self::Constant(_, value) => value.as_ref(),
        }
    }

    pub fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Constant(_, value) => value.as_ref().is_null(),
            _ => self.valid().is_some_and(|valid| !valid.get(row)),
        }
    }

    /// The column of so many rows.
    pub fn into_column(self, rows: usize) -> Result<Column> {
        match self {
            Self::Made(column) => Ok(column),
            Self::Borrowed(column) => Ok(column.clone()),
            Self::Constant(ty, value) => {
                let mut column = Column::new(ty);
                for _ in 0..rows {
                    column.push(value.as_ref())?;
                }
                Ok(column)
            }
        }
    }
}

/// Numbers of one side: a slice, or one for all.
#[derive(Clone, Copy)]
pub(super) enum Side<'a, T> {
    Each(&'a [T]),
    One(T),
}

impl<T: Copy> Side<'_, T> {
    #[inline(always)]
    pub fn get(&self, row: usize) -> T {
        match self {
            Self::Each(list) => list[row],
            Self::One(value) => *value,
        }
    }
}

/// For each row what a function says, with the choice of slices made outside the loop.
#[inline(always)]
pub(super) fn map2<A: Copy, B: Copy, R>(
    rows: usize,
    a: Side<'_, A>,
    b: Side<'_, B>,
    f: impl Fn(A, B) -> R,
) -> Vec<R> {
    match (a, b) {
        (Side::Each(a), Side::Each(b)) => a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect(),
        (Side::Each(a), Side::One(b)) => a.iter().map(|a| f(*a, b)).collect(),
        (Side::One(a), Side::Each(b)) => b.iter().map(|b| f(a, *b)).collect(),
        (Side::One(a), Side::One(b)) => (0..rows).map(|_| f(a, b)).collect(),
    }
}

/// Sides as slices of a Rust type.
macro_rules! sides {
    ($($name:ident $kind:ident $rust:ty, $value:pat => $get:expr;)*) => { $(
        impl Vector<'_> {
            /// Its values; `None` if it is of another type.
            pub fn $name(&self) -> Option<Side<'_, $rust>> {
                match self {
                    Self::Constant(_, constant) => match constant.as_ref() {
                        $value => Some(Side::One($get)),
                        _ => None,
                    },
                    _ => match self.column()?.values() {
                        Values::$kind(list) => Some(Side::Each(list)),
                        _ => None,
                    },
                }
            }
        }
    )* };
}

sides! {
    int16s Int16 i16, ValueRef::Int(value) => value as i16;
    int32s Int32 i32, ValueRef::Int(value) => value as i32;
    int64s Int64 i64, ValueRef::Int(value) | ValueRef::Timestamp(value) => value;
    float32s Float32 f32, ValueRef::Float32(value) => value;
    float64s Float64 f64, ValueRef::Float64(value) => value;
    decimals Decimal i128, ValueRef::Decimal(units, _) => units.get();
}

impl Vector<'_> {
    /// Dates as days.
    pub fn days(&self) -> Option<Side<'_, i32>> {
        match self {
            Self::Constant(_, constant) => match constant.as_ref() {
                ValueRef::Date(days) => Some(Side::One(days)),
                _ => None,
            },
            _ => self.int32s(),
        }
    }

    /// The text of a row whose cell is not NULL.
    #[inline]
    pub fn text(&self, row: usize) -> &str {
        match self {
            Self::Constant(_, value) => match value {
                Value::Text(text) => text,
                _ => "",
            },
            Self::Borrowed(column) => text_of(column, row),
            Self::Made(column) => text_of(column, row),
        }
    }
}

fn text_of(column: &Column, row: usize) -> &str {
    match column.values() {
        Values::Text(texts) => texts.get(row),
        _ => "",
    }
}

/// Rows at which both have a value; `None` if that is all.
pub(super) fn both_valid(a: Option<&Bitmap>, b: Option<&Bitmap>) -> Option<Bitmap> {
    match (a, b) {
        (None, None) => None,
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (Some(a), Some(b)) => Some(a.and(b)),
    }
}
