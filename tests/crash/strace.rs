//! Calls that the kernel fails: a real directory behaves as the simulated device does. Needs strace:
//! `make test-strace`.

use crate::kill::{open, work_in};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use store_core::Kind;
use store_tests::rows::assert_sound;

const PLACE: &str = "STORE_TESTS_STRACE_PLACE";

/// What the child says at its end, a line each: how far it came, and the kind of the first error.
#[test]
fn child() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let place = Path::new(&place);
    let said = match open(place) {
        Ok(store) => {
            let (acknowledged, errors) = work_in(&store, 120);
            // After a failed sync every commit is refused; without, all but those that met a fault.
            let kinds: Vec<&str> = errors.iter().map(|error| error.name()).collect();
            format!("{acknowledged} {}", kinds.join(" "))
        }
        Err(error) => format!("0 {}", error.kind().name()),
    };
    fs::write(place.join("said"), said).unwrap();
}

/// Runs the child with one injection; what it acknowledged and the kinds of its errors.
fn run(place: &Path, injection: &str) -> (i64, Vec<String>) {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={injection}")]);
    strace.arg(std::env::current_exe().unwrap());
    strace.args(["strace::child", "--exact", "--test-threads=1"]).env(PLACE, place);
    let status = strace.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{injection}: {status}");
    let said = fs::read_to_string(place.join("said")).unwrap();
    let mut words = said.split_whitespace().map(str::to_owned);
    let acknowledged = words.next().unwrap().parse().unwrap();
    (acknowledged, words.collect())
}

#[test]
#[ignore = "needs strace: make test-strace"]
fn strace_agrees_with_the_simulator() {
    let mut met = 0;
    for (call, error, expected) in [
        ("fdatasync", "EIO", vec![Kind::Poisoned, Kind::Io]),
        ("fsync", "EIO", vec![Kind::Poisoned, Kind::Io]),
        ("pwrite64", "EIO", vec![Kind::Poisoned, Kind::Io]),
        ("pwrite64", "ENOSPC", vec![Kind::Poisoned, Kind::NoSpace]),
        ("renameat", "EIO", vec![Kind::Poisoned, Kind::Io]),
        // Whoever is interrupted tries again.
        ("pwrite64", "EINTR", vec![]),
        ("fdatasync", "EINTR", vec![]),
        ("fsync", "EINTR", vec![]),
    ] {
        for when in [1, 2, 3, 5, 8, 13, 40, 70, 90] {
            let place = tempfile::tempdir().unwrap();
            let what = format!("{call}:error={error}:when={when}");
            let (acknowledged, kinds) = run(place.path(), &what);
            met += usize::from(!kinds.is_empty());
            for kind in &kinds {
                let known = expected.iter().any(|expected| expected.name() == kind);
                assert!(known, "{what}: {kind}");
            }
            if let Some(first) = kinds.iter().position(|kind| kind == "POISONED") {
                assert!(kinds[first..].iter().all(|kind| kind == "POISONED"), "{what}: {kinds:?}");
            }
            let store = open(place.path()).unwrap_or_else(|error| panic!("{what}: {error}"));
            let (found, _) = work_in(&store, 0);
            assert!(found >= acknowledged, "{what}: {acknowledged} acknowledged, {found} found");
            assert_sound(&store);
        }
    }
    println!("{met} of the injected errors were met");
    assert!(met >= 20, "{met}");
}
