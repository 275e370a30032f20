//! Transactions that update an indexed column of one row.

use crate::engine::Engines;
use crate::engine::store::indexed_value;
use crate::keys::{Draw, Keys};
use crate::measure::{Clock, Contender, ROUNDS, compare};

const UPDATES: usize = 50_000;

pub fn run(engines: &Engines) {
    let keys = &Keys::draw(&engines.ids, UPDATES, Draw::Uniform, 11);
    let (ours, sqlite) = (engines.ours(), engines.sqlite());
    let contenders = vec![
        Contender::doing("store", UPDATES, |round| ours.update_indexed(keys, 0..UPDATES, round)),
        Contender::doing("sqlite", UPDATES, |round| sqlite.update_indexed(keys, 0..UPDATES, round))
            .gate(2.0),
    ];
    compare("update of an indexed column", Clock::Cpu, contenders);
    let sum = keys.ranks.iter().map(|rank| indexed_value(ROUNDS - 1, *rank)).sum::<i64>();
    assert_eq!((ours.altitudes(keys), sqlite.altitudes(keys)), (sum, sum), "an update is lost");
}
