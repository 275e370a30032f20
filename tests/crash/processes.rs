//! What else a store meets in a file system: forked children, a careless umask, links and pipes where
//! files should be, names that are paths.

use crate::kill::{open, spawn_child, wait_for_work};
use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use store_core::{Kind, Schema, Snapshot, Store, Table, Type};
use store_tests::rows::assert_sound;

fn table(store: &Store) -> Table {
    let schema = Schema::builder("t").column("id", Type::Int64).key();
    store.create_table(schema.build().unwrap()).unwrap()
}

fn insert(store: &Store, table: &Table, id: i64) -> store_core::Result<()> {
    store.write(|txn| table.insert(txn, &[id.into()]))
}

/// Everything a child may try with its parent's handles; its exit code says what was not refused.
fn in_the_child(store: Store, table: Table, held: Snapshot, begun: store_core::Txn) -> i32 {
    let closed = |outcome: Result<(), store_core::Error>| match outcome {
        Err(error) => error.kind() == Kind::Closed && error.to_string().contains("forked"),
        Ok(()) => false,
    };
    let schema = || Schema::builder("u").column("id", Type::Int64).key().build().unwrap();
    let refused = [
        closed(begun.commit().map(drop)),
        closed(insert(&store, &table, 100)),
        closed(store.snapshot().map(drop)),
        closed(store.begin().map(drop)),
        closed(store.checkpoint()),
        closed(store.create_table(schema()).map(drop)),
        closed(store.open_table("t").map(drop)),
    ];
    drop((table, held, store)); // the last handle there is: must neither wait for a thread nor touch a file
    // It may have stores of its own.
    let own = Store::in_memory().unwrap();
    let has_own = own.create_table(schema()).is_ok();
    refused.iter().position(|refused| !refused).map_or(i32::from(!has_own) * 99, |at| at as i32 + 1)
}

#[test]
fn a_forked_child_may_not_use_its_parents_store() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path()).unwrap();
    let table = table(&store);
    insert(&store, &table, 1).unwrap();
    let held = store.snapshot().unwrap();
    store.write(|txn| table.delete(txn, &[1.into()])).unwrap(); // the upkeep thread runs now
    let mut begun = store.begin().unwrap();
    table.insert(&mut begun, &[2.into()]).unwrap();
    // SAFETY: the child uses what it has a copy of, and ends without running anything else.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            in_the_child(store, table, held, begun)
        }));
        // SAFETY: ends this process at once.
        unsafe { libc::_exit(outcome.unwrap_or(98)) }
    }
    let mut status = 0;
    // SAFETY: waits for the child made above, and writes its status where it may.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert!(libc::WIFEXITED(status), "{status}");
    assert_eq!(libc::WEXITSTATUS(status), 0, "what the child tried first that was not refused");
    // The parent goes on, still as the only owner.
    begun.commit().unwrap();
    assert!(table.get(&held, &[1.into()]).unwrap().is_some());
    insert(&store, &table, 3).unwrap();
    assert_eq!(open(place.path()).unwrap_err().kind(), Kind::Busy);
    drop((held, table, store));
    let store = open(place.path()).unwrap();
    let table = store.open_table("t").unwrap();
    assert_eq!(table.count(&store.snapshot().unwrap()).unwrap(), 2);
    assert_sound(&store);
}

#[test]
fn files_are_private_whatever_the_umask() {
    for umask in ["0", "0777"] {
        let place = tempfile::tempdir().unwrap();
        let script = format!("umask {umask}; exec \"$0\" processes::child --exact --nocapture");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).arg(std::env::current_exe().unwrap());
        shell.env("STORE_TESTS_UMASK_PLACE", place.path()).stdout(Stdio::null());
        assert!(shell.status().unwrap().success());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let folder = place.path().join("store");
        assert_eq!(mode(&folder), 0o700, "umask {umask}");
        let mut kinds = Vec::new();
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "umask {umask}: {}", path.display());
            kinds.push(path.extension().map(|ending| ending.to_string_lossy().into_owned()));
        }
        kinds.sort();
        kinds.dedup();
        assert_eq!(kinds, [None, Some("log".to_owned()), Some("seg".to_owned())], "umask {umask}");
    }
}

/// The child of the test above: makes a file of each kind.
#[test]
fn child() {
    let Some(place) = std::env::var_os("STORE_TESTS_UMASK_PLACE") else { return };
    let store = open(Path::new(&place)).unwrap();
    let table = table(&store);
    insert(&store, &table, 1).unwrap();
    store.checkpoint().unwrap();
    insert(&store, &table, 2).unwrap();
}

/// A store with a checkpoint and commits behind it; the paths of its files.
fn store_with_files(place: &Path) -> Vec<PathBuf> {
    let store = open(place).unwrap();
    let table = table(&store);
    insert(&store, &table, 1).unwrap();
    store.checkpoint().unwrap();
    insert(&store, &table, 2).unwrap();
    drop((table, store));
    let mut paths: Vec<PathBuf> =
        fs::read_dir(place.join("store")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Whoever reads a file of a store, or has a second name for it, keeps it whole when the store removes it.
#[test]
fn a_removed_file_stays_whole_for_those_who_have_it() {
    let place = tempfile::tempdir().unwrap();
    let store = Store::options().memory(1 << 28).open(place.path().join("store")).unwrap();
    let table = table(&store);
    let mut ids = 0..;
    let mut fill = || {
        let mut txn = store.begin().unwrap();
        for id in ids.by_ref().take(300_000) {
            table.insert(&mut txn, &[id.into()]).unwrap();
        }
        txn.commit().unwrap();
        store.checkpoint().unwrap();
        let files = fs::read_dir(place.path().join("store")).unwrap();
        let mut files = files.map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|ending| ending == "seg")).unwrap()
    };
    let first = fill();
    let (before, second_name) = (fs::read(&first).unwrap(), place.path().join("kept"));
    assert!(before.len() > 1 << 20, "{}", before.len());
    fs::hard_link(&first, &second_name).unwrap();
    let second = fill();
    assert!(!first.exists());
    assert_eq!(fs::read(&second_name).unwrap(), before);
    let (before, mut reader) = (fs::read(&second).unwrap(), fs::File::open(&second).unwrap());
    fill();
    assert!(!second.exists());
    let mut read = Vec::new();
    reader.read_to_end(&mut read).unwrap();
    assert_eq!(read, before);
}

