//! Walks that copy a few words of each row: for batches of some columns.

use super::walk::Walk;
use super::{Versions, word};
use crate::error::Result;
use crate::mem::RowWords;
use crate::sync::{AtomicU64, Relaxed};

impl Walk {
    /// Copies the words at `picks` of rows of this page that the snapshot sees, one row's behind the
    /// other's, until there is no room for one more or the page ends; gives the words written.
    pub(crate) fn gather(
        &mut self,
        versions: &Versions,
        picks: &[usize],
        out: &mut [u64],
    ) -> Result<usize> {
        assert!(picks.iter().all(|at| *at < versions.words), "picks are words of a row");
        macro_rules! by_number {
            ($($picks:literal)*) => {
                match picks.len() {
                    $($picks => {
                        let picks: &[usize; $picks] = picks.try_into().expect("so many");
                        self.gather_few(versions, picks, out)
                    })*
                    _ => self.gather_by(versions, picks, out, |from, room| {
                        for (at, room) in picks.iter().zip(room) {
                            *room = word(from, *at).load(Relaxed);
                        }
                    }),
                }
            };
        }
        by_number!(1 2 3 4 5 6 7 8)
    }

    /// [`Walk::gather`] of so many words, without a loop over them.
    #[inline(never)]
    fn gather_few<const PICKS: usize>(
        &mut self,
        versions: &Versions,
        picks: &[usize; PICKS],
        out: &mut [u64],
    ) -> Result<usize> {
        let picks = *picks;
        self.gather_by(versions, &picks, out, |from, room| {
            let room: &mut [u64; PICKS] = room.try_into().expect("room for the picks");
            *room = picks.map(|at| word(from, at).load(Relaxed));
        })
    }

    #[inline(always)]
    fn gather_by(
        &mut self,
        versions: &Versions,
        picks: &[usize],
        out: &mut [u64],
        copy: impl Fn(*const AtomicU64, &mut [u64]),
    ) -> Result<usize> {
        let moment = self.moment();
        self.fill_by(picks.len(), out, copy, |slot, room| {
            let mut words = RowWords::zeroed(versions.words);
            let seen = versions.read_slot(slot, moment, &(0..versions.words), &mut words)?;
            for (at, room) in picks.iter().zip(room) {
                *room = words[*at];
            }
            Ok(seen)
        })
    }
}
