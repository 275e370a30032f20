//! DuckDB in memory, one thread, as a child process: its Python package, if `make bench-duckdb` has
//! put it there.
//!
//! Its C++ takes long to build, so it is no crate of this one. A question goes to the child over a
//! pipe with the number of times to ask it; what counts is the CPU time that the child says it took.

use super::Engines;
use crate::rows::text;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The interpreter that has the package, below the target directory.
const PYTHON: &str = "duckdb/bin/python";
const SCRIPT: &str = include_str!("duckdb.py");

pub struct DuckDb {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What a question took, and its only row.
pub struct Answer {
    pub seconds: f64,
    pub cells: Vec<f64>,
}

/// Where the interpreter is, if it is there. The bench is run by cargo, which names its own.
pub fn python() -> Option<PathBuf> {
    let bench = std::env::current_exe().ok()?;
    let mut found = bench.ancestors().map(|directory| directory.join(PYTHON));
    found.find(|python| python.exists())
}

impl DuckDb {
    /// Starts the child and has it load the rows; `None` if the package is not there.
    pub fn load(engines: &Engines) -> Option<Self> {
        let python = python()?;
        let file = std::env::temp_dir().join(format!("store-bench-{}.tsv", std::process::id()));
        std::fs::write(&file, text(engines.rows)).expect("the flights are written");
        let child = Command::new(python)
            .args(["-c", SCRIPT])
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.expect("the interpreter starts");
        let questions = child.stdin.take().expect("it was piped");
        let answers = BufReader::new(child.stdout.take().expect("it was piped"));
        let mut duckdb = Self { child, questions, answers };
        let ready = duckdb.line();
        std::fs::remove_file(&file).expect("the flights are removed");
        assert_eq!(ready, "ready", "DuckDB loads the flights");
        Some(duckdb)
    }

    /// Asks so many times.
    pub fn ask(&mut self, times: usize, sql: &str) -> Answer {
        writeln!(self.questions, "{times} {sql}").expect("the child listens");
        let line = self.line();
        let mut numbers = line.split(' ').map(|word| word.parse().expect("a number"));
        let seconds = numbers.next().expect("the time comes first");
        Answer { seconds, cells: numbers.collect() }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the child answers");
        line.trim_end().to_owned()
    }
}

impl Drop for DuckDb {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
