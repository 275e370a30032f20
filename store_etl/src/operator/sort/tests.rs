//! What a sort promises: the order of a stable sort in memory, whatever its own memory.

use super::*;
use store_core::mem::MemoryBudget;
use store_core::segment::{SegmentCodec, Spill, sort_costs};
use store_core::te::{SortCosts, SortPlan};

const CODECS: [SegmentCodec; 3] = [SegmentCodec::Raw, SegmentCodec::Lz4, SegmentCodec::Zstd];

struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 >> 33) % limit
    }
}

type Records = Vec<(Vec<u8>, Vec<u8>)>;

/// Records with keys of one shape; each payload begins with the record's number.
fn records(draw: &mut Draw, count: usize) -> Records {
    let shape = draw.below(4);
    let key = |draw: &mut Draw| -> Vec<u8> {
        match shape {
            0 => (draw.below(50) as u32).to_be_bytes().to_vec(),
            1 => {
                format!("customer-{:07}-of-a-long-list-of-customers", draw.below(900)).into_bytes()
            }
            2 => (0..draw.below(70)).map(|_| draw.below(2) as u8).collect(),
            _ => draw.below(u64::MAX >> 34).to_be_bytes().to_vec(),
        }
    };
    let payload = |draw: &mut Draw, nth: usize| {
        let mut bytes = (nth as u32).to_le_bytes().to_vec();
        let len = if draw.below(200) == 0 { draw.below(6000) } else { draw.below(60) };
        bytes.extend((0..len).map(|_| b'a' + draw.below(20) as u8));
        bytes
    };
    (0..count).map(|nth| (key(draw), payload(draw, nth))).collect()
}

fn sort(records: &Records, options: SortOptions, parked: bool) -> (Records, SortStats, usize) {
    let memory = options.memory;
    let place = tempfile::tempdir().unwrap();
    let budget = MemoryBudget::for_job(memory as u64 + 64);
    let spill = Spill::new(place.path(), None).unwrap();
    let mut sorter = Sorter::new(options, Some(spill.clone()), &budget.holder("job")).unwrap();
    for (key, payload) in records {
        sorter.push(key, payload).unwrap();
    }
    let mut sorted = if parked {
        let parked = sorter.park().unwrap();
        let left = memory - budget.used() as usize;
        let merge_memory = parked.memory().start.midpoint(parked.memory().end).min(left);
        parked.merge_within(merge_memory).unwrap()
    } else {
        sorter.finish().unwrap()
    };
    let (stats, fan_in) = (sorted.stats(), sorted.fan_in());
    let mut found = Vec::new();
    while let Some((key, payload)) = sorted.next().unwrap() {
        found.push((key.to_vec(), payload.to_vec()));
    }
    assert!(sorted.next().unwrap().is_none());
    drop(sorted);
    assert!(budget.peak() <= memory as u64, "{} of {memory}", budget.peak());
    assert_eq!((budget.used(), spill.used_bytes()), (0, 0));
    drop(spill);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    (found, stats, fan_in)
}

#[test]
fn a_sort_is_that_of_memory_whatever_its_own() {
    let (mut merges, mut wide, mut resident, mut shared) = (0, 0, 0, 0);
    for seed in 0..60 {
        let mut draw = Draw(seed);
        let count = draw.below(12_000) as usize;
        let mut records = records(&mut draw, count);
        let codec = CODECS[seed as usize % 3];
        let block_bytes = 1 << (9 + draw.below(4));
        let threads = 1 + draw.below(4) as usize;
        let costs = SortCosts { threads: threads as u64, ..sort_costs(codec) };
        let least = SortPlan::memory_min(block_bytes as u64, &costs) as usize;
        let memory = least + 14_000 + draw.below(60_000) as usize;
        let block_bytes = Some(block_bytes);
        let options = SortOptions { codec, block_bytes, threads, ..SortOptions::within(memory) };
        let (found, stats, fan_in) = sort(&records, options, draw.below(3) == 0);
        records.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(found.len(), records.len(), "seed {seed}");
        assert!(found == records, "seed {seed}: another order");
        assert_eq!(stats.rows, records.len() as u64);
        merges += stats.merges;
        shared += u64::from(threads > 1 && stats.runs > 3);
        wide += u64::from(fan_in >= 3);
        resident += u64::from(stats.resident_rows > 0 && stats.runs > 0);
    }
    let enough = merges > 10 && wide > 20 && resident > 2 && shared > 15;
    assert!(enough, "{merges} {wide} {resident} {shared}");
}
