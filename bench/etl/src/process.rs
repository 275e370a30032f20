//! One process, and what the system counted for it.

use std::collections::HashMap;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Instant;
use wait4::Wait4;

/// What a process took and said.
#[derive(Debug)]
pub struct Outcome {
    /// CPU seconds, of user and system.
    pub cpu_seconds: f64,
    /// Seconds from start to end.
    pub wall_seconds: f64,
    /// The most resident memory.
    pub peak_bytes: u64,
    words: HashMap<String, f64>,
}

impl Outcome {
    /// A number that the process printed by this name.
    pub fn said(&self, name: &str) -> Option<f64> {
        self.words.get(name).copied()
    }
}

/// Runs it to its end; panics, with what it printed, unless it ends well.
pub fn run(command: &mut Command) -> Outcome {
    let began = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
    let mut text = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut text).expect("it prints text");
    let ended = child.wait4().expect("it ends");
    assert!(ended.status.success(), "{command:?}: {:?}\n{text}", ended.status);
    let words = words(&text);
    // A program that is loaded into another one counts for itself.
    let counted = |name: &str, by_system: f64| words.get(name).copied().unwrap_or(by_system);
    Outcome {
        cpu_seconds: counted("cpu", (ended.rusage.utime + ended.rusage.stime).as_secs_f64()),
        wall_seconds: counted("wall", began.elapsed().as_secs_f64()),
        peak_bytes: ended.rusage.maxrss,
        words,
    }
}

/// The numbers of a JSON object, those of objects in it as well, or of words `name=value`.
fn words(text: &str) -> HashMap<String, f64> {
    let mut words = HashMap::new();
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(text) {
        collect(&value, &mut words);
        return words;
    }
    let word = |word: &str| {
        let (name, value) = word.split_once('=')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    text.split_whitespace().filter_map(word).collect()
}

fn collect(value: &serde_json::Value, words: &mut HashMap<String, f64>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        match value.as_f64() {
            Some(number) => drop(words.insert(name.clone(), number)),
            None => collect(value, words),
        }
    }
}
