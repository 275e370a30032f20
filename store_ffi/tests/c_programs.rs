//! C programs against the shared library: compiled by the machine's compilers, linked, run.
//!
//! `STORE_VALGRIND=1` also runs one of them under valgrind, if there is one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "c/jobs.rs"]
mod jobs;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;
use tempfile::TempDir;

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The shared library that this test was built with: beside it, or one directory up.
fn built_library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let deps = test.parent().unwrap();
    let name = if cfg!(target_os = "macos") { "libstore.dylib" } else { "libstore.so" };
    let places = [deps.join(name), deps.parent().unwrap().join(name)];
    let changed = |path: &PathBuf| path.metadata().and_then(|data| data.modified()).ok();
    let newest =
        places.into_iter().max_by_key(|path| changed(path).unwrap_or(SystemTime::UNIX_EPOCH));
    newest.filter(|path| path.exists()).expect("cargo builds the shared library before this test")
}

/// A directory with the library under the names that linkers and loaders look for.
fn library_dir() -> &'static Path {
    static DIR: OnceLock<TempDir> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        for name in ["libstore.so", "libstore.so.0", "libstore.dylib"] {
            std::os::unix::fs::symlink(built_library(), dir.path().join(name)).unwrap();
        }
        dir
    });
    dir.path()
}

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        println!("SKIPPED: there is no {program} on this machine");
    }
    found
}

/// Compiles and links a program; `None` if there is no such compiler.
fn compile(compiler: &str, language: &[&str], source: &Path, into: &Path) -> Option<PathBuf> {
    if !has(compiler) {
        return None;
    }
    let program = into.join(source.file_stem().unwrap());
    let mut command = Command::new(compiler);
    command.args(language).args(WARNINGS).arg("-I").arg(root().join("../include"));
    command.arg("-g").arg(source).args(["-x", "none"]).arg("-L").arg(library_dir());
    command.args(["-lstore", "-lpthread", "-o"]).arg(&program);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(program)
}

fn run(command: &mut Command) -> String {
    let paths = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];
    let output = command.envs(paths.map(|name| (name, library_dir()))).output().unwrap();
    let (talk, text) = (String::from_utf8_lossy(&output.stderr), output.stdout);
    assert!(output.status.success(), "{:?}: {}\n{talk}", command, output.status);
    String::from_utf8(text).unwrap()
}

/// Compiles and runs `tests/c/NAME.c` with the path of a file or directory it may make.
fn run_test(name: &str) {
    let place = tempfile::tempdir().unwrap();
    let source = root().join(format!("tests/c/{name}.c"));
    let Some(program) = compile("cc", &["-std=c11"], &source, place.path()) else { return };
    let argument = place.path().join("made");
    run(Command::new(program).arg(argument));
}

#[test]
fn the_program_of_the_readme_runs() {
    let readme = std::fs::read_to_string(root().join("../README.md")).unwrap();
    let example = readme.split("```c\n").nth(1).unwrap().split("```").next().unwrap();
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("example.c");
    let variables = "store_db *db = NULL; store_table *seen = NULL; store_row *row = NULL; \
                     store_error *err = NULL; int64_t altitude = 0;";
    let head =
        format!("#include <stdio.h>\n#include \"store.h\"\nint main(void) {{\n{variables}\n");
    std::fs::write(&source, format!("{head}{example}return 0; }}\n")).unwrap();
    let Some(program) = compile("cc", &["-std=c11"], &source, place.path()) else { return };
    assert_eq!(run(Command::new(program).current_dir(place.path())), "35000\n");
}

#[test]
fn a_store_lives_on_disk() {
    run_test("lifecycle");
}

#[test]
fn decimals_and_addresses_come_back() {
    run_test("types");
}

#[test]
fn columns_come_and_go() {
    run_test("columns");
}

#[test]
fn indexes_come_and_go() {
    run_test("indexes");
}

#[test]
fn rows_leave_memory_and_come_back() {
    run_test("cold");
}

#[test]
fn transactions_are_isolated() {
    run_test("transactions");
}

#[test]
fn statements_are_whole() {
    run_test("statements");
}

#[test]
fn cursors_outlive_their_parents() {
    run_test("cursors");
}

#[test]
fn mistakes_are_errors() {
    run_test("errors");
}

#[test]
fn nulls_are_errors() {
    run_test("nulls");
}

#[test]
fn text_is_loaded() {
    run_test("ingest");
}

#[test]
fn readers_see_whole_commits() {
    run_test("threads");
}

/// Rows in the shape of the flights of 2013, with what the example asks about.
fn small_flights() -> String {
    let header = "year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time \
                  arr_delay carrier flight tailnum origin dest air_time distance hour minute \
                  time_hour";
    let mut text = header.split_whitespace().collect::<Vec<_>>().join("\t") + "\n";
    let flights = [("UA", 1545, "EWR", "2"), ("B6", 725, "JFK", "75"), ("EV", 5708, "JFK", "NA")];
    for (carrier, flight, origin, delay) in flights {
        let line = format!(
            "2013 1 1 517 515 {delay} 830 819 11 {carrier} {flight} N14228 {origin} IAH 227 1400 5 \
             15 2013-01-01T10:00:00Z"
        );
        text.push_str(&(line.split_whitespace().collect::<Vec<_>>().join("\t") + "\n"));
    }
    text
}

fn run_example(compiler: &str, language: &[&str]) {
    let place = tempfile::tempdir().unwrap();
    let source = root().join("../examples/c/flights.c");
    let Some(program) = compile(compiler, language, &source, place.path()) else { return };
    let file = place.path().join("flights.tsv");
    std::fs::write(&file, small_flights()).unwrap();
    let store = place.path().join("store");
    // The second run finds the table there and loads nothing.
    for _ in 0..2 {
        let text = run(Command::new(&program).arg(&store).arg(&file));
        for line in ["rows: 3", "distance: 4200", "UA: 1", "late from JFK: 1"] {
            assert!(text.lines().any(|found| found == line), "no {line:?} in\n{text}");
        }
    }
}

#[test]
fn the_example_runs_as_c() {
    run_example("cc", &["-std=c11"]);
}

#[test]
fn the_example_is_c99_too() {
    run_example("cc", &["-std=c99"]);
}

#[test]
fn the_example_runs_as_cpp() {
    run_example("g++", &["-std=c++17", "-x", "c++"]);
}

#[test]
fn valgrind_finds_nothing() {
    if std::env::var_os("STORE_VALGRIND").is_none() || !has("valgrind") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    for name in ["cursors", "errors"] {
        let source = root().join(format!("tests/c/{name}.c"));
        let Some(program) = compile("cc", &["-std=c11"], &source, place.path()) else { return };
        let mut command = Command::new("valgrind");
        command.args([
            "--error-exitcode=9",
            "--leak-check=full",
            "--errors-for-leak-kinds=definite",
        ]);
        run(command.arg(program));
    }
}
