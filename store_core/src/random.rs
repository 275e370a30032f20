//! Numbers nobody can guess: they tell stores and files apart.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// A new random number; the standard library seeds each hasher from the system.
pub(crate) fn random_id() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ() {
        assert_ne!(random_id(), random_id());
    }
}
