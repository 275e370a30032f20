//! `kill -9` on a real process with real files (I6): every batch it acknowledged is there, and only
//! whole batches are. `STORE_CRASH_KILLS` sets how often; 40 unless set.

use crate::many::wanted;
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use store_core::query::Predicate;
use store_core::{IndexSpec, Kind, Result, Schema, Store, Table, Txn, Type, Value, ValueRef};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, int, matching};

/// Where the child works; only set for the child.
pub const PLACE: &str = "STORE_TESTS_KILL_PLACE";
/// The row that says which batch was the last.
pub const COUNTER: i64 = -1;
/// The others' keys are below this, so that they come and go.
const IDS: u64 = 60;

pub type Rows = BTreeMap<i64, (i64, String)>;

pub fn open(place: &Path) -> Result<Store> {
    Store::options().memory(64 << 20).open(place.join("store"))
}

/// The file in which the child says which batch was acknowledged last.
fn told(place: &Path) -> std::fs::File {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).open(place.join("told")).unwrap()
}

pub fn number_told(place: &Path) -> i64 {
    let mut bytes = [0; 8];
    match told(place).read_at(&mut bytes, 0).unwrap() {
        8 => i64::from_le_bytes(bytes),
        _ => 0,
    }
}

/// One batch, in the expected rows and, if there is one, in the store: both the same for its number.
pub fn batch(number: i64, rows: &mut Rows, mut store: Option<(&Table, &mut Txn)>) -> Result<()> {
    let mut random = Random::new(number as u64);
    let mut put = |id: i64, value: i64, text: String| {
        if let Some((table, txn)) = &mut store {
            let cells: [ValueRef<'_>; 3] = [id.into(), value.into(), (&text).into()];
            table.upsert(txn, &cells)?;
        }
        rows.insert(id, (value, text));
        Ok(())
    };
    put(COUNTER, number, String::new())?;
    for _ in 0..=random.below(12) {
        let id = random.below(IDS) as i64;
        let text = format!("{number:x}").repeat(random.below(40) as usize);
        put(id, random.below(50) as i64, text)?;
    }
    for _ in 0..random.below(6) {
        let id = random.below(IDS) as i64;
        rows.remove(&id);
        if let Some((table, txn)) = &mut store {
            table.delete(txn, &[id.into()])?;
        }
    }
    Ok(())
}

fn table_of(store: &Store) -> Result<Table> {
    store.open_table("t").or_else(|_| {
        let schema = Schema::builder("t").column("id", Type::Int64).key();
        let schema = schema.column("value", Type::Int64).index().column("text", Type::Text);
        store.create_table(schema.build()?)
    })
}

/// Commits so many batches with a checkpoint now and then, whatever fails; the last batch that was
/// acknowledged or was there, and the kind of each error.
pub fn work_in(store: &Store, batches: i64) -> (i64, Vec<Kind>) {
    let (mut last, mut errors) = (found(store).get(&COUNTER).map_or(0, |row| row.0), Vec::new());
    for nth in 0..batches {
        let done = table_of(store).and_then(|table| {
            store.write(|txn| batch(last + 1, &mut Rows::new(), Some((&table, txn))))?;
            last += 1;
            if nth % 40 == 39 { store.checkpoint() } else { Ok(()) }
        });
        errors.extend(done.err().map(|error| error.kind()));
    }
    (last, errors)
}

/// The child: commits batches for ever, and says so once each is acknowledged.
#[test]
fn child() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let place = Path::new(&place);
    let store = open(place).unwrap();
    let table = table_of(&store).unwrap();
    let last = found(&store).get(&COUNTER).map_or(0, |row| row.0);
    let file = told(place);
    let index = IndexSpec::on(&["text", "id"]);
    for number in last + 1.. {
        store.write(|txn| batch(number, &mut Rows::new(), Some((&table, txn)))).unwrap();
        file.write_all_at(&number.to_le_bytes(), 0).unwrap();
        if number % 40 == 39 {
            store.checkpoint().unwrap();
        }
        if number % 25 == 24 {
            let has = table.schema().indexes.iter().any(|known| known.name == "text+id");
            let change = if has { table.drop_index("text+id") } else { table.create_index(&index) };
            change.unwrap();
        }
    }
}

/// A process that works on the store in this place.
pub fn spawn_child(place: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["kill::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(PLACE, place)
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(place.join("errors")).unwrap())
        .spawn()
        .unwrap()
}

/// Waits until the process has acknowledged something new.
pub fn wait_for_work(place: &Path, child: &mut Child) {
    let (before, start) = (number_told(place), Instant::now());
    while number_told(place) == before {
        if let Some(status) = child.try_wait().unwrap() {
            let errors = std::fs::read_to_string(place.join("errors")).unwrap();
            panic!("the child ended by itself: {status}\n{errors}");
        }
        assert!(start.elapsed() < Duration::from_secs(60), "the child does nothing");
        std::thread::sleep(Duration::from_micros(300));
    }
}

/// The rows of the store, and its newest batch.
pub fn found(store: &Store) -> Rows {
    let Ok(table) = store.open_table("t") else { return Rows::new() };
    let rows = matching(&table, &store.snapshot().unwrap(), Predicate::all());
    let text = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    rows.iter().map(|row| (int(&row[0]), (int(&row[1]), text(&row[2])))).collect()
}

#[test]
fn a_killed_process_loses_no_acknowledged_batch() {
    let kills = wanted("STORE_CRASH_KILLS", 40);
    let seed = wanted("STORE_CRASH_SEED", 1);
    let place = tempfile::tempdir().unwrap();
    let mut random = Random::new(seed);
    let (mut expected, mut newest) = (Rows::new(), 0);
    let mut inside_opening = 0;
    for nth in 0..kills {
        let mut child = spawn_child(place.path());
        if nth % 4 == 3 {
            // Perhaps before it has opened the store, or while it does.
            std::thread::sleep(Duration::from_micros(random.below(40_000)));
            inside_opening += 1;
        } else {
            wait_for_work(place.path(), &mut child);
            std::thread::sleep(Duration::from_micros(random.below(25_000)));
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        let last = number_told(place.path());
        let store = open(place.path()).unwrap();
        let rows = found(&store);
        let there = rows.get(&COUNTER).map_or(0, |row| row.0);
        let what = format!("STORE_CRASH_SEED={seed}, kill {nth}: told of {last}, found {there}");
        assert!(there == last || there == last + 1, "{what}");
        while newest < there {
            newest += 1;
            batch(newest, &mut expected, None).unwrap();
        }
        assert!(rows == expected, "{what}: other rows than those of its batches");
        assert_sound(&store);
    }
    println!(
        "{kills} kills, {inside_opening} of them soon after the start, {newest} batches, 0 lost"
    );
    assert!(newest as u64 >= kills / 2);
}

#[test]
fn one_process_at_a_time_owns_a_store() {
    let place = tempfile::tempdir().unwrap();
    let mut child = spawn_child(place.path());
    wait_for_work(place.path(), &mut child);
    let refused = open(place.path()).unwrap_err();
    assert_eq!(refused.kind(), Kind::Busy, "{refused}");
    let shown = place.path().join("store").display().to_string();
    assert!(refused.to_string().contains(&shown), "{refused}");
    wait_for_work(place.path(), &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    let store = open(place.path()).unwrap();
    assert!(found(&store)[&COUNTER].0 >= number_told(place.path()));
    assert_eq!(open(place.path()).unwrap_err().kind(), Kind::Busy, "in one process too");
}
