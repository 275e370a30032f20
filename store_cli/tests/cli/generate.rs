//! Made rows, from the command to a table and back.

use crate::place::{Place, Run};
use std::collections::HashSet;
use std::io::Read;
use std::process::Stdio;
use store_etl::generate::{ACCOUNTS_SCHEMA, FLIGHTS_SCHEMA, TRANSACTIONS_SCHEMA};

#[test]
fn what_is_made_loads_and_comes_back_the_same() {
    let place = Place::new();
    let made = place.out("gen flights --rows 20000 --seed 7");
    let load = ["ingest", "db", "flights", "-", "--header", "--schema", FLIGHTS_SCHEMA];
    let mut child = place.command(&load);
    let mut child = child.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), made.as_bytes()).unwrap();
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(place.count("flights"), 20_000);
    let stored = place.out("query db flights --sort flight_id");
    let mut lines: Vec<&str> = made.lines().collect();
    lines[1..].sort_unstable();
    assert!(stored.lines().eq(lines), "the table holds other text than was made");
    let atlanta = made.lines().filter(|line| line.split('\t').nth(5) == Some("KATL")).count();
    let counted = place.out("query db flights --count --where origin='KATL'");
    assert_eq!(counted.trim().parse(), Ok(atlanta));
}

#[test]
fn a_seed_decides_the_bytes() {
    let place = Place::new();
    let made = |words: &str| place.out(&format!("gen flights --rows 3000 {words}"));
    let first = made("--seed 5");
    assert_eq!(first, made("--seed 5"));
    assert_ne!(first, made("--seed 6"));
    assert_eq!(made("--seed 1"), place.out("gen flights --rows=3000"));
    let ids: HashSet<&str> = first.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(ids.len(), 3001);
    let (header, rows) = first.split_once('\n').unwrap();
    assert_eq!(made("--seed 5 --no-header"), rows);
    assert!(header.starts_with("flight_id\tlat\tlon\taltitude\tgs\torigin\tdest\tupdated_at"));
    assert!((65..=80).contains(&(rows.len() / 3000)), "{}", rows.len());
}

#[test]
fn a_file_holds_the_same_bytes_plain_or_packed() {
    let place = Place::new();
    let made = place.out("gen flights --rows 5000 --out -");
    let run = place.run("gen flights --rows 5000 --out f.tsv");
    assert_eq!((run.code, run.out.as_str()), (0, ""));
    let said = format!("wrote 5000 rows, {} bytes of text, to f.tsv in ", made.len());
    assert!(run.err.starts_with(&said), "{run:?}");
    assert_eq!(place.read("f.tsv"), made);
    let run = place.run("gen flights --rows 5000 --out f.tsv.gz --quiet");
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let packed = std::fs::File::open(place.path("f.tsv.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    assert_eq!(text, made);
}

#[test]
fn bad_words_and_bad_places_are_refused() {
    let place = Place::new();
    for words in [
        "gen",
        "gen boats --rows 1",
        "gen flights",
        "gen flights --rows 0",
        "gen flights --rows -1",
        "gen flights --rows many",
        "gen flights --rows 1000000000001",
        "gen flights --rows 1 --seed -1",
        "gen flights --rows 1 --json",
    ] {
        let run = place.run(words);
        run.refused(2, "");
        assert_eq!(run.out, "", "{words}");
    }
    place.run("gen flights --rows 0").refused(2, "0 is not in 1..");
    place.run("gen flights --rows 1 --out no/f.tsv").refused(1, "no/f.tsv: ");
    place.run("gen flights --rows 9 --out /dev/full").refused(8, "/dev/full: ");
    place.run("gen flights --rows 9 --out .").refused(1, "");
}

#[test]
fn a_reader_that_has_enough_ends_it_quietly() {
    let place = Place::new();
    let mut child = place.spawn("gen flights --rows 1000000000000");
    let mut first = [0; 9];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"flight_id");
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.err.as_str()), (0, ""));
}

#[test]
fn the_help_names_the_schema() {
    let place = Place::new();
    let help = place.out("gen flights --help");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&help).contains(&words(FLIGHTS_SCHEMA)), "{help}");
    assert!(place.out("completions bash").contains("flights"));
    assert!(place.out("man gen").contains("flights"));
}

#[test]
fn transactions_and_accounts_load_by_the_schemas_that_help_names() {
    let place = Place::new();
    for (what, schema) in [("transactions", TRANSACTIONS_SCHEMA), ("accounts", ACCOUNTS_SCHEMA)] {
        let run = place.run(&format!("gen {what} --rows 2000 --seed 3 --out {what}.tsv --quiet"));
        assert_eq!(run.code, 0, "{run:?}");
        let file = format!("{what}.tsv");
        let load = ["ingest", "db", what, &file, "--header", "--schema", schema];
        let run = Run::of(place.command(&load).output().unwrap());
        assert_eq!(run.code, 0, "{run:?}");
        assert_eq!(place.count(what), 2000);
        // Lines are broken to the width of the page.
        let help = place.out(&format!("gen {what} --help"));
        assert!(help.split_whitespace().collect::<Vec<_>>().join(" ").contains(schema), "{help}");
    }
    let run = place.run("gen accounts --rows 2000001");
    assert_eq!(run.code, 2, "{run:?}");
}
