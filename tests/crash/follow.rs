//! Followers beside an owner on one device: whatever the owner does, and wherever the power goes, a
//! follower shows a moment of the owner's that is durable (I1, I6, I8), and the files that it still
//! reads stay within the limit.

use crate::history::{History, State, device, open, state_of};
use crate::many::wanted;
use crate::steps::{Bounds, Runner, Step};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use store_core::{Device, IndexSpec, Kind, Options, Result, Schema, Store, Type};
use store_tests::gate::GateDevice;
use store_tests::interrupt::InterruptedDevice;
use store_tests::random::Random;
use store_tests::rows::assert_sound;
use store_tests::sim_device::SimDevice;

/// Moves only when it is asked to.
fn options() -> Options {
    Store::options().memory(64 << 20).read_only().keep_up(false)
}

fn follow(device: &SimDevice) -> Result<Store> {
    follow_on(device.clone())
}

fn follow_on(device: impl Device + 'static) -> Result<Store> {
    options().open_on(Arc::new(device))
}

/// The store as it is when the follower has caught up.
fn refreshed(follower: &Store, what: &str) -> State {
    follower.refresh().unwrap_or_else(|error| panic!("{what}: {error}"));
    state_of(follower)
}

fn names(device: &SimDevice) -> Vec<String> {
    device.list().unwrap()
}

fn leases(device: &SimDevice) -> usize {
    names(device).iter().filter(|name| name.starts_with("follower-")).count()
}

fn put(store: &Store, id: i64) {
    let table = store.open_table("t").unwrap_or_else(|_| {
        let schema = Schema::builder("t").column("id", Type::Int64).key();
        store.create_table(schema.column("text", Type::Text).build().unwrap()).unwrap()
    });
    let text = "t".repeat(500);
    store.write(|txn| table.insert(txn, &[id.into(), text.as_str().into()])).unwrap();
}

fn count(store: &Store) -> u64 {
    let table = store.open_table("t").unwrap();
    table.count(&store.snapshot().unwrap()).unwrap()
}

/// Tells threads to end, also when the test fails.
#[derive(Default)]
struct Over(AtomicBool);

struct AtTheEnd<'a>(&'a Over);

impl Over {
    fn is_over(&self) -> bool {
        self.0.load(Relaxed)
    }

    fn at_the_end(&self) -> AtTheEnd<'_> {
        AtTheEnd(self)
    }
}

impl Drop for AtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, Relaxed);
    }
}

// ---- what it shows

#[test]
fn a_follower_shows_every_commit_when_it_is_asked() {
    let seed = wanted("STORE_CRASH_SEED", 1);
    for seed in seed..seed + wanted("STORE_FOLLOW_WORKLOADS", 60) {
        let mut random = Random::new(seed ^ 0xf0110);
        let steps = Step::random(&mut random, 12);
        let mut runner = Runner::open(device(), History::new(), seed).unwrap();
        let mut follower = follow(&runner.device).unwrap();
        for (nth, step) in steps.iter().enumerate() {
            let what = format!("STORE_CRASH_SEED={seed}: step {nth} of {steps:?}");
            let before = follower.snapshot().unwrap();
            runner.take(*step).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(follower.snapshot().unwrap().timestamp(), before.timestamp(), "{what}");
            if random.once_in(3) {
                continue; // several steps at once
            }
            if random.once_in(5) {
                follower = follow(&runner.device).unwrap_or_else(|error| panic!("{what}: {error}"));
            }
            let found = refreshed(&follower, &what);
            assert!(found == *runner.history.acknowledged_state(), "{what}");
            assert_sound(&follower);
        }
    }
}

#[test]
fn a_follower_is_opened_at_every_operation_of_the_owner_and_shows_what_is_durable() {
    let seed = wanted("STORE_CRASH_SEED", 1);
    let mut points = 0;
    for seed in seed..seed + wanted("STORE_FOLLOW_WORKLOADS", 60) / 4 {
        let mut random = Random::new(seed ^ 0x000f_0110);
        let steps = Step::random(&mut random, 40);
        let place = device();
        place.record_at((0..400).filter(|at| *at < 8 || at % 3 == seed % 3));
        let mut runner = Runner::open(place, History::new(), seed).unwrap();
        runner.run(&steps).unwrap();
        for (operation, copy) in runner.device.recorded() {
            let bounds = runner.bounds_at(operation);
            let what =
                format!("STORE_CRASH_SEED={seed}: before operation {operation} of {steps:?}");
            look_at(&copy, &runner.history, bounds, &mut random, &what);
            points += 1;
        }
    }
    println!("{points} points");
    assert!(points > 200);
}