#[test]
fn no_file_of_a_store_may_be_a_link_or_a_pipe() {
    let place = tempfile::tempdir().unwrap();
    let paths = store_with_files(place.path());
    assert_eq!(paths.len(), 5, "{paths:?}");
    for path in paths.into_iter().filter(|path| !path.ends_with("progress")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let outside = place.path().join("outside");
        fs::rename(&path, &outside).unwrap();
        let before = fs::read(&outside).unwrap();
        symlink(&outside, &path).unwrap();
        let error = open(place.path()).unwrap_err();
        assert_eq!(error.kind(), Kind::Io, "{name}: {error}");
        assert!(error.to_string().contains("symbolic link"), "{name}: {error}");
        assert!(error.to_string().contains(&name), "{error}");
        assert_eq!(fs::read(&outside).unwrap(), before, "{name}: nothing was written there");
        fs::remove_file(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let error = open(place.path()).unwrap_err(); // and does not wait for a writer
        assert_eq!(error.kind(), Kind::Io, "{name}: {error}");
        fs::remove_file(&path).unwrap();
        fs::rename(&outside, &path).unwrap();
    }
    // Leftovers of a crash are removed, not what they lead to, and a notice takes the place of one.
    let outside = place.path().join("outside");
    fs::write(&outside, "precious").unwrap();
    fs::remove_file(place.path().join("store/progress")).unwrap();
    for name in [
        "progress",
        "progress.tmp",
        "follower-0",
        "wal.tmp",
        "manifest.tmp",
        "table-0000000f-0000000000000001.seg",
    ] {
        symlink(&outside, place.path().join("store").join(name)).unwrap();
    }
    let store = open(place.path()).unwrap();
    store.checkpoint().unwrap();
    let progress = place.path().join("store/progress");
    assert!(fs::symlink_metadata(progress).unwrap().is_file());
    let follower = Store::options().read_only().open(place.path().join("store")).unwrap();
    assert!(follower.stats().following.unwrap().has_owner);
    drop((store, follower));
    assert_eq!(fs::read_to_string(&outside).unwrap(), "precious");
    // The path to the store is the user's, who may go by links.
    symlink(place.path().join("store"), place.path().join("by-link")).unwrap();
    let store = Store::options().open(place.path().join("by-link")).unwrap();
    assert_eq!(store.tables(), ["t"]);
}

#[test]
fn names_are_no_paths_and_paths_are_checked() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path()).unwrap();
    let long = "x".repeat(10_000);
    for name in ["../x", "/etc/x", "a/b", "..", "", "a\0b", "a\nb", &long] {
        let schema = Schema::builder(name).column("id", Type::Int64).key().build();
        let error = schema.map(drop).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{name:?}: {error}");
        assert!(error.to_string().len() < 200, "{error}");
        assert_eq!(store.open_table(name).unwrap_err().kind(), Kind::NotFound, "{name:?}");
    }
    drop(store);
    for path in ["a\0b", &long, ""] {
        let error = Store::options().open(place.path().join("no").join(path)).map(drop);
        if path.is_empty() {
            continue; // the folder itself
        }
        let error = error.unwrap_err();
        assert!(matches!(error.kind(), Kind::Io | Kind::Invalid), "{path:?}: {error}");
    }
    assert!(Store::options().open("").is_err(), "no path at all");
    fs::write(place.path().join("file"), "x").unwrap();
    let error = Store::options().open(place.path().join("file")).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    fs::create_dir(place.path().join("full")).unwrap();
    fs::write(place.path().join("full/notes.txt"), "x").unwrap();
    let error = Store::options().open(place.path().join("full")).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    assert!(error.to_string().contains("notes.txt"), "{error}");
}

/// A child that was forked from a killed process does not keep the store locked if it was replaced by
/// another program: descriptors do not pass to it.
#[test]
fn a_program_started_by_a_killed_process_does_not_hold_its_store() {
    let place = tempfile::tempdir().unwrap();
    let mut child = spawn_child(place.path());
    wait_for_work(place.path(), &mut child);
    let open_files = fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().count();
    assert!(open_files > 3);
    for entry in fs::read_dir(format!("/proc/{}/fdinfo", child.id())).unwrap() {
        let path = entry.unwrap().path();
        let link = fs::read_link(path.to_string_lossy().replace("fdinfo", "fd"));
        let Ok(target) = link else { continue }; // closed meanwhile
        if !target.starts_with(place.path().join("store")) {
            continue;
        }
        let Ok(info) = fs::read_to_string(&path) else { continue };
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
        let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
        assert!(flags & libc::O_CLOEXEC as u32 != 0, "{}: {info}", target.display());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    open(place.path()).unwrap();
}
