//! Files of every format version, kept as they were written: they must open for ever, or be refused
//! by name.
//!
//! `golden/log-3,segment-1,manifest-3` holds one store as its files were when these were the versions
//! of the formats. After a change of a version, `STORE_GOLDEN=write cargo test -p store_tests --test
//! crash golden` writes a directory for the new ones; the old one stays, and moves to [`REFUSED`] if
//! the program reads it no more.

use crate::history::{History, device, open, state_of};
use crate::steps::{Runner, Step};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use store_core::{Device, Kind, OpenMode};
use store_tests::sealed::{FileKind, Sealed, segment_of_version};
use store_tests::sim_device::SimDevice;

/// Directories of versions that this program refuses, each with a file whose version it names.
const REFUSED: &[(&str, &str)] = &[];

/// Kinds of files, and what they are called here.
const KINDS: [(FileKind, &str); 3] =
    [(FileKind::Log, "log"), (FileKind::Segment, "segment"), (FileKind::Manifest, "manifest")];

type Files = BTreeMap<String, Vec<u8>>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crash/golden")
}

fn version_of(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes[8..12].try_into().unwrap())
}

/// The store that is kept: every kind of record and step.
fn write() -> (Files, String) {
    let place = device();
    let mut runner = Runner::open(place.clone(), History::new(), 2).unwrap();
    let mut steps = vec![Step::CreateTable, Step::CreateTable, Step::Mixed, Step::Mixed];
    steps.extend([Step::CreateIndex, Step::Checkpoint, Step::Reinsert, Step::CreateTable]);
    steps.extend([Step::Mixed, Step::DropIndex, Step::Reopen, Step::Mixed, Step::CreateIndex]);
    steps.extend([Step::Put, Step::Delete, Step::ChangeColumns, Step::Mixed, Step::PutLong]);
    steps.extend([Step::DropTable, Step::CreateTable, Step::ChangeColumns, Step::Mixed]);
    steps.extend([Step::Freeze, Step::Freeze, Step::Mixed, Step::Freeze, Step::Checkpoint]);
    steps.extend([Step::Freeze, Step::Thaw, Step::CreateTable, Step::Mixed, Step::CreateIndex]);
    steps.extend([Step::Put, Step::Freeze, Step::Delete, Step::Reinsert, Step::ChangeColumns]);
    steps.extend([Step::Mixed, Step::Freeze, Step::Put, Step::Mixed]);
    steps.extend([Step::Merge, Step::Thaw, Step::Checkpoint, Step::Merge, Step::Mixed]);
    runner.run(&steps).unwrap();
    let state = format!("{:#?}\n", state_of(runner.store()));
    let mut files = place.contents();
    for (_, bytes) in files.iter_mut().filter(|(name, _)| FileKind::of(name) == Some(FileKind::Log))
    {
        // The zeros made in advance say nothing.
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
        // Zeros at the end of the last record are its own.
        bytes.truncate((used + 64).max(4096));
    }
    (files, state)
}

fn versions(files: &Files) -> String {
    let found = KINDS.map(|(kind, word)| {
        let (_, bytes) = files.iter().find(|(name, _)| FileKind::of(name) == Some(kind)).unwrap();
        format!("{word}-{}", version_of(bytes))
    });
    found.join(",")
}

fn read(folder: &Path) -> (Files, String) {
    let mut files = Files::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        files.insert(name, std::fs::read(path).unwrap());
    }
    let state = String::from_utf8(files.remove("state.txt").unwrap()).unwrap();
    (files, state)
}

fn place_with(files: &Files) -> SimDevice {
    let place = device();
    for (name, bytes) in files {
        place.open(name, OpenMode::CreateNew).unwrap().write_all_at(bytes, 0).unwrap();
    }
    place
}

#[test]
fn kept_files_of_every_version_open_or_are_refused_by_name() {
    let (now, state) = write();
    let current = versions(&now);
    let target = folder().join(&current);
    if std::env::var_os("STORE_GOLDEN").is_some_and(|wish| wish == "write") {
        std::fs::create_dir_all(&target).unwrap();
        for (name, bytes) in &now {
            std::fs::write(target.join(name), bytes).unwrap();
        }
        std::fs::write(target.join("state.txt"), state).unwrap();
    }
    assert!(target.exists(), "no kept files of {current}: run once with STORE_GOLDEN=write");
    let mut opened = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (files, state) = read(&path);
        assert_eq!(versions(&files), name);
        let store = open(&place_with(&files));
        if let Some((_, file)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            let error = store.unwrap_err();
            assert_eq!(error.kind(), Kind::Unsupported, "{name}: {error}");
            assert!(error.to_string().contains(file), "{name}: {error}");
            continue;
        }
        let store = store.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(format!("{:#?}\n", state_of(&store)), state, "{name}");
        store_tests::rows::assert_sound(&store);
        opened += 1;
    }
    assert!(opened >= 1);
}

fn of_version(name: &str, bytes: &[u8], version: u32) -> Vec<u8> {
    let Some(kind) = FileKind::of(name) else { panic!("{name} is of no kind") };
    if kind == FileKind::Segment {
        return segment_of_version(bytes, version);
    }
    let mut sealed = Sealed::open(kind, bytes);
    sealed.header[8..12].copy_from_slice(&version.to_le_bytes());
    sealed.seal()
}

#[test]
fn a_file_of_a_newer_version_is_refused_by_name() {
    let (files, _) = write();
    let mut cold = 0;
    for name in files.keys() {
        let mut files = files.clone();
        // Cold segments with and without sections have versions of their own, both of which are read.
        let newest = if name.starts_with("cold-") { 3 } else { version_of(&files[name]) };
        let newer = newest + 1;
        let bytes = of_version(name, &files[name], newer);
        files.insert(name.clone(), bytes);
        let opened = open(&place_with(&files));
        if opened.is_ok() && name.starts_with("cold-") {
            continue; // nobody needs it any more: opening removes it
        }
        let error = opened.unwrap_err();
        cold += u32::from(name.starts_with("cold-"));
        assert_eq!(error.kind(), Kind::Unsupported, "{name}: {error}");
        let text = error.to_string();
        assert!(text.contains(name) && text.contains(&newer.to_string()), "{name}: {error}");
    }
    assert!(files.len() >= 4 && cold > 0, "{:?}", files.keys());
}
