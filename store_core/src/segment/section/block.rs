//! One block of a section: its bytes.
//!
//! ```text
//!  entries, values │ shared bytes │ other bytes │ rows of each value │ rows, 64 steps at a time │ the other bytes
//! ```
//!
//! Numbers are those of blocks of columns (`columns::ints`). A step is the distance from the row before,
//! round the end of the segment: rows of one value ascend, so most steps are short.

use crate::codec::{Reader, put_u64};
use crate::error::{Error, Result};
use crate::segment::columns::ints;

/// Most entries of a block.
const ENTRIES_MAX: usize = 4096;
/// Bytes of values in a block before they are packed; a longer value has a block of its own.
const VALUE_BYTES: usize = 32 << 10;
/// Steps that are packed in as many bits as the longest of them takes.
const STEPS: usize = 64;

/// A block that fills.
#[derive(Debug, Default)]
pub(crate) struct SectionBlock {
    shared: Vec<i64>,
    others: Vec<i64>,
    counts: Vec<i64>,
    steps: Vec<i64>,
    bytes: Vec<u8>,
    value: Vec<u8>,
    row: u32,
}

impl SectionBlock {
    /// True if there is room for an entry of this value.
    pub(crate) fn has_room(&self, value: &[u8]) -> bool {
        let bytes = self.bytes.len() + value.len();
        self.steps.is_empty() || self.steps.len() < ENTRIES_MAX && bytes <= VALUE_BYTES
    }

    /// How many entries it has.
    pub(crate) fn entries(&self) -> usize {
        self.steps.len()
    }

    /// Adds an entry, which comes behind those before, of a segment of so many rows.
    pub(crate) fn push(&mut self, value: &[u8], row: u32, rows: u32) {
        if self.steps.is_empty() || self.value != value {
            let shared = self.value.iter().zip(value).take_while(|(a, b)| a == b).count();
            let shared = if self.steps.is_empty() { 0 } else { shared };
            self.shared.push(shared as i64);
            self.others.push((value.len() - shared) as i64);
            self.counts.push(0);
            self.bytes.extend_from_slice(&value[shared..]);
            self.value.clear();
            self.value.extend_from_slice(value);
        }
        *self.counts.last_mut().expect("a value was begun") += 1;
        let step = if row >= self.row { row - self.row } else { row + (rows - self.row) };
        self.steps.push(i64::from(step));
        self.row = row;
    }

    /// Appends the block's bytes, and begins another one.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        put_u64(out, self.steps.len() as u64);
        put_u64(out, self.counts.len() as u64);
        ints::put(&self.shared, out);
        ints::put(&self.others, out);
        ints::put(&self.counts, out);
        self.steps.chunks(STEPS).for_each(|steps| ints::put(steps, out));
        out.extend_from_slice(&self.bytes);
        self.shared.clear();
        self.others.clear();
        self.counts.clear();
        self.steps.clear();
        self.bytes.clear();
        self.row = 0;
    }
}

/// Shows the values of a block in their order, each with its rows, until told to stop.
pub(crate) fn visit(
    bytes: &[u8],
    rows: u32,
    show: &mut dyn FnMut(&[u8], &[u32]) -> bool,
) -> Result<()> {
    let mut reader = Reader::new(bytes);
    let (entries, values) = (reader.u64()? as usize, reader.u64()? as usize);
    if entries > ENTRIES_MAX || values > entries {
        return Err(damaged("more entries than a block may have"));
    }
    let shared = ints::get(&mut reader, values)?;
    let others = ints::get(&mut reader, values)?;
    let counts = ints::get(&mut reader, values)?;
    let found = get_rows(&mut reader, entries, rows)?;
    let (mut value, mut at) = (Vec::new(), 0);
    for ((shared, others), count) in shared.into_iter().zip(others).zip(counts) {
        let kept = usize::try_from(shared).ok().filter(|shared| *shared <= value.len());
        let other = usize::try_from(others).map_err(|_| damaged("a value of no length"))?;
        value.truncate(kept.ok_or_else(|| damaged("a value shares more than there is"))?);
        value.extend_from_slice(reader.take(other)?);
        let end = usize::try_from(count).ok().filter(|count| *count <= entries - at);
        let end = at + end.ok_or_else(|| damaged("a value of too many rows"))?;
        if !show(&value, &found[at..end]) {
            return Ok(());
        }
        at = end;
    }
    if at != entries || !reader.is_empty() {
        return Err(damaged("entries or bytes are left over"));
    }
    Ok(())
}

fn get_rows(reader: &mut Reader<'_>, entries: usize, rows: u32) -> Result<Vec<u32>> {
    let mut found = Vec::with_capacity(entries);
    let mut row = 0_u64;
    while found.len() < entries {
        for step in ints::get(reader, STEPS.min(entries - found.len()))? {
            let step = u64::try_from(step).ok().filter(|step| *step < u64::from(rows));
            row = (row + step.ok_or_else(|| damaged("a row that is not there"))?) % u64::from(rows);
            found.push(row as u32);
        }
    }
    Ok(found)
}

fn damaged(why: &str) -> Error {
    Error::corrupt(format!("a block of a section is damaged: {why}"))
}
