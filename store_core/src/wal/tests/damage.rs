//! Damaged bytes: refused where they had been durable, cut where they had not.

use super::*;
use crate::error::{Error, Kind};
use crate::sim_device::SimDevice;
use crate::wal::OpenMode;
use crate::wal::frames::WINDOW_BYTES;
use crate::wal::record::FRAME_BYTES;

/// Two files with four batches of two records in each; returns the ends of all records.
fn two_files(device: &SimDevice) -> (Vec<Lsn>, Lsn) {
    let wal = create(device, BIRTH).unwrap();
    let mut ends = Vec::new();
    let mut second = Lsn::ZERO;
    for number in 0..16_u64 {
        ends.push(commit(&wal, number + 1, &payload(number % 4)).unwrap());
        if number % 2 == 1 {
            wal.wait_durable(wal.end()).unwrap();
        }
        if number == 7 {
            second = wal.roll(|| ()).unwrap();
        }
    }
    (ends, second)
}

fn flip(device: &SimDevice, name: &str, offset: u64) {
    let file = device.open(name, OpenMode::Write).unwrap();
    let mut byte = [0];
    file.read_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << (offset % 8))], offset).unwrap();
}

fn read_any(device: &SimDevice) -> Result<(usize, ReplayReport)> {
    let mut count = 0;
    let report = replay(device, Lsn::ZERO, &holder(), &mut |record| {
        assert_eq!(number_of(record.payload), (record.timestamp - 1) % 4);
        count += 1;
        Ok(())
    })?;
    Ok((count, report.clean_end(device, &holder())?))
}

fn assert_names(error: &Error, name: &str) {
    assert_eq!(error.kind(), Kind::Corrupt, "{error}");
    assert_eq!(error.details()[0], name, "{error}");
    assert!(error.to_string().contains("offset"), "{error}");
}

#[test]
fn any_flipped_byte_of_what_was_durable_is_refused() {
    let device = SimDevice::new();
    let (ends, second) = two_files(&device);
    let names = device.list().unwrap();
    let last_batch = ends[13];
    for (name, start, end) in [(&names[0], Lsn::ZERO, second), (&names[1], second, last_batch)] {
        for offset in (0..end.since(start)).step_by(5) {
            let copy = device.crash(0);
            flip(&copy, name, 4096 + offset);
            assert_names(&read_any(&copy).unwrap_err(), name);
        }
        for offset in 0..56 {
            let copy = device.crash(0);
            flip(&copy, name, offset);
            assert_names(&read_any(&copy).unwrap_err(), name);
        }
    }
}

/// Nothing tells a damaged last batch from one that was never synced: it is cut, and said so.
#[test]
fn a_flipped_byte_in_the_last_batch_is_cut_there() {
    let device = SimDevice::new();
    let (ends, second) = two_files(&device);
    let name = &device.list().unwrap()[1];
    for lsn in (ends[13].0..ends[15].0).step_by(3) {
        let copy = device.crash(0);
        let offset = 4096 + Lsn(lsn).since(second);
        flip(&copy, name, offset);
        let (count, report) = read_any(&copy).unwrap();
        let expected = if Lsn(lsn) < ends[14] { 14 } else { 15 };
        assert_eq!((count, report.end), (expected, ends[expected - 1]));
        let cut = report.cut.unwrap();
        assert_eq!((&cut.file, cut.offset), (name, 4096 + report.end.since(second)));
        assert!(cut.offset <= offset && offset < cut.offset + cut.bytes);
        let (again, report) = read_any(&copy).unwrap();
        assert_eq!((again, report.cut), (expected, None), "cutting twice");
    }
}

