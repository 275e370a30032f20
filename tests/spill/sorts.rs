//! A sort's result does not depend on its memory (I13), through the face that jobs use.

use crate::Draw;
use store_core::segment::{SegmentCodec, Spill, sort_costs};
use store_core::te::SortPlan;
use store_core::{Kind, MemoryBudget};
use store_etl::operator::sort::{SortOptions, SortStats, Sorter};

fn sorted_payloads(keys: &[Vec<u8>], memory: usize, block: usize) -> (Vec<u32>, SortStats) {
    let place = tempfile::tempdir().unwrap();
    let budget = MemoryBudget::for_job(memory as u64);
    let spill = Spill::new(place.path(), None).unwrap();
    let options = SortOptions { block_bytes: Some(block), ..SortOptions::within(memory) };
    let mut sorter = Sorter::new(options, Some(spill), &budget.holder("job")).unwrap();
    for (nth, key) in keys.iter().enumerate() {
        sorter.push(key, &(nth as u32).to_le_bytes()).unwrap();
    }
    let mut sorted = sorter.finish().unwrap();
    let mut found = Vec::with_capacity(keys.len());
    while let Some((_, payload)) = sorted.next().unwrap() {
        found.push(u32::from_le_bytes(payload.try_into().unwrap()));
    }
    (found, sorted.stats())
}

#[test]
fn equal_keys_keep_the_order_of_input_over_runs_and_levels() {
    let mut draw = Draw(1);
    // Few keys of many shapes: long common beginnings, differences far behind, zeros at the end.
    let shapes: Vec<Vec<u8>> = (0..40)
        .map(|nth| match nth % 4 {
            0 => vec![nth as u8; 3],
            1 => [vec![b'x'; 40], vec![nth as u8]].concat(),
            2 => vec![0; nth],
            _ => format!("{:0>20}-{}-{:0>20}", 7, nth, nth * 31).into_bytes(),
        })
        .collect();
    let keys: Vec<Vec<u8>> = (0..30_000).map(|_| shapes[draw.below(40) as usize].clone()).collect();
    let mut expected: Vec<u32> = (0..keys.len() as u32).collect();
    expected.sort_by(|a, b| keys[*a as usize].cmp(&keys[*b as usize]));
    let least = SortPlan::memory_min(512, &sort_costs(SegmentCodec::Raw)) as usize;
    let mut levels = 0;
    for memory in [least, least + 40_000, 300_000, 8 << 20] {
        let (found, stats) = sorted_payloads(&keys, memory, 512);
        assert!(found == expected, "another order within {memory} bytes");
        levels += stats.merges;
        assert!(memory < 8 << 20 || stats.runs == 0);
    }
    assert!(levels > 5, "{levels}");
}

#[test]
fn threads_keep_the_order_of_input() {
    let mut draw = Draw(2);
    let keys: Vec<Vec<u8>> = (0..60_000).map(|_| vec![draw.below(50) as u8]).collect();
    let mut expected: Vec<u32> = (0..keys.len() as u32).collect();
    expected.sort_by_key(|nth| &keys[*nth as usize]);
    for threads in 1..=5 {
        let place = tempfile::tempdir().unwrap();
        let memory = 400_000 * threads + (200 << 10);
        let budget = MemoryBudget::for_job(memory as u64);
        let spill = Spill::new(place.path(), None).unwrap();
        let options = SortOptions { threads, ..SortOptions::within(memory) };
        let mut sorter = Sorter::new(options, Some(spill), &budget.holder("job")).unwrap();
        let long = vec![b'z'; sorter.plan().record_max as usize - 8];
        for (nth, key) in keys.iter().enumerate() {
            sorter.push(key, &(nth as u32).to_le_bytes()).unwrap();
            if nth % 20_000 == 10_000 {
                // Longer than any thread's part.
                sorter.push(&[255], &long).unwrap();
            }
        }
        let mut sorted = sorter.finish().unwrap();
        assert!(sorted.stats().runs > 3, "{:?}", sorted.stats());
        for nth in &expected {
            let (_, payload) = sorted.next().unwrap().expect("all come back");
            assert_eq!(payload, nth.to_le_bytes(), "{threads} threads");
        }
        for _ in 0..3 {
            assert_eq!(sorted.next().unwrap().expect("the long ones").1, long);
        }
        assert!(sorted.next().unwrap().is_none());
    }
}