/// A follower beside an owner that stands still, then after a loss of power, then beside the next owner.
fn look_at(copy: &SimDevice, history: &History, bounds: Bounds, random: &mut Random, what: &str) {
    let position = |state: &State, from: usize, to: usize, what: &str| {
        let found = history.states[from..=to].iter().position(|known| known == state);
        from + found.unwrap_or_else(|| {
            let known = history.states.iter().position(|known| known == state);
            panic!("{what}: state {known:?} is not in {from}..={to}")
        })
    };
    let follower = match follow(copy) {
        // The store is only being made.
        Err(error) if error.kind() == Kind::NotFound && bounds.first == 0 => return,
        opened => opened.unwrap_or_else(|error| panic!("{what}: {error}")),
    };
    // All that was acknowledged, and nothing that may be lost.
    let shown = position(&state_of(&follower), bounds.first, bounds.last, what);
    assert_sound(&follower);
    for _ in 0..3 {
        let crash = random.number();
        let what = format!("{what}, crash {crash}");
        let crashed = copy.crash(crash);
        let lone = follow(&crashed);
        let before = lone.as_ref().ok().map(state_of);
        let owner = open(&crashed).unwrap_or_else(|error| panic!("{what}: {error}"));
        let kept = position(&state_of(&owner), shown, bounds.last, &what);
        let Some(before) = before else {
            let missing = lone.unwrap_err().kind() == Kind::NotFound && bounds.first == 0;
            assert!(missing, "{what}: no follower without an owner");
            continue;
        };
        // Without an owner it shows what is proven, which may be less.
        let before = position(&before, 0, kept, &what);
        assert!(before <= kept, "{what}");
        let lone = lone.unwrap();
        assert!(refreshed(&lone, &what) == history.states[kept], "{what}");
        go_on(owner, &crashed, history.states[kept].clone(), &lone, &what);
    }
}

/// The next owner works on, and the follower keeps up.
fn go_on(owner: Store, device: &SimDevice, state: State, follower: &Store, what: &str) {
    drop(owner);
    let mut history = History::new();
    history.states = vec![state];
    let mut runner = Runner::open(device.clone(), history, 7).unwrap();
    for step in [Step::CreateTable, Step::Mixed, Step::Checkpoint, Step::Put, Step::ChangeColumns] {
        runner.take(step).unwrap();
        let found = refreshed(follower, what);
        assert!(found == *runner.history.acknowledged_state(), "{what}: after {step:?}");
    }
    assert_sound(follower);
}

#[test]
fn what_is_not_durable_yet_is_not_shown() {
    let gate = GateDevice::default();
    let owner = Store::options().memory(64 << 20).open_on(Arc::new(gate.clone())).unwrap();
    put(&owner, 1);
    let follower = follow(&gate.device).unwrap();
    gate.close();
    std::thread::scope(|scope| {
        scope.spawn(|| put(&owner, 2));
        assert!(gate.wait_for_somebody(), "the commit stands before its sync");
        follower.refresh().unwrap();
        let seen = (count(&follower), count(&follow(&gate.device).unwrap()));
        gate.open_gate();
        assert_eq!(seen, (1, 1));
    });
    follower.refresh().unwrap();
    assert_eq!(count(&follower), 2);
}

#[test]
fn what_a_checkpoint_holds_is_durable_before_followers_read_it() {
    // An asynchronous commit may come between the beginning of a checkpoint and its snapshot: its record
    // is in the new log file, and nobody has synced that.
    let place = SimDevice::small(1 << 20);
    let owner = Store::options().memory(64 << 20).durability(store_core::Durability::Async);
    let owner = owner.async_delay(std::time::Duration::from_secs(3600)).checkpoint_bytes(0);
    let owner = owner.open_on(Arc::new(place.clone())).unwrap();
    (0..4).for_each(|id| put(&owner, id));
    let over = Over::default();
    std::thread::scope(|scope| {
        let _end = over.at_the_end();
        for writer in 1..4_i64 {
            let (owner, over) = (&owner, &over);
            scope.spawn(move || {
                let table = owner.open_table("t").unwrap();
                let (key, change) = ([writer.into()], [("text", "".into())]);
                while !over.is_over() {
                    owner.write(|txn| table.update(txn, &key, &change)).unwrap();
                    std::thread::yield_now();
                }
            });
        }
        for _ in 0..40 {
            let first = place.operations();
            place.record_at(first..first + 200);
            owner.checkpoint().unwrap();
            let trace = place.trace();
            for (operation, copy) in place.recorded() {
                // A manifest may have been named, and its name not be durable yet.
                let next = trace.get(operation as usize);
                if next == Some(&store_tests::sim_device::Operation::SyncDirectory) {
                    let shown = follow(&copy).unwrap().snapshot().unwrap().timestamp();
                    for seed in 0..2 {
                        let owner = open(&copy.crash(seed)).unwrap();
                        let kept = owner.recovery().unwrap().timestamp;
                        assert!(shown <= kept, "{shown} shown, {kept} kept");
                    }
                }
            }
        }
    });
}

