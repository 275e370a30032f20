//! Images of pages: the values of some columns in the rows of a page, for scans that want no others.
//!
//! ```text
//! page note   [ changed | seen, quiet, image ──► [ changed | rows | column ► values, column ► values … ] ]
//! ```
//!
//! `changed` is the greatest timestamp of a commit that has begun to change a row of the page. A
//! commit raises it where it installs, which is before it is published. So of a page with `changed`
//! c, every snapshot at or after c sees the same rows: those that c left. An image made of it then is
//! right for all of them while `changed` is c, and never again once it is greater (invariant I1):
//!
//! * *None is missing from it.* Who reads at S was registered after all commits up to S were published,
//!   so `changed` shows every one of them that touched the page, to the maker as to the user.
//! * *It shows none too many.* Its maker read the rows at its own snapshot, which c does not exceed.
//! * It is asked for once a page: a commit that raises `changed` after that look is later than S.
//!
//! `changed` is a maximum: commits of a page install in any order, and were the earlier one to
//! overwrite what the later one left, an image of the earlier moment would pass for the later one.
//!
//! # When images are made
//!
//! Images cost memory and the time of making them, so a page gets one of a column when an earlier scan
//! wanted that column too, and the page has not changed since the scan before. Where images were made
//! and thrown away unused, each next one waits for twice as many scans of an unchanged page. They are a
//! cache (`mem::budget`): they leave a part of the budget free, and go before anybody is refused memory.

use super::timeline::Timestamp;
use crate::mem::budget::{Cache, Holder};
use crate::mem::column::ColumnValues;
use crate::mem::page_pool::PagePool;
use crate::mem::prefetch_to_write;
use crate::mem::slab::Slab;
use crate::options::IMAGE_WAIT_MAX;
use crate::planted;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Relaxed, capacity};
use smallvec::SmallVec;
use std::sync::{Arc, OnceLock};

/// Pages of the first block of notes; each next one has twice as many.
const FIRST_NOTES: u32 = capacity(64, 1) as u32;
/// Blocks of notes: as many as pages have numbers for.
const BLOCKS: usize = 32;

/// What is known of a table's pages.
pub(crate) struct Images {
    notes: [OnceLock<Box<[PageNote]>>; BLOCKS],
    /// Columns that a scan to the end has wanted.
    wanted: Box<[AtomicBool]>,
    /// Values of images, from the first one on.
    slab: OnceLock<Arc<Slab>>,
    pool: Arc<PagePool>,
    holder: Holder,
}

/// What is known of one page.
#[derive(Default)]
struct PageNote {
    changed: AtomicU64,
    entry: Mutex<Entry>,
}

/// Only ever tried to lock: who finds it taken does without.
#[derive(Default)]
struct Entry {
    /// What `changed` was for the last scan, and how many have found it so since.
    seen: u64,
    quiet: u8,
    /// How many must.
    wait: u8,
    /// How many rows it had, if a scan has counted them.
    rows: Option<u32>,
    image: Option<Box<Image>>,
}

struct Image {
    changed: u64,
    columns: SmallVec<[(usize, Arc<ColumnValues>); 2]>,
    used: bool,
}

/// Columns of a page, in the order in which they were asked for.
#[derive(Default)]
pub(crate) struct Columns {
    pub rows: usize,
    pub values: SmallVec<[Arc<ColumnValues>; 4]>,
}

/// A scan, as images know it.
pub(crate) struct Scan {
    /// The columns it wants, each once.
    pub columns: SmallVec<[usize; 4]>,
    /// Another one has wanted them all.
    again: bool,
}

/// What a page has for a scan.
pub(crate) enum Look {
    /// Nothing: its rows are to be read.
    Nothing,
    /// An image.
    Image(Columns),
    /// Its rows are to be read, and kept as they are at this `changed`.
    Make(u64),
}

impl Images {
    /// Images for a table of so many columns, none yet.
    pub(crate) fn new(pool: &Arc<PagePool>, holder: Holder, columns: usize) -> Arc<Self> {
        let images = Arc::new(Self {
            notes: [const { OnceLock::new() }; BLOCKS],
            wanted: (0..columns).map(|_| AtomicBool::new(false)).collect(),
            slab: OnceLock::new(),
            pool: Arc::clone(pool),
            holder,
        });
        let cache = Arc::downgrade(&images);
        images.holder.budget().add_cache(cache);
        images
    }

    // ---- writers

