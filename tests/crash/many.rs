//! I6 at scale: random workloads, the power going before many of their operations, again inside
//! recovery, and a third time inside that.
//!
//! A workload runs once; the device keeps a copy from before each operation that is looked at. What
//! a crash leaves of the copy is opened: every acknowledged commit must be there, whole transactions
//! only, a prefix of the commit order, and every index must agree with its table.
//!
//! | variable | means | unless set |
//! |---|---|---|
//! | `STORE_CRASH_WORKLOADS` | workloads | 100 |
//! | `STORE_CRASH_SEED` | the first one's seed; the others follow | 1 |
//! | `STORE_CRASH_SUBSETS` | most outcomes of one crash in `sequences` | 16 |

use crate::history::{History, device, open, state_of};
use crate::steps::{Bounds, Runner, Step};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use store_tests::random::Random;
use store_tests::rows::assert_sound;
use store_tests::sim_device::SimDevice;

/// Workloads run on so many threads.
const THREADS: u64 = 2;
/// Operations of a workload before which the power goes.
const POINTS: u64 = 24;
/// The same for workloads with a commit in fragments, whose copies are large.
const POINTS_HUGE: u64 = 6;
/// Crashes before each of them, each with an outcome of its own.
const CRASHES: u64 = 2;
/// One workload in so many has such a commit.
const HUGE_IN: u64 = 50;
/// A number from the environment.
pub fn wanted(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// What was done.
#[derive(Default)]
pub struct Totals {
    pub points: AtomicU64,
    pub recoveries: AtomicU64,
    pub continued: AtomicU64,
}

impl Totals {
    fn add(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Recovers devices and looks at what is found.
pub struct Recoveries<'a> {
    pub history: &'a History,
    pub totals: &'a Totals,
    pub random: Random,
}

impl Recoveries<'_> {
    /// Opens a device; at the first `again` levels the power also goes inside the recovery, and after it.
    pub fn recover(&mut self, device: &SimDevice, bounds: Bounds, again: u32, what: &str) {
        Totals::add(&self.totals.recoveries);
        if again > 0 {
            device.record_at([self.random.below(14)]);
        }
        let store = open(device).unwrap_or_else(|error| panic!("{what}: {error}"));
        let found = state_of(&store);
        let possible = &self.history.states[bounds.first..=bounds.last];
        let Some(position) = possible.iter().rposition(|state| *state == found) else {
            let known = self.history.states.iter().position(|state| *state == found);
            panic!("{what}: found state {known:?}, not one of {bounds:?}: {:?}", store.recovery())
        };
        assert_sound(&store);
        drop(store);
        if again == 0 {
            return;
        }
        let shown = bounds.first + position;
        let copies = device.recorded();
        let last = copies.len() - 1;
        for (nth, (operation, copy)) in copies.iter().enumerate() {
            let seed = self.random.number();
            let what = format!("{what}, again at {operation}, crash {seed}");
            // What an opened store showed stays.
            let bounds = if nth == last { Bounds { first: shown, last: shown } } else { bounds };
            let again = if nth == last { 0 } else { again - 1 };
            self.recover(&copy.crash(seed), bounds, again, &what);
        }
    }

    /// Works on with what is left, and loses power again.
    fn go_on(&mut self, device: SimDevice, bounds: Bounds, what: &str) {
        Totals::add(&self.totals.continued);
        let store = open(&device).unwrap_or_else(|error| panic!("{what}: {error}"));
        let mut history = History::new();
        history.states = vec![state_of(&store)];
        let possible = &self.history.states[bounds.first..=bounds.last];
        assert!(possible.contains(&history.states[0]), "{what}");
        drop(store);
        let mut runner = Runner::open(device, history, self.random.number()).unwrap();
        let steps = [Step::Mixed, Step::Checkpoint, Step::Mixed, Step::CreateIndex, Step::Put];
        runner.run(&steps[self.random.below(3) as usize..]).unwrap();
        let seed = self.random.number();
        let crashed = runner.device.crash(seed);
        let bounds = runner.bounds_at(runner.device.operations());
        let mut after =
            Recoveries { history: &runner.history, totals: self.totals, random: Random::new(seed) };
        after.recover(&crashed, bounds, 0, &format!("{what}, gone on, crash {seed}"));
    }
}

/// One workload with all its crashes.
fn workload(seed: u64, totals: &Totals) {
    let mut random = Random::new(seed);
    let steps = Step::random(&mut random, HUGE_IN);
    let run = |operations: Vec<u64>| {
        let place = device();
        place.record_at(operations);
        let mut runner = Runner::open(place, History::new(), seed).unwrap();
        let outcome = runner.run(&steps);
        outcome.unwrap_or_else(|error| panic!("workload {seed}, {steps:?}: {error}"));
        runner
    };
    // Most workloads have fewer operations than this; those that are never reached are no loss.
    let points = if steps.contains(&Step::PutHuge) { POINTS_HUGE } else { POINTS };
    let of = 12 + 7 * steps.len() as u64;
    let runner = run((0..points).map(|_| random.below(of)).collect());
    let mut recoveries =
        Recoveries { history: &runner.history, totals, random: Random::new(seed ^ 0xc2a5) };
    for (operation, copy) in runner.device.recorded() {
        Totals::add(&totals.points);
        let bounds = runner.bounds_at(operation);
        for _ in 0..CRASHES {
            let crash = recoveries.random.number();
            let what = format!(
                "STORE_CRASH_SEED={seed} STORE_CRASH_WORKLOADS=1: before operation {operation} of \
                 {steps:?}, crash {crash}"
            );
            recoveries.recover(&copy.crash(crash), bounds, 2, &what);
            if recoveries.random.once_in(12) {
                recoveries.go_on(copy.crash(crash ^ 1), bounds, &what);
            }
        }
    }
}

#[test]
fn random_workloads_survive_loss_of_power_anywhere() {
    let (workloads, first) = (wanted("STORE_CRASH_WORKLOADS", 100), wanted("STORE_CRASH_SEED", 1));
    println!("STORE_CRASH_SEED={first} STORE_CRASH_WORKLOADS={workloads}");
    let (totals, start) = (Totals::default(), Instant::now());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let totals = &totals;
            let seeds = (first..first + workloads).skip(thread as usize).step_by(THREADS as usize);
            scope.spawn(move || seeds.for_each(|seed| workload(seed, totals)));
        }
    });
    let [points, recoveries, continued] =
        [totals.points, totals.recoveries, totals.continued].map(AtomicU64::into_inner);
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{workloads} workloads, {points} crash points, {recoveries} recoveries, {continued} went on: \
         {:.0} recoveries a second",
        recoveries as f64 / seconds
    );
    assert!(recoveries >= workloads * 40, "{recoveries} recoveries of {workloads} workloads");
}

#[test]
fn equal_seeds_leave_equal_traces() {
    for seed in 1..20 {
        let trace = || {
            let mut random = Random::new(seed);
            let steps = Step::random(&mut random, HUGE_IN);
            let mut runner = Runner::open(device(), History::new(), seed).unwrap();
            runner.run(&steps).unwrap();
            let names = runner.device.crash(seed).contents().into_keys().collect::<Vec<_>>();
            (runner.device.events(), names, runner.history.states)
        };
        let (first, second) = (trace(), trace());
        assert!(first.0.len() > 10);
        assert!(first == second, "seed {seed}");
    }
}
