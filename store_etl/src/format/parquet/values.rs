//! Values of a page into cells.

use super::schema::Cells;
use super::thrift::damaged;
use crate::batch::{Bitmap, Texts, Values};
use store_core::{Error, Result, Type};

/// Days from the beginning of the Julian period to 1970.
const JULIAN_1970: i64 = 2_440_588;
const DAY_MICROS: i64 = 86_400_000_000;

/// No values of a column's type.
pub(super) fn empty(ty: Type) -> Values {
    crate::batch::Column::new(ty).into_values()
}

#[cold]
fn unfit(what: &str) -> Error {
    Error::new(store_core::Kind::Type, what.to_owned())
}

/// Adds plain values of a fixed width: those of the whole slice.
pub(super) fn fixed(cells: Cells, ty: Type, bytes: &[u8], to: &mut Values) -> Result<()> {
    match (cells, to) {
        (Cells::Int32, Values::Int32(to)) => to.extend(words(bytes).map(i32::from_le_bytes)),
        (Cells::Int64, Values::Int64(to)) => to.extend(words(bytes).map(i64::from_le_bytes)),
        (Cells::Float32, Values::Float32(to)) => to.extend(words(bytes).map(f32::from_le_bytes)),
        (Cells::Float64, Values::Float64(to)) => to.extend(words(bytes).map(f64::from_le_bytes)),
        (Cells::UInt32, Values::Int64(to)) => {
            to.extend(words(bytes).map(|word| i64::from(u32::from_le_bytes(word))));
        }
        (Cells::UInt64, Values::Decimal(to)) => {
            to.extend(words(bytes).map(|word| i128::from(u64::from_le_bytes(word))));
        }
        (Cells::Int16, Values::Int16(to)) => {
            for word in words(bytes) {
                let value = i16::try_from(i32::from_le_bytes(word));
                to.push(value.map_err(|_| unfit("a number is too large for 16 bits"))?);
            }
        }
        (Cells::Millis, Values::Int64(to)) => {
            for word in words(bytes) {
                let micros = i64::from_le_bytes(word).checked_mul(1000);
                to.push(micros.ok_or_else(|| unfit("a moment is too far away"))?);
            }
        }
        (Cells::Nanos, Values::Int64(to)) => {
            for word in words(bytes) {
                to.push(micros(i64::from_le_bytes(word))?);
            }
        }
        (Cells::Int96, Values::Int64(to)) => {
            for word in words::<12>(bytes) {
                to.push(old_moment(word)?);
            }
        }
        (Cells::Decimal32, Values::Decimal(to)) => {
            let values = words(bytes).map(|word| i128::from(i32::from_le_bytes(word)));
            values.map(|units| within(units, ty)).try_for_each(|units| push(to, units))?;
        }
        (Cells::Decimal64, Values::Decimal(to)) => {
            let values = words(bytes).map(|word| i128::from(i64::from_le_bytes(word)));
            values.map(|units| within(units, ty)).try_for_each(|units| push(to, units))?;
        }
        (Cells::DecimalFixed(width), Values::Decimal(to)) => {
            bytes.chunks_exact(width).try_for_each(|bytes| push(to, big_endian(bytes, ty)))?;
        }
        (Cells::FixedBytes(width), Values::Bytes(to)) => {
            bytes.chunks_exact(width).try_for_each(|bytes| to.push(bytes))?;
        }
        _ => return Err(damaged("values of another type")),
    }
    Ok(())
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes.chunks_exact(N).map(|word| word.try_into().expect("as long as the chunks"))
}

fn push(to: &mut Vec<i128>, units: Result<i128>) -> Result<()> {
    to.push(units?);
    Ok(())
}

fn micros(nanos: i64) -> Result<i64> {
    if nanos % 1000 != 0 {
        return Err(unfit("a moment has nanoseconds, and timestamps here have microseconds"));
    }
    Ok(nanos / 1000)
}

fn old_moment(word: [u8; 12]) -> Result<i64> {
    let nanos = i64::from_le_bytes(word[..8].try_into().expect("eight of twelve"));
    let day = i64::from(u32::from_le_bytes(word[8..].try_into().expect("four of twelve")));
    let midnight = (day - JULIAN_1970).checked_mul(DAY_MICROS);
    let moment = midnight.zip(Some(micros(nanos)?)).and_then(|(day, time)| day.checked_add(time));
    moment.ok_or_else(|| unfit("a moment is too far away"))
}

/// Units that have no more digits than the column.
fn within(units: i128, ty: Type) -> Result<i128> {
    let Type::Decimal { precision, .. } = ty else { return Ok(units) };
    let limit = 10_u128.pow(precision.into());
    if units.unsigned_abs() < limit {
        return Ok(units);
    }
    Err(unfit(&format!("a decimal has more than {precision} digits")))
}

