//! Threads that sort parts of an area and write them to runs, while the caller fills the next part.
//!
//! ```text
//!  caller   fills a │ fills b         │ fills a         │ …
//!  worker           │ sorts, writes a │ sorts, writes b │ …
//! ```
//!
//! Parts are handed over and come back in one order, so runs stand in the order of input whatever the
//! threads do.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use store_core::mem::{Reservation, WorkArea};
use store_core::planted::bug;
use store_core::segment::{
    Run, RunBuffers, RunWriter, SortArena, THREAD_BYTES, THREAD_STACK_BYTES,
};
use store_core::{Error, Holder, Kind, Result};

/// The workers, and the parts of the area.
#[derive(Debug)]
pub(super) struct Crew {
    workers: Vec<Worker>,
    /// Which workers are at work, the one with the oldest input first.
    busy: VecDeque<usize>,
    /// Parts nobody works in.
    free: Vec<WorkArea>,
    part_bytes: usize,
    _stacks: Reservation,
}

#[derive(Debug)]
struct Worker {
    todo: Option<SyncSender<(SortArena, RunWriter)>>,
    done: Receiver<(WorkArea, Result<(Run, RunBuffers)>)>,
    thread: Option<JoinHandle<()>>,
}

impl Crew {
    /// So many workers, fewer if the system has no more threads, for parts of this length.
    pub fn new(workers: usize, part_bytes: usize, holder: &Holder) -> Result<Self> {
        let stacks = holder.reserve(workers * THREAD_BYTES)?;
        let workers = (0..workers).map_while(|_| Worker::start()).collect();
        Ok(Self { workers, busy: VecDeque::new(), free: Vec::new(), part_bytes, _stacks: stacks })
    }

    /// True if a worker is there for one more part.
    pub fn has_room(&self) -> bool {
        self.busy.len() < self.workers.len() && !self.free.is_empty()
    }

    /// True if there is any.
    pub fn has_workers(&self) -> bool {
        !self.workers.is_empty()
    }

    /// How many parts are with workers.
    pub fn busy(&self) -> usize {
        self.busy.len()
    }

    /// Cuts the area; returns the part to fill first.
    pub fn cut(&mut self, area: WorkArea) -> WorkArea {
        let (first, mut rest) = area.cut(self.part_bytes);
        for _ in 1..self.workers.len() {
            let (part, after) = rest.cut(self.part_bytes);
            self.free.push(part);
            rest = after;
        }
        self.free.push(rest);
        first
    }

    /// All parts that nobody works in.
    pub fn parts(&mut self) -> Vec<WorkArea> {
        std::mem::take(&mut self.free)
    }

    /// Hands a full part over to be sorted and written; returns one to fill. There must be room.
    pub fn hand_over(&mut self, arena: SortArena, writer: RunWriter) -> Result<WorkArea> {
        let idle = (0..self.workers.len()).find(|nth| !self.busy.contains(nth));
        let (Some(idle), Some(part)) = (idle, self.free.pop()) else {
            return Err(lost());
        };
        let todo = self.workers[idle].todo.as_ref().ok_or_else(lost)?;
        todo.send((arena, writer)).map_err(|_| lost())?;
        self.busy.push_back(idle);
        Ok(part)
    }

    /// Waits for the part that was handed over first.
    pub fn take_back(&mut self) -> Result<Option<(Run, RunBuffers)>> {
        let oldest =
            if bug("newest_run_first") { self.busy.pop_back() } else { self.busy.pop_front() };
        let Some(oldest) = oldest else { return Ok(None) };
        let (part, written) = self.workers[oldest].done.recv().map_err(|_| lost())?;
        self.free.push(part);
        written.map(Some)
    }
}

impl Worker {
    fn start() -> Option<Self> {
        let (todo, jobs) = sync_channel::<(SortArena, RunWriter)>(1);
        let (results, done) = sync_channel(1);
        let work = move || {
            for (mut arena, mut writer) in jobs {
                arena.sort();
                let written = arena.write_to(&mut writer).and_then(|()| writer.finish());
                if results.send((arena.into_area(), written)).is_err() {
                    return;
                }
            }
        };
        let thread = Builder::new().name("store-sort".into()).stack_size(THREAD_STACK_BYTES);
        let thread = thread.spawn(work).ok()?;
        Some(Self { todo: Some(todo), done, thread: Some(thread) })
    }
}

/// Nobody works on after this: files and memory of a sort go with it.
impl Drop for Worker {
    fn drop(&mut self) {
        self.todo = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[cold]
fn lost() -> Error {
    Error::new(Kind::Panic, "a thread of the sort has ended before its time")
}
