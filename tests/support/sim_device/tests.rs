//! The simulator does what it says, and does the same again.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use store_core::{Device, OpenMode};

/// Every outcome of a crash now.
fn outcomes(device: &SimDevice, sector_bytes: usize) -> BTreeSet<BTreeMap<String, Vec<u8>>> {
    let mut each = Each::new(sector_bytes);
    let mut found = BTreeSet::new();
    loop {
        found.insert(device.crash_by(&mut each).contents());
        if !each.advance() {
            return found;
        }
    }
}

fn file(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([("a".to_owned(), bytes.to_vec())])
}

/// A durable file of these bytes.
fn durable(bytes: &[u8]) -> SimDevice {
    let device = SimDevice::new();
    let made = device.open("a", OpenMode::CreateNew).unwrap();
    made.write_all_at(bytes, 0).unwrap();
    made.sync_data().unwrap();
    device.sync_directory().unwrap();
    device
}

#[test]
fn a_crash_leaves_any_subset_of_sectors_in_any_order() {
    let device = durable(&[1; 1024]);
    let open = device.open("a", OpenMode::Write).unwrap();
    assert_eq!(outcomes(&device, 512), BTreeSet::from([file(&[1; 1024])]));
    open.write_all_at(&[2; 1024], 0).unwrap();
    open.write_all_at(&[3; 512], 512).unwrap();
    let sectors = |first: u8, second: u8| file(&[[first; 512], [second; 512]].concat());
    // The older write of the second sector may be what is found.
    let all = [1, 2].map(|first| [1, 2, 3].map(|second| sectors(first, second)));
    assert_eq!(outcomes(&device, 512), all.concat().into_iter().collect());
    let whole = [[1, 1], [2, 2], [1, 3], [2, 3]].map(|[first, second]| sectors(first, second));
    assert_eq!(outcomes(&device, 4096), whole.into_iter().collect());
    // Seeds come by each of them too, and by nothing else.
    let by_seed: BTreeSet<_> = (0..400).map(|seed| device.crash(seed).contents()).collect();
    assert_eq!(by_seed, outcomes(&device, 512));
    open.sync_data().unwrap();
    assert_eq!(outcomes(&device, 512), BTreeSet::from([sectors(2, 3)]));
}

#[test]
fn a_file_may_grow_without_its_bytes_or_with_those_of_a_removed_one() {
    let device = durable(&[7; 600]);
    device.remove("a").unwrap();
    device.sync_directory().unwrap();
    let open = device.open("a", OpenMode::CreateNew).unwrap();
    device.sync_directory().unwrap();
    open.write_all_at(&[9; 512], 0).unwrap();
    let found = outcomes(&device, 512);
    let expected = [&[9; 512][..], &[], &[0; 512], &[7; 512]].map(file);
    assert_eq!(found, expected.into_iter().collect());
}

#[test]
fn changes_of_names_survive_in_part() {
    let device = durable(b"old");
    let new = device.open("b", OpenMode::CreateNew).unwrap();
    new.write_all_at(b"new", 0).unwrap();
    new.sync_data().unwrap();
    device.rename("b", "a").unwrap();
    let both = BTreeMap::from([("a".into(), b"old".to_vec()), ("b".into(), b"new".to_vec())]);
    assert_eq!(outcomes(&device, 512), BTreeSet::from([file(b"old"), file(b"new"), both]));
    device.sync_directory().unwrap();
    assert_eq!(outcomes(&device, 512), BTreeSet::from([file(b"new")]));
}

#[test]
fn a_failed_sync_loses_bytes_for_good_though_the_next_one_succeeds() {
    let (mut lost, mut kept) = (0, 0);
    for before in 0..40 {
        let device = durable(&[1; 4096]);
        let open = device.open("a", OpenMode::Write).unwrap();
        (0..before).for_each(|_| open.set_len(4096).unwrap());
        open.write_all_at(&[2; 4096], 0).unwrap();
        device.fail(Fault::once(Operation::Sync, 0, EIO));
        assert_eq!(open.sync_data().unwrap_err().raw_os_error(), Some(EIO));
        assert!(!device.is_waiting_to_fail());
        open.sync_data().unwrap();
        assert_eq!(device.contents(), file(&[2; 4096]), "reads show what is lost");
        device.drop_caches();
        let left = device.contents();
        assert_eq!(outcomes(&device, 512), BTreeSet::from([left.clone()]));
        lost += left["a"].chunks(512).filter(|sector| sector[0] == 1).count();
        kept += left["a"].chunks(512).filter(|sector| sector[0] == 2).count();
    }
    assert!(lost > 8 && kept > 8 && lost + kept == 40 * 8, "{lost} {kept}");
}

