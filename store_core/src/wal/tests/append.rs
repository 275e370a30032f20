//! Appending, group commit and changes of files when nothing fails.

use super::*;
use crate::durability::Lag;
use crate::error::Kind;
use crate::sim_device::SimDevice;
use crate::sync::join_all;
use crate::wal::Directory;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[test]
fn records_come_back_in_order_with_all_they_carry() {
    let place = tempfile::tempdir().unwrap();
    let device = Directory::create(place.path().join("store")).unwrap();
    let start = LogStart { lsn: Lsn(1000), timestamp: 40, wall: i64::MAX - 1 };
    let wal = Wal::create(Arc::new(device), start, WalOptions::default(), holder(), clock_word())
        .unwrap();
    let first = commit(&wal, 41, b"one").unwrap();
    let fragment = wal.append_fragment(&HashedPayload::new(b"")).unwrap();
    let schema = HashedPayload::new(b"three");
    let last = wal.append(RecordKind::Schema, &schema, Wait::Writer, || 50).unwrap();
    assert_eq!((last.timestamp, last.end), (50, wal.end()));
    assert!(wal.durable() == Lsn(1000) && first < fragment.end);
    wal.wait_durable(last.end).unwrap();
    wal.wait_durable(first).unwrap();
    assert_eq!(wal.durable(), last.end);
    drop(wal);
    let device = Directory::open_existing(place.path().join("store")).unwrap();
    let mut found = Vec::new();
    let report = replay(&device, Lsn(1000), &holder(), &mut |record| {
        assert_eq!(record.wall, i64::MAX - 1, "the wall clock steps back");
        found.push((record.kind, record.timestamp, record.payload.to_vec()));
        Ok(())
    })
    .unwrap();
    let report = report.clean_end(&device, &holder()).unwrap();
    let expected = [
        (RecordKind::Commit, 41, b"one".to_vec()),
        (RecordKind::Fragment, 0, Vec::new()),
        (RecordKind::Schema, 50, b"three".to_vec()),
    ];
    assert_eq!(found, expected);
    assert_eq!((report.end, report.records, report.cut.clone()), (last.end, 3, None));
    assert_eq!(report.next_start().timestamp, 50);
}

#[test]
fn a_fresh_log_is_empty_and_an_empty_one_carries_its_clocks() {
    let device = SimDevice::new();
    let lost = replay(&device, Lsn::ZERO, &holder(), &mut |_| Ok(())).unwrap_err();
    assert_eq!(lost.kind(), Kind::Corrupt, "there is no log");
    let start = LogStart { lsn: Lsn::ZERO, timestamp: 7, wall: 9 };
    drop(create(&device, start).unwrap());
    assert_eq!(read(&device, Lsn::ZERO).unwrap().1.next_start(), start);
    drop(create(&device, start).unwrap());
    assert_eq!(device.contents().len(), 1, "the empty file is replaced");
}

#[test]
fn one_sync_serves_many_commits() {
    let device = SimDevice::new();
    let wal = create(&device, BIRTH).unwrap();
    device.set_sync_delay(Duration::from_millis(2));
    let clock = AtomicU64::new(0);
    let before = device.syncs();
    std::thread::scope(|scope| {
        let work = || {
            for _ in 0..10 {
                let bytes = HashedPayload::new(&[1; 20]);
                let next = || clock.fetch_add(1, Ordering::Relaxed) + 1;
                let appended = wal.append(RecordKind::Commit, &bytes, Wait::Writer, next).unwrap();
                wal.wait_durable(appended.end).unwrap();
                assert!(wal.durable() >= appended.end);
            }
        };
        join_all((0..8).map(|_| scope.spawn(work)));
    });
    let syncs = device.syncs() - before;
    assert!(syncs < 60, "{syncs} syncs for 80 commits");
}

