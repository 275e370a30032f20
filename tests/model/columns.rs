//! Columns that are added and dropped between the other steps.

use crate::schemas::{TYPES, value};
use crate::world::{Expected, World};
use store_core::{ColumnSpec, Kind, Value};
use store_tests::random::Random;

/// Columns of a table at most.
const COLUMNS_MAX: usize = 20;
/// Columns outside the key that are left at least, to be changed.
const REST_MIN: usize = 2;

impl World {
    /// Adds or drops a column of a table that the open transaction has not written to.
    pub fn change_columns(&mut self, random: &mut Random) {
        let at = random.below(self.tables.len() as u64) as usize;
        if self.has_written(at) {
            return;
        }
        let visible = self.tables[at].schema().visible_len();
        if visible >= COLUMNS_MAX || random.once_in(2) {
            self.drop_column(at, random);
        } else {
            self.add_column(at, random);
        }
    }

    fn add_column(&mut self, at: usize, random: &mut Random) {
        let (ty, notnull) = (*random.pick(&TYPES), random.once_in(2));
        let default = value(ty, random.once_in(3), random.once_in(2), random);
        let schema = self.tables[at].schema();
        // Names come again, and now and then one that is there.
        let name = format!("new{}", random.below(30));
        let (position, known) = (schema.visible_len(), schema.column_position(&name).is_ok());
        let spec = ColumnSpec::new(&name, ty);
        let spec = if notnull { spec.notnull() } else { spec };
        let spec = if default == Value::Null { spec } else { spec.default(default.clone()) };
        let expected = if known {
            Expected::Refused(&[Kind::Duplicate])
        } else if notnull && default == Value::Null {
            Expected::Refused(&[Kind::NotNull])
        } else {
            Expected::Done
        };
        let result = self.tables[at].add_column(&spec);
        if self.as_expected(&result, &expected) {
            self.each_row(at, |row| row.insert(position, default.clone()));
        }
    }

    fn drop_column(&mut self, at: usize, random: &mut Random) {
        let schema = self.tables[at].schema();
        let position = random.below(schema.visible_len() as u64) as usize;
        let needed = schema.is_key(position)
            || schema.indexes.iter().any(|index| index.columns.contains(&position));
        let rest = (0..schema.visible_len()).filter(|at| !schema.is_key(*at)).count();
        if !needed && rest <= REST_MIN {
            return;
        }
        let name = schema.columns[position].name.clone();
        let result = self.tables[at].drop_column(&name);
        let expected = if needed { Expected::Refused(&[Kind::Invalid]) } else { Expected::Done };
        if self.as_expected(&result, &expected) {
            self.each_row(at, |row| drop(row.remove(position)));
        }
    }

    /// Changes the rows that whoever comes from now on sees.
    fn each_row(&mut self, at: usize, change: impl Fn(&mut Vec<Value>)) {
        self.committed[at].values_mut().for_each(change);
        self.outdate(at);
    }
}
