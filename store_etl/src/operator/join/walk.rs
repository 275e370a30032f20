//! Along the chains of records that may be partners of rows.

use super::record::{CHUNK_ROWS, FLAGS, MET, RecordLayout, UNIT, next_at, set_next};
use crate::operator::key::same;
use store_core::Result;
use store_core::mem::fetch_piece;

/// Pairs found before they are looked at.
pub(super) const PAIRS_MAX: usize = 512;
/// No partner.
pub(super) const ALONE: u32 = 0;

/// A row that looks for partners.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seeker {
    /// What it is called in pairs: its place in a batch or of its record.
    pub row: u32,
    /// Where its key is.
    pub key: (u32, u32),
    /// The record to look at next, in units of [`UNIT`]; 0 at the end.
    pub next: u32,
    /// Whether it has met a partner.
    pub met: bool,
}

/// What comes of partners that meet, and of rows that meet none.
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, asked by name")]
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Each meeting gives a pair.
    pub pairs: bool,
    /// The first meeting ends the search, and gives the row alone.
    pub once: bool,
    /// The first meeting ends the search, and gives nothing.
    pub never: bool,
    /// A row that has met none comes alone, when it has seen all.
    pub keeps: bool,
    /// Partners are marked.
    pub marks: bool,
    /// All possible partners are in memory, or the last ones of them.
    pub last: bool,
}

/// Rows that look for partners, and the pairs that were found.
///
/// All rows take one step along their chains, then all that are not at the end take the next one: each record
/// is fetched while the other rows' are looked at.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// At most [`CHUNK_ROWS`].
    pub seekers: Vec<Seeker>,
    pub pairs: Vec<(u32, u32)>,
    /// How many of the pairs were taken.
    pub taken: usize,
    /// Rows to be asked again with the next possible partners, and whether they have met one.
    pub again: Vec<(u32, bool)>,
}

impl Walk {
    /// Bytes of the lists.
    pub const BYTES: usize = 2 * (CHUNK_ROWS * (size_of::<Seeker>() + 8) + PAIRS_MAX * 8);

    /// Forgets all rows.
    pub fn clear(&mut self) {
        self.seekers.clear();
        self.pairs.clear();
        self.again.clear();
        self.taken = 0;
    }

    /// True if pairs wait to be taken or rows to be walked.
    pub fn has_more(&self) -> bool {
        self.taken < self.pairs.len() || !self.seekers.is_empty()
    }

    /// Looks for pairs, unless some wait. Keys lie in `keys`, possible partners in `memory`.
    pub fn run(
        &mut self,
        rules: Rules,
        layout: &RecordLayout,
        keys: &[u8],
        memory: &mut [u8],
    ) -> Result<()> {
        if self.taken < self.pairs.len() {
            return Ok(());
        }
        self.pairs.clear();
        self.taken = 0;
        let record = layout.record_min() - 1;
        // A step gives a pair at most.
        while !self.seekers.is_empty() && self.pairs.len() + self.seekers.len() <= PAIRS_MAX {
            let mut kept = 0;
            for nth in 0..self.seekers.len() {
                let mut seeker = self.seekers[nth];
                if seeker.next != 0 && self.step(rules, layout, keys, memory, &mut seeker)? {
                    fetch_piece(memory, seeker.next as usize * UNIT, record);
                    self.seekers[kept] = seeker;
                    kept += 1;
                } else {
                    self.end(rules, seeker);
                }
            }
            self.seekers.truncate(kept);
        }
        Ok(())
    }

    /// Looks at the next record; true if the row is to look at another one.
    #[inline(always)]
    fn step(
        &mut self,
        rules: Rules,
        layout: &RecordLayout,
        keys: &[u8],
        memory: &mut [u8],
        seeker: &mut Seeker,
    ) -> Result<bool> {
        let place = seeker.next;
        let at = place as usize * UNIT;
        let found = layout.key_at(memory, at)?;
        let next = next_at(memory, at);
        seeker.next = next & !FLAGS;
        if same(&keys[seeker.key.0 as usize..seeker.key.1 as usize], &memory[found]) {
            seeker.met = true;
            if rules.marks {
                set_next(memory, at, next | MET);
            }
            if rules.once || rules.never {
                return Ok(false);
            }
            if rules.pairs {
                self.pairs.push((seeker.row, place));
            }
        }
        Ok(seeker.next != 0)
    }

    /// A row has seen all that is in memory.
    fn end(&mut self, rules: Rules, seeker: Seeker) {
        let Seeker { row, met, .. } = seeker;
        if rules.once && met {
            self.pairs.push((row, ALONE));
        } else if !(rules.last || rules.never && met) {
            self.again.push((row, met));
        } else if rules.last && rules.keeps && !met {
            self.pairs.push((row, ALONE));
        }
    }
}
