//! Files into tables.

use crate::place::{FLIGHTS, Place};
use std::io::Write;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_new_table_gets_the_schema_its_file_shows() {
    let place = Place::new();
    place.file("flights.tsv", FLIGHTS);
    let run = place.run("ingest db flights flights.tsv --header --null NA --key id --index delay");
    assert_eq!((run.code, run.out.as_str()), (0, ""), "{run:?}");
    let schema = "id int64 key, origin text, delay int64 index";
    assert!(run.err.contains(&format!("schema of `flights`: {schema}\n")), "{run:?}");
    assert!(run.err.contains("loaded 4 rows into `flights`, rejected 0, in "), "{run:?}");
    assert!(run.err.contains(" rows/s)"), "{run:?}");
    assert_eq!(place.out("schema db flights"), format!("{schema}\n"));
}

#[test]
fn quiet_says_nothing() {
    let place = Place::new();
    place.file("flights.tsv", FLIGHTS);
    let run = place.run("ingest db flights flights.tsv --header --null NA --quiet");
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "", ""));
}

#[test]
fn gzip_and_standard_input_load_like_files() {
    let place = Place::new();
    place.file("flights.tsv.gz", gzip(FLIGHTS));
    place.file("flights.csv.gz", gzip(&FLIGHTS.replace('\t', ",")));
    place.out("ingest db a flights.tsv.gz --header --null NA --key id");
    place.out("ingest db b flights.csv.gz --header --null NA --key id");
    let piped = "ingest db c - --header --null NA --key id";
    assert_eq!(place.run_with_input(piped, FLIGHTS.as_bytes()).code, 0);
    let zipped = "ingest db d - --header --null NA --key id";
    assert_eq!(place.run_with_input(zipped, &gzip(FLIGHTS)).code, 0);
    let expected = FLIGHTS.replace("NA", "\\N");
    for table in ["a", "b", "c", "d"] {
        assert_eq!(place.out(&format!("query db {table} --sort id")), expected);
    }
}

#[test]
fn csv_fields_may_hold_commas_quotes_and_lines() {
    let place = Place::new();
    place.file("t.csv", "id,text\n1,\"a, \"\"b\"\"\nc\"\n2,\"\"\n");
    place.out("ingest db t t.csv --header --key id");
    let rows = place.out("query db t --format jsonl --sort id");
    assert_eq!(rows, "{\"id\":1,\"text\":\"a, \\\"b\\\"\\nc\"}\n{\"id\":2,\"text\":\"\"}\n");
}

#[test]
fn delimiter_quote_and_escape_can_be_named() {
    let place = Place::new();
    place.file("t.txt", "1;'a;b'\n");
    let words = ["ingest", "db", "t", "t.txt", "--delimiter", ";", "--quote", "'"];
    assert_eq!(place.run_args(&words).code, 0);
    assert_eq!(place.out("query db t --no-header"), "1\ta;b\n");
    place.file("e.tsv", "1\tx\\ty\n2\t\\N\n");
    place.out("ingest db e e.tsv --escape backslash");
    let rows = place.out("query db e --no-header --escape backslash --sort c1");
    assert_eq!(rows, "1\tx\\ty\n2\t\\N\n");
}

#[test]
fn a_named_schema_takes_key_and_indexes_beside_it() {
    let place = Place::new();
    place.file("t.tsv", "7\tx\t2013-01-01\n");
    let schema = "id int32, name text notnull, day date unique";
    let args = ["ingest", "db", "t", "t.tsv", "--schema", schema, "--key", "id,name", "--index"];
    let run = place.run_args(&[&args[..], &["day,name"]].concat());
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!run.err.contains("schema"), "{run:?}");
    let shown = place.out("schema db t");
    let expected = "id int32, name text, day date unique, key(id, name), index(day, name)\n";
    assert_eq!(shown, expected);
}

#[test]
fn modes_decide_about_known_keys() {
    let place = Place::with_flights();
    place.file("more.tsv", "id\tdelay\n4\t99\n5\t1\n");
    let load =
        |mode: &str| place.run(&format!("ingest db flights more.tsv --header --mode {mode}"));
    let row = || place.out("query db flights --no-header --where id=4");
    load("insert").refused(1, "more.tsv:2: ");
    assert_eq!(load("ignore").code, 0);
    assert_eq!(row(), "4\tJFK\t70\n");
    assert_eq!(load("upsert").code, 0);
    assert_eq!(row(), "4\tJFK\t99\n");
    assert_eq!(load("replace").code, 0);
    assert_eq!(row(), "4\t\\N\t99\n");
    assert_eq!(place.count("flights"), 5);
}

#[test]
fn an_existing_table_with_a_key_wants_the_mode_named() {
    let place = Place::with_flights();
    let run = place.run("ingest db flights flights.tsv --header --null NA");
    run.refused(2, "name --mode insert, upsert, replace or ignore");
    place.file("plain.tsv", "1\n");
    place.out("ingest db plain plain.tsv");
    place.out("ingest db plain plain.tsv");
    assert_eq!(place.count("plain"), 2);
    place.run("ingest db plain plain.tsv --mode upsert").refused(2, "has no key");
}

