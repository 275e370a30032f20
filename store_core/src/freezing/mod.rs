//! Freezing rows: out of memory into cold segments, while others read and write; and thawing them.
//!
//! ```text
//! snapshot W → numbers of the rows → their keys, sorted → segment (written, synced, named)
//! → part by part: a commit that takes the rows out of memory, and with which the part is there
//! ```
//!
//! A row that somebody has changed since W, or is changing, stays where it is, and its place in the
//! segment is gone from the start. Nobody waits for a freeze but those who write a row in the moment in
//! which its part is taken out. A crash leaves every row where its last commit has put it.
//!
//! It is a schedule of two tasks: keys are sorted, then one row after the other is written. Its memory is
//! what these take, whatever the table holds; fewer rows make a smaller segment.

mod automatic;
mod merging;

pub(crate) use automatic::start;

use crate::checkpoint::Pace;
use crate::cold::{ColdSegment, PART_ROWS, sections_of};
use crate::error::{Error, Kind, Result};
use crate::manifest::cold_name;
use crate::mem::{Holder, Reservation};
use crate::mvcc::Moment;
use crate::planted;
use crate::query::Predicate;
use crate::segment::{ColdColumn, ColdColumns, ColdFile, ColdPlan, ColdWriter, SegmentCodec};
use crate::table::Table;
use crate::txn::{
    Edition, Engine, Lease, LiveTable, QUEUED_ROW_BYTES, RowWords, SharedEngine, Snapshot,
    TableData, Txn,
};
use crate::value::encode_key;
use crate::wal::Device;
use std::sync::Arc;

/// Rows of a segment: the more, the fewer segments a look by key has to ask.
const SEGMENT_ROWS: u64 = 1 << 18;
/// Fewer are not worth a segment: what they take is had, or nothing is frozen.
const SEGMENT_ROWS_MIN: u64 = PART_ROWS as u64;

/// What freezing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FreezeReport {
    /// Rows that are in segments now, and no more in memory.
    pub rows: u64,
    /// Rows that stayed, because others wrote them meanwhile.
    pub rows_kept: u64,
    /// Segments written.
    pub segments: u64,
    /// Their bytes on disk.
    pub bytes: u64,
}

/// A row on its way, by its encoded key.
struct Ordered {
    /// The first bytes of the key.
    head: u64,
    start: u32,
    end: u32,
    row: u32,
}

