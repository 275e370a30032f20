//! I16: damaged bytes are found, whichever they are. The store refuses to open with an error that
//! names file and place, or has a prefix of its commits; never a wrong row.

use crate::history::{History, Workload, device, open, state_of};
use crate::steps::{Runner, Step};
use std::ops::Range;
use store_core::{Device, Error, Kind, OpenMode, Schema, Type};
use store_tests::sealed::FileKind;
use store_tests::sim_device::SimDevice;

/// Where the frames of a log file begin.
const LOG_HEADER_BYTES: usize = 4096;
const FRAME_BYTES: usize = 48;
const SEGMENT_HEADER_BYTES: usize = 48;
const BLOCK_HEADER_BYTES: usize = 40;

/// The bytes of a file up to its last one that is not zero.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

fn number_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// The places of all frames of a log file.
fn frames(bytes: &[u8]) -> Vec<Range<usize>> {
    let (mut at, mut found) = (LOG_HEADER_BYTES, Vec::new());
    while bytes.len() >= at + FRAME_BYTES && bytes[at..at + 8] != [0; 8] {
        let end = at + FRAME_BYTES + number_at(bytes, at + 8);
        found.push(at..end);
        at = end;
    }
    found
}

/// The places of all blocks of a segment.
fn blocks(bytes: &[u8]) -> Vec<Range<usize>> {
    let (mut at, mut found) = (SEGMENT_HEADER_BYTES, Vec::new());
    while bytes[at..at + 8] != *b"storeend" {
        let end = at + BLOCK_HEADER_BYTES + number_at(bytes, at + 32);
        found.push(at..end);
        at = end;
    }
    found
}

fn flip(device: &SimDevice, name: &str, at: usize, bit: u8) -> SimDevice {
    let copy = device.crash(0);
    let file = copy.open(name, OpenMode::Write).unwrap();
    let mut byte = [0];
    file.read_at(&mut byte, at as u64).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << bit)], at as u64).unwrap();
    file.sync_all().unwrap();
    copy
}

fn cut(device: &SimDevice, name: &str, len: usize) -> SimDevice {
    let copy = device.crash(0);
    let file = copy.open(name, OpenMode::Write).unwrap();
    file.set_len(len as u64).unwrap();
    file.sync_all().unwrap();
    copy
}

/// What damage led to.
#[derive(Debug, Default)]
struct Outcomes {
    refused: u64,
    shorter: u64,
    whole: u64,
}

fn assert_names(error: &Error, name: &str, what: &str) {
    let text = error.to_string();
    assert_eq!(error.kind(), Kind::Corrupt, "{what}: {error}");
    assert!(text.contains(name) && text.contains("offset"), "{what}: {error}");
}

impl Outcomes {
    /// Opens a damaged store.
    fn look(&mut self, damaged: &SimDevice, name: &str, history: &History, what: &str) {
        match open(damaged) {
            Err(error) => {
                assert_names(&error, name, what);
                self.refused += 1;
            }
            Ok(store) => {
                let found = state_of(&store);
                assert!(history.states.contains(&found), "{what}: a wrong row");
                let whole = found == *history.acknowledged_state();
                *(if whole { &mut self.whole } else { &mut self.shorter }) += 1;
            }
        }
    }
}

/// A store with two log files and a checkpoint.
fn store_with_two_logs() -> (SimDevice, History) {
    let place = device();
    let mut runner = Runner::open(place.clone(), History::new(), 9).unwrap();
    let mut steps = vec![Step::CreateTable, Step::Put, Step::Put, Step::Checkpoint];
    steps.extend([Step::Mixed; 4]);
    steps.push(Step::Reopen);
    steps.extend([Step::Mixed; 6]);
    runner.run(&steps).unwrap();
    (place, runner.into_history())
}