// ---- leases

/// Checkpoints and commits of an owner, after which none of the files from before is its own.
fn churn(owner: &Store, from: i64) {
    for id in from..from + 3 {
        put(owner, id);
        owner.checkpoint().unwrap();
    }
}

#[test]
fn what_a_follower_still_reads_stays() {
    let place = device();
    let owner = open(&place).unwrap();
    put(&owner, 0);
    let follower = follow(&place).unwrap();
    let before = follower.snapshot().unwrap();
    churn(&owner, 1);
    let stats = owner.stats();
    assert_eq!(stats.followers.len(), 1);
    assert_eq!(stats.followers[0].process, u64::from(std::process::id()));
    assert!(stats.followers[0].held_bytes > 0 && !stats.followers[0].is_opening, "{stats:?}");
    assert!(stats.wal_files > 2, "{}", stats.wal_files);
    follower.refresh().unwrap();
    assert_eq!(count(&follower), 4);
    assert_eq!(follower.open_table("t").unwrap().count(&before).unwrap(), 1);
    assert_eq!(owner.stats().followers[0].held_bytes, 0);
    // What nobody needs goes with the next checkpoint, and the lease with its follower.
    churn(&owner, 10);
    drop((before, follower));
    assert_eq!(leases(&place), 0);
    churn(&owner, 20);
    assert_eq!(owner.stats().wal_files, 1);
    let segments = names(&place).iter().filter(|name| name.starts_with("table-")).count();
    assert_eq!(segments, 1, "{:?}", names(&place));
}

#[test]
fn a_follower_that_holds_back_too_much_is_told_to_open_again() {
    let place = device();
    let limited = Store::options().memory(64 << 20).follower_bytes(0);
    let owner = limited.open_on(Arc::new(place.clone())).unwrap();
    put(&owner, 0);
    let follower = follow(&place).unwrap();
    let before = follower.snapshot().unwrap();
    churn(&owner, 1);
    assert_eq!(owner.stats().wal_files, 1, "the limit holds");
    for _ in 0..2 {
        let told = follower.refresh().unwrap_err();
        assert_eq!(told.kind(), Kind::SnapshotTooOld, "{told}");
        assert!(told.to_string().contains("open the store again"), "{told}");
    }
    assert!(follower.stats().following.unwrap().error.is_some());
    // What it has goes on.
    assert_eq!(follower.open_table("t").unwrap().count(&before).unwrap(), 1);
    assert_eq!(count(&follow(&place).unwrap()), 4);
}

#[test]
fn a_lease_that_nobody_holds_any_more_is_swept_away() {
    let place = device();
    let owner = open(&place).unwrap();
    put(&owner, 0);
    // What a killed process leaves: notices that nobody holds.
    for (name, bytes) in [("follower-dead", &b"whatever"[..]), ("follower-0", &[])] {
        drop(place.post(name, bytes).unwrap());
    }
    // One that cannot be read holds everything.
    let torn = place.post("follower-torn", b"half").unwrap();
    churn(&owner, 1);
    assert_eq!(leases(&place), 1);
    assert_eq!(owner.stats().wal_files, 4);
    drop(torn);
    churn(&owner, 10);
    assert_eq!(leases(&place), 0);
    assert_eq!(owner.stats().wal_files, 1);
}

