//! Merging segments of a table: rows of a few go into one, and those that are gone are left out.
//!
//! ```text
//! S: the rows that are there → in the order of keys → segment (written, synced, named)
//! → one commit, at T: the segment is there, but for the rows that left after S, and the others are over
//! ```
//!
//! Readers before T go on with the others, which stay until nobody is before T. Rows come and go meanwhile;
//! only in the moment of that commit none moves. A crash leaves either the others or the new one.
//!
//! Entries of indexes are merged likewise, after the rows, whose new numbers are kept until then.
//!
//! It is a schedule of one task: a block of each source, one of the new segment, its filters, and four bytes
//! a row if there are indexes.

use super::{ColdFile, Work, columns_of};
use crate::checkpoint::Pace;
use crate::cold::{
    ColdSegment, LEFT_OUT, MergedEntries, MergedRows, Size, choose, left_since, sections_of,
};
use crate::error::{Error, Kind, Result};
use crate::manifest::cold_name;
use crate::mem::{Holder, Reservation};
use crate::mvcc::Timestamp;
use crate::planted;
use crate::schema::Index;
use crate::segment::{ColdPlan, ColdWriter, SegmentCodec, SortedEntries};
use crate::txn::{Engine, Lease, LiveTable, Txn};
use crate::wal::Device;
use std::sync::Arc;
use std::thread::Builder;

/// Rows of a merged segment: their filter takes less than a part in a hundred of the budget.
const ROWS_SHARE: u64 = 256;
const ROWS_MIN: u64 = 1 << 12;
const ROWS_MAX: u64 = 1 << 22;
/// Rows written between two looks whether to go on.
const LOOK_ROWS: u32 = 1 << 10;
/// Entries of an index that not all sources have are gathered if there are not more than one for so many
/// bytes of the budget.
const GATHERED_SHARE: u64 = 1024;

/// Starts the thread that merges what was frozen by itself.
pub(super) fn start(engine: &Arc<Engine>) {
    let held = Arc::clone(engine);
    let thread = Builder::new().name("store-merger".to_owned());
    if let Ok(thread) = thread.spawn(move || watch(&held)) {
        engine.merges.enable();
        engine.keep_thread(thread);
    }
}

fn watch(engine: &Arc<Engine>) {
    let lease = Lease::of_thread(engine);
    let mut go_on = || !engine.is_ending() && !engine.freezer.is_refused();
    while engine.merges.wait_wanted() {
        for live in engine.live_tables() {
            if let Some(device) = engine.device() {
                let work = Merge { engine, lease: &lease, live: &live, device };
                // What it took is not there, or others need it: the next freeze asks again.
                let _noted = work.all(&mut go_on);
            }
        }
    }
}

/// Merges what is worth it of a table some of whose rows were frozen by hand.
pub(super) fn after_freeze(work: &mut Work<'_>) -> Result<()> {
    let merge =
        Merge { engine: work.engine, lease: &work.lease, live: work.live, device: work.device };
    let rows = work.report.rows;
    match merge.all(&mut || (work.progress)(rows)) {
        // The rows are frozen: segments stay as they are for want of memory.
        Err(error) if error.kind() == Kind::OverBudget => Ok(()),
        outcome => outcome,
    }
}

/// A table whose segments are merged.
struct Merge<'m> {
    engine: &'m Arc<Engine>,
    lease: &'m Arc<Lease>,
    live: &'m LiveTable,
    device: &'m Arc<dyn Device>,
}

/// What goes into one segment.
struct Chosen {
    sources: Vec<Arc<ColdSegment>>,
    /// The rows that are there at this timestamp.
    at: Timestamp,
    rows: u64,
}

