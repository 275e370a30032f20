//! Random schemas' rows and predicates for the model tests, and the naive evaluator they trust.

use super::pattern::{Case, Pattern, PatternSyntax};
use super::predicate::{Literal, Op, Predicate, column};
use crate::schema::Schema;
use crate::value::{Decimal, Type, Value, ValueRef};
use std::cmp::Ordering;

/// A small generator of its own (`SplitMix64`), so that a printed seed repeats a failure.
pub(super) struct Rng(u64);

impl Rng {
    /// Starts at the seed and prints it; the output of a failing test shows the last one.
    pub(super) fn seeded(seed: u64) -> Self {
        println!("seed {seed}");
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }
}

pub(super) const NAMES: [&str; 9] =
    ["id", "small", "price", "single", "name", "flag", "note", "amount", "host"];
const HOSTS: [&str; 4] = ["::1", "10.0.0.1", "10.0.0.2", "2001:db8::1"];
const TEXTS: [&str; 10] = ["", "a", "aa", "b", "b\u{1}c", "é", "A", "aB", "É\n", "7a"];
const PIECES: [&str; 9] = ["a", "A", "b", "é", "7", "*", "?", "[a-b]", "\\"];

pub(super) fn schema() -> Schema {
    Schema::builder("t")
        .column("id", Type::Int64)
        .key()
        .column("small", Type::Int16)
        .index()
        .column("price", Type::Float64)
        .index()
        .column("single", Type::Float32)
        .column("name", Type::Text)
        .index()
        .column("flag", Type::Bool)
        .column("note", Type::Text)
        .notnull()
        .column("amount", Type::Decimal { precision: 9, scale: 2 })
        .column("host", Type::Inet)
        .index_of(&["name", "small"], false)
        .index_of(&["flag", "note", "price"], false)
        .index_of_nocase(&["name"], false)
        .index_of_nocase(&["note", "name", "small"], false)
        .index_of(&["amount"], false)
        .index_of(&["host", "amount"], false)
        .build()
        .unwrap()
}

/// A value of the column's type, from few enough that equal ones are met often.
pub(super) fn random_value(rng: &mut Rng, column: usize) -> Value {
    let quarter = (rng.below(17) as f64 - 8.0) / 4.0;
    match schema().columns[column].ty {
        Type::Int16 => Value::Int(rng.below(9) as i64 - 4),
        Type::Int64 => Value::Int(rng.below(12) as i64),
        Type::Float64 if rng.chance(10) => Value::Float64(f64::NAN),
        Type::Float64 => Value::Float64(if rng.chance(10) { -0.0 } else { quarter }),
        Type::Float32 => Value::Float32(quarter as f32),
        Type::Bool => Value::Bool(rng.chance(50)),
        Type::Decimal { scale, .. } => Value::Decimal(
            Decimal::new((quarter * 10_f64.powi(scale.into())) as i128, scale).unwrap(),
        ),
        Type::Inet => Value::Inet(rng.pick(&HOSTS).parse().unwrap()),
        _ => Value::from(rng.pick(&TEXTS)),
    }
}

pub(super) fn random_row(rng: &mut Rng) -> Vec<Value> {
    let schema = schema();
    (0..NAMES.len())
        .map(|at| {
            let null = !schema.columns[at].notnull && rng.chance(20);
            if null { Value::Null } else { random_value(rng, at) }
        })
        .collect()
}

fn random_literal(rng: &mut Rng, column: usize) -> Literal {
    if rng.chance(5) {
        return Literal::Value(Value::Null);
    }
    let numeric = matches!(column, 0..=3 | 7);
    match (numeric, rng.below(3)) {
        (_, 0) if column == 8 => Literal::Text(rng.pick(&HOSTS).to_owned()),
        (true, 2) if column == 7 => {
            // Of any scale, and between two values of the column.
            Literal::Value(Value::Decimal(Decimal::of(rng.below(40_000) as i128 - 20_000, 4)))
        }
        (true, 0) => Literal::Number(format!("{:.2}", (rng.below(45) as f64 - 22.0) / 4.0)),
        (true, 1) if column < 2 => Literal::Text(format!("{}", rng.below(9))),
        (true, 1) => Literal::Text(format!("{}.25", rng.below(3))),
        (false, 0) if column != 5 => Literal::Text(rng.pick(&TEXTS).to_owned()),
        _ => Literal::Value(random_value(rng, column)),
    }
}

