//! The store's memory for work beside it, and which directory it is in: for those who run jobs over it.

use super::Store;
use crate::error::Result;
use crate::mem::Reservation;
use std::path::Path;

impl Store {
    /// Takes memory out of the store's budget for work beside it, such as a job, until the reservation is
    /// dropped; `stats` shows it under this name.
    ///
    /// What nobody sees any more is reclaimed to make room. Then it is [`Kind::OverBudget`], which says who
    /// holds what; rows, snapshots and transactions are left alone.
    ///
    /// ```
    /// # let (store, _flights) = store_core::doctest::flights();
    /// let held = store.reserve("job", 1 << 20)?;
    /// let holders = store.stats().holders;
    /// assert!(holders.iter().any(|line| line.path == "store/job" && line.bytes == 1 << 20));
    /// # drop(held);
    /// # Ok::<_, store_core::Error>(())
    /// ```
    ///
    /// [`Kind::OverBudget`]: crate::Kind::OverBudget
    pub fn reserve(&self, name: &str, bytes: usize) -> Result<Reservation> {
        self.engine.check_open()?;
        let holder = self.engine.holder.child(name);
        self.engine.with_reclaim(|| holder.reserve(bytes))
    }

    /// True if the store's files are in this directory, by whatever path it was opened; of a store without
    /// files if the path is `:memory:`.
    ///
    /// ```
    /// # let place = std::env::temp_dir().join(format!("store-is-in-{}", std::process::id()));
    /// let store = store_core::Store::options().open(&place)?;
    /// assert!(store.is_in(place.join("..").join(place.file_name().expect("it has a name"))));
    /// assert!(!store.is_in(":memory:") && store_core::Store::in_memory()?.is_in(":memory:"));
    /// # drop(store); std::fs::remove_dir_all(&place).unwrap();
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn is_in(&self, path: impl AsRef<Path>) -> bool {
        let path = path.as_ref();
        match &self.home {
            Some(home) => home.device.is_at(path),
            None => path == Path::new(":memory:"),
        }
    }
}
