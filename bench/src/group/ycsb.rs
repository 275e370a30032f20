//! YCSB A and B: zipf keys, every operation for itself: a read is one of the newest commit by a lookup,
//! or has a snapshot (papaya: a pin) of its own, an update a transaction.

use crate::engine::Engines;
use crate::keys::{Draw, Keys, Random};
use crate::measure::{Clock, Contender, compare, in_two};

const OPERATIONS: usize = 400_000;

struct Mix {
    name: &'static str,
    /// Updates in a hundred operations.
    updates: u64,
    /// Gates beside papaya at one and at two threads.
    gates: [f64; 2],
}

const MIXES: [Mix; 2] = [
    Mix { name: "YCSB-A, half updates", updates: 50, gates: [0.6, 1.8] },
    Mix { name: "YCSB-B, 5 % updates", updates: 5, gates: [0.9, 1.3] },
];

pub fn run(engines: &Engines) {
    let keys = &Keys::draw(&engines.ids, OPERATIONS, Draw::Zipf, 5);
    for mix in &MIXES {
        let mut random = Random(6);
        let writes: Vec<bool> =
            (0..OPERATIONS).map(|_| random.next() % 100 < mix.updates).collect();
        run_mix(engines, keys, mix, &writes);
    }
}

fn run_mix(engines: &Engines, keys: &Keys, mix: &Mix, writes: &[bool]) {
    let (ours, papaya) = (engines.ours(), engines.papaya());
    let read = keys.ranks.iter().zip(writes).filter(|(_, write)| !**write);
    let read: Vec<u32> = read.map(|(rank, _)| *rank).collect();
    let answer = Some(engines.altitudes(&read));
    let all = || 0..OPERATIONS;
    let one = vec![
        Contender::new("store, lookup", OPERATIONS, answer, |round| {
            ours.mixed_newest(keys, all(), round, writes)
        }),
        Contender::new("store, snapshots", OPERATIONS, answer, |round| {
            ours.mixed(keys, all(), round, writes)
        }),
        Contender::new("papaya", OPERATIONS, answer, |round| {
            papaya.mixed(keys, all(), round, writes)
        })
        .gate(mix.gates[0]),
    ];
    compare(mix.name, Clock::Cpu, one);
    let two = vec![
        Contender::new("store, lookup", OPERATIONS, answer, |round| {
            in_two(OPERATIONS, |part| ours.mixed_newest(keys, part, round, writes))
        }),
        Contender::new("store, snapshots", OPERATIONS, answer, |round| {
            in_two(OPERATIONS, |part| ours.mixed(keys, part, round, writes))
        }),
        Contender::new("papaya", OPERATIONS, answer, |round| {
            in_two(OPERATIONS, |part| papaya.mixed(keys, part, round, writes))
        })
        .gate(mix.gates[1]),
    ];
    compare(&format!("{}, 2 threads", mix.name), Clock::Cpu, two);
}
