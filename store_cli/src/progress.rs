//! Progress of an ingest, or of rows being made, on standard error, if that is a terminal.

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

/// Rows written so far; goes with its value.
pub struct Rows(Option<(ProgressBar, Instant)>);

impl Rows {
    /// A line about `rows` rows; none if nobody would see it, or if it would stand among the rows.
    pub fn of(quiet: bool, rows: u64, to_stdout: bool) -> Self {
        let among_rows = to_stdout && std::io::stdout().is_terminal();
        if quiet || among_rows || !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let style = ProgressStyle::with_template(WITH_SIZE).expect("it is well formed");
        Self(Some((ProgressBar::new(rows).with_style(style), Instant::now())))
    }

    /// Shows rows and bytes so far.
    pub fn tell(&self, rows: u64, bytes: u64) {
        let Some((bar, began)) = &self.0 else { return };
        let seconds = began.elapsed().as_secs_f64().max(0.001);
        let per_second = |count: u64| (count as f64 / seconds) as u64;
        bar.set_message(format!(
            "{} rows  {} rows/s  {}/s",
            HumanCount(rows),
            HumanCount(per_second(rows)),
            DecimalBytes(per_second(bytes)),
        ));
        bar.set_position(rows);
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        if let Some((bar, _)) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Bytes copied so far; goes with its value.
pub struct Bytes(Option<(ProgressBar, Instant)>);

impl Bytes {
    /// A line about bytes; none if nobody would see it.
    pub fn of(quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let style = ProgressStyle::with_template(WITH_SIZE).expect("it is well formed");
        Self(Some((ProgressBar::new(0).with_style(style), Instant::now())))
    }

    /// Shows bytes so far, of how many.
    pub fn tell(&self, bytes: u64, total: u64) {
        let Some((bar, began)) = &self.0 else { return };
        let seconds = began.elapsed().as_secs_f64().max(0.001);
        let per_second = DecimalBytes((bytes as f64 / seconds) as u64);
        bar.set_length(total);
        bar.set_message(format!(
            "{} of {}  {per_second}/s",
            DecimalBytes(bytes),
            DecimalBytes(total)
        ));
        bar.set_position(bytes);
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        if let Some((bar, _)) = &self.0 {
            bar.finish_and_clear();
        }
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

/// How far a job is; goes with its value.
pub struct JobLine {
    bar: ProgressBar,
    began: Instant,
}

impl JobLine {
    /// A line about a job; none if nobody would see it.
    pub fn of(quiet: bool) -> Option<Self> {
        if quiet || !std::io::stderr().is_terminal() {
            return None;
        }
        Some(Self { bar: ProgressBar::new_spinner(), began: Instant::now() })
    }

    /// Shows it.
    pub fn tell(&mut self, progress: &store_etl::run::Progress) {
        let template = if progress.source_size.is_some() { WITH_SIZE } else { WITHOUT_SIZE };
        self.bar.set_style(ProgressStyle::with_template(template).expect("both are well formed"));
        if let Some(size) = progress.source_size {
            self.bar.set_length(size);
        }
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        let per_second = |count: u64| (count as f64 / seconds) as u64;
        let spilled = match progress.spill_bytes {
            0 => String::new(),
            bytes => format!("  spilled {}", DecimalBytes(bytes)),
        };
        self.bar.set_message(format!(
            "{} rows  {} rows/s  {}/s  memory {} / {}{spilled}",
            HumanCount(progress.rows_in),
            HumanCount(per_second(progress.rows_in)),
            DecimalBytes(per_second(progress.bytes)),
            DecimalBytes(progress.memory),
            DecimalBytes(progress.cap),
        ));
        self.bar.set_position(progress.source_bytes);
        self.bar.tick();
    }
}

impl Drop for JobLine {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
