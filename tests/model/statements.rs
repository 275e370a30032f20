//! Statements over several rows, and those that depend on what a row holds.

use crate::ask::{Condition, compare, random_sort};
use crate::schemas::value;
use crate::world::{
    Expected, Key, Rows, World, expected, key_cells, key_of, random_row, refs, some_columns,
};
use store_core::{Decimal, Kind, Schema, Table, Txn, Type, Value, ValueRef};
use store_tests::random::Random;

impl World {
    /// Inserts or upserts of many rows: all or nothing; one key may come twice.
    pub fn write_many(&self, table: &Table, txn: &mut Txn, rows: &mut Rows, random: &mut Random) {
        let schema = table.schema();
        if schema.has_hidden_key() {
            return; // which number each row gets is not told
        }
        let upsert = random.once_in(2);
        let new: Vec<Vec<Value>> =
            (0..random.below(8)).map(|_| random_row(table, random)).collect();
        let (mut after, mut inserted, mut refused) = (rows.clone(), 0, None);
        for row in &new {
            let key = Key(key_cells(schema, row));
            let known = after.contains_key(&key);
            match expected(schema, &after, row, (known && upsert).then_some(&key)) {
                Expected::Done if known && !upsert => {
                    refused = Some(Expected::Refused(&[Kind::Duplicate]));
                }
                Expected::Done => {
                    inserted += usize::from(!known);
                    after.insert(key, row.clone());
                }
                kinds @ Expected::Refused(_) => refused = Some(kinds),
            }
            if refused.is_some() {
                break;
            }
        }
        let cells: Vec<Vec<ValueRef<'_>>> = new.iter().map(|row| refs(row)).collect();
        let result = if upsert {
            table.upsert_many(txn, &cells)
        } else {
            table.insert_many(txn, &cells).map(|()| cells.len())
        };
        if self.as_expected(&result, &refused.unwrap_or(Expected::Done)) {
            assert_eq!(result.unwrap(), inserted, "{}", self.place);
            *rows = after;
        }
    }

    pub fn incr(&self, table: &Table, txn: &mut Txn, rows: &mut Rows, random: &mut Random) {
        let schema = table.schema();
        let columns = some_columns(schema, random);
        let amount = |at: &usize| value(schema.columns[*at].ty, false, false, random);
        let amounts: Vec<Value> = columns.iter().map(amount).collect();
        let key = Key(key_of(table, rows, random));
        let result = table.incr_columns(txn, &refs(&key.0), &columns, &refs(&amounts));
        let Some(before) = rows.get(&key) else {
            assert_eq!(result.unwrap(), None, "{}", self.place);
            return;
        };
        let mut row = before.clone();
        let mut fits = true;
        for (at, amount) in columns.iter().zip(&amounts) {
            match sum(schema.columns[*at].ty, &row[*at], amount) {
                Some(sum) => row[*at] = sum,
                None => fits = false,
            }
        }
        let outcome = if fits {
            expected(schema, rows, &row, Some(&key))
        } else {
            Expected::Refused(&[Kind::Type])
        };
        if self.as_expected(&result, &outcome) {
            let sums: Vec<Value> = columns.iter().map(|at| row[*at].clone()).collect();
            // As text: a NaN is not equal to itself.
            let given = format!("{:?}", result.unwrap().unwrap());
            assert_eq!(given, format!("{sums:?}"), "{}", self.place);
            rows.insert(key, row);
        }
    }

    pub fn update_if(&self, table: &Table, txn: &mut Txn, rows: &mut Rows, random: &mut Random) {
        let schema = table.schema();
        let condition = Condition::random(schema, rows, random);
        let (columns, new) = new_cells(schema, random);
        let key = Key(key_of(table, rows, random));
        let predicate = condition.predicate(schema);
        let result = table.update_columns_if(txn, &refs(&key.0), &predicate, &columns, &refs(&new));
        let Some(before) = rows.get(&key).filter(|row| condition.holds(row)) else {
            assert!(!result.unwrap(), "{}: {predicate}", self.place);
            return;
        };
        let row = changed(before, &columns, &new);
        if self.as_expected(&result, &expected(schema, rows, &row, Some(&key))) {
            assert!(result.unwrap(), "{}: {predicate}", self.place);
            rows.insert(key, row);
        }
    }

