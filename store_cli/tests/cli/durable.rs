//! What survives: the end of a process, and its sudden death.

use crate::place::Place;
use std::io::Write;

/// The buffer of a load and of the pipe to it: more than this must have been read to write on.
const IN_FLIGHT_BYTES: usize = 512 << 10;

#[test]
fn rows_outlive_the_process_that_loaded_them() {
    let place = Place::with_flights();
    let first = place.out("query db flights --sort id");
    place.file("more.tsv", "id\torigin\tdelay\n5\tLGA\t0\n");
    place.out("ingest db flights more.tsv --header --mode insert");
    let second = place.out("query db flights --sort id");
    assert_eq!(second, format!("{first}5\tLGA\t0\n"));
    place.out("checkpoint db");
    assert_eq!(place.out("query db flights --sort id"), second);
    assert_eq!(place.out("query db flights --count --where delay>=0"), "3\n");
}

#[test]
fn a_killed_ingest_leaves_whole_batches() {
    let place = Place::new();
    let mut child = place.spawn("ingest db t - --batch 100 --key c1");
    let mut pipe = child.stdin.take().unwrap();
    let row = |id: u32| format!("{id:08}x\tsome text to make the row longer\n");
    // Inference takes the first MiB; what is written beyond it and beyond all buffers was loaded.
    let rows = ((2 << 20) + IN_FLIGHT_BYTES) / row(0).len();
    for id in 0..rows as u32 {
        pipe.write_all(row(id).as_bytes()).unwrap();
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    drop(pipe);
    let loaded = place.count("t");
    assert!(loaded > 0 && loaded.is_multiple_of(100), "{loaded} of {rows}");
    assert_eq!(place.run("check db").code, 0);
    place.file("one.tsv", "after the crash\tx\n");
    place.out("ingest db t one.tsv --mode insert");
    assert_eq!(place.count("t"), loaded + 1);
}

#[test]
fn an_index_made_by_a_program_is_shown_and_used() {
    let place = Place::with_flights();
    let store = store_core::Store::options().open(place.path("db")).unwrap();
    let flights = store.open_table("flights").unwrap();
    let spec = store_core::IndexSpec::on(&["origin", "id"]).name("by_origin").unique();
    flights.create_index(&spec).unwrap();
    flights.drop_index("delay").unwrap();
    drop((flights, store));
    let schema = place.out("schema db flights");
    assert!(schema.ends_with(", unique by_origin(origin, id)\n"), "{schema}");
    assert!(place.out("schema db flights --json").contains("\"name\": \"by_origin\""));
    let why = place.out("query db flights --sort origin --explain");
    assert!(why.starts_with("index `by_origin`"), "{why}");
}

#[test]
fn rows_outlive_the_command_at_every_level() {
    let place = Place::with_flights();
    let mut rows = place.count("flights");
    for (level, id) in [("async", 71), ("none", 72), ("sync", 73)] {
        place.file("more.tsv", format!("id\torigin\tdelay\n{id}\tLGA\t0\n"));
        let bounds =
            "--async-delay 60000 --async-bytes 64MiB --checkpoint-bytes 1MB --checkpoint-age 60";
        let words = "ingest db flights more.tsv --header --mode insert --durability";
        place.out(&format!("{words} {level} {bounds}"));
        rows += 1;
        assert_eq!(place.count("flights"), rows, "{level}");
    }
    let stats = place.out("stats db --json --durability async --async-delay 250");
    for word in ["\"durability\": \"async\"", "\"async_delay_ms\": 250", "\"wal_behind_ms\": null"]
    {
        assert!(stats.contains(word), "{word}: {stats}");
    }
    let told = place.run("stats db -v").err;
    assert!(told.contains("index entries") && told.contains("records of the log"), "{told}");
}
