//! Sorted lines into their output, merged by a thread of their own if there are two.
//!
//! ```text
//!  merge ─► buffer, full ─► written ─► buffer, empty ─► merge …
//! ```

use super::lines::LineStats;
use super::sorter::Sorted;
use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Builder;
use store_core::mem::{Reservation, WorkArea};
use store_core::segment::{THREAD_BYTES, THREAD_STACK_BYTES};
use store_core::{Error, Holder, Kind, Result};

/// Lines in order.
#[derive(Debug)]
pub struct SortedLines {
    filler: Filler,
    header: Option<Vec<u8>>,
    /// Two if a thread of its own merges.
    buffers: Vec<WorkArea>,
    stats: LineStats,
    _stack: Option<Reservation>,
}

/// Fills buffers with lines.
#[derive(Debug)]
struct Filler {
    sorted: Sorted,
    /// The end of a line that the last buffer had no room for, from `rest_at` on.
    rest: Vec<u8>,
    rest_at: usize,
    rows: u64,
}

/// A buffer with so many bytes of lines.
type Filled = (WorkArea, usize);

impl SortedLines {
    pub(super) fn new(
        sorted: Sorted,
        header: Option<Vec<u8>>,
        stats: LineStats,
        [io_bytes, threads]: [usize; 2],
        holder: &Holder,
    ) -> Result<Self> {
        let ahead = threads > 1;
        let buffers = (0..=usize::from(ahead)).map(|_| WorkArea::map(io_bytes, holder));
        Ok(Self {
            filler: Filler { sorted, rest: Vec::new(), rest_at: 0, rows: 0 },
            header,
            buffers: buffers.collect::<Result<_>>()?,
            stats,
            _stack: ahead.then(|| holder.reserve(THREAD_BYTES)).transpose()?,
        })
    }

    /// Writes all lines in order; errors of writing name the output.
    pub fn write_to(&mut self, out: &mut impl Write, name: &str) -> Result<LineStats> {
        let mut written = 0;
        if let Some(mut header) = self.header.take() {
            header.push(b'\n');
            write(out, &header, name)?;
            written += header.len() as u64;
        }
        written += if self.buffers.len() > 1 {
            self.filler.write_ahead(&mut self.buffers, out, name)?
        } else {
            self.filler.write(&mut self.buffers[0], out, name)?
        };
        out.flush().map_err(|fault| writing(name, fault))?;
        self.stats.rows_out += self.filler.rows;
        self.stats.bytes_out = written;
        assert_eq!(self.stats.rows_in, self.stats.rows_out, "a sort loses no row (I14)");
        Ok(self.stats)
    }

    /// What was done so far.
    pub fn stats(&self) -> LineStats {
        self.stats
    }
}

impl Filler {
    /// Fills a buffer; returns how far, 0 at the end.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = self.take_rest(buffer);
        while filled < buffer.len() {
            let Some((_, line)) = self.sorted.next()? else { break };
            self.rows += 1;
            let room = &mut buffer[filled..];
            if line.len() < room.len() {
                let (text, end) = room[..=line.len()].split_at_mut(line.len());
                text.copy_from_slice(line);
                end[0] = b'\n';
                filled += line.len() + 1;
            } else {
                let (now, later) = line.split_at(room.len());
                room.copy_from_slice(now);
                self.rest.clear();
                self.rest.extend_from_slice(later);
                self.rest.push(b'\n');
                self.rest_at = 0;
                filled = buffer.len();
            }
        }
        Ok(filled)
    }

    fn take_rest(&mut self, buffer: &mut [u8]) -> usize {
        let rest = &self.rest[self.rest_at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.rest_at += count;
        count
    }

    fn write(&mut self, buffer: &mut [u8], out: &mut impl Write, name: &str) -> Result<u64> {
        let mut written = 0;
        loop {
            let count = self.fill(buffer)?;
            if count == 0 {
                return Ok(written);
            }
            write(out, &buffer[..count], name)?;
            written += count as u64;
        }
    }

    /// The same while a thread fills the next buffer; in this one if the system has no more.
    fn write_ahead(
        &mut self,
        buffers: &mut Vec<WorkArea>,
        out: &mut impl Write,
        name: &str,
    ) -> Result<u64> {
        let (empty, to_fill) = sync_channel(buffers.len());
        let (full, filled) = sync_channel(buffers.len());
        let written = std::thread::scope(|scope| {
            let filler = &mut *self;
            let builder = Builder::new().name("store-merge".into()).stack_size(THREAD_STACK_BYTES);
            let merging = builder.spawn_scoped(scope, move || filler.fill_all(&to_fill, &full));
            let merging = merging.ok()?;
            for buffer in buffers.drain(..) {
                // As many as the channel takes; one that has ended says why.
                drop(empty.send(buffer));
            }
            let written = write_all(filled, &empty, out, name);
            drop(empty); // so that a thread that waits for one ends
            Some(merging.join().map_err(|_| ended()).and(written))
        });
        match written {
            Some(written) => written,
            None => self.write(&mut buffers[0], out, name),
        }
    }

    fn fill_all(&mut self, to_fill: &Receiver<WorkArea>, full: &SyncSender<Result<Filled>>) {
        for mut buffer in to_fill {
            let filled = self.fill(&mut buffer);
            let last = !matches!(filled, Ok(1..));
            if full.send(filled.map(|count| (buffer, count))).is_err() || last {
                return;
            }
        }
    }
}

/// Writes every buffer that comes and sends it back, until one that has nothing.
fn write_all(
    filled: Receiver<Result<Filled>>,
    empty: &SyncSender<WorkArea>,
    out: &mut impl Write,
    name: &str,
) -> Result<u64> {
    let mut written = 0;
    for buffer in filled {
        let (buffer, count) = buffer?;
        if count == 0 {
            return Ok(written);
        }
        write(out, &buffer[..count], name)?;
        written += count as u64;
        drop(empty.send(buffer));
    }
    Err(ended())
}

fn write(out: &mut impl Write, lines: &[u8], name: &str) -> Result<()> {
    out.write_all(lines).map_err(|fault| writing(name, fault))
}

#[cold]
fn writing(name: &str, fault: std::io::Error) -> Error {
    Error::io(format_args!("{name}: writing"), fault)
}

#[cold]
fn ended() -> Error {
    Error::new(Kind::Panic, "the thread that merges has ended before its time")
}