/// A decimal's units, the highest byte first.
pub(super) fn big_endian(bytes: &[u8], ty: Type) -> Result<i128> {
    let below = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let fill = if below { 0xff } else { 0 };
    let extra = bytes.len().saturating_sub(16);
    let mut word = [fill; 16];
    let own = &bytes[extra..];
    word[16 - own.len()..].copy_from_slice(own);
    // What is cut off must say nothing but the sign.
    let sound = bytes[..extra].iter().all(|byte| *byte == fill);
    let units = i128::from_be_bytes(word);
    if !sound || extra > 0 && (units < 0) != below {
        return Err(unfit("a decimal has more than 38 digits"));
    }
    within(units, ty)
}

/// One value of any length, without its length.
pub(super) fn long(cells: Cells, ty: Type, bytes: &[u8], to: &mut Values) -> Result<()> {
    match (cells, to) {
        (Cells::Text, Values::Text(to)) => to.push(utf8(bytes)?),
        (Cells::Bytes, Values::Bytes(to)) => to.push(bytes),
        (Cells::DecimalBytes, Values::Decimal(to)) => push(to, big_endian(bytes, ty)),
        _ => Err(damaged("values of another type")),
    }
}

pub(super) fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| damaged("a text is no UTF-8"))
}

/// Adds values of a dictionary by their places.
pub(super) fn pick(dictionary: &Values, places: &[u32], to: &mut Values) -> Result<()> {
    macro_rules! picked {
        ($($kind:ident)*) => {
            match (dictionary, to) {
                $((Values::$kind(from), Values::$kind(to)) => {
                    to.reserve(places.len());
                    for place in places {
                        to.push(*from.get(*place as usize).ok_or_else(behind)?);
                    }
                })*
                (Values::Text(from), Values::Text(to)) => {
                    pick_texts(places, from.count(), |place| to.push(from.get(place)))?;
                }
                (Values::Bytes(from), Values::Bytes(to)) => {
                    pick_texts(places, from.count(), |place| to.push(from.get(place)))?;
                }
                _ => return Err(damaged("a dictionary of another type")),
            }
        };
    }
    picked!(Int16 Int32 Int64 Float32 Float64 Decimal);
    Ok(())
}

fn pick_texts(
    places: &[u32],
    count: usize,
    mut push: impl FnMut(usize) -> Result<()>,
) -> Result<()> {
    for place in places {
        let place = *place as usize;
        if place >= count {
            return Err(behind());
        }
        push(place)?;
    }
    Ok(())
}

#[cold]
pub(super) fn behind() -> Error {
    damaged("a value is not in its dictionary")
}

/// How many values there are.
pub(super) fn count(values: &Values) -> usize {
    match values {
        Values::Bool(map) => map.len(),
        Values::Int16(v) => v.len(),
        Values::Int32(v) => v.len(),
        Values::Int64(v) => v.len(),
        Values::Float32(v) => v.len(),
        Values::Float64(v) => v.len(),
        Values::Decimal(v) => v.len(),
        Values::Text(texts) => texts.count(),
        Values::Bytes(texts) => texts.count(),
        _ => 0,
    }
}

/// Moves the last values apart, so that one stands wherever `valid` has it from `from` on; what stands
/// elsewhere is any, of texts none.
pub(super) fn spread(values: &mut Values, from: usize, valid: &[u8]) {
    fn apart<T: Copy + Default>(values: &mut Vec<T>, from: usize, valid: &[u8]) {
        let mut source = values.len();
        values.resize(from + valid.len(), T::default());
        for (nth, valid) in valid.iter().enumerate().rev() {
            if source == from + nth + 1 {
                // All that is left is where it belongs.
                return;
            }
            if *valid != 0 {
                source -= 1;
                values[from + nth] = values[source];
            } else {
                values[from + nth] = T::default();
            }
        }
    }
    match values {
        Values::Int16(v) => apart(v, from, valid),
        Values::Int32(v) => apart(v, from, valid),
        Values::Int64(v) => apart(v, from, valid),
        Values::Float32(v) => apart(v, from, valid),
        Values::Float64(v) => apart(v, from, valid),
        Values::Decimal(v) => apart(v, from, valid),
        Values::Text(texts) => texts.spread(from, valid),
        Values::Bytes(texts) => texts.spread(from, valid),
        _ => {}
    }
}

/// Adds truths where `valid` has one, and false elsewhere.
pub(super) fn spread_truths(to: &mut Bitmap, truths: &[u8], valid: Option<&[u8]>) {
    let Some(valid) = valid else {
        for truth in truths {
            to.push(*truth != 0);
        }
        return;
    };
    let mut truths = truths.iter();
    for valid in valid {
        to.push(*valid != 0 && truths.next().is_some_and(|truth| *truth != 0));
    }
}

/// Adds texts that lie in one piece each.
pub(super) fn texts(
    bytes: &[u8],
    spans: &[(u32, u32)],
    scratch: &mut Vec<u8>,
    to: &mut Texts<String>,
) -> Result<()> {
    scratch.clear();
    for (at, len) in spans {
        scratch.extend_from_slice(&bytes[*at as usize..(*at + *len) as usize]);
    }
    // Looked at once for all of them, and then where one ends and the next begins.
    to.push_many(utf8(scratch)?, spans.iter().map(|(_, len)| *len))
        .then_some(())
        .ok_or_else(|| damaged("a text is no UTF-8"))
}
