//! Runs the Tcl scripts beside this file with the extension just built, in every Tcl found.
//!
//! `TCLSH` names one more interpreter, such as a Tcl 9 that is not on the path.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Interpreters looked for on the path.
const INTERPRETERS: [&str; 3] = ["tclsh8.6", "tclsh9.0", "tclsh"];

/// The distinct interpreters that can be run.
fn interpreters() -> BTreeSet<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let on_path = places.iter().flat_map(|place| INTERPRETERS.map(|name| place.join(name)));
    let named = std::env::var_os("TCLSH").map(PathBuf::from);
    on_path.chain(named).filter_map(|file| file.canonicalize().ok()).collect()
}

/// The shared object that cargo built for this test: beside the test or one level up.
fn shared_object() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let name = format!("libstore_tcl{}", std::env::consts::DLL_SUFFIX);
    let found = test.ancestors().skip(1).take(2).map(|place| place.join(&name));
    let newest =
        found.filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file))).max();
    newest.expect("cargo builds the shared object before the tests").1
}

/// A package directory as an installation has it; its name has a space on purpose.
fn stage(place: &Path) -> PathBuf {
    let package = place.join("staged package");
    let object = shared_object();
    std::fs::create_dir(&package).expect("the directory is ours");
    std::fs::copy(&object, package.join(object.file_name().expect("a file"))).expect("a copy");
    let index = Path::new(env!("CARGO_MANIFEST_DIR")).join("pkgIndex.tcl");
    std::fs::copy(index, package.join("pkgIndex.tcl")).expect("a copy");
    package
}

fn scripts() -> Vec<PathBuf> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files = std::fs::read_dir(place).expect("the tests are here").flatten();
    let mut scripts: Vec<PathBuf> = files
        .map(|entry| entry.path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "test"))
        .collect();
    scripts.sort();
    scripts
}

/// Runs one script and gives its output if anything in it failed.
fn run(tclsh: &Path, script: &Path, package: &Path, scratch: &Path) -> Result<(), String> {
    let done = Command::new(tclsh)
        .arg(script)
        .env("TCLLIBPATH", format!("{{{}}}", package.display()))
        .env("LC_ALL", "C.UTF-8")
        .current_dir(scratch)
        .output()
        .expect("tclsh runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let output = text(&done.stdout) + &text(&done.stderr);
    let summary = output.lines().find(|line| line.contains("Total") && line.contains("Failed"));
    let counts: Vec<u64> = summary
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    match counts[..] {
        [total, passed, 0, 0] if done.status.success() && total > 0 && total == passed => {
            println!("{}: {total} passed", script.display());
            Ok(())
        }
        _ => Err(format!("{} {}\n{output}", tclsh.display(), script.display())),
    }
}

#[test]
fn the_script_of_the_readme_runs() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).expect("it is there");
    let script = readme.split("```tcl\n").nth(1).expect("an example").split("```").next();
    for tclsh in &interpreters() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let package = stage(scratch.path());
        let file = scratch.path().join("example.tcl");
        std::fs::write(&file, script.expect("it ends")).expect("the directory is ours");
        let mut command = Command::new(tclsh);
        command.arg(file).env("TCLLIBPATH", format!("{{{}}}", package.display()));
        let done = command.current_dir(scratch.path()).output().expect("tclsh runs");
        let printed = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(printed, "id UAL123 altitude 35000 origin KAUS\n", "{done:?}");
    }
}

#[test]
fn every_script_passes_in_every_tcl() {
    let interpreters = interpreters();
    if interpreters.is_empty() {
        println!("SKIPPED: no tclsh");
        eprintln!("SKIPPED: no tclsh");
        return;
    }
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let package = stage(scratch.path());
    let mut failures = Vec::new();
    for tclsh in &interpreters {
        for script in scripts() {
            failures.extend(run(tclsh, &script, &package, scratch.path()).err());
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
