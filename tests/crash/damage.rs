//! A flipped bit is found, whichever it is (I16): the store refuses to open, or has a prefix of
//! its commits; never a wrong row.

use crate::history::{History, Workload, device, open, state_of};
use store_core::{Device, Kind, OpenMode};
use store_tests::sim_device::SimDevice;

/// The bytes of a file up to its last one that is not zero.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
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

#[test]
fn no_flipped_bit_goes_unnoticed() {
    let device = device();
    let mut history = History::new();
    let workload = Workload { seed: 4, steps: 14, text_bytes: 60, stubborn: false };
    history.run(&open(&device).unwrap(), workload).unwrap();
    let (mut refused, mut cut, mut harmless) = (0, 0, 0);
    for (name, bytes) in device.contents() {
        let len = used(&bytes);
        for at in (0..len).step_by(1 + len / 150) {
            match open(&flip(&device, &name, at, (at % 8) as u8)) {
                Err(error) => {
                    let known = matches!(error.kind(), Kind::Corrupt | Kind::Unsupported);
                    assert!(known, "{name}, byte {at}: {error}");
                    refused += 1;
                }
                Ok(store) => {
                    let found = state_of(&store);
                    assert!(history.states.contains(&found), "{name}, byte {at}: a wrong row");
                    if found == *history.acknowledged_state() { harmless += 1 } else { cut += 1 }
                }
            }
        }
    }
    println!("{refused} refused, {cut} cut, {harmless} without effect");
    assert!(refused > 100, "{refused} refused, {cut} cut, {harmless} without effect");
}
