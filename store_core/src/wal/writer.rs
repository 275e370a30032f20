//! Appending records: space first, then the timestamp, then the place in the batch.

use super::buffer::Batch;
use super::device::Device;
use super::file::{Fault, LogStart, PreparedFile, WalFile, list_files};
use super::group_commit::Goal;
use super::grow::Growth;
use super::later::Later;
use super::lsn::Lsn;
use super::progress::Publisher;
use super::record::{FRAME_BYTES, FRAME_VERSION, Frame, HashedPayload, RecordKind};
use super::roll::WalFileSize;
use super::waiters::Waiters;
use crate::error::{Error, Kind, Result};
use crate::mem::Holder;
use crate::sync::{Acquire, AtomicBool, AtomicU64, Condvar, Mutex, MutexGuard, Release};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The limits of a log.
#[derive(Clone, Debug)]
pub(crate) struct WalOptions {
    /// Files grow by this much: one sync of metadata for some ten thousand commits.
    pub(crate) preallocate_bytes: u64,
    /// A batch this long is written before more is appended: bounds memory, and what an
    /// asynchronous log may hold back.
    pub(crate) pending_bytes_max: usize,
    /// Longest payload of a record; longer transactions come in fragments.
    pub(crate) record_bytes_max: usize,
}

impl WalOptions {
    /// How long a batch may be in a budget: two of them grow to twice that, an eighth of it.
    pub(crate) fn pending_bytes_within(budget: u64) -> usize {
        let share = (budget / 32) as usize;
        Self::default().pending_bytes_max.min(share.max(PENDING_BYTES_MIN))
    }
}

/// A shorter batch is not worth a write.
const PENDING_BYTES_MIN: usize = 64 << 10;

impl Default for WalOptions {
    fn default() -> Self {
        Self { preallocate_bytes: 4 << 20, pending_bytes_max: 1 << 20, record_bytes_max: 64 << 20 }
    }
}

/// Who sees to it that a record becomes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Its writer, who waits for it.
    Writer,
    /// The thread for what nobody waits for, in bounded time.
    Nobody,
    /// That thread, at once: somebody holds a ticket, and the commit is visible when it is durable.
    Ticket,
    /// The next sync, whenever that comes.
    Ever,
}

/// What became of a record that was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    /// The timestamp it was given; 0 for a fragment.
    pub(crate) timestamp: u64,
    /// Where it ends: what [`Wal::wait_durable`] waits for.
    pub(crate) end: Lsn,
    /// The wall clock it was given.
    pub(crate) wall: i64,
}

/// The log of one store. Thread-safe.
#[derive(Debug)]
pub(crate) struct Wal {
    pub(super) device: Arc<dyn Device>,
    pub(super) options: WalOptions,
    pub(super) holder: Holder,
    pub(super) state: Mutex<State>,
    /// Signalled when a leader or a change of files is done.
    pub(super) changed: Condvar,
    /// A copy of `State::durable` for those who only look.
    pub(super) durable: AtomicU64,
    /// The newest timestamp that is durable; set before `durable` is.
    pub(super) durable_timestamp: Arc<AtomicU64>,
    /// Signalled for the thread that syncs what nobody waits for.
    pub(super) later_wanted: Condvar,
    /// Signalled when the log has got to `State::wanted`.
    pub(super) grown: Condvar,
    /// One change of files at a time.
    pub(super) rolling: Mutex<()>,
    /// The thread that looks after the log is to make room.
    pub(super) room_wanted: AtomicBool,
    /// Tells other processes how far it is durable.
    pub(super) publisher: Publisher,
}

