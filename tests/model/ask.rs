//! Random questions, asked of the store and of the model.

use crate::groups::ask_groups;
use crate::world::Rows;
use std::cmp::Ordering;
use store_core::query::{Predicate, column};
use store_core::{Reader, Schema, Table, Value};
use store_tests::random::Random;
use store_tests::rows::{drain, unbatched};

/// One test of a column, in a form both sides understand.
struct Test {
    column: usize,
    op: Op,
}

enum Op {
    Compare(&'static str, Value),
    Range(Value, Value),
    Between(Value, Value),
    In(Vec<Value>),
    IsNull,
    IsNotNull,
}

impl Test {
    fn random(schema: &Schema, rows: &Rows, random: &mut Random) -> Self {
        let column = random.below(schema.visible_len() as u64) as usize;
        let spec = &schema.columns[column];
        // Half of the time a value that is there.
        let known: Vec<&Value> = rows.values().map(|row| &row[column]).collect();
        let mut value = || {
            let found = (!known.is_empty() && random.once_in(2)).then(|| *random.pick(&known));
            match found {
                Some(value) if *value != Value::Null => value.clone(),
                _ => crate::schemas::value(spec.ty, false, random.once_in(2), random),
            }
        };
        let values = [value(), value(), value()];
        let [a, b, _] = values.clone();
        let op = match random.below(10) {
            0 => Op::Compare("!=", a),
            1 => Op::Compare("<", a),
            2 => Op::Compare("<=", a),
            3 => Op::Compare(">", a),
            4 => Op::Compare(">=", a),
            5 => Op::Range(a, b),
            6 => Op::Between(a, b),
            7 => Op::In(values[..random.below(4) as usize].to_vec()),
            8 if random.once_in(2) => Op::IsNull,
            8 => Op::IsNotNull,
            _ => Op::Compare("=", a),
        };
        Self { column, op }
    }

    fn predicate(&self, schema: &Schema) -> Predicate {
        let name = column(&schema.columns[self.column].name);
        match &self.op {
            Op::Compare("=", value) => name.eq(value.clone()),
            Op::Compare("!=", value) => name.ne(value.clone()),
            Op::Compare("<", value) => name.lt(value.clone()),
            Op::Compare("<=", value) => name.le(value.clone()),
            Op::Compare(">", value) => name.gt(value.clone()),
            Op::Compare(_, value) => name.ge(value.clone()),
            Op::Range(low, high) => name.range(low.clone(), high.clone()),
            Op::Between(low, high) => name.between(low.clone(), high.clone()),
            Op::In(values) => name.in_values(values.clone()),
            Op::IsNull => name.is_null(),
            Op::IsNotNull => name.is_not_null(),
        }
    }

    /// SQL's logic for one test: unknown counts as no.
    fn holds(&self, row: &[Value]) -> bool {
        let cell = &row[self.column];
        let order = |other: &Value| cell.as_ref().order(other.as_ref());
        match &self.op {
            Op::IsNull => *cell == Value::Null,
            Op::IsNotNull => *cell != Value::Null,
            _ if *cell == Value::Null => false,
            Op::Compare(symbol, value) => match *symbol {
                "=" => order(value).is_eq(),
                "!=" => order(value).is_ne(),
                "<" => order(value).is_lt(),
                "<=" => order(value).is_le(),
                ">" => order(value).is_gt(),
                _ => order(value).is_ge(),
            },
            Op::Range(low, high) => order(low).is_ge() && order(high).is_lt(),
            Op::Between(low, high) => order(low).is_ge() && order(high).is_le(),
            Op::In(values) => values.iter().any(|value| order(value).is_eq()),
        }
    }
}

/// Up to two tests, all of which must hold, or one.
pub struct Condition {
    tests: Vec<Test>,
    any: bool,
}

impl Condition {
    pub fn random(schema: &Schema, rows: &Rows, random: &mut Random) -> Self {
        let tests = (0..random.below(3)).map(|_| Test::random(schema, rows, random)).collect();
        Self { tests, any: random.once_in(4) }
    }

    pub fn predicate(&self, schema: &Schema) -> Predicate {
        let tests = self.tests.iter().map(|test| test.predicate(schema));
        let join = |one: Predicate, other| if self.any { one.or(other) } else { one.and(other) };
        tests.reduce(join).unwrap_or_else(Predicate::all)
    }

