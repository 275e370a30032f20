//! Transactions that update 256 rows; figures are rows.

use crate::engine::Engines;
use crate::keys::{Draw, Keys};
use crate::measure::{Clock, Contender, ROUNDS, compare};
use crate::rows::update_of;

const UPDATES: usize = 256_000;
const BATCH: usize = 256;

pub fn run(engines: &Engines) {
    let keys = &Keys::draw(&engines.ids, UPDATES, Draw::Uniform, 4);
    let (ours, papaya) = (engines.ours(), engines.papaya());
    let contenders = vec![
        Contender::doing("store", UPDATES, |round| ours.update_batches(keys, BATCH, round)),
        Contender::doing("store, row by row", UPDATES, |round| {
            ours.update_rows(keys, BATCH, round);
        }),
        Contender::doing("papaya", UPDATES, |round| papaya.update_batches(keys, BATCH, round))
            .gate(1.5),
    ];
    compare("update of 256 rows a transaction", Clock::Cpu, contenders);
    let written = |rank: &u32| i64::from(update_of(ROUNDS - 1, *rank).0);
    let sum: i64 = keys.ranks.iter().map(written).sum();
    assert_eq!((ours.speeds(keys), papaya.speeds(keys)), (sum, sum), "an update is lost");
}
