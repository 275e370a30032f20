//! What was done and seen: transactions over lists that only grow.

/// A list's number.
pub type Key = u32;
/// A value, appended once in a whole history.
pub type Value = u32;

/// One operation, as the transaction saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    Append(Key, Value),
    Read(Key, Vec<Value>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Committed,
    Aborted,
    /// Its commit failed in a way that tells nothing.
    Unknown,
}

/// One transaction; `begun` and `ended` are numbers of one counter, taken before it began and
/// after its end was acknowledged.
#[derive(Clone, Debug)]
pub struct Txn {
    pub ops: Vec<Op>,
    pub end: End,
    pub begun: u64,
    pub ended: u64,
}

/// What the store promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Snapshot,
    Serializable,
}

/// What can be wrong, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anomaly {
    /// A value that nobody appended to this list.
    Unwritten,
    /// A value twice in a list.
    Duplicate,
    /// Two reads of a list, none of which is the beginning of the other.
    IncompatibleOrder,
    /// A committed append that a later read lacks.
    LostAppend,
    /// A transaction that disagrees with itself.
    Internal,
    /// A read of a value whose transaction was aborted.
    G1a,
    /// A read of a list between two appends of one transaction.
    G1b,
    /// A cycle of overwrites.
    G0,
    /// A cycle of overwrites and reads of what was written.
    G1c,
    /// Two transactions that saw the same list and both appended to it.
    LostUpdate,
    /// A cycle with one read of what was then overwritten.
    GSingle,
    /// A cycle with several, no two in a row: no snapshots explain it.
    GNonadjacent,
    /// A cycle with several: no serial order explains it.
    G2Item,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Finding {
    pub what: Anomaly,
    /// It takes the order of acknowledgements to see it.
    pub real_time: bool,
    pub story: String,
}
