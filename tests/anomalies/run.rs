//! Runs a case under every interleaving of its transactions, and judges what they saw.

use super::cases::{Case, Snapshots};
use super::paths::{self, FILLER, FILLERS, Path, Question};
use super::steps::{Choices, ROWS, Rows, Seen, Step, View, every_schedule};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Snapshot,
    Serializable,
}

/// A statement or a commit that lost a conflict.
#[derive(Debug)]
pub struct Refused;

/// A language's way to the store; every error but a conflict fails the test.
pub trait Face {
    type Txn;
    fn begin(&self, level: Level, read_only: bool) -> Self::Txn;
    fn get(&self, txn: &mut Self::Txn, id: i64) -> Result<Option<i64>, Refused>;
    fn query(&self, txn: &mut Self::Txn, ask: &Question) -> Result<Vec<(i64, i64)>, Refused>;
    fn update(&self, txn: &mut Self::Txn, id: i64, value: i64) -> Result<bool, Refused>;
    fn insert(&self, txn: &mut Self::Txn, id: i64, value: i64) -> Result<(), Refused>;
    fn delete(&self, txn: &mut Self::Txn, id: i64) -> Result<bool, Refused>;
    fn lock(&self, txn: &mut Self::Txn, id: i64) -> Result<bool, Refused>;
    fn commit(&self, txn: Self::Txn) -> Result<(), Refused>;
    fn rollback(&self, txn: Self::Txn);
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Committed,
    /// By its own step.
    RolledBack,
    /// It lost a conflict.
    Refused,
}

/// What one interleaving led to.
pub struct Outcome {
    pub ends: Vec<End>,
    /// What each transaction saw, step by step.
    pub seen: Vec<Vec<Seen>>,
    pub rows: Rows,
    /// The place in the schedule where each began and ended.
    spans: Vec<(usize, usize)>,
    /// Reads and writes that did not act on the snapshot.
    wrong: Vec<String>,
}

impl Outcome {
    pub fn committed(&self, txn: usize) -> bool {
        self.ends[txn] == End::Committed
    }

    pub fn all_committed(&self) -> bool {
        self.ends.iter().all(|end| *end == End::Committed)
    }

    /// The value of a row in what a transaction saw with its step of this number.
    pub fn saw(&self, txn: usize, nth: usize, id: i64) -> Option<i64> {
        self.seen[txn].get(nth).and_then(|seen| seen.value(id))
    }

    pub fn final_value(&self, id: i64) -> Option<i64> {
        self.rows.get(&id).copied()
    }

    /// True if each transaction ended before the next began.
    fn is_serial(&self) -> bool {
        let apart = |a: &(usize, usize), b: &(usize, usize)| a.1 < b.0 || b.1 < a.0;
        let mut pairs = (0..self.spans.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
        pairs.all(|(a, b)| apart(&self.spans[a], &self.spans[b]))
    }

    /// True if the committed transactions, one after another in some order that keeps what was
    /// over before something else began, see and leave the same.
    fn is_serializable(&self, case: &Case) -> bool {
        let committed: Vec<usize> =
            (0..self.ends.len()).filter(|txn| self.committed(*txn)).collect();
        self.extends(case, &case.rows.iter().copied().collect(), &committed)
    }

    fn extends(&self, case: &Case, rows: &Rows, left: &[usize]) -> bool {
        if left.is_empty() {
            return *rows == self.rows;
        }
        left.iter().any(|next| {
            let overtaken = left.iter().any(|other| self.spans[*other].1 < self.spans[*next].0);
            if overtaken {
                return false;
            }
            let mut view = View::of(rows);
            case.scripts[*next].steps.iter().for_each(|step| view.step(*step));
            let mut after = rows.clone();
            view.commit_into(&mut after);
            let rest: Vec<usize> = left.iter().copied().filter(|txn| txn != next).collect();
            view.seen == self.seen[*next] && self.extends(case, &after, &rest)
        })
    }
}

/// One transaction of a running schedule.
struct Party<T> {
    txn: Option<T>,
    next: usize,
    view: View,
    seen: Vec<Seen>,
    span: (usize, usize),
    end: Option<End>,
}

/// One schedule on its way.
struct Run<'r, F: Face> {
    face: &'r F,
    case: &'r Case,
    level: Level,
    path: Path,
    committed: Rows,
    parties: Vec<Party<F::Txn>>,
    wrong: Vec<String>,
}

