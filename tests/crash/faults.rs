//! I7: any call of the device may fail, once or for ever, in part, or because it is full. Nothing is
//! acknowledged that is lost, reads go on, and what is opened again is right.
//!
//! `STORE_CRASH_FAULTS` sets how many places of each kind of call fail in each scenario; 3 unless set.

use crate::history::{History, device, open, read_state, state_of};
use crate::many::{Recoveries, Totals, wanted};
use crate::sequences::outcomes;
use crate::steps::{Bounds, Runner, Step};
use std::collections::BTreeMap;
use store_core::Kind;
use store_tests::random::Random;
use store_tests::sim_device::{EINTR, EIO, ENOSPC, Failure, Fault, Operation, SimDevice};

/// Scenarios: random workloads.
const SCENARIOS: u64 = 50;

fn steps_of(seed: u64) -> Vec<Step> {
    Step::random(&mut Random::new(seed), u64::MAX)
}

/// How often each kind of call comes in a scenario, the first opening included.
fn calls(seed: u64) -> BTreeMap<usize, u64> {
    let mut counts = BTreeMap::new();
    for (nth, operation) in Operation::ALL.into_iter().enumerate() {
        let place = device();
        // Counts down one for each call.
        place.fail(Fault::once(operation, u64::MAX, EIO));
        let mut runner = Runner::open(place.clone(), History::new(), seed).unwrap();
        runner.run(&steps_of(seed)).unwrap();
        counts.insert(nth, u64::MAX - place.next_failure().unwrap());
    }
    counts
}

/// Runs a scenario with a fault, then looks at what is left in every way; true if the fault came.
fn run_with(fault: Fault, seed: u64) -> bool {
    let what = format!("scenario {seed}, {fault:?}");
    let place = device();
    place.fail(fault);
    let mut met = false;
    let mut history = History::new();
    match Runner::open(place.clone(), history.clone(), seed) {
        Err(error) => {
            assert!(is_typed(error.kind()), "{what}: {error}");
            met = true;
        }
        Ok(mut runner) => {
            for step in steps_of(seed) {
                let Err(error) = runner.take(step) else { continue };
                assert!(is_typed(error.kind()), "{what}: {error}");
                met = true;
                let Some(store) = runner.opened() else { break };
                // Reads go on, and show what was acknowledged and nothing else.
                match read_state(store) {
                    Ok(state) => {
                        assert_eq!(state, *runner.history.acknowledged_state(), "{what}");
                    }
                    // Rows that are not in memory.
                    Err(error) => {
                        assert_eq!(error.kind(), Kind::Io, "{what}: {error}");
                        assert_eq!(fault.operation, Some(Operation::Read), "{what}: {error}");
                    }
                }
            }
            history = runner.into_history();
        }
    }
    place.heal();
    look(&place, &history, seed, &what);
    met
}

fn is_typed(kind: Kind) -> bool {
    matches!(kind, Kind::Io | Kind::NoSpace | Kind::Poisoned)
}

/// What a crash leaves, what the device has without its caches, and what the next process sees.
fn look(place: &SimDevice, history: &History, seed: u64, what: &str) {
    let totals = Totals::default();
    let mut recoveries = Recoveries { history, totals: &totals, random: Random::new(seed) };
    let bounds = Bounds { first: history.acknowledged, last: history.states.len() - 1 };
    let (_, copy) = place.recorded().pop().unwrap();
    for crash in 0..2 {
        let what = format!("{what}, crash {crash}");
        recoveries.recover(&place.crash(seed + crash), bounds, 0, &what);
    }
    copy.drop_caches();
    recoveries.recover(&copy, bounds, 1, &format!("{what}, caches dropped"));
    // What this one shows must survive a crash, though some of it was only in the cache.
    recoveries.recover(place, bounds, 1, &format!("{what}, opened again"));
}

#[test]
fn any_call_may_fail_and_nothing_acknowledged_is_lost() {
    let places = wanted("STORE_CRASH_FAULTS", 3);
    let (mut runs, mut met) = (0, 0);
    for seed in 0..SCENARIOS {
        let counts = calls(seed);
        for (nth, operation) in Operation::ALL.into_iter().enumerate() {
            let count = counts[&nth];
            let mut failures = vec![Failure::Errno(EIO), Failure::Errno(EINTR)];
            if matches!(operation, Operation::Write | Operation::SetLen | Operation::Create) {
                failures.push(Failure::Errno(ENOSPC));
                failures.push(Failure::Short(seed as usize * 13 % 600, EIO));
            }
            for place in 0..places.min(count) {
                let after = (place * count / places.min(count) + seed) % count;
                let failure = failures[(seed + place) as usize % failures.len()];
                // Whoever is interrupted tries again, so it must come to an end.
                let forever = (seed + place) % 3 == 0 && failure != Failure::Errno(EINTR);
                let fault = Fault { operation: Some(operation), after, forever, failure };
                runs += 1;
                met += u64::from(run_with(fault, seed));
            }
        }
    }
    println!("{runs} runs of {SCENARIOS} scenarios, {met} met their fault");
    // Some failures are made good without a word, such as removing what is removed later.
    assert!(runs > 1_000 && met * 10 > runs * 6, "{met} of {runs}");
}

