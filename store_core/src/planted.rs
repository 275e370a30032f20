//! Planted bugs: each guard of an invariant can be switched off by name, so that a test suite can
//! prove that it would notice.
//!
//! Built with `--cfg planted` only; the variable `STORE_PLANTED` names the bugs, separated by
//! commas. In every other build [`bug`] is a constant and leaves no code behind.

/// True if the planted bug of this name is switched on.
#[cfg(not(planted))]
#[inline(always)]
pub(crate) const fn bug(_name: &str) -> bool {
    false
}

/// True if the planted bug of this name is switched on.
#[cfg(planted)]
pub(crate) fn bug(name: &str) -> bool {
    static NAMES: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    NAMES
        .get_or_init(|| std::env::var("STORE_PLANTED").unwrap_or_default())
        .split(',')
        .any(|planted| planted == name)
}
