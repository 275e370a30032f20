//! The language of the cases: what each transaction does, step by step, and what that means on a
//! plain map, where transactions run one after another.

use std::collections::BTreeMap;

/// The rows of a case by number: only the numbers of [`ROWS`] are ever used.
pub type Rows = BTreeMap<i64, i64>;

/// The numbers of the rows that a case may touch.
pub const ROWS: std::ops::RangeInclusive<i64> = 1..=4;

/// One step of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Begin,
    /// Reads the row of this number.
    Read(i64),
    /// Reads the rows with a value from the first to before the second.
    Select(i64, i64),
    /// Gives the row this value, if there is such a row.
    Set(i64, i64),
    /// Gives the row the value that this transaction read last, plus this much.
    Add(i64, i64),
    Insert(i64, i64),
    /// Reads as [`Step::Select`] does and deletes what it finds.
    DeleteWhere(i64, i64),
    /// Owns the row without changing it.
    Lock(i64),
    Commit,
    Abort,
}

/// The steps of one transaction.
pub struct Script {
    pub steps: Vec<Step>,
    /// Begun as a transaction that only reads.
    pub read_only: bool,
}

/// What a reading step saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Row(i64, Option<i64>),
    Rows(Vec<(i64, i64)>),
}

impl Seen {
    /// The value of a row, if this step saw the row.
    pub fn value(&self, id: i64) -> Option<i64> {
        match self {
            Self::Row(row, value) => value.filter(|_| *row == id),
            Self::Rows(rows) => rows.iter().find(|row| row.0 == id).map(|row| row.1),
        }
    }
}

/// What a transaction sees: the rows at its snapshot with its own changes.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub rows: Rows,
    /// Its changes, in order; `None` is a deleted row.
    pub changes: Vec<(i64, Option<i64>)>,
    pub seen: Vec<Seen>,
}

impl View {
    pub fn of(rows: &Rows) -> Self {
        Self { rows: rows.clone(), ..Self::default() }
    }

    pub fn select(&self, low: i64, high: i64) -> Vec<(i64, i64)> {
        let inside = |row: &(i64, i64)| row.1 >= low && row.1 < high;
        self.rows.iter().map(|(id, value)| (*id, *value)).filter(inside).collect()
    }

    pub fn change(&mut self, id: i64, value: Option<i64>) {
        match value {
            Some(value) => self.rows.insert(id, value),
            None => self.rows.remove(&id),
        };
        self.changes.push((id, value));
    }

    /// The value of the row as this transaction read it last.
    pub fn last_read(&self, id: i64) -> Option<i64> {
        self.seen.iter().rev().find_map(|seen| seen.value(id))
    }

    /// Does one step; beginning and ending are the caller's.
    pub fn step(&mut self, step: Step) {
        match step {
            Step::Read(id) => self.seen.push(Seen::Row(id, self.rows.get(&id).copied())),
            Step::Select(low, high) => self.seen.push(Seen::Rows(self.select(low, high))),
            Step::Set(id, value) if self.rows.contains_key(&id) => self.change(id, Some(value)),
            Step::Begin | Step::Set(..) | Step::Lock(_) | Step::Commit | Step::Abort => {}
            Step::Add(id, more) => {
                if let Some(value) = self.last_read(id) {
                    self.step(Step::Set(id, value + more));
                }
            }
            Step::Insert(id, value) => self.change(id, Some(value)),
            Step::DeleteWhere(low, high) => {
                let found = self.select(low, high);
                for (id, _) in &found {
                    self.change(*id, None);
                }
                self.seen.push(Seen::Rows(found));
            }
        }
    }

    /// Puts the changes of a committed transaction into the rows that others will see.
    pub fn commit_into(&self, committed: &mut Rows) {
        for (id, value) in &self.changes {
            match value {
                Some(value) => committed.insert(*id, *value),
                None => committed.remove(id),
            };
        }
    }
}

/// Choices among the transactions that can go on; [`every_schedule`] tries all of them.
#[derive(Debug, Default)]
pub struct Choices {
    /// What was chosen at each place, of how many.
    made: Vec<(usize, usize)>,
    at: usize,
}

impl Choices {
    /// Chooses one of so many.
    pub fn pick(&mut self, count: usize) -> usize {
        if self.at == self.made.len() {
            self.made.push((0, count));
        }
        let (chosen, known) = self.made[self.at];
        assert_eq!(known, count, "a schedule runs the same way each time");
        self.at += 1;
        chosen
    }

    /// Moves to the next schedule; false after the last.
    fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((chosen, count)) = self.made.pop() {
            if chosen + 1 < count {
                self.made.push((chosen + 1, count));
                return true;
            }
        }
        false
    }
}

/// Runs once for every sequence of choices. A transaction that has ended offers no choice, so
/// interleavings that differ only in steps nobody takes any more are run once.
pub fn every_schedule(mut run: impl FnMut(&mut Choices)) {
    let mut choices = Choices::default();
    loop {
        run(&mut choices);
        if !choices.advance() {
            return;
        }
    }
}

#[test]
fn schedules_are_all_interleavings() {
    let mut found = std::collections::BTreeSet::new();
    every_schedule(|choices| {
        let mut left = [3, 2, 2];
        let mut word = String::new();
        while left.iter().any(|steps| *steps > 0) {
            let alive: Vec<usize> = (0..left.len()).filter(|at| left[*at] > 0).collect();
            let chosen = alive[choices.pick(alive.len())];
            left[chosen] -= 1;
            word.push((b'a' + chosen as u8) as char);
        }
        assert!(found.insert(word), "each interleaving once");
    });
    assert_eq!(found.len(), 5040 / (6 * 2 * 2), "7! / (3! 2! 2!)");
}
