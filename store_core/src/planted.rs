//! Planted bugs: each guard of an invariant can be switched off by name, so that a test suite can
//! prove that it would notice.
//!
//! Built with `--cfg planted`, `loom` or `shuttle` only; the variable `STORE_PLANTED` names the bugs,
//! separated by commas. In every other build [`bug`] is a constant and leaves no code behind.

use std::sync::atomic::Ordering;

/// True if the planted bug of this name is switched on.
#[cfg(not(any(planted, loom, shuttle)))]
#[inline(always)]
pub const fn bug(_name: &str) -> bool {
    false
}

/// True if the planted bug of this name is switched on.
#[cfg(any(planted, loom, shuttle))]
pub fn bug(name: &str) -> bool {
    static NAMES: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    NAMES
        .get_or_init(|| std::env::var("STORE_PLANTED").unwrap_or_default())
        .split(',')
        .any(|planted| planted == name)
}

/// The ordering that an atomic operation needs, or none with the planted bug of this name. Only a
/// model notices such a bug: processors and compilers mostly hide it.
#[inline(always)]
pub(crate) fn order(name: &str, needed: Ordering) -> Ordering {
    if bug(name) { Ordering::Relaxed } else { needed }
}
