//! The anomalies, after Adya, Liskov and O'Neil (2000) and Kleppmann's Hermitage list: two or three
//! transactions each, on the rows 1 and 2 with the values 10 and 20, and what would be wrong.

use super::run::Outcome;
use super::steps::{Script, Step};

/// One anomaly.
pub struct Case {
    pub name: &'static str,
    /// Row numbers with their values before.
    pub rows: &'static [(i64, i64)],
    pub scripts: Vec<Script>,
    /// True if what the transactions saw and left shows it.
    pub anomaly: fn(&Outcome) -> bool,
    pub snapshots: Snapshots,
}

/// What snapshot isolation makes of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshots {
    Prevent,
    /// This anomaly, but not the write skew that is in the same steps.
    PreventAndSkew,
    Allow,
}

const TWO_ROWS: &[(i64, i64)] = &[(1, 10), (2, 20)];

/// A transaction that begins, takes these steps, and commits.
fn commits(steps: &[Step]) -> Script {
    ends(steps, Step::Commit)
}

fn ends(steps: &[Step], end: Step) -> Script {
    let steps = [&[Step::Begin], steps, &[end]].concat();
    Script { steps, read_only: false }
}

fn reads(steps: &[Step]) -> Script {
    Script { read_only: true, ..commits(steps) }
}

/// A case that snapshot isolation prevents, too.
fn prevented(name: &'static str, scripts: Vec<Script>, anomaly: fn(&Outcome) -> bool) -> Case {
    Case { name, rows: TWO_ROWS, scripts, anomaly, snapshots: Snapshots::Prevent }
}

/// A case that takes serializable transactions to prevent.
fn allowed(name: &'static str, scripts: Vec<Script>, anomaly: fn(&Outcome) -> bool) -> Case {
    Case { snapshots: Snapshots::Allow, ..prevented(name, scripts, anomaly) }
}

/// Every case, those with few interleavings first.
pub fn all() -> Vec<Case> {
    let groups = [dirty(), many_preceders(), lost(), skewed(), write_skew(), phantoms(), locked()];
    let mut cases: Vec<Case> = groups.into_iter().flatten().collect();
    cases.sort_by_key(|case| case.scripts.len());
    cases
}

/// G0, G1a, G1b, G1c, OTV: writes and reads of what is not committed.
fn dirty() -> Vec<Case> {
    use Step::{Read, Set};
    vec![
        prevented(
            "G0 dirty write",
            vec![commits(&[Set(1, 11), Set(2, 21)]), commits(&[Set(1, 12), Set(2, 22)])],
            |seen| {
                let rows = (seen.final_value(1), seen.final_value(2));
                matches!(rows, (Some(11), Some(22)) | (Some(12), Some(21)))
            },
        ),
        prevented(
            "G1a aborted read",
            vec![ends(&[Set(1, 101)], Step::Abort), commits(&[Read(1), Read(1)])],
            |seen| seen.saw(1, 0, 1) == Some(101) || seen.saw(1, 1, 1) == Some(101),
        ),
        prevented(
            "G1b intermediate read",
            vec![commits(&[Set(1, 101), Set(1, 11)]), commits(&[Read(1), Read(1)])],
            |seen| seen.saw(1, 0, 1) == Some(101) || seen.saw(1, 1, 1) == Some(101),
        ),
        Case {
            snapshots: Snapshots::PreventAndSkew,
            ..prevented(
                "G1c circular flow",
                vec![commits(&[Set(1, 11), Read(2)]), commits(&[Set(2, 22), Read(1)])],
                |seen| seen.saw(0, 0, 2) == Some(22) && seen.saw(1, 0, 1) == Some(11),
            )
        },
        prevented(
            "OTV observed vanishes",
            vec![
                commits(&[Set(1, 11), Set(2, 19)]),
                commits(&[Set(1, 12), Set(2, 18)]),
                commits(&[Read(1), Read(2)]),
            ],
            |seen| {
                let saw = (seen.saw(2, 0, 1), seen.saw(2, 1, 2));
                let whole = [(Some(10), Some(20)), (Some(11), Some(19)), (Some(12), Some(18))];
                seen.committed(2) && !whole.contains(&saw)
            },
        ),
    ]
}

/// PMP: a predicate that matches differently while a transaction runs.
fn many_preceders() -> Vec<Case> {
    use Step::{Add, DeleteWhere, Insert, Read, Select, Set};
    vec![
        prevented(
            "PMP an insert",
            vec![commits(&[Select(30, 50), Select(30, 50)]), commits(&[Insert(3, 42)])],
            |seen| seen.committed(0) && seen.seen[0][0] != seen.seen[0][1],
        ),
        prevented(
            "PMP an update",
            vec![commits(&[Select(30, 50), Select(30, 50)]), commits(&[Set(1, 42)])],
            |seen| seen.committed(0) && seen.seen[0][0] != seen.seen[0][1],
        ),
        prevented(
            "PMP a write by predicate",
            vec![
                commits(&[Read(1), Read(2), Add(2, 10), Add(1, 10)]),
                commits(&[DeleteWhere(20, 21)]),
            ],
            |seen| {
                // The second deletes row 2 if it comes first, row 1 if it comes second.
                let rows = (seen.final_value(1), seen.final_value(2));
                let serial = [(Some(20), None), (None, Some(30))];
                seen.all_committed() && !serial.contains(&rows)
            },
        ),
    ]
}

