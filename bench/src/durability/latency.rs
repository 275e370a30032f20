//! Times of single commits, in microseconds.

use std::time::Duration;

/// Every time that was taken.
#[derive(Default)]
pub struct Latencies(Vec<f32>);

impl Latencies {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time.as_secs_f32() * 1e6);
    }

    pub fn merge(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The time that this share of commits did not exceed, and with 1 the longest.
    pub fn at(&mut self, share: f64) -> f32 {
        self.0.sort_by(f32::total_cmp);
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    }
}
