//! The tables that the model runs on, and their random values: few, so that they meet.

use store_core::{Decimal, Inet, Mac, Schema, Type, Value};
use store_tests::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Integer,
    Composite,
    Text,
    LongText,
    Hidden,
    Unique,
    EveryType,
    MultiColumn,
    ExactKey,
}

pub const TYPES: [Type; 15] = [
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
    Type::Decimal { precision: 9, scale: 2 },
    Type::Decimal { precision: 38, scale: 4 },
    Type::Decimal { precision: 38, scale: 38 },
    Type::Inet,
    Type::Mac,
];

impl Shape {
    pub fn schema(self) -> Schema {
        let schema = Schema::builder(format!("{self:?}").to_lowercase());
        let schema = match self {
            Self::Integer => schema
                .column("id", Type::Int64)
                .key()
                .column("a", Type::Int32)
                .index()
                .column("b", Type::Text)
                .column("c", Type::Int32)
                .default(7)
                .notnull(),
            Self::Composite => schema
                .column("a", Type::Int32)
                .index()
                .column("k1", Type::Text)
                .column("k2", Type::Int16)
                .column("b", Type::Float64)
                .index()
                .key_of(&["k2", "k1"]),
            Self::Text => schema.column("id", Type::Text).key().column("a", Type::Date).index(),
            Self::LongText => schema
                .column("a", Type::Text)
                .index()
                .column("id", Type::Text)
                .key()
                .column("b", Type::Bytes)
                .index(),
            Self::Hidden => schema.column("a", Type::Int32).index().column("b", Type::Text),
            Self::Unique => schema
                .column("id", Type::Int32)
                .key()
                .column("u", Type::Int64)
                .unique()
                .column("v", Type::Text)
                .unique()
                .column("w", Type::Int16)
                .index(),
            Self::EveryType => {
                let schema = schema.column("id", Type::Int32).key();
                TYPES.iter().enumerate().fold(schema, |schema, (nth, ty)| {
                    schema.column(format!("{}_{nth}", ty.name()), *ty).index()
                })
            }
            // Key columns of one and of two words, beside text that may be long.
            Self::ExactKey => schema
                .column("name", Type::Text)
                .column("price", Type::Decimal { precision: 9, scale: 2 })
                .column("amount", Type::Decimal { precision: 38, scale: 4 })
                .column("host", Type::Inet)
                .column("card", Type::Mac)
                .unique()
                .column("fee", Type::Decimal { precision: 19, scale: 0 })
                .index()
                .index_of(&["host", "fee"], false)
                .key_of(&["price", "host", "amount", "name"]),
            Self::MultiColumn => schema
                .column("id", Type::Int64)
                .key()
                .column("a", Type::Int32)
                .column("b", Type::Text)
                .column("c", Type::Timestamp)
                .index_of(&["a", "b"], false)
                .index_of(&["b", "c", "a"], false)
                .index_of(&["a", "c"], true),
        };
        schema.build().unwrap()
    }
}

/// A value of this type, or NULL if it may be; sometimes at the ends of the type's range.
pub fn value(ty: Type, nullable: bool, long: bool, random: &mut Random) -> Value {
    if nullable && random.once_in(6) {
        return Value::Null;
    }
    let small = random.below(40) as i64 - 20;
    let extreme = random.once_in(20);
    let sign = random.once_in(2);
    match ty {
        Type::Bool => Value::Bool(sign),
        Type::Int16 if extreme => Value::Int(i64::from(if sign { i16::MAX } else { i16::MIN })),
        Type::Int32 if extreme => Value::Int(i64::from(if sign { i32::MAX } else { i32::MIN })),
        Type::Int64 if extreme => Value::Int(if sign { i64::MAX } else { i64::MIN }),
        Type::Int16 | Type::Int32 | Type::Int64 => Value::Int(small),
        Type::Float32 if extreme => {
            Value::Float32(*random.pick(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 0.0]))
        }
        Type::Float64 if extreme => {
            Value::Float64(*random.pick(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0]))
        }
        Type::Float32 => Value::Float32(small as f32 / 4.0),
        Type::Float64 => Value::Float64(small as f64 / 8.0),
        Type::Text => Value::Text(text(small, long, extreme, random)),
        Type::Bytes => {
            let bytes = [0, 1, 255, 7][random.below(4) as usize];
            Value::Bytes(vec![bytes; random.below(if long { 40 } else { 6 }) as usize])
        }
        Type::Date => Value::Date(if extreme { -700_000 } else { small as i32 }),
        Type::Timestamp => Value::Timestamp(small * 1_000_000),
        Type::Decimal { precision, scale } => {
            let most = 10_i128.pow(precision.into()) - 1;
            let units = if extreme { most } else { i128::from(small / 4) * (most / 9) };
            Value::Decimal(Decimal::new(if sign { units } else { -units }, scale).unwrap())
        }
        Type::Inet => {
            let mut octets = [0; 16];
            if small % 3 != 0 {
                octets[10..12].fill(255); // IPv4
            }
            octets[if sign { 15 } else { 12 }] = small as u8;
            Value::Inet(Inet::from_octets(if extreme { [255; 16] } else { octets }))
        }
        Type::Mac => {
            Value::Mac(Mac::from_octets([if extreme { 255 } else { 0 }, 0, 0, 0, 1, small as u8]))
        }
        _ => unreachable!("no other type"),
    }
}

fn text(small: i64, long: bool, extreme: bool, random: &mut Random) -> String {
    if extreme {
        return (*random.pick(&["", "NULL", "é", "😀", "\u{1}", "a\u{ffff}"])).to_owned();
    }
    // Around the length that fits in a cell, and with common beginnings.
    let prefix = if long { "the same beginning " } else { "" };
    let tail = "x".repeat(if random.once_in(3) { random.below(14) as usize } else { 0 });
    format!("{prefix}{}{tail}", small.rem_euclid(15))
}
