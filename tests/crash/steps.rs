//! What a workload is made of: single steps, each of which a history knows the outcome of.
//!
//! A new kind of step is a line in [`Step`], one in
//! [`Step::WEIGHTS`], and its arm in [`Runner::take`], which says what the next state is.

use crate::history::{COLUMNS, History, State, TableState, cells, open, read_state};
use std::collections::BTreeMap;
use store_core::query::{Predicate, column};
use store_core::{ColumnSpec, IndexSpec, Kind, Result, Schema, Store, Table, Txn, Type, Value};
use store_tests::random::Random;
use store_tests::sim_device::SimDevice;

/// Tables, and whether their texts may be too long for an index.
const TABLES: [(&str, bool); 3] = [("a", true), ("b", false), ("c", true)];
/// Rows have few keys, so that they come and go.
const IDS: u64 = 8;
/// Longer than a cell and its slot, shorter than a record of the log.
const LONG_TEXT_BYTES: u64 = 20_000;
/// Two of them are more than a record of the log takes.
const HUGE_TEXT_BYTES: usize = 700_000;

/// One thing that a workload does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes the next of the tables; after the last one nothing.
    CreateTable,
    /// A commit of one row.
    Put,
    /// A commit that deletes a row.
    Delete,
    /// A commit of some statements over all tables, of which a unique index refuses one or other.
    Mixed,
    /// A commit that deletes all rows of a table and inserts some of them again.
    Reinsert,
    /// A commit of a row with a long text.
    PutLong,
    /// A commit that takes several sectors of the log.
    PutSectors,
    /// A commit that is logged in fragments.
    PutHuge,
    /// A transaction that is rolled back.
    RollBack,
    /// A checkpoint.
    Checkpoint,
    /// Makes the first index that a table lacks, or another one if told to.
    CreateIndex,
    /// Drops an index.
    DropIndex,
    /// Adds a column to a table, or drops it.
    ChangeColumns,
    /// Moves rows of a table out of memory, or back.
    Freeze,
    Thaw,
    /// Drops a table.
    DropTable,
    /// Closes the store and opens it again, which begins a new log file.
    Reopen,
}

impl Step {
    /// How often each comes in a random workload.
    const WEIGHTS: [(Self, u64); 16] = [
        (Self::CreateTable, 3),
        (Self::Put, 8),
        (Self::Delete, 4),
        (Self::Mixed, 10),
        (Self::Reinsert, 4),
        (Self::PutLong, 3),
        (Self::PutSectors, 3),
        (Self::RollBack, 1),
        (Self::Checkpoint, 5),
        (Self::CreateIndex, 4),
        (Self::DropIndex, 3),
        (Self::ChangeColumns, 4),
        (Self::Freeze, 6),
        (Self::Thaw, 2),
        (Self::DropTable, 1),
        (Self::Reopen, 3),
    ];

    /// Steps of a workload; the first one makes a table. One workload in `huge_in` has a commit in fragments.
    pub fn random(random: &mut Random, huge_in: u64) -> Vec<Self> {
        let mut steps = vec![Self::CreateTable];
        let total: u64 = Self::WEIGHTS.iter().map(|(_, weight)| weight).sum();
        for _ in 0..6 + random.below(8) {
            let mut place = random.below(total);
            let chosen = Self::WEIGHTS.iter().find(|(_, weight)| {
                let here = place < *weight;
                place = place.saturating_sub(*weight);
                here
            });
            steps.push(chosen.expect("the place is below the sum").0);
        }
        if random.once_in(huge_in) {
            let last = steps.len() as u64;
            steps.insert(1 + random.below(last) as usize, Self::PutHuge);
        }
        steps
    }
}

/// What was certain and what was possible when an operation of the device was to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The last state that had been acknowledged, and the last that may be found.
    pub first: usize,
    pub last: usize,
}

/// A store at work, with its history.
pub struct Runner {
    pub device: SimDevice,
    store: Option<Store>,
    pub history: History,
    random: Random,
    /// For each step: operations before it and after, and its bounds while it is under way.
    marks: Vec<(u64, u64, Bounds)>,
}

impl Runner {
    /// Opens the store.
    pub fn open(device: SimDevice, history: History, seed: u64) -> Result<Self> {
        let marks = Vec::new();
        let mut runner = Self { device, store: None, history, random: Random::new(seed), marks };
        runner.marked(|runner| {
            runner.store = Some(open(&runner.device)?);
            Ok(())
        })?;
        Ok(runner)
    }

