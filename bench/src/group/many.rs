//! Many keys in one call, by a lookup prepared for the column and by the table, beside as many gets in a map that never changes.

use crate::engine::Engines;
use crate::keys::{Draw, Keys};
use crate::measure::{Clock, Contender, compare};

const READS: usize = 500_000;
const BATCH: usize = 256;

pub fn run(engines: &Engines) {
    let (ours, frozen) = (engines.ours(), engines.frozen());
    for draw in [Draw::Uniform, Draw::Zipf] {
        let keys = &Keys::draw(&engines.ids, READS, draw, 2);
        let answer = Some(engines.altitudes(&keys.ranks));
        let contenders = vec![
            Contender::new("store, lookup", READS, answer, |_| ours.look_up_many(keys, BATCH)),
            Contender::new("store, get_many", READS, answer, |_| ours.read_many(keys, BATCH)),
            Contender::new("frozen HashMap", READS, answer, |_| frozen.read(keys)).gate(0.7),
        ];
        compare(&format!("get of 256 keys a call, {}", draw.name()), Clock::Cpu, contenders);
    }
}