#[test]
fn checkpoints_beside_every_step_of_an_opening_take_nothing_away() {
    for at in 0.. {
        let place = device();
        let owner = open(&place).unwrap();
        put(&owner, 0);
        owner.checkpoint().unwrap();
        put(&owner, 1);
        let other = owner.clone();
        let interrupted = InterruptedDevice::new(&place, at, move || churn(&other, 2));
        let what = format!("checkpoints before call {at}");
        let follower = follow_on(interrupted.clone());
        let follower = follower.unwrap_or_else(|error| panic!("{what}: {error}"));
        if interrupted.is_waiting() {
            assert!(at > 15, "{at} calls");
            return;
        }
        assert!(matches!(count(&follower), 2 | 5), "{what}");
        churn(&owner, 10);
        follower.refresh().unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(count(&follower), 8, "{what}");
        assert_sound(&follower);
    }
}

#[test]
fn checkpoints_beside_every_step_of_a_refresh_take_nothing_away() {
    for at in 0.. {
        let place = device();
        let owner = open(&place).unwrap();
        put(&owner, 0);
        let other = owner.clone();
        // Opening takes its calls first.
        let opened = {
            let counting = InterruptedDevice::new(&place, u64::MAX, || ());
            drop(follow_on(counting.clone()).unwrap());
            counting.calls()
        };
        let interrupted = InterruptedDevice::new(&place, opened + at, move || churn(&other, 10));
        let follower = follow_on(interrupted.clone()).unwrap();
        assert!(interrupted.is_waiting());
        churn(&owner, 1);
        follower.refresh().unwrap();
        if interrupted.is_waiting() {
            assert!(at > 5, "{at} calls");
            return;
        }
        follower.refresh().unwrap();
        assert_eq!(count(&follower), 7, "checkpoints before call {at}");
    }
}

#[test]
fn followers_opened_beside_every_step_of_a_checkpoint_keep_up() {
    for at in 0.. {
        let place = device();
        drop(open(&place).unwrap());
        let (send, receive) = std::sync::mpsc::channel();
        let followed = place.clone();
        let interrupted = InterruptedDevice::new(&place, at, move || {
            send.send(follow(&followed)).unwrap();
        });
        let owner = Store::options().memory(64 << 20).open_on(Arc::new(interrupted.clone()));
        let owner = owner.unwrap();
        put(&owner, 0);
        owner.checkpoint().unwrap();
        churn(&owner, 1);
        if interrupted.is_waiting() {
            assert!(at > 60, "{at} calls");
            return;
        }
        let follower = receive.recv().unwrap().unwrap_or_else(|error| panic!("{at}: {error}"));
        follower.refresh().unwrap_or_else(|error| panic!("{at}: {error}"));
        assert_eq!(count(&follower), 4, "opened before call {at}");
        assert_sound(&follower);
    }
}

// ---- owners come and go

#[test]
fn an_owner_whose_sync_failed_shows_followers_nothing_more() {
    let place = device();
    let owner = open(&place).unwrap();
    put(&owner, 0);
    let follower = follow(&place).unwrap();
    let sync = store_tests::sim_device::Operation::Sync;
    place.fail(store_tests::sim_device::Fault::once(sync, 0, store_tests::sim_device::EIO));
    let table = owner.open_table("t").unwrap();
    let refused = owner.write(|txn| table.insert(txn, &[1_i64.into(), "".into()]));
    assert_eq!(refused.unwrap_err().kind(), Kind::Poisoned);
    follower.refresh().unwrap();
    assert_eq!((count(&follower), count(&follow(&place).unwrap())), (1, 1));
    let following = follower.stats().following.unwrap();
    assert!(following.has_owner && following.owner_poisoned, "{following:?}");
    drop((owner, table));
    // Its page cache still shows the record; without an owner nobody has proven it.
    assert_eq!((count(&follower), count(&follow(&place).unwrap())), (1, 1));
    follower.refresh().unwrap();
    assert!(!follower.stats().following.unwrap().has_owner);
    let owner = open(&place).unwrap();
    let kept = count(&owner);
    put(&owner, 5);
    follower.refresh().unwrap();
    assert_eq!(count(&follower), kept + 1);
}

#[test]
fn an_empty_log_file_that_the_next_owner_replaces_is_not_read_on() {
    let place = device();
    drop(open(&place).unwrap());
    let follower = follow(&place).unwrap();
    for _ in 0..3 {
        drop(open(&place).unwrap()); // replaces the file, which has no record
        follower.refresh().unwrap();
    }
    let owner = open(&place).unwrap();
    put(&owner, 1);
    follower.refresh().unwrap();
    assert_eq!(count(&follower), 1);
}

