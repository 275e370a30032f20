//! The least and the greatest value of a chunk, as its footer has them.

use crate::batch::{Bitmap, Column, Values};

/// Longest texts that are written; longer ones are cut.
const TEXT_BYTES_MAX: usize = 64;

/// What was seen so far.
#[derive(Clone, Debug, Default)]
pub(super) enum Bounds {
    #[default]
    None,
    Whole(i128, i128),
    Float(f64, f64),
    Text(Vec<u8>, Vec<u8>),
}

/// The bounds as bytes, and whether they are values that are there.
pub(super) type Written = ([Vec<u8>; 2], [bool; 2]);

fn whole<T: Copy + Into<i128> + Ord>(values: &[T], valid: Option<&Bitmap>, from: usize) -> Bounds {
    let ends = match valid {
        None => values.iter().min().zip(values.iter().max()),
        Some(valid) => {
            let given = || values.iter().enumerate().filter(|(nth, _)| valid.get(from + nth));
            given().map(|(_, v)| v).min().zip(given().map(|(_, v)| v).max())
        }
    };
    ends.map_or(Bounds::None, |(least, most)| Bounds::Whole((*least).into(), (*most).into()))
}

fn float<T: Copy + Into<f64>>(values: &[T], valid: Option<&Bitmap>, from: usize) -> Bounds {
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut any = false;
    for (nth, value) in values.iter().enumerate() {
        let value = (*value).into();
        // NaN is in no order that all readers know.
        if valid.is_none_or(|valid| valid.get(from + nth)) && !value.is_nan() {
            any = true;
            least = least.min(value);
            most = most.max(value);
        }
    }
    if any { Bounds::Float(least, most) } else { Bounds::None }
}

impl Bounds {
    /// Takes in the rows of a column that are not texts.
    pub fn see(&mut self, column: &Column, rows: std::ops::Range<usize>) {
        let (valid, from) = (column.valid(), rows.start);
        let seen = match column.values() {
            Values::Int16(v) => whole(&v[rows], valid, from),
            Values::Int32(v) => whole(&v[rows], valid, from),
            Values::Int64(v) => whole(&v[rows], valid, from),
            Values::Decimal(v) => whole(&v[rows], valid, from),
            Values::Float32(v) => float(&v[rows], valid, from),
            Values::Float64(v) => float(&v[rows], valid, from),
            _ => Self::None,
        };
        match (&mut *self, seen) {
            (_, Self::None) => {}
            (Self::Whole(least, most), Self::Whole(a, b)) => {
                (*least, *most) = ((*least).min(a), (*most).max(b));
            }
            (Self::Float(least, most), Self::Float(a, b)) => {
                (*least, *most) = (least.min(a), most.max(b));
            }
            (own, seen) => *own = seen,
        }
    }

    /// Takes in a text or bytes.
    #[inline]
    pub fn see_text(&mut self, text: &[u8]) {
        match self {
            Self::Text(least, most) => {
                if text < &least[..] {
                    least.clear();
                    least.extend_from_slice(cut(text));
                } else if text > &most[..] {
                    most.clear();
                    most.extend_from_slice(text);
                    most.truncate(KEPT_MAX);
                }
            }
            none => {
                let mut most = text.to_vec();
                most.truncate(KEPT_MAX);
                *none = Self::Text(cut(text).to_vec(), most);
            }
        }
    }

    /// The bounds as plain values, of so many bytes if they are numbers; `big` has the highest byte first.
    pub fn written(&self, width: usize, big: bool, is_text: bool) -> Option<Written> {
        let exact = [true, true];
        match self {
            Self::None => None,
            Self::Whole(least, most) => {
                let bytes = |value: i128| {
                    if big {
                        value.to_be_bytes()[16 - width..].to_vec()
                    } else {
                        value.to_le_bytes()[..width].to_vec()
                    }
                };
                Some(([bytes(*least), bytes(*most)], exact))
            }
            // A zero stands for both zeros.
            Self::Float(least, most) => {
                let least = if *least == 0.0 { -0.0 } else { *least };
                let most = if *most == 0.0 { 0.0 } else { *most };
                let bytes = |value: f64| match width {
                    4 => (value as f32).to_le_bytes().to_vec(),
                    _ => value.to_le_bytes().to_vec(),
                };
                Some(([bytes(least), bytes(most)], exact))
            }
            Self::Text(least, most) => {
                let exact_least = least.len() < TEXT_BYTES_MAX;
                let (most, exact_most) = above(most, is_text)?;
                Some(([least.clone(), most], [exact_least, exact_most]))
            }
        }
    }
}

/// What is kept of the greatest text: more than is written, so that a cut is known as one.
const KEPT_MAX: usize = TEXT_BYTES_MAX + 4;

/// What a text begins with, at the end of a character.
fn cut(text: &[u8]) -> &[u8] {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while end < text.len() && end > 0 && text[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    &text[..end]
}

/// A short text that is not below; whether it is the same. None if there is no such.
fn above(text: &[u8], is_text: bool) -> Option<(Vec<u8>, bool)> {
    if text.len() <= TEXT_BYTES_MAX {
        return Some((text.to_vec(), true));
    }
    let mut short = cut(text).to_vec();
    // A last byte that can grow without becoming another kind of character.
    let most = if is_text { 0x7e } else { 0xfe };
    while let Some(last) = short.pop() {
        if last <= most && (!is_text || last < 0x7f) {
            short.push(last + 1);
            return Some((short, false));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_bounds_that_hold() {
        let long = "é".repeat(60);
        for text in ["", "a", &"z".repeat(200), &long, "~~~"] {
            let mut bounds = Bounds::default();
            bounds.see_text(text.as_bytes());
            let written = bounds.written(0, false, true);
            let Some(([least, most], exact)) = written else {
                assert_eq!(text, long);
                continue;
            };
            assert!(&least[..] <= text.as_bytes() && text.as_bytes() <= &most[..]);
            assert!(std::str::from_utf8(&least).is_ok() && std::str::from_utf8(&most).is_ok());
            assert_eq!(exact[1], text.len() <= TEXT_BYTES_MAX);
        }
    }

    #[test]
    fn nan_is_no_bound_and_zeros_are_one() {
        let mut column = Column::new(store_core::Type::Float64);
        for value in [f64::NAN, 0.0, -0.0] {
            column.push(store_core::ValueRef::Float64(value)).unwrap();
        }
        let mut bounds = Bounds::default();
        bounds.see(&column, 0..1);
        assert!(bounds.written(8, false, false).is_none());
        bounds.see(&column, 0..3);
        let ([least, most], _) = bounds.written(8, false, false).unwrap();
        assert_eq!(
            (least, most),
            ((-0.0_f64).to_le_bytes().to_vec(), 0.0_f64.to_le_bytes().to_vec())
        );
    }
}