    /// The store, unless opening it again failed.
    pub fn opened(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// Closes the store.
    pub fn into_history(self) -> History {
        self.history
    }

    pub fn store(&self) -> &Store {
        self.store.as_ref().expect("open between steps")
    }

    /// Takes all steps, up to the first error.
    pub fn run(&mut self, steps: &[Step]) -> Result<()> {
        steps.iter().try_for_each(|step| self.take(*step))
    }

    fn marked(&mut self, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let (before, first) = (self.device.operations(), self.history.acknowledged);
        let outcome = work(self);
        let bounds = Bounds { first, last: self.history.states.len() - 1 };
        self.marks.push((before, self.device.operations(), bounds));
        outcome
    }

    /// What may be found if the power goes before this operation.
    pub fn bounds_at(&self, operation: u64) -> Bounds {
        let now = self.history.acknowledged;
        let step = self.marks.iter().find(|(_, after, _)| operation < *after);
        match step {
            Some((before, _, bounds)) if *before < operation => *bounds,
            // Nothing of it has reached the device.
            Some((_, _, bounds)) => Bounds { last: bounds.first, ..*bounds },
            None => Bounds { first: now, last: self.history.states.len() - 1 },
        }
    }

    /// One step.
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the methods have one lifetime")]
    pub fn take(&mut self, step: Step) -> Result<()> {
        self.marked(|runner| match step {
            Step::CreateTable => runner.create_table(),
            Step::Checkpoint => runner.store().checkpoint(),
            Step::CreateIndex => runner.create_index(),
            Step::DropIndex => runner.drop_index(),
            Step::ChangeColumns => runner.change_columns(),
            Step::Freeze => runner.freeze(),
            Step::Thaw => runner.thaw(),
            Step::DropTable => runner.drop_table(),
            Step::Reopen => {
                runner.store = None;
                let store = open(&runner.device)?;
                runner.history.reopened(&read_state(&store)?);
                runner.store = Some(store);
                Ok(())
            }
            Step::Put => runner.commit(|work| work.upsert(60)),
            Step::Delete => runner.commit(|work| work.delete()),
            Step::Mixed => runner
                .commit(|work| (0..=work.random.below(5)).try_for_each(|_| work.any_statement())),
            Step::Reinsert => runner.commit(|work| work.reinsert()),
            Step::PutLong => runner.commit(|work| work.upsert(LONG_TEXT_BYTES)),
            Step::PutSectors => runner.commit(|work| (0..3).try_for_each(|_| work.upsert(900))),
            Step::PutHuge => runner.commit(|work| work.put_huge()),
            Step::RollBack => runner.roll_back(),
        })
    }

    fn create_table(&mut self) -> Result<()> {
        let mut next = self.history.acknowledged_state().clone();
        let Some((name, _)) = TABLES.iter().find(|(name, _)| !next.contains_key(*name)) else {
            return Ok(());
        };
        let schema = Schema::builder(*name)
            .column("id", Type::Int64)
            .key()
            .column("value", Type::Int64)
            .column("text", Type::Text);
        let schema = match *name {
            "a" => schema.index_of(&["value"], false).index_of(&["value", "id"], true),
            "b" => schema.index_of(&["value"], true).index_of_nocase(&["text"], false),
            _ => schema,
        };
        let schema = schema.build()?;
        let indexes = schema.indexes.iter().map(|index| index.name.clone()).collect();
        let columns = COLUMNS.map(str::to_owned).into();
        next.insert((*name).to_owned(), TableState { rows: BTreeMap::new(), columns, indexes });
        let store = self.store.as_ref().expect("open between steps");
        self.history.attempt(next, || store.create_table(schema).map(drop))
    }

    /// A table there is.
    fn any_table(&mut self) -> Option<(&'static str, bool)> {
        let state = self.history.acknowledged_state();
        let known: Vec<_> =
            TABLES.into_iter().filter(|(name, _)| state.contains_key(*name)).collect();
        (!known.is_empty()).then(|| *self.random.pick(&known))
    }

    fn create_index(&mut self) -> Result<()> {
        let Some((name, has_long)) = self.any_table() else { return Ok(()) };
        let mut choices = vec![
            ("value", IndexSpec::on(&["value"])),
            ("id+value", IndexSpec::on(&["id", "value"]).unique()),
            ("value+id", IndexSpec::on(&["value", "id"]).unique()),
        ];
        if !has_long {
            choices.push(("text nocase", IndexSpec::on(&["text"]).nocase()));
            choices.push(("text+id", IndexSpec::on(&["text", "id"])));
        }
        let mut next = self.history.acknowledged_state().clone();
        let indexes = &mut next.get_mut(name).unwrap().indexes;
        choices.retain(|(name, _)| !indexes.contains(*name));
        if choices.is_empty() {
            return Ok(());
        }
        let (index, spec) = self.random.pick(&choices).clone();
        indexes.insert(index.to_owned());
        let table = self.store().open_table(name)?;
        self.history.attempt(next, || table.create_index(&spec))
    }

    fn freeze(&mut self) -> Result<()> {
        let Some((name, _)) = self.any_table() else { return Ok(()) };
        let table = self.store().open_table(name)?;
        let same = self.history.acknowledged_state().clone();
        let some = column("id").lt(self.random.below(IDS + 1) as i64);
        let rows = if self.random.once_in(2) { Predicate::all() } else { some };
        self.history.attempt(same, || table.freeze(&rows, |_| true).map(drop))
    }

    fn thaw(&mut self) -> Result<()> {
        let Some((name, _)) = self.any_table() else { return Ok(()) };
        let table = self.store().open_table(name)?;
        let same = self.history.acknowledged_state().clone();
        let some = column("id").lt(self.random.below(IDS + 1) as i64);
        self.history.attempt(same, || table.thaw(&some).map(drop))
    }

    fn drop_index(&mut self) -> Result<()> {
        let Some((name, _)) = self.any_table() else { return Ok(()) };
        let mut next = self.history.acknowledged_state().clone();
        let indexes = &mut next.get_mut(name).unwrap().indexes;
        if indexes.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = indexes.iter().cloned().collect();
        let index = self.random.pick(&names);
        indexes.remove(index);
        let table = self.store().open_table(name)?;
        self.history.attempt(next, || table.drop_index(index))
    }

    fn change_columns(&mut self) -> Result<()> {
        let Some((name, _)) = self.any_table() else { return Ok(()) };
        let mut next = self.history.acknowledged_state().clone();
        let column = *self.random.pick(&["more", "still"]);
        let table = self.store().open_table(name)?;
        if next.get_mut(name).unwrap().drop_column(column) {
            return self.history.attempt(next, || table.drop_column(column));
        }
        let default = "d".repeat(self.random.below(60) as usize);
        next.get_mut(name).unwrap().add_column(column, &default);
        let spec = ColumnSpec::new(column, Type::Text).notnull().default(default);
        self.history.attempt(next, || table.add_column(&spec))
    }

    fn drop_table(&mut self) -> Result<()> {
        let Some((name, _)) = self.any_table() else { return Ok(()) };
        let mut next = self.history.acknowledged_state().clone();
        next.remove(name);
        let store = self.store.as_ref().expect("open between steps");
        self.history.attempt(next, || store.drop_table(name))
    }

    /// A transaction of these statements, which is committed.
    fn commit(&mut self, work: impl FnOnce(&mut Work<'_>) -> Result<()>) -> Result<()> {
        let Some((txn, next)) = self.transaction(work)? else { return Ok(()) };
        self.history.attempt(next, || txn.commit().map(drop))
    }

    fn roll_back(&mut self) -> Result<()> {
        let statements = |work: &mut Work<'_>| work.upsert(60).and_then(|()| work.delete());
        if let Some((txn, _)) = self.transaction(statements)? {
            txn.rollback();
        }
        Ok(())
    }

    /// A transaction of these statements, and the state to which it leads.
    fn transaction(
        &mut self,
        work: impl FnOnce(&mut Work<'_>) -> Result<()>,
    ) -> Result<Option<(Txn, State)>> {
        let mut next = self.history.acknowledged_state().clone();
        if next.is_empty() {
            return Ok(None);
        }
        let store = self.store.as_ref().expect("open between steps");
        let mut txn = store.begin()?;
        let random = &mut self.random;
        work(&mut Work { store, txn: &mut txn, next: &mut next, random })?;
        Ok(Some((txn, next)))
    }
}

/// Statements of one transaction, in the store and in the state.
struct Work<'a> {
    store: &'a Store,
    txn: &'a mut Txn,
    next: &'a mut State,
    random: &'a mut Random,
}

impl Work<'_> {
    fn table(&mut self, with_long: bool) -> Result<Option<(Table, String)>> {
        let next = &*self.next;
        let known =
            TABLES.iter().filter(|(name, long)| next.contains_key(*name) && (*long || !with_long));
        let names: Vec<&str> = known.map(|(name, _)| *name).collect();
        if names.is_empty() {
            return Ok(None);
        }
        let name = *self.random.pick(&names);
        Ok(Some((self.store.open_table(name)?, name.to_owned())))
    }

    fn any_statement(&mut self) -> Result<()> {
        match self.random.below(4) {
            0 => self.delete(),
            1 => self.update(),
            _ => self.upsert(60),
        }
    }

    /// Letters of both cases that tell one row from another, up to a length.
    fn text(&mut self, bytes_max: u64) -> String {
        let len = self.random.below(bytes_max) as usize;
        let word = format!("{:x}Yy-", self.random.number());
        word.chars().cycle().take(len).collect()
    }

    fn upsert(&mut self, text_bytes: u64) -> Result<()> {
        let Some((table, name)) = self.table(text_bytes > 1_000)? else { return Ok(()) };
        let (id, value) = (self.random.below(IDS) as i64, self.random.below(40) as i64);
        let text = self.text(text_bytes);
        let row = self.next[&name].row(id, value, text);
        let outcome = table.upsert(self.txn, &cells(&row)).map(drop);
        if self.is_allowed(outcome, &name, id, value)? {
            self.next.get_mut(&name).unwrap().rows.insert(id, row);
        }
        Ok(())
    }

    fn update(&mut self) -> Result<()> {
        let Some((table, name)) = self.table(false)? else { return Ok(()) };
        let (id, value) = (self.random.below(IDS) as i64, self.random.below(40) as i64);
        if !self.next[&name].rows.contains_key(&id) {
            assert!(!table.update(self.txn, &[id.into()], &[("value", value.into())])?);
            return Ok(());
        }
        let outcome = table.update(self.txn, &[id.into()], &[("value", value.into())]).map(drop);
        if self.is_allowed(outcome, &name, id, value)? {
            self.next
                .get_mut(&name)
                .unwrap()
                .rows
                .entry(id)
                .and_modify(|row| row[1] = value.into());
        }
        Ok(())
    }

    /// Whether the statement gave the row that value: the values of table `b` are unique.
    fn is_allowed(&self, outcome: Result<()>, table: &str, id: i64, value: i64) -> Result<bool> {
        let rows = &self.next[table].rows;
        let is_taken = self.next[table].indexes.contains("value")
            && table == "b"
            && rows.iter().any(|(other, row)| *other != id && row[1] == Value::Int(value));
        match outcome {
            Err(error) if error.kind() == Kind::Duplicate && is_taken => Ok(false),
            outcome => {
                outcome?;
                // Once dropped, the index may be there again without being unique.
                Ok(true)
            }
        }
    }

    fn delete(&mut self) -> Result<()> {
        let Some((table, name)) = self.table(false)? else { return Ok(()) };
        let id = self.random.below(IDS) as i64;
        let deleted = table.delete(self.txn, &[id.into()])?;
        assert_eq!(deleted, self.next.get_mut(&name).unwrap().rows.remove(&id).is_some());
        Ok(())
    }

    fn reinsert(&mut self) -> Result<()> {
        let Some((table, name)) = self.table(false)? else { return Ok(()) };
        let rows = std::mem::take(&mut self.next.get_mut(&name).unwrap().rows);
        for id in rows.keys() {
            assert!(table.delete(self.txn, &[(*id).into()])?);
        }
        for (id, row) in rows {
            if self.random.once_in(3) {
                continue;
            }
            table.insert(self.txn, &cells(&row))?;
            self.next.get_mut(&name).unwrap().rows.insert(id, row);
        }
        Ok(())
    }

    fn put_huge(&mut self) -> Result<()> {
        let Some((table, name)) = self.table(true)? else { return Ok(()) };
        for id in 0..3 {
            let value = self.random.below(40) as i64;
            let text: String =
                self.text(60).chars().chain("Hh".chars().cycle()).take(HUGE_TEXT_BYTES).collect();
            let row = self.next[&name].row(id, value, text);
            table.upsert(self.txn, &cells(&row))?;
            self.next.get_mut(&name).unwrap().rows.insert(id, row);
        }
        Ok(())
    }
}
