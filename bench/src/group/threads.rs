//! Two threads beside one: how much more they do in the same time by the wall.

use crate::engine::Engines;
use crate::keys::{Draw, Keys};
use crate::measure::{Clock, Contender, compare, in_two};

const READS: usize = 1_000_000;
const UPDATES: usize = 200_000;

pub fn run(engines: &Engines) {
    reads(engines);
    for held in [false, true] {
        updates(engines, held);
    }
}

fn reads(engines: &Engines) {
    let ours = engines.ours();
    let keys = &Keys::draw(&engines.ids, READS, Draw::Uniform, 8);
    let answer = Some(engines.altitudes(&keys.ranks));
    let contenders = vec![
        Contender::new("2 threads", READS, answer, |_| {
            in_two(READS, |part| ours.look_up(keys, part))
        }),
        Contender::new("1 thread", READS, answer, |_| ours.look_up(keys, 0..READS)).gate(1.8),
    ];
    compare("point get by a lookup, uniform", Clock::Wall, contenders);
    let contenders = vec![
        Contender::new("2 threads", READS, answer, |_| in_two(READS, |part| ours.read(keys, part))),
        Contender::new("1 thread", READS, answer, |_| ours.read(keys, 0..READS)).gate(1.8),
    ];
    compare("point get by get_with, uniform", Clock::Wall, contenders);
}

/// With a snapshot held, it is as old as the run: every update leaves a version behind. What they
/// leave is cleared away between the runs, as nobody's time.
fn updates(engines: &Engines, held: bool) {
    let ours = engines.ours();
    let keys = &Keys::draw(&engines.ids, UPDATES, Draw::Uniform, 9);
    let alone = |round| ours.update(keys, 0..UPDATES, round);
    let together = |round| {
        in_two(UPDATES, |part| {
            ours.update(keys, part, round);
            0
        });
    };
    let name = if held { "update, a snapshot held" } else { "update" };
    // Held by the run itself, from its first update to its last.
    let run = |work: &dyn Fn(usize), round| {
        let snapshot = held.then(|| ours.snapshot());
        work(round);
        drop(snapshot);
    };
    let contenders = vec![
        Contender::doing("2 threads", UPDATES, |round| run(&together, round))
            .after(|| ours.settle(keys)),
        Contender::doing("1 thread", UPDATES, |round| run(&alone, round))
            .after(|| ours.settle(keys))
            .gate(1.5),
    ];
    compare(name, Clock::Wall, contenders);
}
