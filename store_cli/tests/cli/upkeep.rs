//! Looking after a store: tables, schema, stats, check, checkpoint.

use crate::place::Place;
use serde_json::Value;
use std::io::Write;

fn json(place: &Place, words: &str) -> Value {
    serde_json::from_str(&place.out(words)).unwrap()
}

#[test]
fn tables_and_schemas_are_listed() {
    let place = Place::with_flights();
    place.file("t.tsv", "1\n");
    place.out("ingest db airports t.tsv");
    assert_eq!(place.out("tables db"), "airports\nflights\n");
    assert_eq!(json(&place, "tables db --json"), serde_json::json!(["airports", "flights"]));
    let schema = "id int64 key, origin text, delay int64 index";
    assert_eq!(place.out("schema db"), format!("airports\tc1 int64\nflights\t{schema}\n"));
    let flights = json(&place, "schema db flights --json");
    assert_eq!(flights["key"], serde_json::json!(["id"]));
    assert_eq!(flights["columns"][1]["type"], "text");
    assert_eq!(flights["indexes"][0]["columns"], serde_json::json!(["delay"]));
    assert_eq!(json(&place, "schema db --json")[0]["key"], serde_json::json!([]));
}

#[test]
fn stats_count_rows_and_bytes() {
    let place = Place::with_flights();
    let text = place.out("stats db --memory 64MB");
    assert!(text.contains("flights: 4 rows"), "{text}");
    assert!(text.contains("of 64.00 MB"), "{text}");
    let stats = json(&place, "stats db --json --memory 64MB");
    assert_eq!(stats["memory_limit"], 64_000_000);
    assert_eq!(stats["tables"][0]["rows"], 4);
    assert_eq!(stats["ended_tables"], serde_json::json!([]));
    assert_eq!(
        (&stats["overdrawn_pages"], &stats["tables"][0]["value_bytes"]),
        (&0.into(), &0.into())
    );
    let flights = &stats["tables"][0];
    let tenth =
        |line: &serde_json::Value| (line["bytes"].as_f64().unwrap() / 4.0 * 10.0).round() / 10.0;
    assert_eq!(flights["bytes_per_row"], tenth(flights));
    let index = &flights["indexes"][0];
    assert_eq!(index["bytes_per_entry"], tenth(index));
    assert!(text.contains(" a row") && text.contains(" an entry"), "{text}");
    assert!(stats["memory_used"].as_u64().unwrap() > 0);
}

#[test]
fn commands_that_read_follow_a_store_that_another_process_owns() {
    let place = Place::with_flights();
    let rows = place.out("query db flights --sort id");
    let owner = store_core::Store::options().open(place.path("db")).unwrap();
    let reading = [
        ("query db flights --sort id", rows.as_str()),
        ("tables db", "flights\n"),
        ("schema db flights", "id int64 key, origin text, delay int64 index\n"),
        ("check db", "ok: 4 rows, 4 index entries, 0 rows in segments\n"),
    ];
    for (words, out) in reading {
        let run = place.run(words);
        assert_eq!((run.code, run.out.as_str()), (0, out), "{words}: {run:?}");
        let said = "store: db: another process owns it; reading it as of commit ";
        assert!(run.err.starts_with(said), "{words}: {run:?}");
        assert_eq!(place.run(&format!("{words} --quiet")).err, "", "{words}");
    }
    // What was acknowledged before is there.
    let flights = owner.open_table("flights").unwrap();
    for id in 100..110_i64 {
        let cells = [id.into(), "LGA".into(), 0_i64.into()];
        owner.write(|txn| flights.insert(txn, &cells)).unwrap();
        assert_eq!(place.run("query db flights --count --quiet").out, format!("{}\n", id - 95));
    }
    let stats = json(&place, "stats db --json --quiet");
    assert_eq!(stats["following"]["has_owner"], true);
    assert_eq!(stats["following"]["behind_bytes"], 0);
    assert_eq!(stats["tables"][0]["rows"], 14);
    assert!(place.run("stats db").out.contains("the owner's, at "));
    assert_eq!(place.run("backup db copy --quiet").code, 0);
    assert_eq!(place.out("query copy flights --count"), "14\n");
    place.file("more.tsv", "id\torigin\tdelay\n5\tLGA\t0\n");
    for words in
        ["ingest db flights more.tsv --header --mode insert", "checkpoint db", "compact db"]
    {
        place.run(words).refused(7, "another process owns this store");
    }
    assert_eq!(owner.stats().followers.len(), 0, "each has gone");
    drop((flights, owner));
    assert_eq!(place.run("query db flights --count").err, "", "now it is owned for that");
}

#[test]
fn a_query_beside_an_ingest_shows_whole_batches() {
    let place = Place::new();
    let mut child = place.spawn("ingest db t - --batch 100 --key c1");
    let mut pipe = child.stdin.take().unwrap();
    let (mut seen, mut written) = (0, 0_u32);
    let began = std::time::Instant::now();
    while seen < 50_000 && began.elapsed() < std::time::Duration::from_secs(60) {
        for _ in 0..30_000 {
            writeln!(pipe, "{written:08}x\tsome text to make the row longer").unwrap();
            written += 1;
        }
        let run = place.run("query db t --count --quiet");
        if run.code != 0 {
            assert!(run.err.contains("no store here") || run.err.contains("no table"), "{run:?}");
            continue;
        }
        let count: u64 = run.out.trim().parse().unwrap();
        assert!(count.is_multiple_of(100) && count >= seen, "{count} after {seen}");
        seen = count;
    }
    assert!(seen >= 50_000, "{seen} of {written}");
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    // Its owner's death is noticed at once; nothing of what was shown is gone.
    assert!(place.count("t") >= seen);
}

