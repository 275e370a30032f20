//! A directory of its own for each test, and the command run in it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A directory that goes with the test.
pub struct Place(TempDir);

/// What a run of the command left.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Four rows with a NULL, an empty text, and a tie.
pub const FLIGHTS: &str = "id\torigin\tdelay\n1\tJFK\t10\n2\tEWR\tNA\n3\t\t-5\n4\tJFK\t70\n";

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A place whose store has the table `flights`, keyed by `id`, with an index of `delay`.
    pub fn with_flights() -> Self {
        let place = Self::new();
        place.file("flights.tsv", FLIGHTS);
        let words = "ingest db flights flights.tsv --header --null NA --key id --index delay";
        let run = place.run(words);
        assert_eq!(run.code, 0, "{run:?}");
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The command with these arguments, in this place, free of the caller's environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_store"));
        command.args(args).current_dir(self.0.path());
        for name in ["STORE_MEMORY", "STORE_DURABILITY"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs words that hold no spaces of their own.
    pub fn run(&self, words: &str) -> Run {
        self.run_args(&words.split(' ').collect::<Vec<_>>())
    }

    pub fn run_args(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs words with this text on standard input.
    pub fn run_with_input(&self, words: &str, input: &[u8]) -> Run {
        let mut child = self.spawn(words);
        // A run that refuses its words closes the pipe early.
        let _ = child.stdin.take().unwrap().write_all(input);
        Run::of(child.wait_with_output().unwrap())
    }

    /// Starts words with all three streams in the test's hands.
    pub fn spawn(&self, words: &str) -> Child {
        let mut command = self.command(&words.split(' ').collect::<Vec<_>>());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// What the words print; they must do.
    pub fn out(&self, words: &str) -> String {
        let run = self.run(words);
        assert_eq!(run.code, 0, "{words}: {run:?}");
        run.out
    }

    /// How many rows the table has.
    pub fn count(&self, table: &str) -> u64 {
        self.out(&format!("query db {table} --count")).trim().parse().unwrap()
    }
}

impl Run {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Checks the exit code and that an error names itself once.
    #[track_caller]
    pub fn refused(&self, code: i32, words: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.starts_with("store: ") || self.err.contains("\nstore: "), "{self:?}");
        assert!(self.err.contains(words), "{self:?}");
    }
}