    /// All rows get the same values, so their order does not matter: two that would collide on the
    /// way would at the end.
    pub fn update_where(&self, table: &Table, txn: &mut Txn, rows: &mut Rows, random: &mut Random) {
        let schema = table.schema();
        let (columns, new) = new_cells(schema, random);
        let question = Question::random(schema, rows, random);
        let found = question.answer(schema, rows);
        let (mut after, mut refused) = (rows.clone(), None);
        for key in &found {
            let row = changed(&after[key], &columns, &new);
            match expected(schema, &after, &row, Some(key)) {
                Expected::Done => drop(after.insert(key.clone(), row)),
                kinds @ Expected::Refused(_) => {
                    refused = Some(kinds);
                    break;
                }
            }
        }
        let Question { condition, sort, offset, limit } = question;
        let predicate = condition.predicate(schema);
        let result = table.update_found(
            txn,
            |query| {
                let query = query.filter(predicate.clone()).sort(&sort)?;
                Ok(query.offset(offset).limit(limit))
            },
            &columns,
            &refs(&new),
        );
        if self.as_expected(&result, &refused.unwrap_or(Expected::Done)) {
            assert_eq!(result.unwrap(), found.len() as u64, "{}: {predicate}", self.place);
            *rows = after;
        }
    }

    pub fn delete_where(&self, table: &Table, txn: &mut Txn, rows: &mut Rows, random: &mut Random) {
        let schema = table.schema();
        let question = Question::random(schema, rows, random);
        let found = question.answer(schema, rows);
        if found.len() > 8 && !random.once_in(8) {
            return; // or hardly a row would be left
        }
        let Question { condition, sort, offset, limit } = question;
        let predicate = condition.predicate(schema);
        let result = table.delete_found(txn, |query| {
            let query = query.filter(predicate.clone()).sort(&sort)?;
            Ok(query.offset(offset).limit(limit))
        });
        assert_eq!(result.unwrap(), found.len() as u64, "{}: {predicate}", self.place);
        rows.retain(|key, _| !found.contains(key));
    }
}

/// New values for some columns.
fn new_cells(schema: &Schema, random: &mut Random) -> (Vec<usize>, Vec<Value>) {
    let columns = some_columns(schema, random);
    let new = |at: &usize| value(schema.columns[*at].ty, true, true, random);
    let cells = columns.iter().map(new).collect();
    (columns, cells)
}

fn changed(row: &[Value], columns: &[usize], new: &[Value]) -> Vec<Value> {
    let mut row = row.to_vec();
    for (at, value) in columns.iter().zip(new) {
        row[*at] = value.clone();
    }
    row
}

/// A condition, and sometimes an order with an offset and a limit.
struct Question {
    condition: Condition,
    sort: Vec<String>,
    offset: u64,
    limit: u64,
}

impl Question {
    fn random(schema: &Schema, rows: &Rows, random: &mut Random) -> Self {
        let condition = Condition::random(schema, rows, random);
        let sort = random_sort(schema, random);
        let (offset, limit) =
            if sort.is_empty() { (0, u64::MAX) } else { (random.below(3), random.below(6)) };
        Self { condition, sort, offset, limit }
    }

    /// The keys of the rows that it finds.
    fn answer(&self, schema: &Schema, rows: &Rows) -> Vec<Key> {
        let mut found: Vec<_> = rows.iter().filter(|(_, row)| self.condition.holds(row)).collect();
        found.sort_by(|a, b| compare(schema, &self.sort, a.1, b.1));
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let part = found.into_iter().skip(self.offset as usize).take(limit);
        part.map(|(key, _)| key.clone()).collect()
    }
}

/// The sum, if the type has it.
fn sum(ty: Type, held: &Value, amount: &Value) -> Option<Value> {
    let float = |value: &Value| match value {
        Value::Null => Some(0.0),
        Value::Float32(value) => Some(f64::from(*value)),
        Value::Float64(value) => Some(*value),
        _ => None,
    };
    match ty {
        Type::Int16 | Type::Int32 | Type::Int64 => {
            let integer = |value: &Value| match value {
                Value::Int(value) => i128::from(*value),
                _ => 0,
            };
            let sum = integer(held) + integer(amount);
            let bits = [(Type::Int16, 16), (Type::Int32, 32), (Type::Int64, 64)];
            let bits = bits.iter().find(|known| known.0 == ty)?.1;
            let limit = 1_i128 << (bits - 1);
            (-limit..limit).contains(&sum).then_some(Value::Int(sum as i64))
        }
        Type::Decimal { precision, scale } => {
            let units = |value: &Value| match value {
                Value::Decimal(value) => value.units(),
                _ => 0,
            };
            let sum = units(held).checked_add(units(amount))?;
            let fits = sum.unsigned_abs() < 10_u128.pow(precision.into());
            fits.then(|| Value::Decimal(Decimal::new(sum, scale).unwrap()))
        }
        Type::Float32 => Some(Value::Float32((float(held)? + float(amount)?) as f32)),
        Type::Float64 => Some(Value::Float64(float(held)? + float(amount)?)),
        _ => None,
    }
}
