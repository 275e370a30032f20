//! Progress of an ingest on standard error, if that is a terminal.

use indicatif::{DecimalBytes, HumanCount, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Instant;
use store_core::Store;
use store_core::ingest::{Progress, ProgressCallback};

const WITH_SIZE: &str = "{bar:24} {percent:>3}%  {msg}";
const WITHOUT_SIZE: &str = "{spinner}  {msg}";

/// A callback that draws a line, and removes it with the callback; none if nobody would see it.
pub fn line(quiet: bool, store: &Store) -> Option<ProgressCallback> {
    if quiet || !std::io::stderr().is_terminal() {
        return None;
    }
    let mut shown = Shown { bar: ProgressBar::new_spinner(), began: Instant::now(), begun: false };
    let store = store.clone();
    Some(Box::new(move |progress| {
        shown.tell(progress, &store);
        true
    }))
}

struct Shown {
    bar: ProgressBar,
    began: Instant,
    begun: bool,
}

impl Shown {
    fn tell(&mut self, progress: &Progress, store: &Store) {
        if !std::mem::replace(&mut self.begun, true) {
            self.begin(progress.source_size);
        }
        self.bar.set_message(message(progress, self.began, store));
        self.bar.set_position(progress.source_bytes);
        self.bar.tick();
    }

    fn begin(&self, size: Option<u64>) {
        let template = if size.is_some() { WITH_SIZE } else { WITHOUT_SIZE };
        self.bar.set_style(ProgressStyle::with_template(template).expect("both are well formed"));
        if let Some(size) = size {
            self.bar.set_length(size);
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn message(progress: &Progress, began: Instant, store: &Store) -> String {
    let seconds = began.elapsed().as_secs_f64().max(0.001);
    let stats = store.stats();
    let rejected = match progress.rows_rejected {
        0 => String::new(),
        rows => format!(" ({} rejected)", HumanCount(rows)),
    };
    format!(
        "{} rows{rejected}  {} rows/s  {}/s  memory {} / {}",
        HumanCount(progress.rows_in),
        HumanCount((progress.rows_in as f64 / seconds) as u64),
        DecimalBytes((progress.bytes as f64 / seconds) as u64),
        DecimalBytes(stats.memory_used),
        DecimalBytes(stats.memory_limit),
    )
}
