//! Moving rows out of memory, and back.

use super::Table;
use crate::error::Result;
use crate::freezing::{self, FreezeReport};
use crate::query::Predicate;
use crate::txn::{LiveTable, Snapshot};

impl Table {
    /// Moves the rows for which the predicate is true out of memory, into segments on disk; says how many.
    ///
    /// They stay rows of the table: every read finds them as before, at the cost of reading a block, and
    /// whoever writes one brings it back to memory first. Others read and write meanwhile; a row that
    /// somebody writes just then stays in memory. What is frozen when this returns, or fails half-way, is
    /// durable as it is, and no row is lost.
    ///
    /// Takes some 48 bytes for each of up to 262,144 rows at once, and some 20 more for each index of the
    /// table, besides what its values have beyond eight bytes; fewer rows where the budget has less. A store
    /// without files is [`Kind::Unsupported`](crate::Kind::Unsupported).
    ///
    /// ```
    /// # use store_core::{Schema, Store, Type, query::column};
    /// # let place = std::env::temp_dir().join(format!("store-freeze-{}", std::process::id()));
    /// let store = Store::options().memory(64 << 20).open(&place)?;
    /// let schema = Schema::builder("t").column("id", Type::Int64).key().column("n", Type::Int64);
    /// let table = store.create_table(schema.build()?)?;
    /// store.write(|txn| (0..2_000).try_for_each(|id| table.insert(txn, &[id.into(), (id % 7).into()])))?;
    /// let report = table.freeze(&column("id").lt(1_500), |_rows_so_far| true)?;
    /// assert_eq!(report.rows, 1_500);
    /// assert_eq!(table.count(&store.snapshot()?)?, 2_000);
    /// assert_eq!(table.thaw(&column("id").lt(10))?, 10);
    /// # drop((table, store)); std::fs::remove_dir_all(&place).unwrap();
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn freeze(
        &self,
        predicate: &Predicate,
        mut progress: impl FnMut(u64) -> bool,
    ) -> Result<FreezeReport> {
        freezing::freeze(&self.engine, self, &self.edition, predicate, &mut progress)
    }

    /// Brings the cold rows for which the predicate is true back to memory; says how many.
    pub fn thaw(&self, predicate: &Predicate) -> Result<u64> {
        freezing::thaw(&self.engine, self, predicate)
    }

    /// The table as this snapshot sees it.
    pub(crate) fn live_of(&self, snapshot: &Snapshot) -> Result<&LiveTable> {
        self.live_at(snapshot.moment().at)
    }
}
