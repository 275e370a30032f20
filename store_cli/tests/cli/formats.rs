//! Every output format of `query`.

use crate::place::Place;

fn shown(words: &str) -> String {
    let place = Place::with_flights();
    place.out(&format!("query db flights --sort id {words}"))
}

#[test]
fn tsv_is_the_default_of_a_pipe() {
    let expected = "id\torigin\tdelay\n1\tJFK\t10\n2\tEWR\t\\N\n3\t\t-5\n4\tJFK\t70\n";
    assert_eq!(shown("--limit 9"), expected);
    assert_eq!(shown("--format tsv"), expected);
    assert_eq!(shown("--null NA --limit 2 --no-header"), "1\tJFK\t10\n2\tEWR\tNA\n");
}

#[test]
fn csv_tells_null_from_the_empty_text() {
    assert_eq!(shown("--format csv"), "id,origin,delay\n1,JFK,10\n2,EWR,\n3,\"\",-5\n4,JFK,70\n");
    assert_eq!(shown("--format csv --no-header --limit 2 --null -"), "1,JFK,10\n2,EWR,-\n");
}

#[test]
fn json_parses() {
    for words in ["--json", "--format json"] {
        let rows: serde_json::Value = serde_json::from_str(&shown(words)).unwrap();
        assert_eq!(rows.as_array().unwrap().len(), 4);
        assert_eq!(rows[1], serde_json::json!({ "id": 2, "origin": "EWR", "delay": null }));
    }
    let lines = shown("--format jsonl --select id,delay --limit 2");
    assert_eq!(lines, "{\"id\":1,\"delay\":10}\n{\"id\":2,\"delay\":null}\n");
    assert_eq!(shown("--format json --where false"), "[]\n");
}

#[test]
fn markdown_and_table_are_drawn() {
    let markdown = shown("--format markdown --select id,origin --limit 1");
    assert_eq!(markdown, "| id | origin |\n| --- | --- |\n| 1 | JFK |\n");
    let table = shown("--format table");
    assert!(table.contains("│ id ┆ origin ┆ delay │"), "{table}");
    assert!(table.contains("│  2 ┆ EWR    ┆ NULL  │"), "{table}");
    assert_eq!(table.lines().count(), 8, "{table}");
    assert!(!table.contains('\u{1b}'), "no colours");
}

#[test]
fn a_tab_in_a_value_is_an_error_unless_escaped() {
    let place = Place::new();
    place.file("t.csv", "id,text\n1,fine\n2,a\tb\n");
    place.out("ingest db t t.csv --header --key id");
    let run = place.run("query db t --sort id");
    run.refused(1, "column \"text\", row 2: tsv cannot hold a tab");
    assert_eq!(run.out, "id\ttext\n1\tfine\n");
    let escaped = place.out("query db t --sort id --no-header --escape backslash");
    assert_eq!(escaped, "1\tfine\n2\ta\\tb\n");
    assert_eq!(place.out("query db t --format csv --where id=2 --no-header"), "2,a\tb\n");
}

#[test]
fn what_was_written_loads_again() {
    let place = Place::with_flights();
    let schema = place.out("schema db flights");
    for (format, null) in [("tsv", "\\N"), ("csv", "NA")] {
        let text = place.out(&format!("query db flights --format {format} --null {null}"));
        let name = format!("out.{format}");
        place.file(&name, &text);
        let words = ["ingest", "db", format, &name, "--header", "--null", null];
        let run = place.run_args(&[&words[..], &["--schema", schema.trim()]].concat());
        assert_eq!(run.code, 0, "{run:?}");
        let again = place.out(&format!("query db {format} --format {format} --null {null}"));
        assert_eq!(again, text);
    }
}