impl<'r, F: Face> Run<'r, F> {
    fn new(face: &'r F, now: &Rows, case: &'r Case, level: Level, path: Path) -> Self {
        let committed: Rows = case.rows.iter().copied().collect();
        set_rows(face, now, &committed);
        let party = || Party {
            txn: None,
            next: 0,
            view: View::default(),
            seen: Vec::new(),
            span: (0, 0),
            end: None,
        };
        let parties = case.scripts.iter().map(|_| party()).collect();
        Self { face, case, level, path, committed, parties, wrong: Vec::new() }
    }

    fn finish(mut self, choices: &mut Choices) -> Outcome {
        for place in 0.. {
            let going = |at: &usize| self.parties[*at].end.is_none();
            let alive: Vec<usize> = (0..self.parties.len()).filter(going).collect();
            if alive.is_empty() {
                break;
            }
            self.advance(alive[choices.pick(alive.len())], place);
        }
        let rows = rows_of(self.face);
        if rows != self.committed {
            self.wrong.push(format!("left {rows:?}, not {:?}", self.committed));
        }
        Outcome {
            ends: self.parties.iter().filter_map(|party| party.end).collect(),
            spans: self.parties.iter().map(|party| party.span).collect(),
            seen: self.parties.into_iter().map(|party| party.seen).collect(),
            rows,
            wrong: self.wrong,
        }
    }

    fn advance(&mut self, at: usize, place: usize) {
        let script = &self.case.scripts[at];
        let step = script.steps[self.parties[at].next];
        self.parties[at].next += 1;
        self.parties[at].span.1 = place;
        let party = &mut self.parties[at];
        match step {
            Step::Begin => {
                party.txn = Some(self.face.begin(self.level, script.read_only));
                party.view = View::of(&self.committed);
                party.span.0 = place;
            }
            Step::Commit => {
                let txn = party.txn.take().expect("begun and not ended");
                party.end = Some(match self.face.commit(txn) {
                    Ok(()) => End::Committed,
                    Err(Refused) => End::Refused,
                });
                if party.end == Some(End::Committed) {
                    party.view.commit_into(&mut self.committed);
                }
            }
            Step::Abort => {
                self.face.rollback(party.txn.take().expect("begun and not ended"));
                party.end = Some(End::RolledBack);
            }
            _ => {
                if let Err(Refused) = self.statement(at, step) {
                    let party = &mut self.parties[at];
                    self.face.rollback(party.txn.take().expect("begun and not ended"));
                    party.end = Some(End::Refused);
                }
            }
        }
    }

    /// Does a statement in the store and on the map, and compares what both saw.
    fn statement(&mut self, at: usize, step: Step) -> Result<(), Refused> {
        let party = &mut self.parties[at];
        let txn = party.txn.as_mut().expect("begun and not ended");
        let (face, path) = (self.face, self.path);
        let exists = |id: i64| party.view.rows.contains_key(&id);
        let mut acted = |id, done: bool| {
            if done != exists(id) {
                self.wrong.push(format!("T{}: {step:?} found a row: {done}", at + 1));
            }
        };
        let mut seen = None;
        match step {
            Step::Begin | Step::Commit | Step::Abort => unreachable!("no statement"),
            Step::Read(id) => seen = Some(Seen::Row(id, read(face, txn, path, id)?)),
            Step::Select(low, high) => {
                seen = Some(Seen::Rows(select(face, txn, path, low, high)?));
            }
            Step::Set(id, value) => acted(id, face.update(txn, id, value)?),
            Step::Add(id, more) => {
                if let Some(value) = party.seen.iter().rev().find_map(|seen| seen.value(id)) {
                    acted(id, face.update(txn, id, value + more)?);
                }
            }
            Step::Insert(id, value) => face.insert(txn, id, value)?,
            Step::Lock(id) => acted(id, face.lock(txn, id)?),
            Step::DeleteWhere(low, high) => {
                let found = select(face, txn, path, low, high)?;
                for (id, _) in &found {
                    acted(*id, face.delete(txn, *id)?);
                }
                seen = Some(Seen::Rows(found));
            }
        }
        party.view.step(step);
        if let Some(seen) = seen {
            let expected = party.view.seen.last();
            if expected != Some(&seen) {
                self.wrong.push(format!("T{}: {step:?} saw {seen:?}, not {expected:?}", at + 1));
            }
            party.seen.push(seen);
        }
        Ok(())
    }
}

fn read<F: Face>(face: &F, txn: &mut F::Txn, path: Path, id: i64) -> Result<Option<i64>, Refused> {
    let Some(question) = paths::of_row(path, id) else { return face.get(txn, id) };
    let rows = face.query(txn, &question)?;
    Ok(rows.iter().find(|row| row.0 == id).map(|row| row.1))
}

