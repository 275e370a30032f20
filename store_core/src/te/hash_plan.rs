//! A hash aggregate's or a join's plan: how its memory is cut up, and what follows for any amount of input.
//!
//! ```text
//!  memory = A + F·P     A: tables, lists, room for a record, pages that stay
//!  level 1: F partitions; level l: F · G^(l−1), until a partition's groups fit a table
//! ```

use super::task::Task;

/// How much there is to group or to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashInput {
    /// Rows that are partitioned.
    pub rows: u64,
    /// Bytes of their records.
    pub bytes: u64,
    /// Different keys; of a join the rows of the side that is kept in memory.
    pub keys: u64,
}

/// A plan: sizes that do not depend on the input, and functions of it.
///
/// ```
/// use store_core::te::{HashInput, HashPlan};
/// let plan = HashPlan { memory: 1000, page: 10, pages: 80, fan_out: 8, fan_out_again: 4, resident_keys: 5, table_keys: 20 };
/// let input = |keys| HashInput { rows: 500, bytes: 500, keys };
/// assert_eq!(plan.levels(input(4)), 0);
/// assert_eq!(plan.levels(input(8 * 20)), 1);
/// assert_eq!(plan.levels(input(8 * 4 * 20)), 2);
/// assert_eq!(plan.spill_bytes(input(160)), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashPlan {
    /// Bytes it holds at most, all of it.
    pub memory: u64,
    /// P: bytes of a page.
    pub page: u64,
    /// Pages in all.
    pub pages: u64,
    /// F: partitions of the first level.
    pub fan_out: u64,
    /// Partitions that each of those is taken apart into that does not fit.
    pub fan_out_again: u64,
    /// Keys that never reach a partition.
    pub resident_keys: u64,
    /// Keys of a partition that fit in memory.
    pub table_keys: u64,
}

impl HashPlan {
    /// A: what does not belong to partitions' current pages.
    pub const fn arena(&self) -> u64 {
        self.memory.saturating_sub(self.fan_out.saturating_mul(self.page))
    }

    /// What it holds while it takes rows in.
    pub const fn task(&self) -> Task {
        Task::Aggregate { arena: self.arena(), partitions: self.fan_out }
    }

    /// How often a row is partitioned, if hashes spread the keys evenly; 0 if all keys are resident.
    pub fn levels(&self, input: HashInput) -> u32 {
        if input.keys <= self.resident_keys {
            return 0;
        }
        let mut keys = input.keys.div_ceil(self.fan_out.max(1));
        let mut levels = 1;
        while keys > self.table_keys.max(1) && self.fan_out_again > 1 {
            keys = keys.div_ceil(self.fan_out_again);
            levels += 1;
        }
        levels
    }

    /// Bytes written to files at most: at the first level what the pages do not hold, at each further one
    /// everything.
    pub fn spill_bytes(&self, input: HashInput) -> u64 {
        let levels = self.levels(input);
        if levels == 0 {
            return 0;
        }
        // Partitions' last pages are half empty.
        let held = self.pages.saturating_sub(self.fan_out / 2).saturating_mul(self.page);
        let first = if levels == 1 { input.bytes.saturating_sub(held) } else { input.bytes };
        first.saturating_add(input.bytes.saturating_mul(u64::from(levels) - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: HashPlan = HashPlan {
        memory: 10_000,
        page: 64,
        pages: 100,
        fan_out: 16,
        fan_out_again: 4,
        resident_keys: 10,
        table_keys: 30,
    };

    /// Partitions played through: keys are spread as evenly as can be.
    fn played(keys: u64) -> u32 {
        fn level(keys: u64, plan: &HashPlan, fan_out: u64) -> u32 {
            let largest = keys.div_ceil(fan_out);
            if largest <= plan.table_keys {
                1
            } else {
                1 + level(largest, plan, plan.fan_out_again)
            }
        }
        if keys <= PLAN.resident_keys { 0 } else { level(keys, &PLAN, PLAN.fan_out) }
    }

    #[test]
    fn levels_are_those_of_partitions_played_through() {
        for keys in (0..100_000).step_by(37) {
            let input = HashInput { rows: keys, bytes: keys * 10, keys };
            assert_eq!(PLAN.levels(input), played(keys), "{keys} keys");
        }
    }

    #[test]
    fn more_input_never_spills_less() {
        let mut last = 0;
        for keys in (0..10_000).step_by(7) {
            let spilled = PLAN.spill_bytes(HashInput { rows: keys, bytes: keys * 10, keys });
            assert!(spilled >= last, "{keys} keys");
            last = spilled;
        }
        assert!(last > 0);
        assert_eq!(PLAN.arena(), 10_000 - 16 * 64);
        let sizes = super::super::Sizes { page: 64, batch: 0, row: 0, workers: 1 };
        assert_eq!(PLAN.task().bytes(&sizes), PLAN.memory);
    }
}