    pub fn holds(&self, row: &[Value]) -> bool {
        match self.tests.len() {
            0 => true,
            _ if self.any => self.tests.iter().any(|test| test.holds(row)),
            _ => self.tests.iter().all(|test| test.holds(row)),
        }
    }
}

/// Compares two rows by sort words; NULLs come last either way, ties follow the key.
pub fn compare(schema: &Schema, sort: &[String], a: &[Value], b: &[Value]) -> Ordering {
    for word in sort {
        let name = word.trim_start_matches('-');
        let at = schema.column_position(name).unwrap();
        let nulls = (a[at] == Value::Null).cmp(&(b[at] == Value::Null));
        let order = a[at].as_ref().order(b[at].as_ref());
        let order = if word.starts_with('-') { order.reverse() } else { order };
        let both = if a[at] == Value::Null || b[at] == Value::Null { nulls } else { order };
        if both.is_ne() {
            return both;
        }
    }
    let key = |at: &usize| a[*at].as_ref().order(b[*at].as_ref());
    schema.key.iter().map(key).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// A printed form that tells every value from every other one.
fn image(row: &[Value]) -> String {
    format!("{row:?}")
}

pub fn random_sort(schema: &Schema, random: &mut Random) -> Vec<String> {
    let mut sort: Vec<String> = Vec::new();
    for _ in 0..random.below(3) {
        let name = &schema.columns[random.below(schema.visible_len() as u64) as usize].name;
        if !sort.iter().any(|word| word.trim_start_matches('-') == name) {
            sort.push(if random.once_in(2) { format!("-{name}") } else { name.clone() });
        }
    }
    sort
}

/// Asks one random question; the answer's rows must be the model's. Returns the way taken.
pub fn ask<R: Reader>(
    table: &Table,
    reader: &R,
    rows: &Rows,
    random: &mut Random,
    place: &str,
) -> String {
    let schema = table.schema();
    let condition = Condition::random(schema, rows, random);
    let predicate = condition.predicate(schema);
    let holds = |row: &Vec<Value>| condition.holds(row);
    let sort = random_sort(schema, random);
    let limit = random.once_in(2).then(|| random.below(12));
    let offset = if random.once_in(3) { random.below(6) } else { 0 };
    let mut query = table.query(reader).filter(predicate.clone()).sort(&sort).unwrap();
    query = query.offset(offset);
    if let Some(limit) = limit {
        query = query.limit(limit);
    }
    let why = query.explain().unwrap();
    let asked = format!("{place}: {predicate} sort {sort:?} {limit:?} +{offset} by {why}");
    let found: Vec<String> = drain(query.run().unwrap()).iter().map(|row| image(row)).collect();
    let mut expected: Vec<&Vec<Value>> = rows.values().filter(|row| holds(row)).collect();
    let whole = expected.len();
    ask_groups(table, reader, &predicate, &expected, rows, random);
    expected.sort_by(|a, b| compare(schema, &sort, a, b));
    let visible = |row: &&Vec<Value>| image(&row[..schema.visible_len()]);
    let all: Vec<String> = expected.iter().map(visible).collect();
    let end = (offset + limit.unwrap_or(u64::MAX / 2)).min(whole as u64);
    let part = &all[offset.min(end) as usize..end as usize];
    if sort.is_empty() {
        assert_eq!(found.len(), part.len(), "{asked}");
        let mut left = all.clone();
        for row in &found {
            let at = left.iter().position(|known| known == row);
            left.remove(at.unwrap_or_else(|| panic!("{asked}: {row} is not one of {all:?}")));
        }
    } else {
        assert_eq!(found, part, "{asked}");
    }
    ask_batches(table, reader, &predicate, (&sort, limit, offset), &found, random, &asked);
    let counted = table.query(reader).filter(predicate).count().unwrap();
    assert_eq!(counted, whole as u64, "count of {asked}");
    why
}

/// Some columns in batches are those of the rows found.
fn ask_batches<R: Reader>(
    table: &Table,
    reader: &R,
    predicate: &Predicate,
    (sort, limit, offset): (&[String], Option<u64>, u64),
    found: &[String],
    random: &mut Random,
    asked: &str,
) {
    let schema = table.schema();
    let names: Vec<&str> = schema.visible_columns().map(|column| &*column.name).collect();
    let mut columns: Vec<&str> = (0..random.below(4)).map(|_| *random.pick(&names)).collect();
    let all = random.once_in(2);
    if all {
        columns.clone_from(&names);
    }
    // Again and again, until there are images of the pages.
    for _ in 0..=random.below(4) {
        let mut query = table.query(reader).filter(predicate.clone()).sort(sort).unwrap();
        query = query.offset(offset);
        if let Some(limit) = limit {
            query = query.limit(limit);
        }
        let rows = unbatched(query.batches(&columns).unwrap(), columns.len()).unwrap();
        assert_eq!(rows.len(), found.len(), "batches of {asked}");
        if !all || (limit.is_some() && sort.is_empty()) {
            continue;
        }
        let mut images: Vec<String> = rows.iter().map(|row| image(row)).collect();
        let mut found = found.to_vec();
        if sort.is_empty() {
            images.sort_unstable();
            found.sort_unstable();
        }
        assert_eq!(images, found, "batches of {asked}");
    }
}
