//! One process, and what the system counted for it.

use std::collections::HashMap;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Instant;
use wait4::Wait4;

pub struct Outcome {
    pub cpu_seconds: f64,
    pub wall_seconds: f64,
    /// The most resident memory of the process.
    pub peak_bytes: u64,
    words: HashMap<String, f64>,
}

impl Outcome {
    /// A number that the process printed by this name.
    pub fn said(&self, name: &str) -> Option<f64> {
        self.words.get(name).copied()
    }
}

pub fn run(command: &mut Command) -> Outcome {
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut text = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut text).expect("it prints text");
    let ended = child.wait4().expect("it ends");
    assert!(ended.status.success(), "{command:?}: {:?}", ended.status);
    let word = |word: &str| {
        let (name, value) = word.split_once('=')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    Outcome {
        cpu_seconds: (ended.rusage.utime + ended.rusage.stime).as_secs_f64(),
        wall_seconds: began.elapsed().as_secs_f64(),
        peak_bytes: ended.rusage.maxrss,
        words: text.split_whitespace().filter_map(word).collect(),
    }
}