#[test]
fn a_file_cut_short_or_lost_is_refused() {
    let device = SimDevice::new();
    let (ends, second) = two_files(&device);
    let names = device.list().unwrap();
    for len in [0, 10, 4096, 4096 + ends[2].0, 4096 + second.0 - 1] {
        let copy = device.crash(0);
        copy.open(&names[0], OpenMode::Write).unwrap().set_len(len).unwrap();
        assert_names(&read_any(&copy).unwrap_err(), &names[0]);
    }
    let copy = device.crash(0);
    copy.remove(&names[0]).unwrap();
    assert_eq!(read_any(&copy).unwrap_err().kind(), Kind::Corrupt);
    let copy = device.crash(0);
    copy.remove(&names[1]).unwrap();
    assert_eq!(read(&copy, second.plus(1)).unwrap_err().kind(), Kind::Corrupt);
}

/// A length from damaged bytes must neither be believed nor reserved (invariant I16).
#[test]
fn a_hostile_length_takes_no_memory() {
    let device = SimDevice::new();
    let wal = create(&device, BIRTH).unwrap();
    let end = commit(&wal, 1, &payload(0)).unwrap();
    wal.wait_durable(end).unwrap();
    let name = &device.list().unwrap()[0];
    let file = device.open(name, OpenMode::Write).unwrap();
    for length in [u32::MAX, 1_000_000] {
        file.set_len(2 << 20).unwrap();
        file.write_all_at(&length.to_le_bytes(), 4096 + 8).unwrap();
        let budget = MemoryBudget::new(300 << 10);
        let report = replay(&device, Lsn::ZERO, &budget.holder("wal"), &mut |_| panic!("believed"));
        let report = report.unwrap().clean_end(&device, &budget.holder("wal"));
        assert_eq!(report.unwrap().end, Lsn::ZERO);
    }
}

/// The proof of damage may stand far behind it.
#[test]
fn damage_is_proved_across_a_long_record() {
    let device = SimDevice::new();
    let wal = create(&device, BIRTH).unwrap();
    let mut starts = Vec::new();
    for (timestamp, len) in [(1, 100), (2, 700_000), (3, 100)] {
        starts.push(wal.end());
        let end = commit(&wal, timestamp, &vec![timestamp as u8; len]).unwrap();
        wal.wait_durable(end).unwrap();
    }
    let name = &device.list().unwrap()[0];
    for damaged in [vec![0], vec![0, 1], vec![1]] {
        let copy = device.crash(0);
        for record in &damaged {
            flip(&copy, name, 4096 + starts[*record].0 + 60);
        }
        let error = replay(&copy, Lsn::ZERO, &holder(), &mut |_| Ok(())).unwrap_err();
        assert_names(&error, name);
        assert_eq!(error.details()[1], (4096 + starts[damaged[0]].0).to_string());
    }
}

/// A frame that begins in one window of the search and ends in the next is found.
#[test]
fn damage_is_proved_at_the_edge_of_a_window() {
    for back in [0, 1, 20, 47, 48, 49] {
        let device = SimDevice::new();
        let wal = create(&device, BIRTH).unwrap();
        for (timestamp, len) in [(1, WINDOW_BYTES - FRAME_BYTES - back), (2, 10)] {
            wal.wait_durable(commit(&wal, timestamp, &vec![0; len]).unwrap()).unwrap();
        }
        let name = &device.list().unwrap()[0];
        flip(&device, name, 4096 + 60);
        let error = replay(&device, Lsn::ZERO, &holder(), &mut |_| Ok(())).unwrap_err();
        assert_names(&error, name);
    }
}

/// Bytes of another file, at the right place and whole, are not believed.
#[test]
fn recycled_bytes_never_validate() {
    let old = SimDevice::new();
    let wal = create(&old, BIRTH).unwrap();
    wal.wait_durable(commit(&wal, 1, &payload(1)).unwrap()).unwrap();
    let name = &old.list().unwrap()[0];
    let stale = old.contents()[name].clone();
    let device = SimDevice::new();
    drop(create(&device, BIRTH).unwrap());
    let file = device.open(name, OpenMode::Write).unwrap();
    file.write_all_at(&stale[4096..], 4096).unwrap();
    let (found, report) = read(&device, Lsn::ZERO).unwrap();
    assert!(found.is_empty() && report.cut.unwrap().bytes >= FRAME_BYTES as u64);
}
