//! I6: the power goes at every operation, and again inside recovery.

use crate::history::{History, Workload, device, open, state_of};
use store_tests::sim_device::SimDevice;

/// Runs a workload until the power goes before operation `stop`.
fn cut_at(stop: u64, workload: Workload) -> (SimDevice, History) {
    let device = device();
    device.stop_at(stop);
    let mut history = History::new();
    let _off = open(&device).and_then(|store| history.run(&store, workload));
    (device, history)
}

/// Goes on after a recovery: what is committed then must be there too.
fn goes_on(device: &SimDevice, history: &History, seed: u64, what: &str) {
    let store = open(device).unwrap();
    let mut next = History::new();
    next.states = vec![state_of(&store)];
    let more = Workload { seed, steps: 4, text_bytes: 50, stubborn: false };
    if !store.tables().contains(&"a".to_owned()) {
        next.run(&store, more).unwrap();
    }
    assert!(history.states.len() > history.acknowledged);
    drop(store);
    assert_eq!(next.verify(&device.crash(seed), what), next.acknowledged, "{what}");
}

/// The operations to cut at.
fn stops(workload: Workload, every: usize) -> Vec<u64> {
    let device = device();
    History::new().run(&open(&device).unwrap(), workload).unwrap();
    (0..=device.operations()).step_by(every).collect()
}

/// Cuts the power at every one of these operations, and again inside recovery; how often.
fn crash_everywhere(workload: Workload, seeds: u64, every: usize) -> usize {
    let stops = stops(workload, every);
    for stop in &stops {
        let (device, history) = cut_at(*stop, workload);
        for seed in 0..seeds {
            let what = format!("workload {}, stop {stop}, crash {seed}", workload.seed);
            let first = device.crash(stop * 100 + seed);
            if (stop + seed) % 2 == 0 {
                // Once more inside recovery, at a place that moves along.
                let after = device.crash(stop * 100 + seed);
                let place = stop / 2 % 13;
                after.stop_at(place);
                let second = open(&after).is_err();
                let what = format!("{what}, again at {place} ({second})");
                history.verify(&after.crash(seed), &what);
            }
            history.verify(&first, &what);
            if stop % 7 == 0 {
                goes_on(&first, &history, seed, &what);
            }
        }
    }
    stops.len()
}

#[test]
fn the_power_may_go_at_every_operation() {
    let workload = Workload { seed: 1, steps: 20, text_bytes: 60, stubborn: false };
    let stops = crash_everywhere(workload, 2, 1);
    println!("{stops} operations, two crashes each");
    assert!(stops > 60, "{stops}");
}

#[test]
fn the_power_may_go_at_some_operation_of_other_workloads() {
    for seed in 2..6 {
        let workload = Workload { seed, steps: 40, text_bytes: 200, stubborn: false };
        crash_everywhere(workload, 1, 9);
    }
}

#[test]
fn transactions_of_several_records_come_back_whole_or_not_at_all() {
    let workload = Workload { seed: 8, steps: 12, text_bytes: 1_500_000, stubborn: false };
    let stops = crash_everywhere(workload, 1, 3);
    assert!(stops > 10, "{stops}");
}

#[test]
fn what_was_acknowledged_survives_the_worst_crash() {
    // Nothing unsynced survives here, whatever the seed: a missing sync shows at once.
    for seed in 0..20 {
        let device = device();
        let mut history = History::new();
        // The last step of every other one changes an index: no later commit syncs for it.
        let workload = Workload { seed, steps: 12 + seed % 2, text_bytes: 40, stubborn: false };
        // Closing would sync: the power goes before.
        let store = open(&device).unwrap();
        history.run(&store, workload).unwrap();
        let found = history.verify(&device.crash(seed), &format!("seed {seed}"));
        assert_eq!(found, history.acknowledged);
    }
}