#[test]
fn words_about_an_existing_table_must_agree_with_it() {
    let place = Place::with_flights();
    let more = "ingest db flights flights.tsv --header --null NA --mode upsert";
    place.out(&format!("{more} --key id --index delay"));
    place.run(&format!("{more} --key origin")).refused(1, "exists without key(origin)");
    place.run(&format!("{more} --index origin")).refused(1, "exists without index(origin)");
    let same = "id int64 key, origin text, delay int64 index";
    let words: Vec<&str> = more.split(' ').chain(["--schema", same]).collect();
    assert_eq!(place.run_args(&words).code, 0);
    let words: Vec<&str> = more.split(' ').chain(["--schema", "id int64 key"]).collect();
    place.run_args(&words).refused(1, "exists with another schema");
}

const RAGGED: &str = "a\tb\n1\tx\n2\n3\ty\tz\nfour\tx\n5\tv\n";

#[test]
fn a_bad_row_stops_the_load_and_says_where() {
    let place = Place::new();
    place.file("bad.tsv", RAGGED);
    let load = "ingest db t bad.tsv --header --schema";
    let words: Vec<&str> = load.split(' ').chain(["a int64 key, b text"]).collect();
    let run = place.run_args(&words);
    run.refused(1, "bad.tsv:3: expected 2 fields, found 1; the new table `t` stays and is empty");
    assert_eq!(place.count("t"), 0);
}

#[test]
fn bad_rows_can_be_skipped_collected_and_kept() {
    let place = Place::new();
    place.file("bad.tsv", RAGGED);
    let columns = "a int64 key, b text";
    let load = |table: &str, words: &str| {
        let start = ["ingest", "db", table, "bad.tsv", "--header", "--schema", columns];
        place.run_args(&start.into_iter().chain(words.split(' ')).collect::<Vec<_>>())
    };
    let skip = load("skip", "--on-error skip");
    assert_eq!(skip.code, 6, "{skip:?}");
    assert!(skip.err.contains("loaded 2 rows into `skip`, rejected 3"), "{skip:?}");
    assert!(!skip.err.contains("bad.tsv"), "{skip:?}");
    let collect = load("collect", "--on-error collect --reject rejected.tsv");
    assert_eq!(collect.code, 6, "{collect:?}");
    assert!(collect.err.contains("store: bad.tsv:4: expected 2 fields, found 3\n"), "{collect:?}");
    assert!(collect.err.contains("store: bad.tsv:5: column \"a\": "), "{collect:?}");
    assert_eq!(place.read("rejected.tsv"), "2\n3\ty\tz\nfour\tx\n");
    let json = load("json", "--on-error collect --json --quiet");
    let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json.code, json.err.as_str()), (6, ""));
    assert_eq!((&report["rows_in"], &report["rows_loaded"]), (&5.into(), &2.into()));
    assert_eq!(report["errors"][1]["line"], 4);
    load("most", "--on-error skip --max-errors 2").refused(1, "bad.tsv:5: ");
    load("enough", "--on-error skip --max-errors 3");
    assert_eq!(place.count("enough"), 2);
}

#[test]
fn several_files_share_one_reject_file_and_one_allowance() {
    let place = Place::new();
    place.file("1.tsv", "a\n1\nx\n");
    place.file("2.tsv", "a\n2\ny\n");
    let start = "ingest db t 1.tsv 2.tsv --header --on-error collect --reject bad --schema";
    let words: Vec<&str> = start.split(' ').chain(["a int64 key"]).collect();
    let run = place.run_args(&words);
    assert_eq!(run.code, 6, "{run:?}");
    assert!(run.err.contains("store: 2.tsv:3: "), "{run:?}");
    assert_eq!(place.read("bad"), "x\ny\n");
    assert!(!place.path("bad.part").exists());
    let words: Vec<&str> =
        "ingest db u 1.tsv 2.tsv --header --on-error skip --max-errors 1 --schema"
            .split(' ')
            .chain(["a int64 key"])
            .collect();
    let run = place.run_args(&words);
    run.refused(1, "2.tsv:3: ");
    assert!(run.err.contains("1 rows of the files before it are loaded"), "{run:?}");
}

#[test]
fn an_input_cannot_take_the_rejects() {
    let place = Place::new();
    place.file("1.tsv", "1\n");
    place.file("2.tsv", "2\n");
    let run = place.run("ingest db t 1.tsv 2.tsv --on-error skip --reject 2.tsv");
    run.refused(1, "is an input");
    assert_eq!(place.read("2.tsv"), "2\n");
    assert!(!place.path("db").exists());
}

#[test]
fn atomic_is_all_or_nothing_and_batches_are_not() {
    let place = Place::new();
    let mut text: String = (0..1000).map(|row| format!("{row}\n")).collect();
    text.push_str("x\n");
    place.file("t.tsv", &text);
    let load = |table: &str, words: &str| {
        let start = ["ingest", "db", table, "t.tsv", "--schema", "id int64 key"];
        place.run_args(&start.into_iter().chain(words.split(' ')).collect::<Vec<_>>())
    };
    load("atomic", "--batch 100 --atomic").refused(1, "t.tsv:1001: ");
    assert_eq!(place.count("atomic"), 0);
    load("batches", "--batch 300").refused(1, "(900 rows before it are loaded)");
    assert_eq!(place.count("batches"), 900);
    place.run("ingest db t t.tsv t.tsv --atomic").refused(2, "--atomic takes one file");
}