#[test]
fn damage_in_what_was_durable_is_told() {
    let place = device();
    let owner = open(&place).unwrap();
    put(&owner, 0);
    let follower = follow(&place).unwrap();
    put(&owner, 1);
    put(&owner, 2);
    let name = names(&place).into_iter().find(|name| name.starts_with("wal-")).unwrap();
    let file = place.open(&name, store_core::OpenMode::Write).unwrap();
    let at = follower.stats().following.unwrap().position;
    file.write_all_at(b"damage", 4096 + at + 60).unwrap();
    let told = follower.refresh().unwrap_err();
    assert_eq!(told.kind(), Kind::Corrupt, "{told}");
    assert!(told.to_string().contains(&name), "{told}");
    assert_eq!(count(&follower), 1);
    assert_eq!(follow(&place).unwrap_err().kind(), Kind::Corrupt);
}

// ---- at work

/// Rows of a table whose values are moved from one to another.
const ACCOUNTS: i64 = 64;
const EACH: i64 = 1_000;

/// The sum of all values, by the index and by a scan, at one snapshot of a follower.
fn sums(follower: &Store) -> [i64; 2] {
    let table = follower.open_table("accounts").unwrap();
    let snapshot = follower.snapshot().unwrap();
    let by = |sorted: &[&str]| {
        let mut cursor = table.query(&snapshot).sort(sorted).unwrap().run().unwrap();
        let mut sum = 0;
        while let Some(row) = cursor.next().unwrap() {
            sum += store_tests::rows::int(&row.get(1).to_owned());
        }
        sum
    };
    [by(&[]), by(&["value", "id"])]
}

#[test]
fn every_snapshot_beside_eight_writers_keeps_the_sum() {
    let place = tempfile::tempdir().unwrap();
    let open = || Store::options().memory(64 << 20).checkpoint_bytes(300_000);
    let owner = open().open(place.path()).unwrap();
    let schema = Schema::builder("accounts").column("id", Type::Int64).key();
    let schema = schema.column("value", Type::Int64).index().build().unwrap();
    let accounts = owner.create_table(schema).unwrap();
    let all = |txn: &mut store_core::Txn| {
        (0..ACCOUNTS).try_for_each(|id| accounts.insert(txn, &[id.into(), EACH.into()]))
    };
    owner.write(all).unwrap();
    let (least, most) =
        (std::time::Duration::from_millis(1_500), std::time::Duration::from_secs(60));
    let (began, over) = (std::time::Instant::now(), Over::default());
    std::thread::scope(|scope| {
        let _end = over.at_the_end();
        for seed in 0..8 {
            let (owner, accounts, over) = (&owner, &accounts, &over);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                while !over.is_over() {
                    let amount = random.below(9) as i64;
                    let mut id = || random.below(ACCOUNTS as u64) as i64;
                    let (from, to) = (id(), id());
                    let moved = owner.write(|txn| {
                        for (id, more) in [(from, -amount), (to, amount)] {
                            let row = accounts.get(txn, &[id.into()])?.unwrap();
                            let value = store_tests::rows::int(&row.to_values()[1]) + more;
                            accounts.update(txn, &[id.into()], &[("value", value.into())])?;
                        }
                        Ok(())
                    });
                    // So many for few rows: one or other gives up.
                    if let Err(error) = moved {
                        assert_eq!(error.kind(), Kind::Conflict, "{error}");
                    }
                }
            });
        }
        let follow = || Store::options().memory(64 << 20).read_only().open(place.path()).unwrap();
        let (mut follower, mut seen, mut looks) = (follow(), 0, 0);
        // On a busy machine it may take longer until the log is worth a checkpoint.
        while began.elapsed() < least
            || (began.elapsed() < most && (looks < 50 || owner.stats().checkpoints == 0))
        {
            if looks % 40 == 39 {
                follower = follow();
            }
            let before = owner.snapshot().unwrap().timestamp();
            let newest = follower.refresh().unwrap();
            assert!(newest >= before, "what was acknowledged before is there");
            let at = follower.snapshot().unwrap().timestamp();
            assert!(at >= newest && at >= seen);
            assert_eq!(sums(&follower), [ACCOUNTS * EACH; 2]);
            (seen, looks) = (at, looks + 1);
        }
        assert!(looks > 10, "{looks}");
    });
    let follower = Store::options().memory(64 << 20).read_only().open(place.path()).unwrap();
    assert_sound(&follower);
    let stats = owner.stats();
    assert!(stats.checkpoints > 0, "no checkpoint was due");
    assert_eq!(stats.checkpoint_failures, 0, "{stats:?}");
}

