//! Values of every type, few enough that equal ones meet, and their order told anew.

use std::cmp::Ordering;
use store_core::{Type, Value};
use store_tests::random::Random;

pub const TYPES: [Type; 10] = [
    Type::Bool,
    Type::Int16,
    Type::Int32,
    Type::Int64,
    Type::Float32,
    Type::Float64,
    Type::Text,
    Type::Bytes,
    Type::Date,
    Type::Timestamp,
];

/// Cased and caseless letters, some equal without case to others far away, one long.
pub const LETTERS: [&str; 16] =
    ["a", "A", "b", "B", "k", "\u{212A}", "é", "É", "σ", "Σ", "ς", "7", "-", "日", "\n", "😀"];

/// Any value but NULL.
pub fn value(ty: Type, random: &mut Random) -> Value {
    let small = random.below(7) as i64 - 3;
    let edge = random.once_in(12);
    let up = random.once_in(2);
    match ty {
        Type::Bool => Value::Bool(up),
        Type::Int16 if edge => Value::Int(if up { i16::MAX.into() } else { i16::MIN.into() }),
        Type::Int32 if edge => Value::Int(if up { i32::MAX.into() } else { i32::MIN.into() }),
        Type::Int64 if edge => Value::Int(if up { i64::MAX } else { i64::MIN }),
        Type::Int16 | Type::Int32 | Type::Int64 => Value::Int(small),
        Type::Float32 if edge => {
            Value::Float32(*random.pick(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0]))
        }
        Type::Float64 if edge => {
            Value::Float64(*random.pick(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0]))
        }
        Type::Float32 => Value::Float32(small as f32 / 2.0),
        Type::Float64 => Value::Float64(small as f64 / 2.0),
        Type::Text => Value::Text(text(random)),
        Type::Bytes => {
            let bytes = (0..random.below(3)).map(|_| *random.pick(&[0, 1, 255])).collect();
            Value::Bytes(bytes)
        }
        Type::Date => Value::Date(if edge { -700_000 } else { small as i32 }),
        Type::Timestamp => Value::Timestamp(small * 1_000_000),
        _ => unreachable!("no other type"),
    }
}

pub fn text(random: &mut Random) -> String {
    let lead = if random.once_in(6) { "a beginning that fits in no cell " } else { "" };
    let letters: String = (0..random.below(4)).map(|_| *random.pick(&LETTERS)).collect();
    format!("{lead}{letters}")
}

/// The order of two values that are not NULL, by what the types mean.
pub fn order(a: &Value, b: &Value) -> Ordering {
    let floats = |a: f64, b: f64| match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        _ if a < b => Ordering::Less,
        _ if a > b => Ordering::Greater,
        _ => Ordering::Equal,
    };
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) | (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
        (Value::Float32(a), Value::Float32(b)) => floats((*a).into(), (*b).into()),
        (Value::Float64(a), Value::Float64(b)) => floats(*a, *b),
        (Value::Text(a), Value::Text(b)) => a.bytes().cmp(b.bytes()),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (a, b) => panic!("{a:?} and {b:?} are of two types"),
    }
}

/// A letter of [`LETTERS`] without case.
pub fn without_case(letter: char) -> char {
    match letter {
        '\u{212A}' => 'k',
        'Σ' | 'ς' => 'σ',
        'É' => 'é',
        letter => letter.to_ascii_lowercase(),
    }
}
