//! Tests of segments: round trips, every wrong byte, crashes, memory.

use super::format::SegmentCodec;
use super::format::{BLOCK_HEADER_BYTES, FOOTER_BYTES, HEADER_BYTES};
use super::writer::SegmentSummary;
use super::*;
use crate::error::{Kind, Result};
use crate::mem::{Holder, MemoryBudget};
use crate::sim_device::{ENOSPC, Failure, Fault, Operation, SimDevice};
use crate::wal::{Device, Directory, OpenMode};
use std::sync::Arc;

const NAME: &str = "rows.seg";

fn holder() -> Holder {
    MemoryBudget::new(64 << 20).holder("segment")
}

fn options(codec: SegmentCodec) -> SegmentOptions {
    SegmentOptions { codec, block_bytes: 1000, version: None }
}

fn write(device: Arc<dyn Device>, codec: SegmentCodec, rows: &[Vec<u8>]) -> Result<SegmentSummary> {
    let kind = SegmentKind::Checkpoint;
    let mut writer = SegmentWriter::create(device, "rows.tmp", kind, 7, options(codec), &holder())?;
    for row in rows {
        writer.push(row)?;
    }
    assert_eq!(writer.rows(), rows.len() as u64);
    writer.finish(NAME)
}

fn read(device: &dyn Device, holder: &Holder) -> Result<Vec<Vec<u8>>> {
    let mut reader = SegmentReader::open(device, NAME, holder)?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next_row()? {
        rows.push(row.to_vec());
    }
    assert_eq!(reader.next_row()?, None, "the end stays the end");
    assert_eq!(reader.rows(), rows.len() as u64);
    assert_eq!((reader.kind(), reader.schema_id()), (SegmentKind::Checkpoint, 7));
    Ok(rows)
}

/// Rows of all lengths around a block's, half of them easy to pack.
fn rows(count: usize) -> Vec<Vec<u8>> {
    let mut state = 1_u32;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let lengths = [0, 1, 10, 250, 251, 980, 989, 990, 991, 1000, 5000, 70_000];
    let row = |position: usize| {
        let len = lengths[position % lengths.len()];
        (0..len)
            .map(|at| if position.is_multiple_of(2) { (at / 50) as u8 } else { noise() })
            .collect()
    };
    (0..count).map(row).collect()
}

#[test]
fn rows_come_back_in_order() {
    let place = tempfile::tempdir().unwrap();
    let device: Arc<dyn Device> = Arc::new(Directory::create(place.path()).unwrap());
    for count in [0, 1, 3, 60] {
        let rows = rows(count);
        let mut sizes = Vec::new();
        for codec in [SegmentCodec::Raw, SegmentCodec::Lz4] {
            let summary = write(Arc::clone(&device), codec, &rows).unwrap();
            assert_eq!(read(&*device, &holder()).unwrap(), rows);
            assert_eq!(summary.rows, count as u64);
            sizes.push(summary.file_bytes);
        }
        assert!(sizes[1] < sizes[0] || count < 60, "{sizes:?}");
        assert_eq!(device.list().unwrap(), [NAME]);
    }
}

#[test]
fn many_small_rows_share_blocks() {
    let device = SimDevice::new();
    let rows: Vec<Vec<u8>> = (0..500_u32).map(|at| at.to_le_bytes().to_vec()).collect();
    let summary = write(Arc::new(device.clone()), SegmentCodec::Raw, &rows).unwrap();
    assert_eq!((summary.blocks, summary.raw_bytes), (3, 2500));
    let around = HEADER_BYTES + 3 * BLOCK_HEADER_BYTES + FOOTER_BYTES;
    assert_eq!(summary.file_bytes, 2500 + around as u64);
    assert_eq!(read(&device, &holder()).unwrap(), rows);
}

#[test]
fn any_flipped_bit_cut_or_added_byte_is_corrupt() {
    let rows: Vec<Vec<u8>> = rows(10).into_iter().filter(|row| row.len() < 990).collect();
    for codec in [SegmentCodec::Raw, SegmentCodec::Lz4] {
        let device = SimDevice::new();
        write(Arc::new(device.clone()), codec, &rows).unwrap();
        let good = device.contents()[NAME].clone();
        let file = device.open(NAME, OpenMode::Write).unwrap();
        let assert_corrupt = |what: String| {
            let fault = read(&device, &holder()).expect_err(&what);
            assert_eq!((fault.kind(), &*fault.details()[0]), (Kind::Corrupt, NAME), "{what}");
            assert!(fault.details()[1].parse::<u64>().unwrap() <= good.len() as u64);
        };
        for at in 0..good.len() {
            for bit in [at % 8, (at + 5) % 8] {
                file.write_all_at(&[good[at] ^ (1 << bit)], at as u64).unwrap();
                assert_corrupt(format!("bit {bit} of byte {at}"));
            }
            file.write_all_at(&good[at..=at], at as u64).unwrap();
        }
        for len in 0..good.len() {
            file.set_len(len as u64).unwrap();
            assert_corrupt(format!("length {len}"));
            file.write_all_at(&good[len..], len as u64).unwrap();
        }
        file.write_all_at(&[0], good.len() as u64).unwrap();
        assert_corrupt("one byte more".to_owned());
    }
}