impl Merge<'_> {
    /// Merges until nothing is worth it.
    fn all(&self, go_on: &mut dyn FnMut() -> bool) -> Result<()> {
        let _alone = self.engine.merging.lock();
        while let Some(chosen) = self.choose() {
            let merged = self.merge(&chosen, go_on);
            self.engine.merges.note(&merged);
            merged?;
        }
        Ok(())
    }

    fn choose(&self) -> Option<Chosen> {
        if self.engine.check_log().is_err() {
            return None;
        }
        // Of segments that are there while nobody freezes all parts are there that ever will be.
        let _no_freeze = self.engine.freezing.lock();
        let rows = &*self.live.data;
        let at = rows.timeline.published();
        let segments = rows.cold.segments();
        let there: Vec<_> = segments.iter().filter(|segment| segment.count(at) > 0).collect();
        let size = |segment: &&Arc<ColdSegment>| Size {
            rows: u64::from(segment.rows()),
            live: segment.count(at),
        };
        let sizes: Vec<Size> = there.iter().map(size).collect();
        let rows_max = (self.engine.budget.limit() / ROWS_SHARE).clamp(ROWS_MIN, ROWS_MAX);
        let chosen = choose(&sizes, rows_max);
        let rows = chosen.iter().map(|nth| sizes[*nth].live).sum();
        let sources = chosen.iter().map(|nth| Arc::clone(there[*nth])).collect();
        (rows > 0).then_some(Chosen { sources, at, rows })
    }

    /// Makes one segment of some; says how many rows it has.
    fn merge(&self, chosen: &Chosen, go_on: &mut dyn FnMut() -> bool) -> Result<u64> {
        let rows = &*self.live.data;
        let number = self.engine.take_cold_number();
        let name = cold_name(rows.id, number);
        self.write(chosen, &name, go_on)?;
        let opened = ColdFile::open(&**self.device, &name, &rows.cold.holder);
        let there = opened.and_then(|file| {
            let there = u64::from(file.index.rows);
            self.put_in_place(chosen, file, number).map(|()| there)
        });
        there.inspect_err(|_| {
            // Else the log may speak of it.
            if self.engine.check_log().is_ok() {
                drop(self.device.remove(&name));
            }
        })
    }

    fn write(&self, chosen: &Chosen, name: &str, go_on: &mut dyn FnMut() -> bool) -> Result<()> {
        let rows = &*self.live.data;
        let holder = merging_holder(self.engine);
        let sections = Sections::of(self.live, chosen, self.engine.budget.limit());
        let columns = columns_of(rows);
        let plan = ColdPlan {
            schema_id: u64::from(rows.id),
            sections: sections_of(&rows.schema, &columns, sections.gathered.iter()),
            given: sections_of(
                &rows.schema,
                &columns,
                sections.given.iter().map(|(index, _)| index),
            ),
            columns,
            rows_max: chosen.rows as usize,
            codec: SegmentCodec::Lz4,
        };
        let temporary = format!("{name}.tmp");
        let mut writer = ColdWriter::create(Arc::clone(self.device), temporary, plan, &holder)?;
        let mut numbers = Numbers::new(chosen, !sections.given.is_empty(), &holder)?;
        let mut merged = MergedRows::new(&chosen.sources, &rows.schema, chosen.at, &holder)?;
        let (mut pace, mut written) = (Pace::new(self.engine), 0_u32);
        while merged.next()? {
            if written.is_multiple_of(LOOK_ROWS) && (self.engine.is_ending() || !go_on()) {
                return Err(Error::new(Kind::Cancelled, "merging segments was told to end"));
            }
            if planted::bug("merged_row_left_out") && written == 7 {
                written += 1;
                continue;
            }
            writer.push(merged.key(), |column| merged.cell(column))?;
            numbers.note(merged.origin(), written);
            written += 1;
            writer.take_sync_time().into_iter().for_each(|took| pace.pause(took));
        }
        drop(merged);
        let given = |nth: usize| -> Result<Box<dyn SortedEntries + '_>> {
            let sources = chosen.sources.iter().zip(&sections.given[nth].1).zip(&numbers.of);
            let sources = sources.map(|((source, section), of)| (source, *section, of.as_slice()));
            Ok(Box::new(MergedEntries::new(sources, &holder)?))
        };
        writer.finish_with(name, given).map(drop)
    }

    /// The commit with which the segment is there, and those are over of which it was made.
    fn put_in_place(&self, chosen: &Chosen, file: ColdFile, number: u64) -> Result<()> {
        let rows = &*self.live.data;
        let _alone = rows.cold.lock_moves();
        let mut txn = Txn::moving(self.lease)?;
        // From now on the table stays as it is: whoever changes it takes the segment along.
        txn.join_to_move(self.live)?;
        let segment = rows.cold.add(file, rows.id, number)?;
        let mut commit = || {
            let left = left_since(&rows.cold, &chosen.sources, &segment, chosen.at)?;
            self.engine.with_relief(usize::MAX, || segment.make_room(left.len()))?;
            txn.merge(self.live, &segment, &chosen.sources, &left)?;
            txn.finish_move().map(drop)
        };
        commit().inspect_err(|_| {
            if self.engine.check_log().is_ok() {
                rows.cold.remove(&segment);
            }
        })
    }
}

/// Which sections the new segment has.
struct Sections {
    /// Each source has one for it: with their positions there.
    given: Vec<(Index, Vec<usize>)>,
    /// A source was frozen before the index was made, and there are few enough rows.
    gathered: Vec<Index>,
}

impl Sections {
    fn of(live: &LiveTable, chosen: &Chosen, budget: u64) -> Self {
        let indexes = live.share_locked();
        let schema = &live.data.schema;
        let mut found = Self { given: Vec::new(), gathered: Vec::new() };
        for index in indexes.indexes.iter().map(|index| &index.spec) {
            let sections = chosen.sources.iter().map(|source| source.section_for(schema, index));
            match sections.collect::<Option<_>>() {
                Some(sections) => found.given.push((index.clone(), sections)),
                None if chosen.rows <= budget / GATHERED_SHARE => {
                    found.gathered.push(index.clone());
                }
                None => {}
            }
        }
        found
    }
}

/// The numbers that rows of the sources have in the new segment.
struct Numbers {
    /// Empty if nobody asks.
    of: Vec<Vec<u32>>,
    _held: Reservation,
}

impl Numbers {
    fn new(chosen: &Chosen, are_wanted: bool, holder: &Holder) -> Result<Self> {
        let sources = if are_wanted { &*chosen.sources } else { &[] };
        let rows = || sources.iter().map(|source| source.rows() as usize);
        let held = holder.reserve(rows().sum::<usize>() * size_of::<u32>())?;
        Ok(Self { of: rows().map(|rows| vec![LEFT_OUT; rows]).collect(), _held: held })
    }

    fn note(&mut self, (source, row): (usize, u32), number: u32) {
        if let Some(of) = self.of.get_mut(source) {
            of[row as usize] = number;
        }
    }
}

fn merging_holder(engine: &Engine) -> Holder {
    engine.holder.child("merging")
}