#[test]
fn each_sync_in_turn_may_fail() {
    let (mut runs, mut met) = (0, 0);
    for seed in 100..104 {
        let counts = calls(seed);
        for (nth, operation) in Operation::ALL.into_iter().enumerate() {
            if !matches!(operation, Operation::Sync | Operation::SyncDirectory) {
                continue;
            }
            for after in 0..counts[&nth] {
                for forever in [false, true] {
                    let failure = Failure::Errno(EIO);
                    let fault = Fault { operation: Some(operation), after, forever, failure };
                    runs += 1;
                    met += u64::from(run_with(fault, seed));
                }
            }
        }
    }
    println!("{runs} failed syncs, {met} met");
    assert!(runs > 100 && met * 10 > runs * 9, "{met} of {runs}");
}

/// A checkpoint may leave a manifest that is read although its name is not durable: the next opening
/// must not remove what the manifest before it needs.
#[test]
fn a_manifest_without_a_durable_name_takes_nothing_from_the_one_before() {
    let totals = Totals::default();
    for after in 0..4 {
        let place = device();
        let mut runner = Runner::open(place.clone(), History::new(), 4).unwrap();
        runner.run(&[Step::CreateTable, Step::Put, Step::Checkpoint, Step::Put]).unwrap();
        place.fail(Fault::once(Operation::SyncDirectory, after, EIO));
        let failed = runner.take(Step::Checkpoint).is_err();
        let history = runner.into_history();
        place.heal();
        let before = place.operations();
        place.record_at(before..before + 40);
        drop(open(&place).unwrap());
        let bounds = Bounds { first: history.acknowledged, last: history.acknowledged };
        let mut recoveries =
            Recoveries { history: &history, totals: &totals, random: Random::new(after) };
        for (operation, copy) in place.recorded() {
            for (nth, crashed) in outcomes(&copy, 256, &mut Random::new(after)).0.iter().enumerate()
            {
                let what = format!("sync {after} fails ({failed}), {operation}, outcome {nth}");
                recoveries.recover(crashed, bounds, 0, &what);
            }
        }
    }
    let recoveries = totals.recoveries.into_inner();
    assert!(recoveries > 100, "{recoveries}");
}

/// A device may give one byte at a time, or be interrupted: that is no failure.
#[test]
fn short_and_interrupted_reads_are_gone_on_with() {
    for (seed, failure) in [(1, Failure::Short(7, 0)), (2, Failure::Short(100, 0))] {
        let place = device();
        let mut runner = Runner::open(place.clone(), History::new(), seed).unwrap();
        runner.run(&steps_of(seed)).unwrap();
        let history = runner.into_history();
        let read = Some(Operation::Read);
        place.fail(Fault { operation: read, after: 0, forever: true, failure });
        let store = open(&place).unwrap();
        assert_eq!(state_of(&store), *history.acknowledged_state());
        assert!(store.recovery().unwrap().cut.is_none());
        drop(store);
        place.heal();
        for after in 0..6 {
            place.fail(Fault::once(Operation::Read, after, EINTR));
        }
        assert_eq!(state_of(&open(&place).unwrap()), *history.acknowledged_state());
    }
}

#[test]
fn a_full_device_stays_readable_and_commits_resume_when_there_is_room() {
    let (mut refused, mut resumed) = (0, 0);
    for seed in 0..SCENARIOS {
        let what = format!("scenario {seed}");
        let place = device();
        let mut random = Random::new(seed);
        let mut runner = Runner::open(place.clone(), History::new(), seed).unwrap();
        runner.run(&[Step::CreateTable, Step::Mixed, Step::CreateTable, Step::Mixed]).unwrap();
        for _ in 0..3 {
            let used: usize = place.contents().values().map(Vec::len).sum();
            place.set_capacity(Some(used as u64 + random.below(20_000)));
            for step in steps_of(seed + 7_700).into_iter().filter(|step| *step != Step::Reopen) {
                let Err(error) = runner.take(step) else { continue };
                assert_eq!(error.kind(), Kind::NoSpace, "{what}: {error}");
                refused += 1;
                let store = runner.store();
                assert!(!store.stats().poisoned, "{what}");
                assert_eq!(state_of(store), *runner.history.acknowledged_state(), "{what}");
            }
            place.set_capacity(None);
            for step in [Step::Mixed, Step::PutLong, Step::Checkpoint, Step::Delete] {
                runner.take(step).unwrap_or_else(|error| panic!("{what}, with room: {error}"));
                resumed += 1;
            }
        }
        let history = runner.into_history();
        look(&place, &history, seed, &what);
    }
    println!("{refused} steps refused, {resumed} done when there was room");
    assert!(refused > 100, "{refused}");
}