#[test]
fn no_bit_and_no_end_of_the_last_records_goes_unnoticed() {
    let (place, history) = store_with_two_logs();
    let logs: Vec<(String, Vec<u8>)> = place
        .contents()
        .into_iter()
        .filter(|(name, _)| FileKind::of(name) == Some(FileKind::Log))
        .collect();
    assert_eq!(logs.len(), 2);
    for (nth, (name, bytes)) in logs.iter().enumerate() {
        let records = frames(bytes);
        let from = records.len().checked_sub(3).expect("three records in each file");
        let mut last = Outcomes::default();
        for at in records[from].start..records.last().unwrap().end {
            for bit in 0..8 {
                let what = format!("{name}, byte {at}, bit {bit}");
                last.look(&flip(&place, name, at, bit), name, &history, &what);
            }
            last.look(&cut(&place, name, at), name, &history, &format!("{name} cut at {at}"));
        }
        println!("last records of {name}: {last:?}");
        if nth == 0 {
            assert_eq!((last.shorter, last.whole), (0, 0), "another file follows");
        } else {
            // Commits that nothing proves to have been acknowledged may be the torn end.
            assert!(last.refused > 500 && last.shorter > 500 && last.whole == 0, "{last:?}");
        }
        // In the middle the records after it prove it.
        let mut middle = Outcomes::default();
        for at in records[1].clone() {
            for bit in 0..8 {
                let what = format!("{name}, byte {at}, bit {bit}");
                middle.look(&flip(&place, name, at, bit), name, &history, &what);
            }
        }
        assert_eq!((middle.shorter, middle.whole), (0, 0), "{name}: {middle:?}");
    }
}

#[test]
fn no_bit_and_no_end_of_the_manifest_goes_unnoticed() {
    let (place, history) = store_with_two_logs();
    let len = place.contents()["manifest"].len();
    let mut found = Outcomes::default();
    for at in 0..len {
        for bit in 0..8 {
            let what = format!("manifest, byte {at}, bit {bit}");
            found.look(&flip(&place, "manifest", at, bit), "manifest", &history, &what);
        }
        let what = format!("manifest cut at {at}");
        found.look(&cut(&place, "manifest", at), "manifest", &history, &what);
    }
    println!("manifest of {len} bytes: {found:?}");
    assert_eq!((found.shorter, found.whole), (0, 0), "{found:?}");
}

/// A store whose only segment has some blocks.
fn store_with_blocks() -> (SimDevice, History) {
    let place = device();
    let mut history = History::new();
    let store = open(&place).unwrap();
    let schema = Schema::builder("a")
        .column("id", Type::Int64)
        .key()
        .column("value", Type::Int64)
        .column("text", Type::Text);
    let table = store.create_table(schema.build().unwrap()).unwrap();
    let text = "0123456789abcdef".repeat(1_000);
    store
        .write(|txn| {
            (0..13_i64).try_for_each(|id| {
                table.insert(txn, &[id.into(), id.into(), (&text[id as usize..]).into()])
            })
        })
        .unwrap();
    store.checkpoint().unwrap();
    history.states.push(state_of(&store));
    history.acknowledged = 1;
    drop((table, store));
    (place, history)
}

#[test]
fn no_bit_and_no_end_of_a_segment_goes_unnoticed() {
    let (place, history) = store_with_blocks();
    let files = place.contents();
    let (name, bytes) =
        files.iter().find(|(name, _)| FileKind::of(name) == Some(FileKind::Segment)).unwrap();
    let parts = blocks(bytes);
    assert!(parts.len() >= 3, "{} blocks", parts.len());
    let (middle, end) = (parts[1].clone(), parts.last().unwrap().end);
    let places = (0..SEGMENT_HEADER_BYTES).chain(middle).chain(end..bytes.len());
    let mut found = Outcomes::default();
    for at in places {
        for bit in 0..8 {
            let what = format!("{name}, byte {at}, bit {bit}");
            found.look(&flip(&place, name, at, bit), name, &history, &what);
        }
    }
    for len in 0..bytes.len() {
        found.look(&cut(&place, name, len), name, &history, &format!("{name} cut at {len}"));
    }
    println!("segment of {} bytes in {} blocks: {found:?}", bytes.len(), parts.len());
    assert_eq!((found.shorter, found.whole), (0, 0), "{found:?}");
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    let device = device();
    let mut history = History::new();
    let workload = Workload { seed: 4, steps: 14, text_bytes: 60, stubborn: false };
    history.run(&open(&device).unwrap(), workload).unwrap();
    let mut found = Outcomes::default();
    for (name, bytes) in device.contents() {
        let len = used(&bytes);
        for at in (0..len).step_by(1 + len / 150) {
            let what = format!("{name}, byte {at}");
            found.look(&flip(&device, &name, at, (at % 8) as u8), &name, &history, &what);
        }
    }
    println!("{found:?}");
    assert!(found.refused > 100, "{found:?}");
}
