//! I16: bytes that no store has written, behind checksums that hold. No decoder panics, none asks
//! for more memory than a small multiple of what it was given, and what opens can be read.
//!
//! The corpus are the kept files of every format (`tests/crash/golden`) and the texts below. Each round
//! changes a few bytes of one part of one file and opens the store.
//!
//! | variable | means | unless set |
//! |---|---|---|
//! | `STORE_FUZZ_SECONDS` | seconds for each target, instead of a number of rounds | |
//! | `STORE_FUZZ_SEED` | the first round; a failure names its own | 1 |
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod memory;

use memory::largest_block;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store_core::query::Predicate;
use store_core::{Device, Error, Kind, OpenMode, Schema, Snapshot, Store, Table};
use store_tests::random::Random;
use store_tests::sealed::{FileKind, Sealed};
use store_tests::sim_device::SimDevice;

/// Rounds of each target in a usual run.
const ROUNDS: u64 = 4_000;
/// A block may be this many times as large as all files together, beside what every opening takes.
const EXPANSION: usize = 64;
const EVERY_OPENING_BYTES: usize = 1 << 20;

/// Rounds that once failed, tried first.
const FOUND: [u64; 2] = [60_721, 1_712_126];

type Files = BTreeMap<String, Vec<u8>>;

/// The kept stores.
fn corpus() -> Vec<Files> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crash/golden");
    let stores = std::fs::read_dir(folder).unwrap().map(|entry| {
        let files = std::fs::read_dir(entry.unwrap().path()).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        });
        files.filter(|(name, _)| FileKind::of(name).is_some()).collect::<Files>()
    });
    let stores: Vec<Files> = stores.collect();
    assert!(!stores.is_empty());
    stores
}

