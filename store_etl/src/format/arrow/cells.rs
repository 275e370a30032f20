//! Arrays of Arrow into columns of ours.

use super::damaged;
use crate::batch::{Column, Values};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal32Type, Decimal64Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType};
use arrow_schema::{DataType, TimeUnit};
use std::ops::Range;
use store_core::{Error, Kind, Result, Type};

/// The type of ours that an array's cells have; or why there is none.
pub(super) fn type_of(ty: &DataType) -> std::result::Result<Type, String> {
    let decimal = |precision: u8, scale: i8| match u8::try_from(scale) {
        Ok(scale) if scale <= precision && precision <= 38 && precision > 0 => {
            Ok(Type::Decimal { precision, scale })
        }
        _ => Err(format!("is a decimal of {precision} digits, {scale} behind the point")),
    };
    Ok(match ty {
        DataType::Boolean => Type::Bool,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => Type::Int16,
        DataType::Int32 | DataType::UInt16 => Type::Int32,
        DataType::Int64 | DataType::UInt32 => Type::Int64,
        DataType::UInt64 => Type::Decimal { precision: 20, scale: 0 },
        DataType::Float32 => Type::Float32,
        DataType::Float64 => Type::Float64,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Type::Text,
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => Type::Bytes,
        DataType::Date32 => Type::Date,
        DataType::Timestamp(..) => Type::Timestamp,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => decimal(*precision, *scale)?,
        DataType::Dictionary(_, values) => match type_of(values)? {
            ty @ (Type::Text | Type::Bytes) => ty,
            _ => return Err(format!("is a dictionary of {values}")),
        },
        other if other.is_nested() => return Err("is nested".to_owned()),
        other => return Err(format!("is {other}")),
    })
}

/// Bytes of texts in these rows, added up row by row.
pub(super) fn text_bytes(array: &dyn Array, rows: Range<usize>, into: &mut [u32]) -> Result<()> {
    if !matches!(type_of(array.data_type()), Ok(Type::Text | Type::Bytes)) {
        return Ok(());
    }
    for (row, bytes) in rows.zip(into) {
        let text = bytes_at(array, row)?;
        *bytes = bytes.saturating_add(text.map_or(0, |text| text.len() as u32));
    }
    Ok(())
}

/// A text or bytes; `None` for NULL.
fn bytes_at(array: &dyn Array, row: usize) -> Result<Option<&[u8]>> {
    if array.is_null(row) {
        return Ok(None);
    }
    Ok(Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).as_bytes(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).as_bytes(),
        DataType::Utf8View => array.as_string_view().value(row).as_bytes(),
        DataType::Binary => array.as_binary::<i32>().value(row),
        DataType::LargeBinary => array.as_binary::<i64>().value(row),
        DataType::BinaryView => array.as_binary_view().value(row),
        DataType::FixedSizeBinary(_) => array.as_fixed_size_binary().value(row),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary_opt();
            let dictionary = dictionary.ok_or_else(|| damaged("a dictionary of no known form"))?;
            let place = place(dictionary.keys(), row)?;
            if place >= dictionary.values().len() {
                return Err(damaged("a value is not in its dictionary"));
            }
            return bytes_at(dictionary.values().as_ref(), place);
        }
        other => return Err(damaged(&format!("{other} where a text should be"))),
    }))
}