/// Whole blocks with valid checksums are refused in another order, place or file.
#[test]
fn blocks_are_believed_in_their_place_only() {
    let device = SimDevice::new();
    let rows = vec![vec![1; 900], vec![2; 900], vec![3; 900]];
    write(Arc::new(device.clone()), SegmentCodec::Raw, &rows).unwrap();
    let first = device.contents()[NAME].clone();
    write(Arc::new(device.clone()), SegmentCodec::Raw, &rows).unwrap();
    let second = device.contents()[NAME].clone();
    let block = (first.len() - HEADER_BYTES - FOOTER_BYTES) / 3;
    let [a, b] = [HEADER_BYTES, HEADER_BYTES + block];
    let mut swapped = second.clone();
    swapped[a..a + block].copy_from_slice(&second[b..b + block]);
    swapped[b..b + block].copy_from_slice(&second[a..a + block]);
    let mut mixed = second.clone();
    mixed[b..b + block].copy_from_slice(&first[b..b + block]);
    let without = [&second[..b], &second[b + block..]].concat();
    for bad in [swapped, mixed, without] {
        let file = device.open(NAME, OpenMode::Truncate).unwrap();
        file.write_all_at(&bad, 0).unwrap();
        assert_eq!(read(&device, &holder()).unwrap_err().kind(), Kind::Corrupt);
    }
}

#[test]
fn memory_is_a_few_blocks_and_is_given_back() {
    let device = SimDevice::new();
    let budget = MemoryBudget::new(64 << 20);
    let holder = budget.holder("segment");
    let shared: Arc<dyn Device> = Arc::new(device.clone());
    let options = SegmentOptions::default();
    let mut writer =
        SegmentWriter::create(shared, "rows.tmp", SegmentKind::Checkpoint, 7, options, &holder)
            .unwrap();
    for position in 0..20_000_u32 {
        writer.push(&[(position % 251) as u8; 100]).unwrap();
    }
    let usual = budget.peak();
    assert!(usual < 160 << 10, "{usual}");
    writer.push(&vec![5; 1 << 20]).unwrap();
    assert_eq!(budget.used(), usual, "a long row's memory is given back");
    writer.finish(NAME).unwrap();
    assert_eq!(budget.used(), 0);
    let budget = MemoryBudget::new(3 << 20);
    assert_eq!(read(&device, &budget.holder("segment")).unwrap().len(), 20_001);
    assert_eq!(budget.used(), 0);
    let tight = MemoryBudget::new(100 << 10);
    let refused = read(&device, &tight.holder("segment")).unwrap_err();
    assert_eq!(refused.kind(), Kind::OverBudget);
}

#[test]
fn an_unfinished_segment_leaves_nothing() {
    let device = SimDevice::new();
    let shared: Arc<dyn Device> = Arc::new(device.clone());
    let make = || {
        let options = options(SegmentCodec::Lz4);
        SegmentWriter::create(Arc::clone(&shared), "t", SegmentKind::Run, 0, options, &holder())
    };
    drop(make().unwrap());
    assert!(device.list().unwrap().is_empty());
    let mut writer = make().unwrap();
    let failure = Failure::Errno(ENOSPC);
    device.fail(Fault { operation: Some(Operation::Write), after: 0, forever: false, failure });
    assert_eq!(writer.push(&[1; 2000]).unwrap_err().kind(), Kind::NoSpace);
    assert!(device.list().unwrap().is_empty());
    assert_eq!(writer.push(&[1; 2000]).unwrap_err().kind(), Kind::Closed);
    assert_eq!(writer.finish(NAME).unwrap_err().kind(), Kind::Closed);
    assert!(device.list().unwrap().is_empty());
}

#[test]
fn a_crash_anywhere_leaves_no_half_segment() {
    let rows = rows(12);
    for stop in 0.. {
        let device = SimDevice::new();
        device.stop_at(stop);
        let outcome = write(Arc::new(device.clone()), SegmentCodec::Lz4, &rows);
        for seed in 0..6 {
            let after = device.crash(seed);
            match read(&after, &holder()) {
                Ok(found) => assert_eq!(found, rows),
                Err(fault) => {
                    assert!(outcome.is_err() && fault.kind() == Kind::NotFound, "{stop}: {fault}");
                }
            }
        }
        if outcome.is_ok() {
            return;
        }
    }
}