fn select<F: Face>(
    face: &F,
    txn: &mut F::Txn,
    path: Path,
    low: i64,
    high: i64,
) -> Result<Vec<(i64, i64)>, Refused> {
    let mut rows = face.query(txn, &paths::of_values(path, low, high))?;
    rows.retain(|row| row.1 >= low && row.1 < high);
    rows.sort_unstable();
    Ok(rows)
}

/// Adds the rows that stand by.
pub fn add_fillers<F: Face>(face: &F) {
    let mut txn = face.begin(Level::Snapshot, false);
    for id in FILLER..FILLER + FILLERS {
        face.insert(&mut txn, id, id).expect("alone");
    }
    face.commit(txn).expect("alone");
}

/// Makes these the rows of the table, beside those that stand by.
fn set_rows<F: Face>(face: &F, now: &Rows, wanted: &Rows) {
    if now == wanted {
        return;
    }
    let mut txn = face.begin(Level::Snapshot, false);
    for id in ROWS {
        match (now.get(&id), wanted.get(&id)) {
            (None, Some(value)) => face.insert(&mut txn, id, *value).expect("alone"),
            (Some(old), Some(value)) if old != value => {
                assert!(face.update(&mut txn, id, *value).expect("alone"));
            }
            (Some(_), None) => assert!(face.delete(&mut txn, id).expect("alone")),
            _ => {}
        }
    }
    face.commit(txn).expect("alone");
}

fn rows_of<F: Face>(face: &F) -> Rows {
    let mut txn = face.begin(Level::Snapshot, false);
    let every = paths::of_values(Path::ValueIndex, 0, FILLER);
    let rows = face.query(&mut txn, &every).expect("alone");
    face.rollback(txn);
    assert!(rows.is_sorted_by(|a, b| a.1 <= b.1), "the index is in order: {rows:?}");
    rows.into_iter().collect()
}

/// What all interleavings of a case led to.
#[derive(Default)]
pub struct Tally {
    pub ran: u64,
    /// With a transaction that lost a conflict.
    pub refused: u64,
    /// With the anomaly.
    pub shown: u64,
    /// That no serial order explains.
    pub unserial: u64,
}

/// Runs every interleaving of a case and checks what holds for each.
pub fn run_case<F: Face>(face: &F, case: &Case, level: Level, path: Path) -> Tally {
    let mut tally = Tally::default();
    let mut now = rows_of(face);
    every_schedule(|choices| {
        let outcome = Run::new(face, &now, case, level, path).finish(choices);
        let place = format!("{} at {level:?} by {path:?}, {choices:?}", case.name);
        let refused = outcome.ends.contains(&End::Refused);
        assert!(!(refused && outcome.is_serial()), "{place}: refused although alone");
        for (script, end) in case.scripts.iter().zip(&outcome.ends) {
            assert!(!script.read_only || *end != End::Refused, "{place}: a reader was refused");
        }
        let shown = (case.anomaly)(&outcome);
        let unserial = !outcome.is_serializable(case);
        assert!(!shown || unserial, "{place}: an anomaly that a serial order explains");
        let serial = level == Level::Serializable || case.snapshots == Snapshots::Prevent;
        let prevented = serial || case.snapshots == Snapshots::PreventAndSkew;
        assert!(!(prevented && shown), "{place}: it was seen: {:?}", outcome.seen);
        assert!(!(serial && unserial), "{place}: no serial order explains {:?}", outcome.seen);
        assert!(outcome.wrong.is_empty(), "{place}: {:?}", outcome.wrong);
        now = outcome.rows;
        tally.ran += 1;
        tally.refused += u64::from(refused);
        tally.shown += u64::from(shown);
        tally.unserial += u64::from(unserial);
    });
    let place = format!("{} at {level:?} by {path:?}", case.name);
    if level == Level::Snapshot && case.snapshots == Snapshots::Allow {
        assert!(tally.shown > 0, "{place}: snapshots allow it, and no interleaving showed it");
        assert_eq!(tally.shown, tally.unserial, "{place}: it is all that can go wrong");
    }
    tally
}

/// Runs cases at a level by these paths and prints a table of what happened.
pub fn run_cases<F: Face>(face: &F, cases: &[Case], level: Level, paths: &[Path]) {
    println!("| case | level | path | interleavings | with a conflict | with the anomaly |");
    println!("|---|---|---|---|---|---|");
    for case in cases {
        for path in paths {
            let Tally { ran, refused, shown, .. } = run_case(face, case, level, *path);
            println!("| {} | {level:?} | {path:?} | {ran} | {refused} | {shown} |", case.name);
        }
    }
}