pub(super) fn random_predicate(rng: &mut Rng, depth: usize) -> Predicate {
    if depth > 0 && rng.chance(60) {
        let count = rng.below(4);
        let mut parts = || (0..count).map(|_| random_predicate(rng, depth - 1)).collect();
        return match count {
            0 => random_predicate(rng, depth - 1).not(),
            1 | 2 => Predicate::And(parts()),
            _ => Predicate::Or(parts()),
        };
    }
    let at = rng.below(NAMES.len());
    let name = column(NAMES[at]);
    let mut literal = || random_literal(rng, at);
    let (low, high) = (literal(), literal());
    let ops = [Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge];
    match rng.below(15) {
        12.. => {
            let at = if rng.chance(50) { 4 } else { 6 };
            column(NAMES[at]).matches_pattern(random_pattern(rng))
        }
        0 => name.range(low, high),
        1 => name.between(low, high),
        2 | 3 => {
            let values: Vec<Literal> = (0..rng.below(5)).map(|_| random_literal(rng, at)).collect();
            name.in_values(values)
        }
        4 => name.is_null(),
        5 => name.is_not_null(),
        6 if !matches!(at, 4 | 6 | 8) => name.is_true(),
        7 if !matches!(at, 4 | 6 | 8) => name.is_false(),
        _ => {
            let op = ops[rng.below(6)];
            Predicate::Compare { column: NAMES[at].to_owned(), op, value: low }
        }
    }
}

/// A pattern of any kind that [`fits`] understands.
fn random_pattern(rng: &mut Rng) -> Pattern {
    let case = if rng.chance(50) { Case::Sensitive } else { Case::Folded };
    let pieces: String = (0..rng.below(4)).map(|_| rng.pick(&PIECES)).collect();
    match rng.below(3) {
        0 => Pattern::like(pieces.replace('*', "%").replace('?', "_"), case).escaped_by('^'),
        1 => {
            let plain: String = pieces.chars().filter(|char| char.is_alphanumeric()).collect();
            let (start, end) = (rng.chance(50), rng.chance(30));
            let (start, end) = (if start { "^" } else { "" }, if end { "$" } else { "" });
            Pattern::regexp(format!("{start}{plain}{end}"), case)
        }
        _ => Pattern::glob(pieces, case),
    }
}

/// Whether a text matches, told by trying every way.
fn fits(pattern: &Pattern, text: &str) -> bool {
    let cased = |text: &str| match pattern.case {
        Case::Sensitive => text.to_owned(),
        Case::Folded => text.to_lowercase(),
    };
    let (wanted, text) = (cased(&pattern.text), cased(text));
    match pattern.syntax {
        PatternSyntax::Glob => fits_glob(&wanted, &text),
        PatternSyntax::Like { .. } => {
            let glob = |char: char| match char {
                '%' => "*".to_owned(),
                '_' => "?".to_owned(),
                char => format!("\\{char}"),
            };
            fits_glob(&wanted.chars().map(glob).collect::<String>(), &text)
        }
        PatternSyntax::Regexp => {
            let plain = wanted.trim_start_matches('^').trim_end_matches('$');
            match (wanted.starts_with('^'), wanted.ends_with('$')) {
                (true, true) => text == plain,
                (true, false) => text.starts_with(plain),
                (false, true) => text.ends_with(plain),
                (false, false) => text.contains(plain),
            }
        }
    }
}

/// A glob as Tcl's manual explains it, without a thought of cost.
pub(super) fn fits_glob(glob: &str, text: &str) -> bool {
    let (mut rest, mut chars) = (glob.chars(), text.chars());
    let Some(first) = rest.next() else { return text.is_empty() };
    if first == '*' {
        let tails = text.char_indices().map(|(at, _)| &text[at..]).chain([""]);
        return tails.into_iter().any(|tail| fits_glob(rest.as_str(), tail));
    }
    let Some(char) = chars.next() else { return false };
    let fits_here = match first {
        '?' => true,
        '[' => {
            let Some(found) = in_set(&mut rest, char) else { return false };
            found
        }
        '\\' => rest.next() == Some(char),
        plain => plain == char,
    };
    fits_here && fits_glob(rest.as_str(), chars.as_str())
}

