//! I6 without chance: all sequences of a few steps, a loss of power before each operation, every legal
//! outcome of it.
//!
//! `STORE_CRASH_STEPS` sets how long the sequences are (2 unless set), `STORE_CRASH_SUBSETS` how many
//! outcomes of one crash are opened (16 unless set): if there are more, so many are drawn.

use crate::history::{History, device};
use crate::many::{Recoveries, Totals, wanted};
use crate::steps::{Runner, Step};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use store_tests::random::Random;
use store_tests::sim_device::{Each, SimDevice};

const ALPHABET: [Step; 10] = [
    Step::Put,
    Step::Delete,
    Step::Checkpoint,
    Step::CreateIndex,
    Step::DropIndex,
    Step::PutSectors,
    Step::Reopen,
    Step::Freeze,
    Step::Thaw,
    Step::Merge,
];

/// All sequences of up to so many steps.
fn sequences(len: u64) -> Vec<Vec<Step>> {
    let mut all = vec![vec![]];
    let mut from = 0;
    for _ in 0..len {
        let shorter = all[from..].to_vec();
        from = all.len();
        for sequence in shorter {
            all.extend(ALPHABET.map(|step| [&sequence[..], &[step]].concat()));
        }
    }
    all.split_off(1)
}

/// Every outcome of a crash now, or `most` drawn ones; true if these are all. No outcome twice.
pub fn outcomes(copy: &SimDevice, most: usize, random: &mut Random) -> (Vec<SimDevice>, bool) {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut each = Each::new(512);
    for _ in 0..most {
        let crashed = copy.crash_by(&mut each);
        if seen.insert(crashed.contents()) {
            found.push(crashed);
        }
        if !each.advance() {
            return (found, true);
        }
    }
    (found, seen) = (Vec::new(), BTreeSet::new());
    for _ in 0..most {
        let crashed = copy.crash(random.number());
        if seen.insert(crashed.contents()) {
            found.push(crashed);
        }
    }
    (found, false)
}

#[test]
fn all_short_sequences_survive_every_crash() {
    let (len, most) = (wanted("STORE_CRASH_STEPS", 2), wanted("STORE_CRASH_SUBSETS", 16) as usize);
    let (totals, start) = (Totals::default(), Instant::now());
    let (complete, points) = (AtomicU64::new(0), AtomicU64::new(0));
    let all = sequences(len);
    let work = &|part: usize| {
        for steps in all.iter().skip(part).step_by(2) {
            let place = device();
            let mut runner = Runner::open(place.clone(), History::new(), 3).unwrap();
            runner.run(&[Step::CreateTable, Step::Put, Step::Put]).unwrap();
            let before = runner.device.operations();
            place.record_at(before..before + 200);
            runner.run(steps).unwrap_or_else(|error| panic!("{steps:?}: {error}"));
            let (history, totals) = (&runner.history, &totals);
            let mut recoveries = Recoveries { history, totals, random: Random::new(5) };
            for (operation, copy) in place.recorded() {
                let (found, is_all) = outcomes(&copy, most, &mut recoveries.random);
                complete.fetch_add(u64::from(is_all), Ordering::Relaxed);
                points.fetch_add(1, Ordering::Relaxed);
                let bounds = runner.bounds_at(operation);
                for (nth, crashed) in found.iter().enumerate() {
                    let what = format!("{steps:?}, before operation {operation}, outcome {nth}");
                    recoveries.recover(crashed, bounds, 0, &what);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for part in 0..2 {
            scope.spawn(move || work(part));
        }
    });
    let (complete, points) = (complete.into_inner(), points.into_inner());
    println!(
        "{} sequences of up to {len} steps, {points} crashes, of {complete} every outcome; {} \
         recoveries in {:.1} s",
        all.len(),
        totals.recoveries.into_inner(),
        start.elapsed().as_secs_f64()
    );
    assert!(complete * 3 > points, "{complete} of {points}");
}
