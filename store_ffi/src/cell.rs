//! Cells of a row or of a cursor's row, read as the type the caller asks for.

use crate::value::{store_decimal, store_inet, store_mac};
use store_core::value::write_value;
use store_core::{Column, Decimal, Error, Kind, Result, ValueRef};

/// One cell with its column, for messages.
#[derive(Clone, Copy)]
pub(crate) struct Cell<'r> {
    pub value: ValueRef<'r>,
    pub column: &'r Column,
}

/// The texts of cells, kept while their row is lent.
#[derive(Default)]
pub(crate) struct Shown(Vec<(usize, Box<[u8]>)>);

impl Shown {
    /// Forgets all texts: the row is another one.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Keeps the text of a cell and gives it, again if it is known.
    pub(crate) fn keep(
        &mut self,
        column: usize,
        text: impl FnOnce() -> Result<Box<[u8]>>,
    ) -> Result<&[u8]> {
        let known = self.0.iter().position(|shown| shown.0 == column);
        let at = if let Some(at) = known {
            at
        } else {
            self.0.push((column, text()?));
            self.0.len() - 1
        };
        Ok(&self.0[at].1)
    }
}

/// The column at this position.
pub(crate) fn column_at(columns: &[Column], position: usize) -> Result<&Column> {
    columns.get(position).ok_or_else(|| {
        let count = columns.len();
        Error::invalid(format!("no column {position}: the row has {count}, from 0"))
    })
}

impl<'r> Cell<'r> {
    pub(crate) fn bool(self) -> Result<bool> {
        match self.value {
            ValueRef::Bool(value) => Ok(value),
            _ => Err(self.not("a bool")),
        }
    }

    pub(crate) fn int64(self) -> Result<i64> {
        match self.value {
            ValueRef::Int(value) | ValueRef::Timestamp(value) => Ok(value),
            ValueRef::Date(days) => Ok(i64::from(days)),
            ValueRef::Bool(value) => Ok(i64::from(value)),
            _ => Err(self.not("an integer")),
        }
    }

    pub(crate) fn double(self) -> Result<f64> {
        match self.value {
            ValueRef::Float64(value) => Ok(value),
            ValueRef::Float32(value) => Ok(f64::from(value)),
            ValueRef::Int(value) => Ok(value as f64),
            _ => match self.value.as_decimal() {
                Some(value) => Ok(value.to_f64()),
                None => Err(self.not("a number")),
            },
        }
    }

    pub(crate) fn decimal(self) -> Result<store_decimal> {
        match (self.value.as_decimal(), self.value) {
            (Some(value), _) => Ok(value.into()),
            (None, ValueRef::Int(value)) => Ok(Decimal::from(value).into()),
            _ => Err(self.not("a decimal")),
        }
    }

    pub(crate) fn inet(self) -> Result<store_inet> {
        match self.value {
            ValueRef::Inet(address) => Ok(address.into()),
            _ => Err(self.not("an inet")),
        }
    }

    pub(crate) fn mac(self) -> Result<store_mac> {
        match self.value {
            ValueRef::Mac(address) => Ok(address.into()),
            _ => Err(self.not("a mac")),
        }
    }

    pub(crate) fn text(self) -> Result<&'r [u8]> {
        match self.value {
            ValueRef::Text(text) => Ok(text.as_bytes()),
            _ => Err(self.not("text")),
        }
    }

    pub(crate) fn bytes(self) -> Result<&'r [u8]> {
        match self.value {
            ValueRef::Bytes(bytes) => Ok(bytes),
            ValueRef::Text(text) => Ok(text.as_bytes()),
            _ => Err(self.not("bytes")),
        }
    }

    /// The value as text that reads back as the same value; nothing for NULL.
    pub(crate) fn show(self) -> Box<[u8]> {
        let mut text = Vec::new();
        write_value(self.value, &mut text);
        text.into_boxed_slice()
    }

    fn not(self, wanted: &str) -> Error {
        let Column { name, ty, .. } = self.column;
        if self.value.is_null() {
            let message = format!("column \"{name}\" is NULL here, not {wanted}");
            return Error::new(Kind::NotNull, message).detail(name);
        }
        Error::type_mismatch(format!("column \"{name}\" is {ty}, not {wanted}")).detail(name)
    }
}
