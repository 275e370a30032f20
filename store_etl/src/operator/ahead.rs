//! Batches made by a thread of their own, in their order, while whoever takes them works on.
//!
//! ```text
//!  thread  operators below ─► batch 2 ─┐        ┌─► batch 1, used up
//!  caller                     batch 1 ◄┴── … ───┘
//! ```

use super::{Operator, Shared};
use crate::batch::{Batch, Field};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use store_core::mem::Reservation;
use store_core::planted::bug;
use store_core::{Error, Kind, Result};

/// Batches that are on their way or in use.
pub(crate) const AHEAD_BATCHES: usize = 2;
/// Stack of a thread that runs any operators.
const STACK_BYTES: usize = 1 << 20;
/// What such a thread takes, as far as it is touched, with what the allocator keeps for it.
pub(crate) const AHEAD_THREAD_BYTES: usize = 512 << 10;
/// How often who waits for a batch looks up.
const WAIT: Duration = Duration::from_millis(50);

/// Makes operators, where they are to work: not all of them may change threads.
pub(crate) type Make = Box<dyn FnOnce() -> Result<Box<dyn Operator>> + Send>;

/// Takes the rows of other operators from their thread.
pub(crate) struct Ahead {
    state: State,
    batch: Batch,
    shared: Shared,
    _held: Reservation,
}

enum State {
    Waiting(Make, Vec<Batch>),
    /// The system had no thread: rows are made by the caller.
    Here(Box<dyn Operator>),
    Running(Running),
    Ended,
}

/// What comes of the thread.
enum Sent {
    /// Whatever must be there before the first row is.
    Prepared,
    Batch(Batch),
}

/// The thread, and the ways there and back.
struct Running {
    full: Option<Receiver<Result<Sent>>>,
    empty: Option<SyncSender<Batch>>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    pub fn new(input: Make, fields: &[Field], shared: &Shared) -> Result<Self> {
        let batches = (AHEAD_BATCHES + 1) * shared.limits().resident_bytes(fields.len());
        let held = shared.holder.reserve(batches + AHEAD_THREAD_BYTES)?;
        let spare = (0..AHEAD_BATCHES).map(|_| Batch::new(fields)).collect();
        Ok(Self {
            state: State::Waiting(input, spare),
            batch: Batch::new(fields),
            shared: shared.clone(),
            _held: held,
        })
    }

    fn begin(&mut self) -> Result<()> {
        if matches!(self.state, State::Waiting(..))
            && let State::Waiting(make, spare) = std::mem::replace(&mut self.state, State::Ended)
        {
            self.state = start(make, spare)?;
        }
        Ok(())
    }

    /// What the thread sends next; none at the end.
    fn receive(&mut self) -> Result<Option<Sent>> {
        let State::Running(running) = &mut self.state else { return Ok(None) };
        let Some(full) = &running.full else { return Ok(None) };
        loop {
            match full.recv_timeout(WAIT) {
                Ok(next) => {
                    self.shared.tick()?;
                    return next.map(Some);
                }
                Err(RecvTimeoutError::Timeout) => self.shared.tick()?,
                Err(RecvTimeoutError::Disconnected) => {
                    let ended = running.join();
                    self.state = State::Ended;
                    return ended.map(|()| None);
                }
            }
        }
    }

    /// Moves to the next batch of the thread.
    fn take(&mut self) -> Result<bool> {
        let next = loop {
            match self.receive()? {
                Some(Sent::Prepared) => {}
                Some(Sent::Batch(next)) => break next,
                None => return Ok(false),
            }
        };
        let used = std::mem::replace(&mut self.batch, next);
        if let State::Running(Running { empty: Some(empty), .. }) = &self.state {
            // A thread that has ended needs none.
            drop(empty.send(used));
        }
        Ok(true)
    }
}

impl Operator for Ahead {
    fn advance(&mut self) -> Result<bool> {
        self.begin()?;
        match &mut self.state {
            State::Here(input) => input.advance(),
            _ => self.take(),
        }
    }

    fn prepare(&mut self) -> Result<()> {
        if !matches!(self.state, State::Waiting(..)) {
            return Ok(());
        }
        self.begin()?;
        if let State::Here(input) = &mut self.state {
            return input.prepare();
        }
        // The first that it sends, if it does not fail.
        self.receive().map(drop)
    }

    fn batch(&self) -> &Batch {
        match &self.state {
            State::Here(input) => input.batch(),
            _ => &self.batch,
        }
    }
}

impl Running {
    /// Waits for the end of the thread; an error if it did not come to one.
    fn join(&mut self) -> Result<()> {
        (self.full, self.empty) = (None, None);
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(_)) => Err(Error::new(Kind::Panic, "a thread of the job has failed")),
            _ => Ok(()),
        }
    }
}

/// Nobody reads or writes on after this.
impl Drop for Running {
    fn drop(&mut self) {
        drop(self.join());
    }
}

fn start(make: Make, spare: Vec<Batch>) -> Result<State> {
    let (full, filled) = sync_channel(AHEAD_BATCHES + 1);
    // Room for what the caller has as well: it never waits to give one back.
    let (empty, to_fill) = sync_channel(AHEAD_BATCHES + 1);
    for batch in spare {
        drop(empty.send(batch));
    }
    // Given over through a place that both see, so that it is not lost where there is no thread.
    let given = Arc::new(Mutex::new(Some(make)));
    let taken = Arc::clone(&given);
    let work = move || {
        let make = taken.lock().take();
        let made = make.map_or(Ok(()), |make| make_all(make()?, &to_fill, &full));
        if let Err(error) = made
            && !bug("ahead_error_lost")
        {
            // Whoever takes nothing more needs no reason.
            drop(full.send(Err(error)));
        }
    };
    let builder = Builder::new().name("store-etl".into()).stack_size(STACK_BYTES);
    if let Ok(thread) = builder.spawn(work) {
        let (full, empty) = (Some(filled), Some(empty));
        return Ok(State::Running(Running { full, empty, thread: Some(thread) }));
    }
    let make = given.lock().take();
    make.map_or(Ok(State::Ended), |make| Ok(State::Here(make()?)))
}

/// Makes all batches; ends early if nobody takes them.
fn make_all(
    mut input: Box<dyn Operator>,
    to_fill: &Receiver<Batch>,
    full: &SyncSender<Result<Sent>>,
) -> Result<()> {
    input.prepare()?;
    if full.send(Ok(Sent::Prepared)).is_err() {
        return Ok(());
    }
    while let Ok(mut batch) = to_fill.recv() {
        if !input.advance()? {
            break;
        }
        batch.clear();
        batch.copy_from(input.batch())?;
        if full.send(Ok(Sent::Batch(batch))).is_err() {
            break;
        }
    }
    Ok(())
}