#[test]
fn a_follower_keeps_up_by_itself() {
    let place = tempfile::tempdir().unwrap();
    let owner = Store::options().memory(64 << 20).open(place.path()).unwrap();
    put(&owner, 0);
    let follower = Store::options().memory(64 << 20).read_only().open(place.path()).unwrap();
    put(&owner, 1);
    let began = std::time::Instant::now();
    while count(&follower) < 2 {
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "it does not");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    drop(follower);
    let left: Vec<_> =
        std::fs::read_dir(place.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("follower-")), "{left:?}");
}

// ---- what it refuses

#[test]
fn a_follower_refuses_every_change() {
    let place = device();
    let owner = open(&place).unwrap();
    put(&owner, 0);
    let follower = follow(&place).unwrap();
    assert!(follower.is_read_only() && !owner.is_read_only());
    let table = follower.open_table("t").unwrap();
    let key = [0_i64.into()];
    let schema = || Schema::builder("u").column("id", Type::Int64).key().build().unwrap();
    let text = store_core::ColumnSpec::new("more", Type::Text);
    let refusals = [
        follower.write(|txn| table.insert(txn, &[9_i64.into(), "".into()])),
        follower.write(|txn| table.update(txn, &key, &[("text", "".into())])).map(drop),
        follower.write(|txn| table.delete(txn, &key)).map(drop),
        follower.write(|txn| table.lock(txn, &key)).map(drop),
        follower.create_table(schema()).map(drop),
        follower.drop_table("t"),
        table.create_index(&IndexSpec::on(&["text"])),
        table.drop_index("text"),
        table.add_column(&text),
        table.drop_column("text"),
        follower.checkpoint(),
        follower.compact().map(drop),
        follower.wait_durable(1),
    ];
    for (nth, refused) in refusals.into_iter().enumerate() {
        assert_eq!(refused.unwrap_err().kind(), Kind::ReadOnly, "change {nth}");
    }
    let before = names(&place);
    // What reads goes on, and a copy of what it shows is a store.
    assert!(follower.begin().unwrap().commit().is_ok());
    follower.sync().unwrap();
    let checked = follower.check().unwrap();
    assert!(checked.faults.is_empty() && checked.rows == 1, "{checked:?}");
    let copy: Arc<dyn Device> = Arc::new(device());
    follower.backup_on(&copy, &mut |_| true).unwrap();
    assert_eq!(count(&Store::options().memory(64 << 20).open_on(copy).unwrap()), 1);
    follower.close().unwrap();
    assert_eq!(follower.refresh().unwrap_err().kind(), Kind::Closed);
    assert_eq!(names(&place), before);
}

#[test]
fn there_must_be_a_store() {
    let empty = device();
    assert_eq!(follow(&empty).unwrap_err().kind(), Kind::NotFound);
    assert_eq!(names(&empty), [""; 0]);
    let nowhere = std::env::temp_dir().join("store-that-is-not-there");
    assert_eq!(options().open(&nowhere).unwrap_err().kind(), Kind::NotFound);
    assert!(!nowhere.exists());
    assert_eq!(options().open(":memory:").unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn what_does_not_fit_changes_nothing_and_is_tried_again() {
    let place = SimDevice::small(1 << 20);
    let owner = open(&place).unwrap();
    put(&owner, 0);
    let small = || Store::options().memory(6 << 20).read_only().keep_up(false);
    let follower = small().open_on(Arc::new(place.clone())).unwrap();
    let table = owner.open_table("t").unwrap();
    let text = "t".repeat(5_000);
    let insert = |from: i64| {
        owner.write(|txn| {
            (from..from + 1_000).try_for_each(|id| table.insert(txn, &[id.into(), (&text).into()]))
        })
    };
    put(&owner, 1);
    insert(10).unwrap();
    for _ in 0..2 {
        let told = follower.refresh().unwrap_err();
        assert_eq!(told.kind(), Kind::OverBudget, "{told}");
        assert_eq!(count(&follower), 2, "all commits before, and nothing of this one");
        assert_sound(&follower);
        let stats = follower.stats();
        assert!(stats.memory_peak <= stats.memory_limit && stats.overdrawn_pages == 0);
        assert!(stats.following.unwrap().behind_bytes > 1_000_000);
    }
    let told = small().open_on(Arc::new(place.clone())).unwrap_err();
    assert_eq!(told.kind(), Kind::OverBudget, "{told}");
    assert_eq!(leases(&place), 1, "that of the follower that is open");
}