#[test]
fn timestamps_are_in_the_order_of_records_beside_rolls() {
    let device = SimDevice::new();
    let wal = create(&device, BIRTH).unwrap();
    let clock = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let append = |thread: u64| {
            for step in 0..60 {
                let bytes = payload(step);
                let next = || clock.fetch_add(1, Ordering::Relaxed) + 1;
                let hashed = HashedPayload::new(&bytes);
                let appended = wal.append(RecordKind::Commit, &hashed, Wait::Writer, next).unwrap();
                if step % (thread + 2) == 0 {
                    wal.wait_durable(appended.end).unwrap();
                }
            }
        };
        let roll = || {
            for _ in 0..10 {
                assert!(wal.roll(|| ()).unwrap() <= wal.end());
            }
        };
        let mut threads: Vec<_> =
            (0..3).map(|thread| scope.spawn(move || append(thread))).collect();
        threads.push(scope.spawn(roll));
        join_all(threads);
    });
    wal.wait_durable(wal.end()).unwrap();
    assert!(wal.files().len() >= 2);
    // Replay refuses timestamps that step back.
    let (found, report) = read(&device.crash(1), Lsn::ZERO).unwrap();
    assert_eq!((found.len(), report.last_timestamp, report.cut), (180, 180, None));
}

#[test]
fn whole_files_before_a_position_are_removed() {
    let device = SimDevice::new();
    let wal = create(&device, BIRTH).unwrap();
    let mut starts = vec![Lsn::ZERO];
    for timestamp in 1..4 {
        commit(&wal, timestamp, &payload(timestamp)).unwrap();
        starts.push(wal.roll(|| ()).unwrap());
    }
    assert_eq!(wal.roll(|| ()).unwrap(), starts[3], "an empty file is kept");
    commit(&wal, 4, &payload(4)).unwrap();
    wal.remove_before(Lsn(starts[2].0 - 1)).unwrap();
    let kept: Vec<Lsn> = wal.files().iter().map(|file| file.start).collect();
    assert_eq!(kept, starts[1..]);
    wal.remove_before(starts[3]).unwrap();
    wal.remove_before(wal.end()).unwrap();
    assert_eq!(wal.files().len(), 1);
    assert!(wal.files()[0].bytes > 4096);
    wal.wait_durable(wal.end()).unwrap();
    let (found, _) = read(&device, starts[3]).unwrap();
    assert_eq!(found, [(starts[3], 4)]);
    assert_eq!(read(&device, starts[1]).unwrap_err().kind(), Kind::Corrupt);
}

#[test]
fn files_of_an_earlier_run_are_counted_and_removed() {
    let device = SimDevice::new();
    let wal = create(&device, BIRTH).unwrap();
    commit(&wal, 1, &payload(1)).unwrap();
    wal.wait_durable(wal.end()).unwrap();
    drop(wal);
    let (_, report) = read(&device, Lsn::ZERO).unwrap();
    let wal = create(&device, report.next_start()).unwrap();
    assert_eq!(wal.files().len(), 2);
    wal.remove_before(report.end).unwrap();
    assert_eq!(file_names(&device), [wal.files()[0].name.clone()]);
}

#[test]
fn long_records_pass_and_longer_ones_are_refused() {
    let device = SimDevice::new();
    let options = WalOptions { record_bytes_max: 900_000, ..WalOptions::default() };
    let wal =
        Wal::create(Arc::new(device.clone()), BIRTH, options, holder(), clock_word()).unwrap();
    let long: Vec<u8> = (0..900_000_u32).map(|at| (at % 251) as u8).collect();
    commit(&wal, 1, &long).unwrap();
    let fault = wal.append_fragment(&HashedPayload::new(&vec![0; 900_001])).unwrap_err();
    assert_eq!(fault.kind(), Kind::Invalid);
    commit(&wal, 2, &payload(2)).unwrap();
    wal.wait_durable(wal.end()).unwrap();
    let mut lengths = Vec::new();
    replay(&device, Lsn::ZERO, &holder(), &mut |record| {
        assert!(record.timestamp != 1 || record.payload == long);
        lengths.push(record.payload.len());
        Ok(())
    })
    .unwrap();
    assert_eq!(lengths, [long.len(), payload(2).len()]);
}