#[test]
fn a_checkpoint_takes_over_from_the_log() {
    let place = Place::with_flights();
    let before = place.out("query db flights --sort id");
    let run = place.run("checkpoint db");
    assert_eq!((run.code, run.out.as_str()), (0, ""), "{run:?}");
    let run = place.run("query db flights --sort id --verbose");
    assert_eq!(run.out, before);
    assert!(run.err.contains("recovered 4 rows of the checkpoint and 0 records"), "{run:?}");
    let report = json(&place, "check db --json");
    assert_eq!((&report["ok"], &report["segment_rows"]), (&true.into(), &4.into()));
    assert!(place.out("check db").starts_with("ok: 4 rows, 4 index entries"));
}

#[test]
fn a_backup_opens_as_a_store() {
    let place = Place::with_flights();
    let before = place.out("query db flights --sort id");
    let run = place.run("backup db copy");
    assert_eq!((run.code, run.out.as_str()), (0, ""), "{run:?}");
    assert!(run.err.starts_with("backup of "), "{run:?}");
    assert_eq!(place.out("query copy flights --sort id"), before);
    place.run("backup db copy").refused(1, "copy: there is a store already");
    let report = json(&place, "backup db again --json");
    assert!(report["bytes"].as_u64().unwrap() > 4096 && report["files_kept"] == 0, "{report}");
}

#[test]
fn a_store_is_made_small() {
    let place = Place::with_flights();
    for _ in 0..3 {
        place.out("query db flights"); // each opening begins a file of the log
    }
    let report = json(&place, "compact db --json");
    let bytes = |name: &str| report[name].as_u64().unwrap();
    assert!(bytes("disk_after") <= bytes("disk_before"), "{report}");
    assert_eq!(place.count("flights"), 4);
    assert!(place.run("compact db").err.contains("on disk, was"));
}

#[test]
fn rows_leave_memory_and_come_back() {
    let place = Place::with_flights();
    let before = place.out("query db flights --sort id");
    let report = json(&place, "freeze db flights --json");
    assert_eq!(
        (&report["rows"], &report["rows_kept"], &report["segments"]),
        (&4.into(), &0.into(), &1.into())
    );
    let stats = json(&place, "stats db --json");
    assert_eq!(
        (&stats["tables"][0]["cold_rows"], &stats["tables"][0]["rows"]),
        (&4.into(), &0.into())
    );
    assert!(place.out("stats db").contains("4 cold"));
    assert_eq!(place.out("query db flights --sort id"), before);
    assert_eq!(place.out("check db"), "ok: 4 rows, 0 index entries, 4 rows in segments\n");
    assert_eq!(place.count("flights"), 4);
    let run = place.run("thaw db flights --where id=1");
    assert!(run.code == 0 && run.err.contains("1 rows of `flights` brought back"), "{run:?}");
    assert_eq!(json(&place, "thaw db flights --json")["rows"], 3);
    assert_eq!(place.out("query db flights --sort id"), before);
    place.run("freeze db flights --where nobody=1").refused(1, "nobody");
    place.run("freeze db nowhere").refused(1, "nowhere");
}

#[test]
fn what_verifies_of_a_damaged_store_is_saved() {
    let place = Place::with_flights();
    let before = place.out("query db flights --sort id");
    place.out("checkpoint db");
    let run = place.run("check db --salvage saved");
    assert_eq!((run.code, run.out.as_str()), (0, ""), "{run:?}");
    assert_eq!(place.out("query saved flights --sort id"), before);
    let segment = the_segment(&place);
    let mut damaged = std::fs::read(&segment).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x40;
    std::fs::write(&segment, &damaged).unwrap();
    let run = place.run("check db --salvage rest");
    assert_eq!(run.code, 5, "{run:?}");
    assert!(run.out.contains("0 of 4 rows of `flights` verify"), "{run:?}");
    assert_eq!(place.out("query rest flights --count"), "0\n");
    let report =
        serde_json::from_str::<Value>(&place.run("check db --salvage third --json").out).unwrap();
    assert_eq!((&report["ok"], &report["rows"]), (&false.into(), &0.into()));
    place.run("check nowhere --salvage x").refused(1, "nowhere");
}

/// The only segment of the store.
fn the_segment(place: &Place) -> std::path::PathBuf {
    let entries = std::fs::read_dir(place.path("db")).unwrap();
    let segments: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "seg"))
        .collect();
    let [segment] = segments.as_slice() else { panic!("{segments:?}") };
    segment.clone()
}

#[test]
fn a_flipped_byte_in_a_segment_is_found() {
    let place = Place::with_flights();
    place.out("checkpoint db");
    let segment = the_segment(&place);
    let whole = std::fs::read(&segment).unwrap();
    for at in [whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        std::fs::write(&segment, &damaged).unwrap();
        for words in ["check db", "query db flights", "checkpoint db"] {
            let run = place.run(words);
            run.refused(5, ".seg");
            assert_eq!(run.out, "", "{words}");
        }
    }
    std::fs::write(&segment, whole).unwrap();
    assert_eq!(place.run("check db").code, 0);
}
