//! Along the chains of records that may be partners of rows.

use super::record::{CHUNK_ROWS, MET, RecordLayout, UNIT, next_at, set_next};
use crate::operator::key::same;
use store_core::Result;

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
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub seekers: Vec<Seeker>,
    at: usize,
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
        (self.at, self.taken) = (0, 0);
    }

    /// True if pairs wait to be taken or rows to be walked.
    pub fn has_more(&self) -> bool {
        self.taken < self.pairs.len() || self.at < self.seekers.len()
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
        while self.at < self.seekers.len() {
            let mut seeker = self.seekers[self.at];
            let key = &keys[seeker.key.0 as usize..seeker.key.1 as usize];
            while seeker.next != 0 {
                let place = seeker.next;
                let at = place as usize * UNIT;
                let parts = layout.parts(memory, at)?;
                let next = next_at(memory, at);
                seeker.next = next & !MET;
                if !same(key, &memory[parts.key]) {
                    continue;
                }
                seeker.met = true;
                if rules.marks {
                    set_next(memory, at, next | MET);
                }
                if rules.once || rules.never {
                    break;
                }
                if rules.pairs {
                    self.pairs.push((seeker.row, place));
                    if self.pairs.len() == PAIRS_MAX {
                        self.seekers[self.at] = seeker;
                        return Ok(());
                    }
                }
            }
            self.end(rules, seeker);
            self.at += 1;
            if self.pairs.len() == PAIRS_MAX {
                return Ok(());
            }
        }
        Ok(())
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