    /// Gets the note of a page ready, so that a commit finds it there.
    #[inline]
    pub(super) fn expect_page(&self, page: u32) {
        self.note(page);
    }

    /// Somebody is about to change a row of this page: has the processor fetch its note.
    #[inline(always)]
    pub(super) fn expect_change(&self, page: u32) {
        prefetch_to_write(&raw const self.note(page).changed);
    }

    /// Notes that a commit begins to change a row of this page.
    #[inline]
    pub(super) fn note_change(&self, page: u32, at: Timestamp) {
        if planted::bug("page_change_not_noted") {
            return;
        }
        let changed = &self.note(page).changed;
        if planted::bug("page_change_overwritten") {
            stand_for_a_while();
            return changed.store(at.0, Relaxed);
        }
        // Relaxed: whom it concerns is registered after this commit was published. A loop, because the
        // thread sanitizer does not know `fetch_max`.
        let mut known = changed.load(Relaxed);
        while known < at.0 {
            match changed.compare_exchange_weak(known, at.0, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(now) => known = now,
            }
        }
    }

    #[inline]
    fn note(&self, page: u32) -> &PageNote {
        let place = u64::from(page) + u64::from(FIRST_NOTES);
        let block = place.ilog2() - FIRST_NOTES.ilog2();
        let first = u64::from(FIRST_NOTES) << block;
        let notes = match self.notes[block as usize].get() {
            Some(notes) => notes,
            None => self.add_notes(block),
        };
        &notes[(place - first) as usize]
    }

    #[cold]
    fn add_notes(&self, block: u32) -> &[PageNote] {
        let count = (FIRST_NOTES as usize) << block;
        self.notes[block as usize].get_or_init(|| (0..count).map(|_| PageNote::default()).collect())
    }

    // ---- scans

    /// A scan that wants these columns.
    pub(crate) fn scan(&self, columns: SmallVec<[usize; 4]>) -> Scan {
        let again = columns.iter().all(|column| self.wanted[*column].load(Relaxed));
        Scan { columns, again }
    }

    /// Notes that a scan has come to its end.
    pub(crate) fn scanned(&self, scan: &Scan) {
        for column in &scan.columns {
            self.wanted[*column].store(true, Relaxed);
        }
    }

    /// What a page has for a scan at this snapshot.
    pub(crate) fn look(&self, page: u32, at: Timestamp, scan: &Scan) -> Look {
        let note = self.note(page);
        let changed = note.changed.load(Relaxed); // what the snapshot sees was published before it
        if changed > at.0 && !planted::bug("image_newer_than_snapshot") {
            return Look::Nothing;
        }
        let Some(mut entry) = note.entry.try_lock() else { return Look::Nothing };
        entry.forget_stale(changed);
        if entry.seen != changed {
            (entry.seen, entry.quiet, entry.rows) = (changed, 0, None);
            return Look::Nothing;
        }
        if let Some(columns) = entry.pick(scan) {
            if let Some(image) = &mut entry.image {
                image.used = true;
            }
            return Look::Image(columns);
        }
        if !scan.again || entry.quiet < entry.wait {
            entry.quiet = entry.quiet.saturating_add(1);
            return Look::Nothing;
        }
        Look::Make(changed)
    }

    /// Keeps the columns of a page that were read when it was looked at; `None` if it has changed
    /// meanwhile, or if there is no memory to spare.
    pub(crate) fn keep(
        &self,
        page: u32,
        changed: u64,
        scan: &Scan,
        rows: usize,
        make: impl Fn(usize, &Arc<Slab>) -> Option<ColumnValues>,
    ) -> Option<Columns> {
        let note = self.note(page);
        let slab = || Slab::new(Arc::clone(&self.pool), self.holder.clone());
        let slab = self.slab.get_or_init(slab);
        let mut entry = note.entry.try_lock()?;
        entry.forget_stale(changed);
        let missing = scan.columns.iter().enumerate().filter(|(_, column)| !entry.has(**column));
        let made =
            missing.map(|(nth, column)| make(nth, slab).map(|values| (*column, Arc::new(values))));
        let made: SmallVec<[_; 2]> = made.collect::<Option<_>>()?;
        // A row may have been missed because the snapshot was given up; but not before somebody
        // changed it, and who met what that left (`drop_row`, `prune`) sees the change here.
        if note.changed.load(Relaxed) != changed || entry.seen != changed {
            return None;
        }
        let known = *entry.rows.get_or_insert(rows as u32);
        assert_eq!(known as usize, rows, "a page that has not changed has the same rows");
        if !made.is_empty() {
            let none = || Box::new(Image { changed, columns: SmallVec::new(), used: false });
            entry.image.get_or_insert_with(none).columns.extend(made);
        }
        entry.pick(scan)
    }
}