/// Reads a set to its end; whether the character is in it. `None` if no character is.
fn in_set(rest: &mut std::str::Chars<'_>, char: char) -> Option<bool> {
    let mut members = 0;
    let mut found = false;
    loop {
        match rest.next() {
            None | Some(']') => return (members > 0).then_some(found),
            Some(low) if rest.as_str().starts_with('-') => {
                rest.next();
                let Some(high) = rest.next() else { continue };
                members += 1;
                found |= (low <= char && char <= high) || (high <= char && char <= low);
            }
            Some(member) => {
                members += 1;
                found |= member == char;
            }
        }
    }
}

/// SQL's truth of a predicate for a row, told as slowly and plainly as possible.
pub(super) fn truth(predicate: &Predicate, row: &[Value]) -> Option<bool> {
    let cell = |name: &str| row[NAMES.iter().position(|known| *known == name).unwrap()].as_ref();
    let test = |name: &str, op: Op, value: &Literal| Some(holds(op, compare(cell(name), value)?));
    match predicate {
        Predicate::Compare { column, op, value } => test(column, *op, value),
        Predicate::Range { column, low, high } => {
            and([test(column, Op::Ge, low), test(column, Op::Lt, high)])
        }
        Predicate::Between { column, low, high } => {
            and([test(column, Op::Ge, low), test(column, Op::Le, high)])
        }
        Predicate::In { column, values } => {
            negate(and(values.iter().map(|value| negate(test(column, Op::Eq, value)))))
        }
        Predicate::Match { column, pattern } => match cell(column) {
            ValueRef::Text(text) => Some(fits(pattern, text)),
            _ => None,
        },
        Predicate::IsNull(column) => Some(cell(column).is_null()),
        Predicate::IsNotNull(column) => Some(!cell(column).is_null()),
        Predicate::IsTrue(column) => is_true(cell(column)),
        Predicate::IsFalse(column) => negate(is_true(cell(column))),
        Predicate::And(list) => and(list.iter().map(|part| truth(part, row))),
        Predicate::Or(list) => negate(and(list.iter().map(|part| negate(truth(part, row))))),
        Predicate::Not(inner) => negate(truth(inner, row)),
    }
}

fn negate(truth: Option<bool>) -> Option<bool> {
    truth.map(|truth| !truth)
}

fn and(parts: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let parts: Vec<_> = parts.into_iter().collect();
    if parts.contains(&Some(false)) {
        Some(false)
    } else if parts.contains(&None) {
        None
    } else {
        Some(true)
    }
}

fn is_true(cell: ValueRef<'_>) -> Option<bool> {
    match cell {
        ValueRef::Null => None,
        ValueRef::Bool(value) => Some(value),
        number => Some(as_number(number) != 0.0),
    }
}

fn as_number(value: ValueRef<'_>) -> f64 {
    match value {
        ValueRef::Int(value) => value as f64,
        ValueRef::Float32(value) => f64::from(value),
        ValueRef::Float64(value) => value,
        ValueRef::Decimal(units, scale) => units.get() as f64 / 10_f64.powi(scale.into()),
        other => panic!("{other:?} is no number"),
    }
}

fn compare(cell: ValueRef<'_>, literal: &Literal) -> Option<Ordering> {
    let value = match (literal, cell) {
        (_, ValueRef::Null) | (Literal::Value(Value::Null), _) => return None,
        (Literal::Text(text) | Literal::Value(Value::Text(text)), ValueRef::Text(cell)) => {
            return Some(cell.cmp(text));
        }
        (Literal::Value(Value::Bool(value)), ValueRef::Bool(cell)) => return Some(cell.cmp(value)),
        (Literal::Text(text), ValueRef::Inet(cell)) => {
            return Some(cell.cmp(&text.parse().unwrap()));
        }
        (Literal::Value(Value::Inet(value)), ValueRef::Inet(cell)) => return Some(cell.cmp(value)),
        (Literal::Text(text) | Literal::Number(text), _) => text.parse().unwrap(),
        (Literal::Value(value), _) => as_number(value.as_ref()),
    };
    let cell = as_number(cell);
    Some(cell.partial_cmp(&value).unwrap_or_else(|| cell.is_nan().cmp(&value.is_nan())))
}

fn holds(op: Op, order: Ordering) -> bool {
    match op {
        Op::Eq => order == Ordering::Equal,
        Op::Ne => order != Ordering::Equal,
        Op::Lt => order == Ordering::Less,
        Op::Le => order != Ordering::Greater,
        Op::Gt => order == Ordering::Greater,
        Op::Ge => order != Ordering::Less,
    }
}