#[test]
fn a_full_device_takes_what_fits_and_room_comes_back() {
    let device = durable(&[1; 100]);
    let open = device.open("a", OpenMode::Write).unwrap();
    device.set_capacity(Some(150));
    let fault = open.write_all_at(&[2; 100], 100).unwrap_err();
    assert_eq!((fault.raw_os_error(), open.len().unwrap()), (Some(ENOSPC), 150));
    assert_eq!(open.set_len(151).unwrap_err().raw_os_error(), Some(ENOSPC));
    open.write_all_at(&[3; 150], 0).unwrap(); // no more than it has
    let other = device.open("b", OpenMode::CreateNew).unwrap();
    assert!(other.write_all_at(&[1], 0).is_err());
    open.set_len(10).unwrap();
    other.write_all_at(&[1; 140], 0).unwrap();
    device.remove("b").unwrap();
    open.write_all_at(&[4; 140], 10).unwrap();
    device.set_capacity(None);
    open.write_all_at(&[5; 1000], 150).unwrap();
}

#[test]
fn faults_come_when_they_were_told_to() {
    let device = durable(&[1; 100]);
    let open = device.open("a", OpenMode::Write).unwrap();
    let failure = Failure::Short(7, EINTR);
    device.fail(Fault { failure, ..Fault::once(Operation::Write, 1, EINTR) });
    open.write_all_at(&[2; 10], 0).unwrap();
    assert_eq!(open.write_all_at(&[3; 10], 20).unwrap_err().raw_os_error(), Some(EINTR));
    let bytes = &device.contents()["a"];
    assert_eq!((&bytes[..10], &bytes[20..30]), (&[2; 10][..], &[3, 3, 3, 3, 3, 3, 3, 1, 1, 1][..]));
    device.fail(Fault { failure, ..Fault::forever(Operation::Read, 0, 0) });
    assert_eq!(
        [open.read_at(&mut [0; 50], 0).unwrap(), open.read_at(&mut [0; 5], 0).unwrap()],
        [7, 5]
    );
    for operation in [Operation::Open, Operation::List, Operation::Lock, Operation::Length] {
        device.fail(Fault::forever(operation, 0, EIO));
    }
    let is_eio = |fault: std::io::Error| fault.raw_os_error() == Some(EIO);
    assert!(is_eio(device.list().unwrap_err()) && is_eio(open.len().unwrap_err()));
    assert!(device.lock().is_err() && device.open("a", OpenMode::Read).is_err());
    device.heal();
    assert_eq!(device.list().unwrap(), ["a"]);
    let before = device.operations();
    assert_eq!(open.read_at(&mut [0; 500], 0).unwrap(), 100);
    assert_eq!(device.operations(), before, "reads change nothing");
}

#[test]
fn when_the_power_is_off_nothing_begins_any_more() {
    let device = durable(&[1; 512]);
    let open = device.open("a", OpenMode::Write).unwrap();
    device.stop_at(device.operations());
    assert!(open.write_all_at(&[2; 512], 0).is_err());
    assert!(open.write_all_at(&[3; 512], 0).is_err() && device.remove("a").is_err());
    assert!(device.list().is_err() && open.read_at(&mut [0], 0).is_err());
    assert_eq!(outcomes(&device, 512), BTreeSet::from([file(&[1; 512]), file(&[2; 512])]));
}

#[test]
fn copies_show_the_device_before_each_operation() {
    let device = durable(&[1; 512]);
    let first = device.operations();
    device.record_at(first..first + 2);
    let open = device.open("a", OpenMode::Write).unwrap();
    open.write_all_at(&[2; 512], 0).unwrap();
    open.sync_data().unwrap();
    let copies = device.recorded();
    let numbers: Vec<u64> = copies.iter().map(|copy| copy.0).collect();
    assert_eq!(numbers, [first, first + 1, first + 2]);
    let (old, new) = (file(&[1; 512]), file(&[2; 512]));
    let expected = [vec![old.clone()], vec![old, new.clone()], vec![new]];
    for ((_, copy), expected) in copies.iter().zip(expected) {
        assert_eq!(outcomes(copy, 512), expected.into_iter().collect());
    }
}