/// What the mutex of the log guards.
#[derive(Debug)]
pub(super) struct State {
    pub(super) file: Arc<WalFile>,
    /// The files before `file`, oldest first.
    pub(super) older: Vec<WalFileSize>,
    /// The file has room up to here.
    pub(super) allocated: Lsn,
    /// Frames not handed to the device yet, and where they will stand.
    pub(super) pending: Batch,
    pub(super) pending_start: Lsn,
    /// The buffer that fills while the other is written.
    pub(super) spare: Batch,
    /// All before this is synced.
    pub(super) durable: Lsn,
    pub(super) last_timestamp: u64,
    pub(super) last_wall: i64,
    /// Somebody writes a batch or extends the file: one at a time, because the system reports a
    /// failed sync to one caller only, and the next one would be told that all is well.
    pub(super) leading: bool,
    /// The file is being changed: nothing may be appended.
    pub(super) frozen: bool,
    /// Who waits for a sync.
    pub(super) waiters: Waiters,
    /// Why the log stopped for good.
    pub(super) poisoned: Option<String>,
    /// Records that nobody waits for, appended since the last sync began.
    pub(super) later: Option<Later>,
    /// Since when such records wait for the sync that is under way.
    pub(super) syncing: Option<Instant>,
    /// The newest timestamp of a commit with a ticket.
    pub(super) ticket: u64,
    /// Somebody waits for the log to get here.
    pub(super) wanted: Lsn,
    /// The threads that look after the log are to end.
    pub(super) stopping: bool,
    /// Syncs that were begun, and the newest of them that is done.
    pub(super) syncs_begun: u64,
    pub(super) syncs_done: u64,
    /// Who makes room, and when.
    pub(super) growth: Growth,
}

impl State {
    pub(super) fn end(&self) -> Lsn {
        self.pending_start.plus(self.pending.len() as u64)
    }

    /// Bytes that can be appended before the file must grow.
    pub(super) fn room(&self) -> u64 {
        self.allocated.0.saturating_sub(self.end().0)
    }

    pub(super) fn check_poisoned(&self) -> Result<()> {
        match &self.poisoned {
            None => Ok(()),
            Some(cause) => Err(Error::new(
                Kind::Poisoned,
                format!("the log stopped: {cause}; reads go on, reopen the store to commit again"),
            )),
        }
    }
}

impl Wal {
    /// Starts a log in a new file that begins at `start`, after what replay found.
    pub(crate) fn create(
        device: Arc<dyn Device>,
        start: LogStart,
        options: WalOptions,
        holder: Holder,
        durable_timestamp: Arc<AtomicU64>,
    ) -> Result<Self> {
        durable_timestamp.store(start.timestamp, Release);
        let prepared = PreparedFile::create(&*device, options.preallocate_bytes, false);
        let (file, allocated) =
            prepared.and_then(|made| made.finish(&*device, start)).map_err(Fault::into_error)?;
        let mut older = Vec::new();
        for (lsn, name) in list_files(&*device)? {
            if lsn < start.lsn {
                older.push(WalFileSize::measure(&*device, name, lsn)?);
            }
        }
        let publisher = Publisher::begin(&*device, &file);
        let state = State {
            file: Arc::new(file),
            older,
            allocated,
            pending: Batch::default(),
            pending_start: start.lsn,
            spare: Batch::default(),
            durable: start.lsn,
            last_timestamp: start.timestamp,
            last_wall: start.wall,
            leading: false,
            frozen: false,
            waiters: Waiters::default(),
            poisoned: None,
            later: None,
            syncing: None,
            ticket: 0,
            wanted: Lsn(u64::MAX),
            stopping: false,
            syncs_begun: 0,
            syncs_done: 0,
            growth: Growth::default(),
        };
        Ok(Self {
            device,
            options,
            holder,
            state: Mutex::new(state),
            changed: Condvar::new(),
            durable: AtomicU64::new(start.lsn.0),
            durable_timestamp,
            later_wanted: Condvar::new(),
            grown: Condvar::new(),
            rolling: Mutex::new(()),
            room_wanted: AtomicBool::new(false),
            publisher,
        })
    }

    /// Appends a record that takes its timestamp from `sequence`, and whose writer waits until it is
    /// durable, or not, as `wait` says.
    ///
    /// `sequence` runs under the log's mutex, once, and only when nothing can fail any more: the
    /// order of timestamps is the order of records. An error means that nothing was sequenced.
    /// The record is not durable yet. May wait for a write if the batch is full.
    pub(crate) fn append(
        &self,
        kind: RecordKind,
        payload: &HashedPayload<'_>,
        wait: Wait,
        sequence: impl FnOnce() -> u64,
    ) -> Result<Appended> {
        let mut state = self.admit(payload)?;
        let timestamp = sequence();
        assert!(
            timestamp > state.last_timestamp,
            "timestamp {timestamp} was sequenced after {}",
            state.last_timestamp
        );
        state.last_timestamp = timestamp;
        let appended = push_frame(&mut state, kind, payload, timestamp);
        self.note_later(&mut state, wait);
        self.note_room(&mut state);
        if state.end() >= state.wanted {
            state.wanted = Lsn(u64::MAX);
            self.grown.notify_all();
        }
        Ok(appended)
    }

