//! Point reads by key, one column, in one snapshot: by a lookup prepared for it, and by `get_with`.

use crate::engine::Engines;
use crate::keys::{Draw, Keys};
use crate::measure::{Clock, Contender, compare, in_two};

/// Reads of a round; SQLite does a fifth of them.
const READS: usize = 500_000;
const SQLITE_READS: usize = READS / 5;

pub fn run(engines: &Engines) {
    for draw in [Draw::Uniform, Draw::Zipf] {
        let keys = Keys::draw(&engines.ids, READS, draw, 1);
        one_thread(engines, &keys, draw);
        two_threads(engines, &keys, draw);
    }
}

fn one_thread(engines: &Engines, keys: &Keys, draw: Draw) {
    let (ours, papaya, plain) = (engines.ours(), engines.papaya(), engines.plain());
    let (dash, sqlite) = (engines.dash(), engines.sqlite());
    let all = || 0..keys.len();
    let answer = Some(engines.altitudes(&keys.ranks));
    let few = Some(engines.altitudes(&keys.ranks[..SQLITE_READS]));
    let what = format!("point get, {}", draw.name());
    let reader = |_| sqlite.read(keys, 0..SQLITE_READS);
    let contenders = vec![
        Contender::new("store, lookup", READS, answer, |_| ours.look_up(keys, all())),
        Contender::new("store, get_with", READS, answer, |_| ours.read(keys, all())),
        Contender::new("papaya", READS, answer, |_| papaya.read(keys, all())).gate(1.2),
        Contender::new("papaya, String", READS, answer, |_| plain.read(keys, all())),
        Contender::new("dashmap", READS, answer, |_| dash.read(keys, all())),
        Contender::new("sqlite", SQLITE_READS, few, reader).gate(22.0),
    ];
    compare(&what, Clock::Cpu, contenders);
}

fn two_threads(engines: &Engines, keys: &Keys, draw: Draw) {
    let (ours, papaya, dash) = (engines.ours(), engines.papaya(), engines.dash());
    let answer = Some(engines.altitudes(&keys.ranks));
    let what = format!("point get, {}, 2 threads", draw.name());
    let contenders = vec![
        Contender::new("store, lookup", READS, answer, |_| {
            in_two(READS, |part| ours.look_up(keys, part))
        }),
        Contender::new("store, get_with", READS, answer, |_| {
            in_two(READS, |part| ours.read(keys, part))
        }),
        Contender::new("papaya", READS, answer, |_| in_two(READS, |part| papaya.read(keys, part)))
            .gate(1.2),
        Contender::new("dashmap", READS, answer, |_| in_two(READS, |part| dash.read(keys, part))),
    ];
    compare(&what, Clock::Cpu, contenders);
}
