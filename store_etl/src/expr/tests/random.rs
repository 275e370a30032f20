//! Random expressions over random rows, beside the plain evaluator.

use super::naive::{Failed, Plain, eval};
use super::{bind, fields};
use crate::batch::Batch;
use crate::expr::{Evaluation, Fault};
use store_core::ValueRef;
use store_core::query::Expr;
use store_core::value::parse_value;

struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % most
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const INTS: [&str; 9] =
    ["0", "1", "-1", "7", "-3", "1000", "9223372036854775807", "-9223372036854775808", "-"];
const INT32S: [&str; 5] = ["0", "1", "-2147483648", "2147483647", "-"];
const INT16S: [&str; 5] = ["0", "-1", "-32768", "32767", "-"];
const FLOATS: [&str; 9] = ["0.0", "-0.0", "1.5", "-2.25", "nan", "inf", "-inf", "1e300", "-"];
const DECIMALS: [&str; 6] = ["0.00", "1.50", "-0.01", "99999999.99", "-99999999.99", "-"];
const WIDE: [&str; 5] =
    ["0.0000", "-1.2345", "9999999999999999999999999999999999.9999", "12.5000", "-"];
const TEXTS: [&str; 7] = ["", "a", "süß", "😀b", "A'B", "NULL", "-"];
const BOOLS: [&str; 3] = ["true", "false", "-"];

fn rows(random: &mut Random, count: usize) -> Batch {
    let fields = fields();
    let mut batch = Batch::new(&fields);
    for _ in 0..count {
        let from: [&[&str]; 12] = [
            &INTS,
            &INT32S,
            &INT16S,
            &FLOATS,
            &["0.5", "nan", "-0.0", "-"],
            &DECIMALS,
            &WIDE,
            &TEXTS,
            &TEXTS,
            &BOOLS,
            &["1970-01-01", "-"],
            &["1970-01-01T00:00:00Z", "-"],
        ];
        let cells: Vec<ValueRef<'_>> = from
            .iter()
            .zip(&fields)
            .map(|(from, field)| match random.pick(from) {
                "-" => ValueRef::Null,
                text => parse_value(text.as_bytes(), field.ty).unwrap(),
            })
            .collect();
        batch.push_row(&cells).unwrap();
    }
    batch
}

#[derive(Clone, Copy)]
enum Wanted {
    Exact,
    Float,
    Text,
    Bool,
}

fn expression(random: &mut Random, wanted: Wanted, depth: usize) -> String {
    use Wanted::{Bool, Exact, Float, Text};
    let leaf = depth == 0 || random.below(5) == 0;
    let mut part = |wanted| expression(random, wanted, depth.saturating_sub(1));
    if leaf {
        return match wanted {
            Exact => random.pick(&["i", "j", "s", "d", "w", "3", "-2", "0", "1.25", "100"]),
            Float => random.pick(&["f", "g", "2.5e0", "0e0"]),
            Text => random.pick(&["t", "u", "'x'", "''", "'süß'"]),
            Bool => random.pick(&["b", "true", "false", "(b is null)"]),
        }
        .to_owned();
    }
    match wanted {
        Exact | Float => {
            let (a, b, c) = (part(wanted), part(wanted), part(Bool));
            let either = if matches!(wanted, Float) { part(Exact) } else { part(wanted) };
            match random.below(8) {
                0 => format!("({a} + {b})"),
                1 => format!("({a} - {b})"),
                2 => format!("({a} * {b})"),
                3 => format!("({a} % {b})"),
                4 if matches!(wanted, Float) => format!("({a} / {either})"),
                4 => format!("(- {a})"),
                5 => format!("coalesce({a}, {b})"),
                6 => format!("case when {c} then {a} else {b} end"),
                _ => format!("({a} + {either})"),
            }
        }
        Text => {
            let (a, b, c) = (part(Text), part(Text), part(Bool));
            match random.below(4) {
                0 => format!("({a} || {b})"),
                1 => format!("upper({a})"),
                2 => format!("coalesce({a}, {b})"),
                _ => format!("case when {c} then {a} end"),
            }
        }
        Bool => {
            let of = [Exact, Float, Text][random.below(3)];
            let mut part = |wanted| expression(random, wanted, depth.saturating_sub(1));
            let (a, b, x, y) = (part(of), part(of), part(Bool), part(Bool));
            let op = random.pick(&["=", "!=", "<", "<=", ">", ">="]);
            match random.below(7) {
                0 => format!("({x} and {y})"),
                1 => format!("({x} or {y})"),
                2 => format!("(not {x})"),
                3 => format!("({a} in ({b}, {a}))"),
                4 => format!("({a} is not null)"),
                5 => format!("({x} is true)"),
                _ => format!("({a} {op} {b})"),
            }
        }
    }
}

#[test]
fn batches_say_what_rows_say() {
    let (mut agreed, mut failed) = (0, 0);
    for seed in 1..3_000_u64 {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let batch = rows(&mut random, 70);
        let wanted = [Wanted::Exact, Wanted::Float, Wanted::Text, Wanted::Bool][random.below(4)];
        let text = expression(&mut random, wanted, 3);
        let expr = Expr::parse(&text).unwrap();
        // Products of decimals may have more digits than there are: refused when they are bound.
        let Ok(bound) = bind(&expr, &fields(), &text) else { continue };
        let fields = fields();
        let by_row: Vec<Result<Plain, Failed>> = (0..batch.rows())
            .map(|row| {
                let cell = |name: &str| {
                    let nth = fields.iter().position(|field| field.name == name).unwrap();
                    Plain::of(batch.cell(row, nth))
                };
                eval(&expr, &cell)
            })
            .collect();
        // Widening to the type that all branches share may not fit where a row alone does, and the other
        // way round: whole numbers among decimals have 38 digits.
        let wide = ['w', 'd', '.'].iter().any(|mark| text.contains(*mark));
        match Evaluation::new(1 << 20).column(&bound, &batch) {
            Ok(column) => {
                agreed += 1;
                for (row, plain) in by_row.iter().enumerate() {
                    let Ok(plain) = plain else {
                        assert!(wide, "seed {seed}: {text}, row {row} does not fail");
                        continue;
                    };
                    let found = Plain::of(column.get(row));
                    assert!(
                        found.same(plain),
                        "seed {seed}: {text}, row {row}: {found:?} {plain:?}"
                    );
                }
            }
            Err(Fault::Row { row, .. }) => {
                failed += 1;
                assert!(by_row[row].is_err() || wide, "seed {seed}: {text}, row {row}");
            }
            Err(other) => panic!("seed {seed}: {text}: {other:?}"),
        }
    }
    assert!(agreed > 1_000 && failed > 100, "{agreed} agreed, {failed} failed");
}