/// For planted bugs: now long, now short, so that others overtake.
fn stand_for_a_while() {
    static TURN: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let turn = TURN.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed);
    if !cfg!(loom) {
        std::thread::sleep(std::time::Duration::from_micros((turn >> 32) % 400));
    }
}

impl Entry {
    /// Drops an image of what the page was before.
    fn forget_stale(&mut self, changed: u64) {
        let is_stale = self.image.as_ref().is_some_and(|image| image.changed != changed);
        if !is_stale || planted::bug("image_kept_for_ever") {
            return;
        }
        let used = self.image.take().is_some_and(|image| image.used);
        self.wait = if used { 0 } else { (self.wait * 2 + 1).min(IMAGE_WAIT_MAX) };
    }

    fn column(&self, column: usize) -> Option<&Arc<ColumnValues>> {
        let columns = &self.image.as_ref()?.columns;
        columns.iter().find(|(known, _)| *known == column).map(|(_, values)| values)
    }

    fn has(&self, column: usize) -> bool {
        self.column(column).is_some()
    }

    /// The columns that a scan wants, if all are there; without any, how many rows there are.
    fn pick(&self, scan: &Scan) -> Option<Columns> {
        let rows = self.rows? as usize;
        let values = scan.columns.iter().map(|column| self.column(*column).cloned());
        Some(Columns { rows, values: values.collect::<Option<_>>()? })
    }
}

impl Cache for Images {
    fn give_back(&self) -> bool {
        let mut images = 0;
        for notes in self.notes.iter().filter_map(OnceLock::get) {
            for note in notes {
                // Who holds it may be this thread, which asks for memory for an image.
                let image = note.entry.try_lock().and_then(|mut entry| entry.image.take());
                images += usize::from(image.is_some());
            }
        }
        if images > 0 {
            self.pool.trim(); // not all who ask want pages
        }
        images > 0
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::mem::budget::MemoryBudget;
    use crate::options::PAGE_BYTES;

    const NOW: Timestamp = Timestamp(1_000);

    /// Scans the page until it has an image; how many scans found none, the maker's among them.
    fn scans_until_made(images: &Images, page: u32) -> usize {
        let scan = images.scan([0].into_iter().collect());
        for scans in 1.. {
            let looked = images.look(page, NOW, &scan);
            images.scanned(&scan);
            if let Look::Make(changed) = looked {
                let fill = |_, slab: &Arc<Slab>| {
                    ColumnValues::make(slab, (10, 1), false, |words, _| words.fill(changed))
                };
                assert!(images.keep(page, changed, &scan, 10, fill).is_some());
                return scans;
            }
        }
        unreachable!("a page that nobody changes gets an image")
    }

    #[test]
    fn a_page_whose_images_go_unused_waits_longer_for_the_next() {
        let root = MemoryBudget::new(64 * PAGE_BYTES as u64).holder("store");
        let pool = PagePool::new(root.child("pool")).unwrap();
        let images = Images::new(&pool, root.child("images"), 1);
        for page in [0, 63, 64, 1_000, 70_000] {
            let at = std::cell::Cell::new(0);
            let change = || {
                at.set(at.get() + 1);
                images.note_change(page, Timestamp(at.get()));
            };
            change();
            images.scanned(&images.scan([0].into_iter().collect()));
            let mut scans = Vec::new();
            for _ in 0..9 {
                scans.push(scans_until_made(&images, page));
                change();
            }
            assert_eq!(scans, [2, 3, 5, 9, 17, 33, 65, 65, 65]);
            scans_until_made(&images, page);
            let scan = images.scan([0].into_iter().collect());
            let Look::Image(columns) = images.look(page, NOW, &scan) else { panic!("it was made") };
            assert_eq!(columns.values[0].words(), [at.get(); 10]);
            assert!(matches!(images.look(page, Timestamp(at.get() - 1), &scan), Look::Nothing));
            change();
            assert_eq!(scans_until_made(&images, page), 2, "one that was used");
        }
        assert!(images.give_back() && !images.give_back());
        assert_eq!(images.holder.used(), 0);
    }
}
