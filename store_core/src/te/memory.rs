//! What is held at the same time.

use super::task::{Sizes, Task};

/// Tasks that are alive together, by name.
///
/// ```
/// use store_core::te::{Held, Sizes, Task};
/// let sizes = Sizes { page: 1000, batch: 100, row: 10, workers: 1 };
/// let mut held = Held::new();
/// held.add("scan", Task::Scan).add("filter", Task::Stream).add("sink", Task::Sink);
/// assert_eq!(held.bytes(&sizes), 1110 + 100 + 1000);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held(Vec<(String, Task)>);

impl Held {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a task.
    pub fn add(&mut self, name: impl Into<String>, task: Task) -> &mut Self {
        self.0.push((name.into(), task));
        self
    }

    /// The most bytes that all of them hold.
    pub fn bytes(&self, sizes: &Sizes) -> u64 {
        self.0.iter().map(|(_, task)| task.bytes(sizes)).fold(0, u64::saturating_add)
    }

    /// The tasks with what each holds, in the order in which they were added.
    pub fn lines(&self, sizes: &Sizes) -> Vec<(&str, u64)> {
        self.0.iter().map(|(name, task)| (name.as_str(), task.bytes(sizes))).collect()
    }
}

/// The most that any of several moments holds.
pub fn largest(moments: &[Held], sizes: &Sizes) -> u64 {
    moments.iter().map(|held| held.bytes(sizes)).max().unwrap_or(0)
}