#[test]
fn a_full_batch_is_written_but_not_acknowledged() {
    let device = SimDevice::new();
    let wal = create(&device, BIRTH).unwrap();
    for number in 0..40 {
        wal.append_fragment(&HashedPayload::new(&payload(number))).unwrap();
    }
    assert_eq!(wal.durable(), Lsn::ZERO);
    assert!(wal.holder.used() < 32 << 10, "{} bytes are held", wal.holder.used());
    wal.wait_durable(wal.end()).unwrap();
    assert_eq!(read(&device.crash(3), Lsn::ZERO).unwrap().0.len(), 40);
}

#[test]
fn a_refused_budget_sequences_nothing() {
    let budget = MemoryBudget::new(20 << 10);
    let device = SimDevice::new();
    let wal =
        Wal::create(Arc::new(device.clone()), BIRTH, small(), budget.holder("wal"), clock_word())
            .unwrap();
    commit(&wal, 1, &payload(1)).unwrap();
    let bytes = vec![7; 40 << 10];
    let long = HashedPayload::new(&bytes);
    let refused = wal.append(RecordKind::Commit, &long, Wait::Writer, || unreachable!("sequenced"));
    assert_eq!(refused.unwrap_err().kind(), Kind::OverBudget);
    commit(&wal, 2, &payload(2)).unwrap();
    wal.wait_durable(wal.end()).unwrap();
    drop(wal);
    assert_eq!(budget.used(), 0);
    assert_eq!(read(&device, Lsn::ZERO).unwrap().0.len(), 2);
}

/// What is there for a batch need not hold two records: then each is written before the next.
#[test]
fn a_batch_is_written_where_there_is_no_memory_for_it_and_one_more_record() {
    let budget = MemoryBudget::new(4 << 10);
    let device = SimDevice::new();
    let wal =
        Wal::create(Arc::new(device.clone()), BIRTH, small(), budget.holder("wal"), clock_word())
            .unwrap();
    for number in 1..=20 {
        commit(&wal, number, &payload(number)).unwrap();
    }
    assert_eq!(wal.durable(), Lsn::ZERO, "written, not synced");
    wal.wait_durable(wal.end()).unwrap();
    let longest = (1..=20).map(|number| payload(number).len()).max().unwrap();
    assert!(longest > budget.limit() as usize / 3, "three of {longest} bytes would fit");
    assert_eq!(read(&device, Lsn::ZERO).unwrap().0.len(), 20);
}

/// The thread that looks after the log makes room before it is needed, in the file that is in use.
#[test]
fn room_is_made_before_it_is_needed() {
    const GROWTH: u64 = 1 << 20;
    let device = SimDevice::new();
    let options = WalOptions { preallocate_bytes: GROWTH, ..WalOptions::default() };
    let wal =
        Wal::create(Arc::new(device.clone()), BIRTH, options, holder(), clock_word()).unwrap();
    let payload = vec![7; 10_000];
    let mut timestamp = 0;
    let mut fill = |until: &dyn Fn() -> bool| {
        while !until() {
            timestamp += 1;
            wal.wait_durable(commit(&wal, timestamp, &payload).unwrap()).unwrap();
        }
        timestamp
    };
    let lag = Lag { delay: Duration::from_secs(60), bytes: u64::MAX };
    let room = || wal.state.lock().room();
    for _ in 0..3 {
        fill(&|| wal.wants_room());
        assert!(room() > GROWTH / 4, "noted before the room was used up");
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| assert_eq!(wal.sync_later(lag, 0), None));
            while wal.wants_room() {
                std::thread::sleep(Duration::from_millis(1));
            }
            wal.stop_threads();
            join_all([thread]);
        });
        wal.state.lock().stopping = false;
        assert!((GROWTH..GROWTH * 3 / 2).contains(&room()), "{} bytes of room", room());
        wal.roll(|| ()).unwrap();
        let end = wal.end().0;
        fill(&|| wal.end().0 > end + 100_000);
    }
    let newest = fill(&|| true);
    drop(wal);
    for seed in 0..4 {
        let mut records = 0;
        let count = &mut |_: crate::wal::Record<'_>| {
            records += 1;
            Ok(())
        };
        replay(&device.crash(seed), Lsn::ZERO, &holder(), count).unwrap();
        assert_eq!(records, newest, "every record was acknowledged");
    }
}
