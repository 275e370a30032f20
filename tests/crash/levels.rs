//! Levels of durability and tickets (I6, I7, I8): after a loss of power a prefix of the commits is
//! there, with every one acknowledged as durable, and all but a bounded part of the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store_core::{
    Durability, Kind, Options, Result, Schema, Store, Table, Ticket, Txn, TxnOptions,
};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, int};
use store_tests::sim_device::{EIO, ENOSPC, Failure, Fault, Operation, SimDevice};

/// Rows that the commits write in turn.
const ROWS: u64 = 8;
const NEVER: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_secs(20);

fn options() -> Options {
    Store::options().memory(64 << 20).async_delay(NEVER)
}

fn open(device: &SimDevice, options: Options) -> Result<(Store, Table)> {
    let store = options.open_on(Arc::new(device.clone()))?;
    let table = match store.open_table("t") {
        Ok(table) => table,
        Err(_) => {
            store.create_table(Schema::parse("t", "id int64 key, n int64 index, text text")?)?
        }
    };
    Ok((store, table))
}

/// Commit `number` writes two rows: the whole tells which commits are there.
fn write(table: &Table, txn: &mut Txn, number: u64) -> Result<()> {
    let text = "x".repeat((number * 37 % 400) as usize);
    for id in [number % ROWS, ROWS] {
        table.upsert(txn, &[(id as i64).into(), (number as i64).into(), (&text).into()])?;
    }
    Ok(())
}

/// The rows after so many commits, counted from 1.
fn rows_after(commits: u64) -> BTreeMap<i64, i64> {
    let ids = (1..=commits).map(|number| ((number % ROWS) as i64, number as i64));
    let mut rows: BTreeMap<i64, i64> = ids.collect();
    if commits > 0 {
        rows.insert(ROWS as i64, commits as i64);
    }
    rows
}

/// Opens what is left: it must be the state after some number of commits, which is returned.
fn commits_in(device: &SimDevice, what: &str) -> u64 {
    let (store, table) = open(device, options()).unwrap_or_else(|error| panic!("{what}: {error}"));
    let snapshot = store.snapshot().unwrap();
    let mut cursor = table.query(&snapshot).run().unwrap();
    let mut rows = BTreeMap::new();
    while let Some(row) = cursor.next().unwrap() {
        rows.insert(int(&row.get(0).to_owned()), int(&row.get(1).to_owned()));
    }
    let commits = rows.get(&(ROWS as i64)).copied().unwrap_or(0) as u64;
    assert_eq!(rows, rows_after(commits), "{what}: not a prefix of the commits");
    assert_sound(&store);
    commits
}

fn commit(store: &Store, table: &Table, number: u64, level: Durability) -> Result<u64> {
    let options = TxnOptions::new().durability(level);
    store.write_with(options, |txn| write(table, txn, number))?;
    Ok(store.stats().wal_end)
}

#[test]
fn an_asynchronous_store_loses_at_most_its_bytes() {
    const BYTES: u64 = 3_000;
    for seed in 0..10 {
        let device = SimDevice::new();
        let options = options().durability(Durability::Async).async_bytes(BYTES);
        let (store, table) = open(&device, options).unwrap();
        let mut ends = vec![0];
        for number in 1..=60 {
            store.write(|txn| write(&table, txn, number)).unwrap();
            let stats = store.stats();
            assert!(stats.wal_behind_bytes <= BYTES, "{} behind", stats.wal_behind_bytes);
            ends.push(stats.wal_end);
            if number % 7 == seed % 7 {
                let found = commits_in(&device.crash(seed * 100 + number), "asynchronous");
                assert!(found <= number);
                let lost = stats.wal_end - ends[found as usize];
                assert!(lost <= BYTES, "{lost} bytes of acknowledged commits are lost");
            }
        }
        assert!(store.stats().wal_durable > ends[30], "a full bound is synced");
    }
}