/// Freezes the rows for which the predicate is true.
pub(crate) fn freeze(
    engine: &SharedEngine,
    table: &Table,
    of: &Arc<Edition>,
    predicate: &Predicate,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<FreezeReport> {
    engine.check_open()?;
    engine.check_writable()?;
    engine.check_log()?;
    let (_, live) = engine.current(of)?;
    let device = engine.device().filter(|_| engine.log().is_some()).ok_or_else(no_place)?;
    let mut work = Work::new(engine, engine.lease(0), &live, device, progress);
    freeze_all(engine, &mut work, table, predicate)?;
    engine.sync()?;
    if engine.merges.is_enabled() {
        engine.merges.want();
    } else {
        merging::after_freeze(&mut work)?;
    }
    Ok(work.report)
}

fn freeze_all(
    engine: &SharedEngine,
    work: &mut Work<'_>,
    table: &Table,
    predicate: &Predicate,
) -> Result<()> {
    let _alone = engine.freezing.lock();
    let mut rows_wanted = SEGMENT_ROWS;
    loop {
        let snapshot = Snapshot::new(engine)?;
        let query = table.query(&snapshot).filter(predicate.clone()).in_memory().limit(rows_wanted);
        let found = query.row_numbers().and_then(|found| {
            let rows = found.numbers.len() as u64;
            work.segment(snapshot.moment(), &found.numbers).map(|any| any && rows == rows_wanted)
        });
        match found {
            Ok(true) => {}
            // Those that others brought back meanwhile stay, or there would be no end.
            Ok(false) => return Ok(()),
            // What it takes is not there: a smaller segment takes less.
            Err(error)
                if error.kind() == Kind::OverBudget && rows_wanted / 2 >= SEGMENT_ROWS_MIN =>
            {
                rows_wanted /= 2;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Rows on their way into segments.
struct Work<'w> {
    engine: &'w Arc<Engine>,
    lease: Arc<Lease>,
    live: &'w LiveTable,
    device: &'w Arc<dyn Device>,
    report: FreezeReport,
    progress: &'w mut dyn FnMut(u64) -> bool,
}

impl<'w> Work<'w> {
    fn new(
        engine: &'w Arc<Engine>,
        lease: Arc<Lease>,
        live: &'w LiveTable,
        device: &'w Arc<dyn Device>,
        progress: &'w mut dyn FnMut(u64) -> bool,
    ) -> Self {
        Self { engine, lease, live, device, report: FreezeReport::default(), progress }
    }

    /// Freezes rows found at a snapshot that is held, as one segment; false if nothing was left to do.
    fn segment(&mut self, at: Moment, numbers: &[u32]) -> Result<bool> {
        if numbers.is_empty() {
            return Ok(false);
        }
        let rows = &*self.live.data;
        let (order, keys, _held) = self.in_order(at, numbers)?;
        let number = self.engine.take_cold_number();
        let name = cold_name(rows.id, number);
        let bytes = self.write(at, &name, &order, &keys)?;
        let opened = ColdFile::open(&**self.device, &name, &rows.cold.holder);
        let segment = opened.and_then(|file| rows.cold.add(file, rows.id, number));
        let segment = segment.inspect_err(|_| drop(self.device.remove(&name)))?;
        self.report.segments += 1;
        self.report.bytes += bytes;
        let frozen = self.report.rows;
        for part in 0..segment.parts() {
            self.part(at, &segment, part, &order)?;
            if !(self.progress)(self.report.rows) {
                let message = "freezing was told to end; the rows frozen so far stay frozen";
                return Err(Error::new(Kind::Cancelled, message));
            }
        }
        // Rows that are written all the time would be tried for ever.
        Ok(self.report.rows > frozen)
    }

    /// The rows in the order of their keys, with these.
    fn in_order(
        &self,
        at: Moment,
        numbers: &[u32],
    ) -> Result<(Vec<Ordered>, Vec<u8>, Reservation)> {
        let rows = &*self.live.data;
        let holder = freezing_holder(self.engine);
        let mut held = holder.reserve(numbers.len() * size_of::<Ordered>())?;
        let (mut order, mut keys) = (Vec::with_capacity(numbers.len()), Vec::new());
        let mut words = RowWords::zeroed(rows.layout.words());
        let all = 0..words.len();
        for row in numbers {
            let seen = rows.versions.read(*row, at, &all, &mut words)?;
            assert!(seen, "a row that a snapshot sees stays visible to it");
            let start = keys.len();
            put_key(rows, &words, &mut keys)?;
            if keys.capacity() > held.bytes() - numbers.len() * size_of::<Ordered>() {
                held.grow_to(keys.capacity() + numbers.len() * size_of::<Ordered>())?;
            }
            let mut head = [0; 8];
            let key = &keys[start..];
            let len = key.len().min(head.len());
            head[..len].copy_from_slice(&key[..len]);
            let (head, end) = (u64::from_be_bytes(head), keys.len() as u32);
            order.push(Ordered { head, start: start as u32, end, row: *row });
        }
        let key = |row: &Ordered| &keys[row.start as usize..row.end as usize];
        order.sort_unstable_by(|a, b| a.head.cmp(&b.head).then_with(|| key(a).cmp(key(b))));
        Ok((order, keys, held))
    }

    /// Writes the segment; says how many bytes it has.
    fn write(&self, at: Moment, name: &str, order: &[Ordered], keys: &[u8]) -> Result<u64> {
        let rows = &*self.live.data;
        let columns = columns_of(rows);
        let indexes = self.live.share_locked();
        let specs = indexes.indexes.iter().map(|index| &index.spec);
        let plan = ColdPlan {
            schema_id: u64::from(rows.id),
            sections: sections_of(&rows.schema, &columns, specs),
            columns,
            given: Vec::new(),
            rows_max: order.len(),
            codec: SegmentCodec::Lz4,
        };
        drop(indexes);
        let device = Arc::clone(self.device);
        let temporary = format!("{name}.tmp");
        let holder = freezing_holder(self.engine);
        let mut writer = ColdWriter::create(device, temporary, plan, &holder)?;
        let mut pace = Pace::new(self.engine);
        let mut words = RowWords::zeroed(rows.layout.words());
        let all = 0..words.len();
        for row in order {
            if self.engine.is_ending() {
                return Err(Error::new(Kind::Cancelled, "the store is being closed"));
            }
            let seen = rows.versions.read(row.row, at, &all, &mut words)?;
            assert!(seen, "a row that a snapshot sees stays visible to it");
            let view = rows.view(&words);
            writer.push(&keys[row.start as usize..row.end as usize], |column| view.cell(column))?;
            writer.take_sync_time().into_iter().for_each(|took| pace.pause(took));
        }
        writer.finish(name)
    }

    /// Takes the rows of a part out of memory, and puts the part in their place.
    fn part(
        &mut self,
        at: Moment,
        segment: &Arc<ColdSegment>,
        part: u32,
        order: &[Ordered],
    ) -> Result<()> {
        let _alone = self.live.data.cold.lock_moves();
        let mut txn = Txn::moving(&self.lease)?;
        // The queues in which the rows wait to leave memory are counted when they do, whatever is left.
        let queued = freezing_holder(self.engine).reserve(PART_ROWS as usize * QUEUED_ROW_BYTES)?;
        let here = segment.part(part);
        let mut without = Vec::new();
        for row in here.clone() {
            if !txn.take_out(self.live, order[row as usize].row, at.at)? {
                without.push(row);
            }
        }
        let (rows, kept) = (u64::from(here.end - here.start), without.len() as u64);
        self.engine.with_relief(usize::MAX, || segment.make_room(without.len()))?;
        if planted::bug("kept_row_born") {
            without.clear();
        }
        txn.bear(self.live, segment, part, without)?;
        drop(queued);
        txn.finish_move()?;
        self.report.rows += rows - kept;
        self.report.rows_kept += kept;
        Ok(())
    }
}

/// Brings the cold rows for which the predicate is true back to memory; says how many.
pub(crate) fn thaw(engine: &SharedEngine, table: &Table, predicate: &Predicate) -> Result<u64> {
    engine.check_open()?;
    engine.check_writable()?;
    let snapshot = Snapshot::new(engine)?;
    let found = table.query(&snapshot).filter(predicate.clone()).cold_only().row_numbers()?;
    let lease = engine.lease(0);
    let mut thawed = 0;
    for rows in found.numbers.chunks(PART_ROWS as usize) {
        thawed += Txn::thaw(&lease, table.live_of(&snapshot)?, rows)?;
    }
    engine.sync()?;
    Ok(thawed)
}

/// Who holds what freezing needs.
fn freezing_holder(engine: &Engine) -> Holder {
    engine.holder.urgent_child("freezing")
}

fn put_key(rows: &TableData, words: &[u64], out: &mut Vec<u8>) -> Result<()> {
    let view = rows.view(words);
    rows.schema.key.iter().try_for_each(|column| {
        encode_key(view.cell(*column), rows.schema.columns[*column].ty, true, out)
    })
}

fn columns_of(rows: &TableData) -> ColdColumns {
    let column = |column: &crate::schema::Column| ColdColumn {
        id: column.id,
        ty: column.ty,
        notnull: column.notnull,
    };
    ColdColumns::new(rows.schema.columns.iter().map(column).collect(), &rows.schema.key)
}

fn no_place() -> Error {
    Error::new(
        Kind::Unsupported,
        "this store has no files for cold rows: open one in a directory, with a log",
    )
}