    /// Appends a part of a large transaction; it means nothing until its commit is appended.
    pub(crate) fn append_fragment(&self, payload: &HashedPayload<'_>) -> Result<Appended> {
        let mut state = self.admit(payload)?;
        Ok(push_frame(&mut state, RecordKind::Fragment, payload, 0))
    }

    /// All before this position survives a loss of power.
    pub(crate) fn durable(&self) -> Lsn {
        // Pairs with the Release store of the leader: who sees the position sees its effects.
        Lsn(self.durable.load(Acquire))
    }

    /// Where the next record will stand.
    pub(crate) fn end(&self) -> Lsn {
        self.state.lock().end()
    }

    /// Why other processes cannot be told how far it is, if so.
    pub(crate) fn publishing_fault(&self) -> Option<String> {
        self.publisher.fault()
    }

    /// True if the log stopped for good.
    pub(crate) fn is_poisoned(&self) -> bool {
        self.state.lock().poisoned.is_some()
    }

    /// Waits until a record of this length can be appended without fail.
    fn admit(&self, payload: &HashedPayload<'_>) -> Result<MutexGuard<'_, State>> {
        let len = payload.bytes().len();
        if len > self.options.record_bytes_max.min(u32::MAX as usize) {
            return Err(Error::invalid(format!(
                "a log record of {len} bytes is longer than the limit of {}",
                self.options.record_bytes_max
            )));
        }
        let total = FRAME_BYTES + len;
        let mut state = self.state.lock();
        loop {
            state.check_poisoned()?;
            let end = state.end().plus(total as u64);
            if state.frozen {
                self.changed.wait(&mut state);
            } else if state.pending.len() >= self.options.pending_bytes_max {
                self.lead_or_wait(&mut state, Goal::Written);
            } else if end > state.allocated {
                self.extend(&mut state, end)?;
            } else if let Err(refused) = state.pending.reserve(&self.holder, total) {
                self.make_room(&mut state, refused)?;
            } else {
                return Ok(state);
            }
        }
    }

    /// Gives back what the log itself holds when memory is refused to it: an empty buffer, or that
    /// of a batch once it is written. The caller asks again; with nothing left it is `refused`.
    fn make_room(&self, state: &mut MutexGuard<'_, State>, refused: Error) -> Result<()> {
        if state.spare.give_back() || state.pending.give_back() {
            return Ok(());
        }
        if state.pending.len() == 0 && !state.leading {
            return Err(refused);
        }
        self.lead_or_wait(state, Goal::Written);
        Ok(())
    }

    /// Extends the file up to `need` or more, or waits for who is at it.
    fn extend(&self, state: &mut MutexGuard<'_, State>, need: Lsn) -> Result<()> {
        if state.leading || state.growth.ahead {
            self.changed.wait(state);
            return Ok(());
        }
        (state.leading, state.growth.needed) = (true, true);
        let (file, from) = (Arc::clone(&state.file), state.allocated);
        let steps = need.since(from).div_ceil(self.options.preallocate_bytes.max(1));
        let to = from.plus(steps * self.options.preallocate_bytes);
        let outcome = self.unlocked(state, || file.extend(from, need, to));
        state.growth.needed = false;
        let outcome = match outcome {
            Ok(reached) => {
                state.allocated = reached;
                Ok(())
            }
            Err(Fault::Refused(error)) => Err(error),
            Err(Fault::Fatal(error)) => {
                self.poison(state, &error);
                state.check_poisoned()
            }
        };
        self.stop_leading(state); // when all that is known is said
        outcome
    }
}

/// Puts a frame into the batch, where there is room for it.
fn push_frame(
    state: &mut State,
    kind: RecordKind,
    payload: &HashedPayload<'_>,
    timestamp: u64,
) -> Appended {
    let wall = now_us().max(state.last_wall);
    let frame = Frame {
        checksum: payload.hash(),
        length: payload.bytes().len() as u32,
        kind: kind as u8,
        version: FRAME_VERSION,
        lsn: state.end(),
        durable: Lsn::ZERO,
        timestamp,
        wall,
    };
    state.last_wall = wall;
    state.pending.push(&frame.to_bytes());
    state.pending.push(payload.bytes());
    Appended { timestamp, end: state.end(), wall }
}

/// The system's clock in microseconds since 1970; before that, 0.
fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