/// P4: an update that is overwritten unread.
fn lost() -> Vec<Case> {
    use Step::{Add, Read, Select};
    vec![
        prevented(
            "P4 lost update",
            vec![commits(&[Read(1), Add(1, 1)]), commits(&[Read(1), Add(1, 5)])],
            |seen| seen.all_committed() && seen.final_value(1) != Some(16),
        ),
        prevented(
            "P4 lost update by predicate",
            vec![commits(&[Select(0, 50), Add(1, 1)]), commits(&[Select(0, 50), Add(1, 5)])],
            |seen| seen.all_committed() && seen.final_value(1) != Some(16),
        ),
    ]
}

/// G-single: a transaction that sees one half of another.
fn skewed() -> Vec<Case> {
    use Step::{DeleteWhere, Read, Select, Set};
    vec![
        prevented(
            "G-single read skew",
            vec![commits(&[Read(1), Read(2)]), commits(&[Set(1, 12), Set(2, 18)])],
            |seen| {
                let saw = (seen.saw(0, 0, 1), seen.saw(0, 1, 2));
                seen.committed(0) && (saw == (Some(10), Some(18)) || saw == (Some(12), Some(20)))
            },
        ),
        prevented(
            "G-single by predicate",
            vec![commits(&[Select(10, 11), Select(12, 13)]), commits(&[Set(1, 12)])],
            |seen| {
                // The row is in one place at every moment: seen twice or never is wrong.
                let saw = (seen.saw(0, 0, 1).is_some(), seen.saw(0, 1, 1).is_some());
                seen.committed(0) && saw.0 == saw.1
            },
        ),
        prevented(
            "G-single before a write",
            vec![commits(&[Read(1), DeleteWhere(20, 21)]), commits(&[Set(1, 12), Set(2, 18)])],
            |seen| {
                let deleted = seen.saw(0, 1, 2).is_some();
                seen.all_committed() && (seen.saw(0, 0, 1) == Some(10)) != deleted
            },
        ),
    ]
}

/// G2-item: each writes what the other has read.
fn write_skew() -> Vec<Case> {
    use Step::{Read, Select, Set};
    vec![
        allowed(
            "G2-item write skew",
            vec![
                commits(&[Read(1), Read(2), Set(1, 11)]),
                commits(&[Read(1), Read(2), Set(2, 21)]),
            ],
            |seen| {
                let both_old = seen.saw(0, 1, 2) == Some(20) && seen.saw(1, 0, 1) == Some(10);
                seen.all_committed() && both_old
            },
        ),
        allowed(
            // Fekete, O'Neil and O'Neil (2004): the reader sees a withdrawal's absence, a deposit's
            // presence, and the withdrawal was decided without the deposit.
            "read-only anomaly",
            vec![
                commits(&[Select(0, 50), Set(1, 0)]),
                commits(&[Set(2, 40)]),
                reads(&[Select(0, 50)]),
            ],
            |seen| {
                let decided_before = seen.saw(0, 0, 2) == Some(20);
                let reader = (seen.saw(2, 0, 1), seen.saw(2, 0, 2));
                seen.all_committed() && decided_before && reader == (Some(10), Some(40))
            },
        ),
    ]
}

/// G2: each puts a row where the other has looked and found none.
fn phantoms() -> Vec<Case> {
    use Step::{DeleteWhere, Insert, Read, Select, Set};
    vec![
        allowed(
            "G2 phantom by insert",
            vec![
                commits(&[Select(30, 50), Insert(3, 30)]),
                commits(&[Select(30, 50), Insert(4, 42)]),
            ],
            |seen| {
                let blind = seen.saw(0, 0, 4).is_none() && seen.saw(1, 0, 3).is_none();
                seen.all_committed() && blind
            },
        ),
        allowed(
            "G2 phantom by update",
            vec![commits(&[Select(30, 50), Set(1, 30)]), commits(&[Select(30, 50), Set(2, 42)])],
            |seen| {
                let blind = seen.saw(0, 0, 2).is_none() && seen.saw(1, 0, 1).is_none();
                seen.all_committed() && blind
            },
        ),
        allowed(
            "G2 phantom by delete",
            vec![
                commits(&[Select(0, 15), DeleteWhere(20, 21)]),
                commits(&[Select(20, 30), DeleteWhere(10, 11)]),
            ],
            |seen| {
                let both_old = seen.saw(0, 0, 1).is_some() && seen.saw(1, 0, 2).is_some();
                seen.all_committed() && both_old
            },
        ),
        allowed(
            "G2 rows that are absent",
            vec![commits(&[Read(3), Insert(4, 40)]), commits(&[Read(4), Insert(3, 30)])],
            |seen| {
                let blind = seen.saw(0, 0, 3).is_none() && seen.saw(1, 0, 4).is_none();
                seen.all_committed() && blind
            },
        ),
    ]
}

/// Write skew among snapshots, prevented by owning the row that is only read.
fn locked() -> Vec<Case> {
    use Step::{Lock, Read, Set};
    vec![prevented(
        "write skew with locks",
        vec![commits(&[Lock(2), Read(2), Set(1, 11)]), commits(&[Lock(1), Read(1), Set(2, 21)])],
        |seen| {
            let both_old = seen.saw(0, 0, 2) == Some(20) && seen.saw(1, 0, 1) == Some(10);
            seen.all_committed() && both_old
        },
    )]
}