/// Changes some bytes: flips, numbers at the edges, pieces left out, repeated or from elsewhere.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let len = bytes.len() as u64;
        let at = random.below(len + 1) as usize;
        match random.below(7) {
            0 | 1 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            2 if at < bytes.len() => {
                bytes[at] = *random.pick(&[0, 1, 2, 127, 128, 250, 251, 252, 253, 254, 255]);
            }
            3 => bytes.insert(at, random.number() as u8),
            4 if at < bytes.len() => {
                let end = (at + 1 + random.below(9) as usize).min(bytes.len());
                bytes.drain(at..end);
            }
            5 => {
                // A length or number beyond all others.
                let marker = *random.pick(&[251, 252, 253]);
                let number = [&[marker], &random.number().to_le_bytes()[..]].concat();
                bytes.splice(at..at, number[..[3, 5, 9][marker as usize - 251]].iter().copied());
            }
            _ => {
                let from = random.below(len + 1) as usize;
                let end = (from + random.below(16) as usize).min(bytes.len());
                let piece = bytes[from..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
}

/// Asserts that this is an error of damaged bytes, or of numbers in them that are too large.
fn assert_known(error: &Error) {
    let known = [Kind::Corrupt, Kind::Unsupported, Kind::OverBudget, Kind::Duplicate];
    assert!(known.contains(&error.kind()), "{:?}: {error}", error.kind());
}

/// Opens what is there and reads all of it; an error must be one of damaged bytes. Says whether every row
/// was read.
fn open_and_read(files: &Files) -> bool {
    let device = SimDevice::small(4096);
    for (name, bytes) in files {
        device.open(name, OpenMode::CreateNew).unwrap().write_all_at(bytes, 0).unwrap();
    }
    let opened = Store::options().memory(16 << 20).open_on(Arc::new(device));
    let store = match opened {
        Ok(store) => store,
        Err(error) => {
            assert_known(&error);
            return false;
        }
    };
    let snapshot = store.snapshot().unwrap();
    let mut all_read = true;
    for name in store.tables() {
        if let Err(error) = read_all(&store.open_table(&name).unwrap(), &snapshot) {
            assert_known(&error);
            all_read = false;
        }
    }
    store.check().unwrap();
    all_read
}

/// Reads every row: those that are not in memory are decoded only now.
fn read_all(table: &Table, snapshot: &Snapshot) -> Result<(), Error> {
    let mut cursor = table.query(snapshot).filter(Predicate::all()).run()?;
    while cursor.next()?.is_some() {}
    Ok(())
}

/// Runs rounds of a target until they are done, or the time is over.
fn run(target: &str, mut round: impl FnMut(&mut Random)) {
    let wanted = |name: &str| -> Option<u64> {
        std::env::var(name).ok().map(|text| text.parse().expect("a number"))
    };
    let first = wanted("STORE_FUZZ_SEED").unwrap_or(1);
    let seconds = wanted("STORE_FUZZ_SECONDS").map(Duration::from_secs);
    for seed in FOUND {
        round(&mut Random::new(seed));
    }
    let (start, mut done) = (Instant::now(), 0);
    while seconds.map_or(done < ROUNDS, |seconds| start.elapsed() < seconds) {
        let seed = first + done;
        let work = AssertUnwindSafe(|| round(&mut Random::new(seed)));
        if let Err(panic) = catch_unwind(work) {
            eprintln!("{target}: STORE_FUZZ_SEED={seed} fails in its first round");
            std::panic::resume_unwind(panic);
        }
        done += 1;
    }
    println!("{target}: {done} rounds in {:.1} s", start.elapsed().as_secs_f64());
}

/// Changes files of one kind behind their checksums.
fn fuzz_files(target: &str, kind: FileKind) {
    let stores = corpus();
    run(target, |random| {
        let mut files = random.pick(&stores).clone();
        let names = files.keys().filter(|name| FileKind::of(name) == Some(kind));
        let names: Vec<String> = names.cloned().collect();
        let name = random.pick(&names).clone();
        let mut sealed = Sealed::open(kind, &files[&name]);
        let place = random.below(sealed.parts.len() as u64) as usize;
        let (head, bytes) = &mut sealed.parts[place];
        if head.is_empty() || !random.once_in(6) {
            mutate(bytes, random);
        } else {
            let at = random.below(head.len() as u64) as usize;
            head[at] ^= 1 << random.below(8);
        }
        files.insert(name, sealed.seal());
        let total: usize = files.values().map(Vec::len).sum();
        let (_, largest) = largest_block(|| open_and_read(&files));
        let most = EVERY_OPENING_BYTES + EXPANSION * total;
        assert!(largest <= most, "a block of {largest} bytes for {total} bytes of files");
    });
}

#[test]
fn any_log_is_read_or_refused() {
    fuzz_files("log", FileKind::Log);
}

#[test]
fn any_segment_is_read_or_refused() {
    fuzz_files("segment", FileKind::Segment);
}

#[test]
fn any_manifest_is_read_or_refused() {
    fuzz_files("manifest", FileKind::Manifest);
}

/// Texts of schemas to begin with.
const SCHEMAS: [&str; 5] = [
    "id text key, altitude int32 index, origin text notnull default ''",
    "a int64, b decimal(10,2), c bytes, key(a, b), unique(c), index nocase (d), d text",
    "t timestamp notnull, d date, i inet, m mac, f float32 default 1.5, g double unique",
    "x bool default true, y int16 index nocase, index by_y (y, x)",
    "\"quoted\" text key, n decimal(38,38) default -0.5",
];

#[test]
fn any_schema_text_is_read_or_refused() {
    run("schema text", |random| {
        let mut bytes = random.pick(&SCHEMAS).as_bytes().to_vec();
        for _ in 0..=random.below(4) {
            mutate(&mut bytes, random);
        }
        let text = String::from_utf8_lossy(&bytes);
        let (parsed, largest) = largest_block(|| Schema::parse("t", &text));
        assert!(largest <= 4096 + EXPANSION * text.len(), "{largest} bytes for {text:?}");
        match parsed {
            // What was understood is written so that it is understood again.
            Ok(schema) => {
                let shown = schema.to_string();
                let again = Schema::parse("t", &shown);
                assert!(again.is_ok_and(|again| again == schema), "{text:?} shows as {shown:?}");
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}

#[test]
fn files_taken_apart_and_sealed_again_open() {
    for mut files in corpus() {
        for (name, bytes) in &mut files {
            *bytes = Sealed::open(FileKind::of(name).unwrap(), bytes).seal();
        }
        assert!(open_and_read(&files));
        let device = SimDevice::small(4096);
        for (name, bytes) in &files {
            device.open(name, OpenMode::CreateNew).unwrap().write_all_at(bytes, 0).unwrap();
        }
        let store = Store::options().memory(16 << 20).open_on(Arc::new(device)).unwrap();
        let (tables, records) = (store.tables().len(), store.recovery().unwrap().records);
        assert!(
            tables >= 3 && records > 5,
            "{tables} tables, {records} records: {:?}",
            files.keys()
        );
    }
}
