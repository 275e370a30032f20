//! Usage errors, refusals and their exit codes.

use crate::place::{FLIGHTS, Place};
use std::time::{Duration, Instant};

#[test]
fn bad_words_are_usage_errors() {
    let place = Place::with_flights();
    for words in [
        "",
        "nope",
        "query",
        "query db",
        "query db flights --nope",
        "query db flights --limit -1",
        "query db flights --format parquet",
        "query db flights --json --format csv",
        "query db flights --count --explain",
        "query db flights --where id>",
        "query db flights --sort -",
        "query db flights --memory much",
        "query db flights --memory 64M",
        "query db flights --durability soon",
        "query db flights --quiet --verbose",
        "ingest db t",
        "ingest db t flights.tsv --batch 0",
        "ingest db t flights.tsv --delimiter ab",
        "ingest db t flights.tsv --quote x --delimiter x",
        "ingest db t flights.tsv --format csv --escape backslash",
        "ingest db t flights.tsv --schema nonsense",
        "ingest db t flights.tsv --reject bad.tsv",
        "ingest db t flights.tsv --mode update",
        "man nope",
    ] {
        let run = place.run(words);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{words}: {run:?}");
        assert!(run.err.starts_with("store: "), "{words}: {run:?}");
        assert!(!run.err.contains("error: "), "{words}: {run:?}");
    }
}

#[test]
fn the_environment_counts_and_a_flag_wins() {
    let place = Place::with_flights();
    let count = |memory: &str, words: &[&str]| {
        let args = [&["query", "db", "flights", "--count"], words].concat();
        place.command(&args).env("STORE_MEMORY", memory).output().unwrap().status.code()
    };
    assert_eq!(count("64MB", &[]), Some(0));
    assert_eq!(count("much", &[]), Some(2));
    assert_eq!(count("1000", &[]), Some(4));
    assert_eq!(count("1000", &["--memory", "64MiB"]), Some(0));
    let mut command = place.command(&["tables", "db"]);
    assert_eq!(command.env("STORE_DURABILITY", "never").output().unwrap().status.code(), Some(2));
}

#[test]
fn a_place_where_no_store_can_be_is_named() {
    let place = Place::with_flights();
    let words = "t flights.tsv --header";
    let file = "flights.tsv: is a file, a store is a directory";
    place.run(&format!("ingest flights.tsv {words}")).refused(1, file);
    let below = "flights.tsv/a/b: flights.tsv is a file, so there can be no directory in it";
    place.run(&format!("ingest flights.tsv/a/b {words}")).refused(1, below);
}

#[test]
fn help_and_version_go_to_standard_output() {
    let place = Place::new();
    for words in ["--help", "help ingest", "query --help", "--version", "man", "man query"] {
        let run = place.run(words);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{words}");
        assert!(!run.out.is_empty(), "{words}");
    }
    assert!(place.out("completions bash").contains("_store()"));
}

#[test]
fn only_ingest_makes_a_store() {
    let place = Place::new();
    for words in [
        "query db t",
        "tables db",
        "schema db",
        "stats db",
        "check db",
        "checkpoint db",
        "backup db out",
        "compact db",
    ] {
        place.run(words).refused(1, "db: there is no store here");
    }
    place.run("ingest db t missing.tsv").refused(1, "missing.tsv: ");
    assert!(!place.path("db").exists());
}

#[test]
fn what_does_not_fit_in_memory_is_over_budget() {
    let place = Place::new();
    let line = |row: u32| format!("{row}\ttext number {row} of many\n");
    // Rows go to disk, but one that is longer than all memory cannot.
    let long = format!("150000\t{}\n", "x".repeat(9 << 20));
    let text: String =
        (0..150_000).map(line).chain([long]).chain((160_000..170_000).map(line)).collect();
    place.file("big.tsv", text);
    let words = "ingest db big big.tsv --memory 8MiB --batch 100 --schema";
    let words: Vec<&str> = words.split(' ').chain(["id int64 key, text text unique"]).collect();
    let run = place.run_args(&words);
    run.refused(4, "");
    let loaded = place.count("big");
    assert!(loaded > 0 && loaded.is_multiple_of(100), "{loaded}");
    assert_eq!(place.run("check db").code, 0);
}

#[test]
fn more_rows_than_memory_go_to_disk() {
    let place = Place::new();
    let text: String =
        (0..600_000).map(|row| format!("{row}\ttext number {row} of many\n")).collect();
    place.file("big.tsv", text);
    place.out("ingest db many big.tsv --memory 8MiB");
    assert_eq!(place.count("many"), 600_000);
    // And the log can be applied again within not much more.
    let words = "ingest keyed many big.tsv --memory 8MiB --durability none --schema".split(' ');
    let words: Vec<&str> = words.chain(["id int64 key, text text"]).collect();
    let run = place.run_args(&words);
    assert_eq!(run.code, 0, "{}", run.err);
    let checked = place.out("check keyed --memory 12MiB");
    assert!(checked.starts_with("ok: 600000 rows"), "{checked}");
}

#[test]
fn a_store_has_one_owner_at_a_time() {
    let place = Place::new();
    place.file("flights.tsv", FLIGHTS);
    let mut owner = place.spawn("ingest db flights - --header --null NA");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !place.path("db/manifest").exists() {
        assert!(Instant::now() < deadline, "the owner made no store");
        std::thread::sleep(Duration::from_millis(5));
    }
    for words in ["checkpoint db", "compact db", "ingest db flights flights.tsv"] {
        place.run(words).refused(7, "another process owns this store");
    }
    // Who only reads goes on beside it; nothing is there yet.
    place.run("query db flights").refused(1, "no table `flights`");
    assert_eq!(place.run("check db").code, 0);
    std::io::Write::write_all(&mut owner.stdin.take().unwrap(), FLIGHTS.as_bytes()).unwrap();
    assert!(owner.wait().unwrap().success());
    assert_eq!(place.count("flights"), 4);
}

#[test]
fn a_full_output_is_no_space() {
    let place = Place::with_flights();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = place.command(&["query", "db", "flights"]);
    let output = command.stdout(full).output().unwrap();
    crate::place::Run::of(output).refused(8, "output: ");
}