#[test]
fn an_asynchronous_commit_is_durable_after_its_time_though_nobody_commits() {
    let device = SimDevice::new();
    let delay = Duration::from_millis(40);
    let (store, table) = open(&device, options().async_delay(delay)).unwrap();
    // The first one starts the thread that syncs; the second one has to wake it.
    let first = commit(&store, &table, 1, Durability::Async).unwrap();
    let began = Instant::now();
    while !store.is_durable(first) {
        assert!(began.elapsed() < SOON, "{:?}", store.stats());
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(delay);
    let began = Instant::now();
    let end = commit(&store, &table, 2, Durability::Async).unwrap();
    assert!(store.stats().wal_behind_ms.is_some() || began.elapsed() > delay / 2);
    while !store.is_durable(end) {
        assert!(began.elapsed() < SOON, "{:?}", store.stats());
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(store.stats().wal_behind_ms, None);
    assert_eq!(commits_in(&device.crash(1), "after its time"), 2);
}

#[test]
fn an_overdue_commit_holds_back_the_next() {
    let device = SimDevice::new();
    let delay = Duration::from_millis(20);
    let (store, table) = open(&device, options().async_delay(delay)).unwrap();
    device.set_sync_delay(delay * 5);
    let mut slowest = Duration::ZERO;
    let began = Instant::now();
    for number in 1.. {
        let from = Instant::now();
        commit(&store, &table, number, Durability::Async).unwrap();
        slowest = slowest.max(from.elapsed());
        let age = store.stats().wal_behind_ms.unwrap_or(0);
        // One sync of a slow disk, and some time of a busy machine.
        assert!(age < 1_000, "{age} ms behind");
        if began.elapsed() > delay * 20 {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(slowest > delay * 2, "nobody waited for the disk: {slowest:?}");
}

/// Commits of all kinds in one thread until the power goes; what was acknowledged as durable.
fn mixed(device: &SimDevice, seed: u64) -> (u64, u64) {
    let (mut tried, mut durable) = (0, 0);
    let mut random = Random::new(seed);
    let mut run = || -> Result<()> {
        let (store, table) = open(device, options().async_bytes(2_000))?;
        let mut ticket: Option<(u64, Ticket)> = None;
        for number in 1..=40 {
            // Whoever writes rows of a ticket must wait for it.
            if let Some((number, ticket)) = ticket.take() {
                ticket.wait()?;
                durable = number;
            }
            tried = number;
            match random.below(6) {
                0 => {
                    let mut txn = store.begin()?;
                    write(&table, &mut txn, number)?;
                    ticket = Some((number, txn.commit_ticket()?));
                }
                1 | 2 => {
                    commit(&store, &table, number, Durability::Sync)?;
                    durable = number;
                }
                3 if number % 5 == 0 => {
                    commit(&store, &table, number, Durability::Async)?;
                    store.checkpoint()?;
                    durable = number;
                }
                4 if number % 3 == 0 => {
                    commit(&store, &table, number, Durability::Async)?;
                    store.sync()?;
                    durable = number;
                }
                _ => drop(commit(&store, &table, number, Durability::Async)?),
            }
        }
        Ok(())
    };
    let _off = run();
    (tried, durable)
}

#[test]
fn the_power_may_go_anywhere_among_commits_of_all_levels() {
    for seed in 0..4 {
        let whole = SimDevice::new();
        assert_eq!(mixed(&whole, seed).0, 40);
        for stop in (60..=whole.operations()).step_by(5) {
            let device = SimDevice::new();
            device.stop_at(stop);
            let (tried, durable) = mixed(&device, seed);
            let what = format!("seed {seed}, stop {stop}: {durable} of {tried} are durable");
            let found = commits_in(&device.crash(stop + seed), &what);
            assert!((durable..=tried).contains(&found), "{what}, {found} found");
        }
    }
}

#[test]
fn a_store_without_syncs_is_durable_at_checkpoint_sync_and_close() {
    let device = SimDevice::new();
    let none = || options().durability(Durability::None);
    let (store, table) = open(&device, none()).unwrap();
    let syncs = device.syncs();
    for number in 1..=20 {
        store.write(|txn| write(&table, txn, number)).unwrap();
    }
    assert_eq!(device.syncs(), syncs, "no commit syncs");
    assert_eq!(store.stats().durability, Durability::None);
    store.checkpoint().unwrap();
    assert_eq!(commits_in(&device.crash(1), "after a checkpoint"), 20);
    store.write(|txn| write(&table, txn, 21)).unwrap();
    assert!(commits_in(&device.crash(2), "before a sync") >= 20);
    store.sync().unwrap();
    assert_eq!(commits_in(&device.crash(3), "after a sync"), 21);
    store.write(|txn| write(&table, txn, 22)).unwrap();
    commit(&store, &table, 23, Durability::Sync).unwrap();
    assert_eq!(commits_in(&device.crash(4), "a commit that asks for it"), 23);
    store.write(|txn| write(&table, txn, 24)).unwrap();
    drop((store, table));
    assert_eq!(commits_in(&device.crash(5), "after the last handle"), 24);
    let options = TxnOptions::new().durability(Durability::None);
    let (store, _table) = open(&device, none()).unwrap();
    assert_eq!(store.begin_with(options).map(drop).unwrap_err().kind(), Kind::Invalid);
    let mut txn = store.begin().unwrap();
    assert_eq!(txn.set_durability(Durability::None).unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn a_failed_sync_in_the_background_stops_the_store() {
    let device = SimDevice::new();
    let (store, table) = open(&device, options().async_delay(Duration::from_millis(10))).unwrap();
    let failure = Failure::Errno(EIO);
    device.fail(Fault { operation: Some(Operation::Sync), after: 0, forever: false, failure });
    commit(&store, &table, 1, Durability::Async).unwrap();
    let began = Instant::now();
    while !store.stats().poisoned {
        assert!(began.elapsed() < SOON, "nobody noticed");
        std::thread::sleep(Duration::from_millis(1));
    }
    for level in [Durability::Async, Durability::Sync] {
        let error = commit(&store, &table, 2, level).unwrap_err();
        assert_eq!(error.kind(), Kind::Poisoned, "{error}");
    }
    assert_eq!(store.sync().unwrap_err().kind(), Kind::Poisoned);
    let snapshot = store.snapshot().unwrap();
    assert!(table.get(&snapshot, &[1_i64.into()]).unwrap().is_some(), "reads go on");
}

#[test]
fn a_failed_sync_is_told_to_whoever_has_a_ticket() {
    let device = SimDevice::new();
    let (store, table) = open(&device, options()).unwrap();
    commit(&store, &table, 1, Durability::Sync).unwrap();
    let failure = Failure::Errno(EIO);
    device.fail(Fault { operation: Some(Operation::Sync), after: 0, forever: false, failure });
    let mut txn = store.begin().unwrap();
    write(&table, &mut txn, 2).unwrap();
    let ticket = txn.commit_ticket().unwrap();
    assert_eq!(ticket.wait().unwrap_err().kind(), Kind::Poisoned);
    assert_eq!(store.wait_durable(ticket.lsn()).unwrap_err().kind(), Kind::Poisoned);
    assert!(!ticket.is_durable());
    let snapshot = store.snapshot().unwrap();
    assert!(table.get(&snapshot, &[2_i64.into()]).unwrap().is_none(), "not durable, not visible");
    assert_eq!(commit(&store, &table, 3, Durability::Async).unwrap_err().kind(), Kind::Poisoned);
}

#[test]
fn a_slow_disk_makes_commits_wait_and_no_more_memory() {
    // Two buffers of 1 MiB, each with a record more, in a vector that may be twice as long.
    const BUFFERS: u64 = 6 << 20;
    let device = SimDevice::new();
    let (store, table) = open(&device, options().async_bytes(1 << 30)).unwrap();
    device.set_sync_delay(Duration::from_millis(30));
    std::thread::scope(|scope| {
        for thread in 0..8_i64 {
            let (store, table) = (&store, &table);
            scope.spawn(move || {
                for round in 0..40_u8 {
                    let text = char::from(b'a' + round % 26).to_string().repeat(100_000);
                    let level = TxnOptions::new().durability(Durability::Async);
                    let row = [(100 + thread).into(), 0_i64.into(), (&text).into()];
                    store.write_with(level, |txn| table.upsert(txn, &row)).unwrap();
                    let holders = store.stats().holders;
                    let log = holders.iter().find(|holder| holder.path == "store/wal").unwrap();
                    assert!(log.bytes <= BUFFERS, "the log holds {}", log.bytes);
                }
            });
        }
    });
    assert!(store.stats().wal_end > 32_000_000, "{}", store.stats().wal_end);
}

#[test]
fn the_log_is_written_to_a_checkpoint_by_itself() {
    let device = SimDevice::new();
    let (store, table) = open(&device, options().checkpoint_bytes(20_000)).unwrap();
    let began = Instant::now();
    let mut number = 0;
    while store.stats().checkpoints < 3 {
        number += 1;
        commit(&store, &table, number, Durability::Sync).unwrap();
        assert!(began.elapsed() < SOON, "{:?}", store.stats());
    }
    let stats = store.stats();
    assert!(stats.wal_checkpoint >= 3 * 20_000 - 5_000, "{}", stats.wal_checkpoint);
    assert_eq!((stats.checkpoint_failures, stats.checkpoint_error), (0, None));
    assert!(stats.wal_files <= 2 && stats.checkpoint_ms.is_some(), "the log before it is gone");
    assert_eq!(commits_in(&device.crash(7), "among checkpoints"), number);
    // The directory is free when the last handle is gone, whatever the thread was at.
    drop((store, table));
    let age = Duration::from_millis(30);
    let (store, table) = open(&device, options().checkpoint_bytes(0).checkpoint_age(age)).unwrap();
    commit(&store, &table, number + 1, Durability::Sync).unwrap();
    let began = Instant::now();
    while store.stats().checkpoints == 0 {
        assert!(began.elapsed() < SOON, "age is forgotten");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_failed_checkpoint_is_shown_and_hurts_no_commit() {
    let device = SimDevice::new();
    let (store, table) = open(&device, options().checkpoint_bytes(20_000)).unwrap();
    commit(&store, &table, 1, Durability::Sync).unwrap();
    let failure = Failure::Errno(ENOSPC);
    device.fail(Fault { operation: Some(Operation::Create), after: 0, forever: true, failure });
    let began = Instant::now();
    let mut number = 1;
    while store.stats().checkpoint_failures == 0 {
        number += 1;
        commit(&store, &table, number, Durability::Sync).unwrap();
        assert!(began.elapsed() < SOON, "no checkpoint was tried");
    }
    let stats = store.stats();
    assert!(stats.checkpoint_error.is_some() && !stats.poisoned && stats.checkpoints == 0);
    device.heal();
    commit(&store, &table, number + 1, Durability::Sync).unwrap();
    store.checkpoint().unwrap();
    assert_eq!(store.stats().checkpoint_error, None);
    assert_eq!(commits_in(&device.crash(3), "after a failed checkpoint"), number + 1);
}
