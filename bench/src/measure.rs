//! CPU time and medians.

use rustix::time::{ClockId, clock_gettime};

/// Runs the work; its CPU seconds, all threads together, and what it gave.
pub fn cpu_seconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let now = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let before = now();
    let result = work();
    (now() - before, result)
}

/// The median, the least and the most.
pub fn median(values: &mut [f64]) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0], values[values.len() - 1])
}