/// A key of a dictionary.
fn place(keys: &dyn Array, row: usize) -> Result<usize> {
    let wide = |value: i64| usize::try_from(value).ok();
    let place = match keys.data_type() {
        DataType::Int8 => wide(keys.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => wide(keys.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => wide(keys.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => wide(keys.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => wide(keys.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => wide(keys.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => wide(keys.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => usize::try_from(keys.as_primitive::<UInt64Type>().value(row)).ok(),
        _ => None,
    };
    place.ok_or_else(|| damaged("a key of a dictionary is below zero"))
}

/// Adds rows of an array to a column.
pub(super) fn append(array: &dyn Array, rows: Range<usize>, to: &mut Column) -> Result<()> {
    let has_nulls = array.null_count() > 0;
    let valid: Option<Vec<u8>> =
        has_nulls.then(|| rows.clone().map(|row| u8::from(array.is_valid(row))).collect());
    let (count, ty) = (rows.len(), to.ty());
    // NULL may also be a place in a dictionary, so texts are added one by one.
    if matches!(ty, Type::Text | Type::Bytes) {
        return rows.into_iter().try_for_each(|row| push_text(array, row, to));
    }
    to.extend_with(count, valid.as_deref(), |values| append_values(array, rows, ty, values))
}

fn push_text(array: &dyn Array, row: usize, to: &mut Column) -> Result<()> {
    use store_core::ValueRef;
    let Some(bytes) = bytes_at(array, row)? else { return to.push_null() };
    if to.ty() == Type::Bytes {
        return to.push(ValueRef::Bytes(bytes));
    }
    // The library has looked at it once; here it is looked at again, which is cheap.
    let text = std::str::from_utf8(bytes).map_err(|_| damaged("a text is no UTF-8"))?;
    to.push(ValueRef::Text(text))
}

fn plain<T: ArrowPrimitiveType>(array: &dyn Array, rows: Range<usize>) -> &[T::Native] {
    &array.as_primitive::<T>().values()[rows]
}

#[cold]
fn far() -> Error {
    Error::new(Kind::Type, "a moment is too far away")
}

fn append_values(array: &dyn Array, rows: Range<usize>, ty: Type, to: &mut Values) -> Result<()> {
    macro_rules! wider {
        ($to:expr, $ty:ty, $as:ty) => {
            $to.extend(plain::<$ty>(array, rows).iter().map(|value| <$as>::from(*value)))
        };
    }
    match (array.data_type(), to) {
        (DataType::Boolean, Values::Bool(to)) => {
            let bits = array.as_boolean().values();
            rows.for_each(|row| to.push(bits.value(row)));
        }
        (DataType::Int8, Values::Int16(to)) => wider!(to, Int8Type, i16),
        (DataType::Int16, Values::Int16(to)) => to.extend(plain::<Int16Type>(array, rows)),
        (DataType::UInt8, Values::Int16(to)) => wider!(to, UInt8Type, i16),
        (DataType::Int32, Values::Int32(to)) => to.extend(plain::<Int32Type>(array, rows)),
        (DataType::UInt16, Values::Int32(to)) => wider!(to, UInt16Type, i32),
        (DataType::Date32, Values::Int32(to)) => to.extend(plain::<Date32Type>(array, rows)),
        (DataType::Int64, Values::Int64(to)) => to.extend(plain::<Int64Type>(array, rows)),
        (DataType::UInt32, Values::Int64(to)) => wider!(to, UInt32Type, i64),
        (DataType::UInt64, Values::Decimal(to)) => wider!(to, UInt64Type, i128),
        (DataType::Float32, Values::Float32(to)) => to.extend(plain::<Float32Type>(array, rows)),
        (DataType::Float64, Values::Float64(to)) => to.extend(plain::<Float64Type>(array, rows)),
        (DataType::Timestamp(unit, _), Values::Int64(to)) => moments(array, *unit, rows, to)?,
        (DataType::Decimal32(..), Values::Decimal(to)) => {
            decimals(plain::<Decimal32Type>(array, rows.clone()), array, rows, ty, to)?;
        }
        (DataType::Decimal64(..), Values::Decimal(to)) => {
            decimals(plain::<Decimal64Type>(array, rows.clone()), array, rows, ty, to)?;
        }
        (DataType::Decimal128(..), Values::Decimal(to)) => {
            decimals(plain::<Decimal128Type>(array, rows.clone()), array, rows, ty, to)?;
        }
        (other, _) => return Err(damaged(&format!("{other} where {ty} should be"))),
    }
    Ok(())
}

/// What NULL stands for is any; it is not looked at.
fn decimals<T: Copy + Into<i128>>(
    values: &[T],
    array: &dyn Array,
    rows: Range<usize>,
    ty: Type,
    to: &mut Vec<i128>,
) -> Result<()> {
    let Type::Decimal { precision, .. } = ty else { return Err(damaged("no decimal")) };
    let limit = 10_u128.pow(precision.into());
    for (value, row) in values.iter().zip(rows) {
        let units: i128 = (*value).into();
        let units = if array.is_null(row) { 0 } else { units };
        if units.unsigned_abs() >= limit {
            let message = format!("a decimal has more than {precision} digits");
            return Err(Error::new(Kind::Type, message));
        }
        to.push(units);
    }
    Ok(())
}

fn moments(array: &dyn Array, unit: TimeUnit, rows: Range<usize>, to: &mut Vec<i64>) -> Result<()> {
    let (values, times) = match unit {
        TimeUnit::Microsecond => {
            to.extend(plain::<TimestampMicrosecondType>(array, rows));
            return Ok(());
        }
        TimeUnit::Nanosecond => {
            let values = plain::<TimestampNanosecondType>(array, rows.clone());
            for (value, row) in values.iter().zip(rows) {
                if value % 1000 != 0 && array.is_valid(row) {
                    let message = "a moment has nanoseconds, and timestamps here have microseconds";
                    return Err(Error::new(Kind::Type, message));
                }
                to.push(value / 1000);
            }
            return Ok(());
        }
        TimeUnit::Millisecond => (plain::<TimestampMillisecondType>(array, rows.clone()), 1000),
        TimeUnit::Second => (plain::<TimestampSecondType>(array, rows.clone()), 1_000_000),
    };
    for (value, row) in values.iter().zip(rows) {
        let value = if array.is_null(row) { 0 } else { *value };
        to.push(value.checked_mul(times).ok_or_else(far)?);
    }
    Ok(())
}
