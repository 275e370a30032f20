//! Transactions that update two columns of one row; neither is indexed.

use crate::engine::Engines;
use crate::keys::{Draw, Keys};
use crate::measure::{Clock, Contender, ROUNDS, compare, in_two};
use crate::rows::update_of;

/// Updates of a round; SQLite does a fifth of them.
const UPDATES: usize = 200_000;
const SQLITE_UPDATES: usize = UPDATES / 5;

pub fn run(engines: &Engines) {
    let keys = &Keys::draw(&engines.ids, UPDATES, Draw::Uniform, 3);
    let (ours, papaya, plain) = (engines.ours(), engines.papaya(), engines.plain());
    let sqlite = engines.sqlite();
    let few = 0..SQLITE_UPDATES;
    let contenders = vec![
        Contender::doing("store", UPDATES, |round| ours.update(keys, 0..UPDATES, round)),
        Contender::doing("papaya", UPDATES, |round| papaya.update(keys, 0..UPDATES, round))
            .gate(0.6),
        Contender::doing("papaya, String", UPDATES, |round| plain.update(keys, 0..UPDATES, round)),
        Contender::doing("sqlite", SQLITE_UPDATES, |round| sqlite.update(keys, few.clone(), round))
            .gate(7.0),
    ];
    compare("update of 2 columns, 1 row a transaction", Clock::Cpu, contenders);
    check(engines, keys);
    let contenders = vec![
        Contender::doing("store", UPDATES, |round| {
            in_two(UPDATES, |part| {
                ours.update(keys, part, round);
                0
            });
        }),
        Contender::doing("papaya", UPDATES, |round| {
            in_two(UPDATES, |part| {
                papaya.update(keys, part, round);
                0
            });
        })
        .gate(1.8),
    ];
    compare("update of 2 columns, 2 threads", Clock::Cpu, contenders);
    check(engines, keys);
}

/// Every engine holds what the last round wrote.
fn check(engines: &Engines, keys: &Keys) {
    let written = |ranks: &[u32]| -> i64 {
        ranks.iter().map(|rank| i64::from(update_of(ROUNDS - 1, *rank).0)).sum()
    };
    let all = written(&keys.ranks);
    assert_eq!(engines.ours().speeds(keys), all, "the store lost an update");
    assert_eq!(engines.papaya().speeds(keys), all, "papaya lost an update");
    assert_eq!(engines.plain().speeds(keys), all, "papaya lost an update");
    let few = Keys::of(&engines.ids, keys.ranks[..SQLITE_UPDATES].to_vec());
    assert_eq!(engines.sqlite().speeds(&few), written(&few.ranks), "sqlite lost an update");
}