#[test]
fn a_run_that_a_thread_cannot_write_ends_the_sort() {
    let place = tempfile::tempdir().unwrap();
    let holder = MemoryBudget::for_job(8 << 20).holder("job");
    let spill = Spill::new(place.path(), Some(500_000)).unwrap();
    let options = SortOptions { threads: 3, ..SortOptions::within(4 << 20) };
    let mut sorter = Sorter::new(options, Some(spill), &holder).unwrap();
    let mut draw = Draw(3);
    let mut push = || sorter.push(&[draw.below(99) as u8], &[7; 1000]);
    let refused = (0..20_000).find_map(|_| push().err()).expect("the disk's limit");
    assert_eq!(refused.kind(), Kind::DiskLimit);
    let later = (0..20_000).find_map(|_| push().err()).expect("it stays failed");
    assert_eq!(later.kind(), Kind::Closed, "{later}");
    assert_eq!(sorter.finish().unwrap_err().kind(), Kind::Closed);
}

#[test]
fn what_cannot_be_sorted_says_what_it_takes() {
    let holder = MemoryBudget::for_job(1 << 20).holder("job");
    let refused = Sorter::new(SortOptions::within(20_000), None, &holder).unwrap_err();
    assert_eq!(refused.kind(), Kind::OverBudget);
    let least: usize = refused.details()[0].parse().unwrap();
    let mut sorter = Sorter::new(SortOptions::within(least), None, &holder).unwrap();
    let too_long = sorter.push(b"key", &vec![1; least]).unwrap_err();
    assert_eq!(too_long.kind(), Kind::OverBudget);
    assert!(too_long.to_string().contains("too long to sort"), "{too_long}");
    let full = (0..).find_map(|nth: u32| sorter.push(&nth.to_be_bytes(), &[0; 50]).err()).unwrap();
    assert_eq!(full.kind(), Kind::OverBudget);
    assert!(full.to_string().contains("no spill directory"), "{full}");
}

#[test]
fn what_was_planned_is_not_exceeded() {
    let mut draw = Draw(5);
    for (rows, memory) in [(50_000, 300 << 10), (50_000, 1 << 20), (9_000, 250 << 10)] {
        let place = tempfile::tempdir().unwrap();
        let budget = MemoryBudget::for_job(memory);
        let spill = Spill::new(place.path(), None).unwrap();
        let options = SortOptions::within(memory as usize);
        let mut sorter = Sorter::new(options, Some(spill.clone()), &budget.holder("job")).unwrap();
        let plan = *sorter.plan();
        let mut longest = 0;
        for _ in 0..rows {
            let payload = vec![b'p'; 30 + draw.below(90) as usize];
            longest = longest.max(payload.len() as u64 + 6);
            sorter.push(&(draw.below(1 << 30) as u32).to_be_bytes(), &payload).unwrap();
        }
        let stats = sorter.stats();
        let input = store_core::te::SortInput { rows, bytes: stats.bytes, longest };
        let mut sorted = sorter.finish().unwrap();
        while sorted.next().unwrap().is_some() {}
        let stats = sorted.stats();
        assert!(stats.runs <= plan.runs(input), "{stats:?} {}", plan.runs(input));
        assert!(stats.spill_bytes <= plan.spill_bytes(input), "{stats:?} {plan:?}");
        assert_eq!(spill.written_bytes(), stats.spill_bytes);
        assert!(budget.peak() <= plan.memory && plan.memory <= memory);
    }
}
