//! The jobs: what `jobs/` has as YAML, and `peers/queries.py` in the words of the others.

/// A job, or one way of a job that goes both ways.
#[derive(Debug)]
pub struct Job {
    /// What `JOBS=` calls it.
    pub word: &'static str,
    /// Its file below `jobs/`.
    pub name: &'static str,
    /// The files it reads, by the words its YAML has for them.
    pub inputs: &'static [&'static str],
    /// The ending of what it writes.
    pub output: &'static str,
    /// True if a Parquet file is read or written, so that it works from larger caps on.
    pub columnar: bool,
    /// True if its output is the same bytes with any memory and threads.
    pub same_bytes: bool,
}

const fn text(name: &'static str, inputs: &'static [&'static str], same_bytes: bool) -> Job {
    Job { word: name, name, inputs, output: "tsv", columnar: false, same_bytes }
}

/// All of them, in the order in which they run: what reads a job's output comes after it.
pub static JOBS: [Job; 10] = [
    text("j1", &["d1"], true),
    text("j2", &["d1"], false),
    Job { output: "parquet", columnar: true, ..text("j3", &["d1"], false) },
    text("j4", &["d1", "d2"], false),
    text("j5", &["d1", "d2"], true),
    Job { word: "j6", output: "parquet", columnar: true, ..text("j6_write", &["d1"], false) },
    Job { word: "j6", columnar: true, ..text("j6_read", &["d1"], true) },
    text("q1", &["lineitem"], false),
    text("q3", &["lineitem", "orders", "customer"], true),
    text("q6", &["lineitem"], true),
];

impl Job {
    /// True of the way back, which reads what the way there wrote.
    pub fn reads_parquet(&self) -> bool {
        self.name == "j6_read"
    }

    /// True if GNU sort can do it.
    pub fn is_sort_of_lines(&self) -> bool {
        self.name == "j1"
    }

    /// True if it may be run within so many MiB.
    pub fn fits(&self, cap_mib: u64) -> bool {
        const COLUMNAR_MIB_MIN: u64 = 64;
        !self.columnar || cap_mib >= COLUMNAR_MIB_MIN
    }
}
