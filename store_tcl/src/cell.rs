//! Tcl values as cells and back: the column's type decides, never what Tcl has made of the value.

use crate::stubs::Obj;
use std::borrow::Cow;
use store_core::value::{parse_value, write_value};
use store_core::{Error, Result, RowRef, Schema, Type, Value, ValueRef};

/// A cell read from a Tcl value; text is borrowed from it.
pub enum Cell<'o> {
    /// Text.
    Text(Cow<'o, str>),
    /// Any other value.
    Value(Value),
}

impl Cell<'_> {
    /// The value, borrowed.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Text(text) => ValueRef::Text(text),
            Self::Value(value) => value.as_ref(),
        }
    }

    /// The value, owned.
    pub fn into_value(self) -> Value {
        match self {
            Self::Text(text) => Value::Text(text.into_owned()),
            Self::Value(value) => value,
        }
    }
}

/// Reads a value as this type. The empty string is NULL but for text and bytes, whose value it is.
pub fn read_cell(value: &Obj, ty: Type) -> Result<Cell<'_>> {
    Ok(match ty {
        Type::Text => Cell::Text(value.text()?),
        Type::Bytes => Cell::Value(Value::Bytes(value.bytes()?)),
        _ => {
            let text = value.text()?;
            if text.is_empty() {
                return Ok(Cell::Value(Value::Null));
            }
            Cell::Value(parse_value(text.as_bytes(), ty)?.to_owned())
        }
    })
}

/// Reads a value for a column, which errors name.
pub fn read_column<'o>(schema: &Schema, column: usize, value: &'o Obj) -> Result<Cell<'o>> {
    let spec = &schema.columns[column];
    read_cell(value, spec.ty).map_err(|error| {
        let place = format!("column \"{}\"", spec.name);
        error.at(place).detail(&schema.table).detail(&spec.name)
    })
}

/// Reads a key: the plain value, or a list of them if the key has several columns.
pub fn read_key(schema: &Schema, key: &Obj) -> Result<Vec<Value>> {
    if let [column] = schema.key.as_slice() {
        return Ok(vec![read_column(schema, *column, key)?.into_value()]);
    }
    let parts = key.list()?;
    if parts.len() != schema.key.len() {
        let names: Vec<&str> =
            schema.key.iter().map(|column| schema.columns[*column].name.as_str()).collect();
        let (wanted, given) = (names.len(), parts.len());
        return Err(Error::invalid(format!(
            "a key of `{}` is a list {{{}}} of {wanted} values, not {given}",
            schema.table,
            names.join(" ")
        ))
        .detail(&schema.table));
    }
    let values = schema.key.iter().zip(&parts);
    values.map(|(column, part)| Ok(read_column(schema, *column, part)?.into_value())).collect()
}

/// The values borrowed, as the core takes them.
pub fn borrow_all(values: &[Value]) -> Vec<ValueRef<'_>> {
    values.iter().map(Value::as_ref).collect()
}

/// A cell as a Tcl value; NULL as the empty string.
///
/// Integers and finite doubles are numbers; a float32 is its shortest text, which a double would
/// not keep.
pub fn cell_obj(value: ValueRef<'_>) -> Obj {
    match value {
        ValueRef::Int(value) => Obj::from_int(value),
        ValueRef::Float64(value) if value.is_finite() => Obj::from_float(value),
        ValueRef::Text(text) => Obj::from_text(text),
        ValueRef::Bytes(bytes) => Obj::from_bytes(bytes),
        other => {
            let mut text = Vec::new();
            write_value(other, &mut text);
            Obj::from_text(&String::from_utf8_lossy(&text))
        }
    }
}

/// A row's key as a Tcl value: plain, or a list if it has several columns.
pub fn key_obj(row: &RowRef<'_>) -> Obj {
    match row.schema().key.as_slice() {
        [column] => cell_obj(row.get(*column)),
        columns => {
            let parts: Vec<Obj> = columns.iter().map(|column| cell_obj(row.get(*column))).collect();
            Obj::from_list(&parts)
        }
    }
}

/// The value of an index as a Tcl value: plain, or a list if it has several columns.
pub fn value_obj(cells: &[Value]) -> Obj {
    match cells {
        [cell] => cell_obj(cell.as_ref()),
        cells => {
            let parts: Vec<Obj> = cells.iter().map(|cell| cell_obj(cell.as_ref())).collect();
            Obj::from_list(&parts)
        }
    }
}

/// The positions of columns by name; the visible ones in order if none is named.
pub fn column_positions(schema: &Schema, names: &[Obj]) -> Result<Vec<usize>> {
    if names.is_empty() {
        return Ok((0..schema.visible_len()).collect());
    }
    names.iter().map(|name| schema.column_position(&name.text()?)).collect()
}

/// Alternating names and values, a list and a dict at once.
pub fn pairs(entries: impl IntoIterator<Item = (&'static str, Obj)>) -> Obj {
    let words: Vec<Obj> =
        entries.into_iter().flat_map(|(name, value)| [Obj::from_text(name), value]).collect();
    Obj::from_list(&words)
}

/// A count as a Tcl value.
pub fn count_obj(count: u64) -> Obj {
    i64::try_from(count).map_or_else(|_| Obj::from_text(&count.to_string()), Obj::from_int)
}

/// The names of these columns as Tcl values.
pub fn column_names(schema: &Schema, columns: &[usize]) -> Vec<Obj> {
    columns.iter().map(|column| Obj::from_text(&schema.columns[*column].name)).collect()
}
