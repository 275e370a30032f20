//! Models: the lock-free pieces themselves, run by loom in every order that Rust's memory model
//! allows for two or three threads and a few operations; and the engine, run by shuttle in random
//! schedules.
//!
//! `make loom` and `make shuttle` run them. A model that cannot fail proves nothing, so each has planted bugs: the
//! same test runs once more in a process of its own with `STORE_PLANTED` set, and must fail.
//!
//! loom remembers one last access per word, and may take a writer that reads before it writes for
//! independent of a reader. So the writer is the main thread and readers are spawned; and the
//! number of executions is printed, which is 1 where that went wrong.

#[cfg(loom)]
mod arena;
#[cfg(loom)]
mod budget;
#[cfg(loom)]
mod chain;
#[cfg(loom)]
mod current;
#[cfg(shuttle)]
mod engine;
#[cfg(loom)]
mod group_commit;
#[cfg(loom)]
mod images;
#[cfg(loom)]
mod ordered;
#[cfg(loom)]
mod primary;
#[cfg(loom)]
mod settled;
#[cfg(loom)]
mod timeline;

#[cfg(loom)]
use crate::mem::{Holder, MemoryBudget};
use std::process::Command;
#[cfg(loom)]
use std::sync::Arc;
#[cfg(loom)]
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

/// Schedules of a run by shuttle.
#[cfg(shuttle)]
const SCHEDULES: usize = 1_000;
/// Bytes of a thread's stack in a schedule.
#[cfg(shuttle)]
const STACK_BYTES: usize = 1 << 20;
/// Steps of one execution at most; one that needs more spins.
#[cfg(loom)]
const BRANCHES_MAX: usize = 20_000;
/// Set for a process that runs a model with a planted bug.
const PLANTED: &str = "STORE_PLANTED";

/// All interleavings with at most so many preemptions, or all there are.
#[cfg(loom)]
#[derive(Clone, Copy, Debug)]
enum Search {
    Whole,
    Preemptions(usize),
}

/// Runs a model in every order; prints how many there were.
#[cfg(loom)]
fn check(name: &str, search: Search, model: impl Fn() + Send + Sync + 'static) {
    let runs = Arc::new(AtomicUsize::new(0));
    let mut builder = loom::model::Builder::new();
    builder.max_branches = BRANCHES_MAX;
    builder.preemption_bound = match search {
        Search::Whole => None,
        Search::Preemptions(bound) => Some(bound),
    };
    let (began, counted) = (Instant::now(), Arc::clone(&runs));
    builder.check(move || {
        counted.fetch_add(1, Relaxed);
        model();
    });
    let runs = runs.load(Relaxed);
    println!("model {name}: {runs} executions, {search:?}, {:.1?}", began.elapsed());
    assert!(runs > 1, "{name}: loom saw a single order");
}

/// Runs a model in many random schedules, always the same ones.
#[cfg(shuttle)]
fn check_schedules(name: &str, model: impl Fn() + Send + Sync + 'static) {
    let began = Instant::now();
    let mut config = shuttle::Config::new();
    config.stack_size = STACK_BYTES;
    let scheduler = shuttle::scheduler::RandomScheduler::new_from_seed(7, SCHEDULES);
    let runs = shuttle::Runner::new(scheduler, config).run(model);
    println!("model {name}: {runs} schedules, {:.1?}", began.elapsed());
}

/// Demands that a model's test, named from the crate's root, fails with each of these bugs.
fn notices(test: &str, bugs: &[&str]) {
    if std::env::var_os(PLANTED).is_some() {
        return;
    }
    let program = std::env::current_exe().expect("a test knows its own path");
    for bug in bugs {
        let began = Instant::now();
        let output = Command::new(&program)
            .args(["--exact", test, "--nocapture"])
            .env(PLANTED, bug)
            .output()
            .expect("a test can run itself");
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("running 1 test"), "{test}: no such test\n{text}");
        assert!(!output.status.success(), "{test} passes with the bug {bug} planted");
        // A table that was freed is unmapped: to read it ends the process.
        let why = text.lines().skip_while(|line| !line.contains("panicked at")).nth(1);
        let why = why.map_or_else(|| output.status.to_string(), str::to_owned);
        println!("  {bug}: {why} ({:.1?})", began.elapsed());
    }
}

/// A budget of this many bytes and a holder in it.
#[cfg(loom)]
fn holder(bytes: u64) -> Holder {
    MemoryBudget::new(bytes).holder("model")
}
