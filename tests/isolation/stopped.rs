//! I4: a writer that is stopped by a signal, wherever in a commit it is, blocks no reader.

use crate::{accounts, store};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::os::unix::thread::JoinHandleExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use store_core::query::{Predicate, column};
use store_core::{Store, Table};
use store_tests::rows::{int, matching, sum};

const ROWS: i64 = 64;
/// How often the writer is stopped; a stop takes what its readers take, below a millisecond.
const STOPS: u64 = 400;
/// A reader that has not finished by then waits for the writer.
const PATIENCE: Duration = Duration::from_secs(4);

/// Stops so far, and those after which the writer may go on.
static STOPPED: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Whether the thread is inside the system's allocator, and whether a signal met it there.
    static ALLOCATING: Cell<bool> = const { Cell::new(false) };
    static STOP_LATER: Cell<bool> = const { Cell::new(false) };
}

/// The system's allocator, whose locks are not ours: a thread is stopped as soon as it is out of it.
struct Outside;

#[global_allocator]
static ALLOCATOR: Outside = Outside;

fn outside<T>(work: impl FnOnce() -> T) -> T {
    ALLOCATING.set(true);
    let result = work();
    ALLOCATING.set(false);
    if STOP_LATER.replace(false) {
        // SAFETY: the handler is the one below, as nothing else asks for a stop.
        unsafe { libc::raise(libc::SIGUSR1) };
    }
    result
}

// SAFETY: the system's allocator does what it always does.
unsafe impl GlobalAlloc for Outside {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        outside(|| unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        outside(|| unsafe { System.dealloc(block, layout) });
    }
}

/// Keeps the thread that the signal met where it is, without the help of anything it might hold.
extern "C" fn stand_still(_signal: libc::c_int) {
    if ALLOCATING.get() {
        return STOP_LATER.set(true);
    }
    let stop = STOPPED.fetch_add(1, Ordering::SeqCst) + 1;
    while ENDED.load(Ordering::SeqCst) < stop {
        std::hint::spin_loop();
    }
}

fn catch_signals() {
    // SAFETY: zeros are a valid action, and the handler touches two atomics and nothing else.
    let done = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = stand_still as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut())
    };
    assert_eq!(done, 0);
}

/// Reads whatever is asked for until nobody asks; each answer is a sum that no commit changes.
fn answer(store: &Store, table: &Table, answers: &Sender<i64>) {
    loop {
        let snapshot = store.snapshot().unwrap();
        let by_key: i64 = (0..ROWS)
            .map(|id| int(&table.get(&snapshot, &[id.into()]).unwrap().unwrap().to_values()[2]))
            .sum();
        let by_scan = sum(&matching(table, &snapshot, Predicate::all()), 2);
        let by_index = sum(&matching(table, &snapshot, column("place").ge(0)), 2);
        assert_eq!((by_key, by_scan), (by_index, by_index));
        if answers.send(by_key).is_err() {
            return;
        }
    }
}

#[test]
fn a_reader_finishes_while_a_writer_is_stopped_anywhere() {
    catch_signals();
    let store = store();
    let table = accounts(&store, "t");
    let fill = |txn: &mut _| {
        (0..ROWS).try_for_each(|id| table.insert(txn, &[id.into(), (id as i32).into(), 10.into()]))
    };
    store.write(fill).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let (answers, answer_of) = channel();
    // Neither is waited for if a check fails.
    let (reader_store, reader_table) = (store.clone(), table.clone());
    std::thread::spawn(move || answer(&reader_store, &reader_table, &answers));
    let writer_done = Arc::clone(&done);
    let writer = std::thread::spawn(move || move_money(&store, &table, &writer_done));
    for stop in 1..=STOPS {
        std::thread::sleep(Duration::from_micros(stop * 37 % 211));
        // SAFETY: the thread has not been joined.
        let sent = unsafe { libc::pthread_kill(writer.as_pthread_t(), libc::SIGUSR1) };
        assert_eq!(sent, 0);
        while STOPPED.load(Ordering::SeqCst) < stop {
            std::thread::yield_now();
        }
        // What is under way, and one that began after the stop.
        answer_of.try_iter().for_each(drop);
        let first = answer_of.recv_timeout(PATIENCE);
        let sums = first.and_then(|first| Ok([first, answer_of.recv_timeout(PATIENCE)?]));
        ENDED.store(stop, Ordering::SeqCst);
        assert_eq!(sums, Ok([10 * ROWS; 2]), "stop {stop}");
    }
    done.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}

/// Moves amounts between rows until it is told to end; some rows are deleted and inserted anew.
fn move_money(store: &Store, table: &Table, done: &AtomicBool) {
    for round in 0_i64.. {
        if done.load(Ordering::Relaxed) {
            return;
        }
        let (from, to) = (round * 7 % ROWS, (round * 11 + 1) % ROWS);
        if from == to {
            continue;
        }
        let moved = store.write(|txn| {
            let amount = |id: i64, txn: &_| {
                int(&table.get(txn, &[id.into()]).unwrap().unwrap().to_values()[2])
            };
            let (ours, theirs) = (amount(from, txn), amount(to, txn));
            let place = (round % 1000) as i32;
            if round % 3 == 0 {
                table.delete(txn, &[from.into()])?;
                table.insert(txn, &[from.into(), place.into(), (ours - 1).into()])?;
            } else {
                let change = [("value", (ours - 1).into()), ("place", place.into())];
                table.update(txn, &[from.into()], &change)?;
            }
            table.update(txn, &[to.into()], &[("value", (theirs + 1).into())]).map(drop)
        });
        moved.unwrap();
    }
}
