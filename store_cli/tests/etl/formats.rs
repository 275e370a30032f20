//! Formats, packed files, patterns of names, standard streams.

use super::place::Place;
use super::{done, manifest, names, run_job};

const ROWS: &str = "id\tname\n1\ta\n2\tb\n";

#[test]
fn packed_files_and_patterns_are_read_and_written() {
    let place = Place::new();
    place.file("a1.tsv", ROWS);
    let copy = |from: &str, to: &str| {
        let yaml = format!(
            "steps:\n  - scan: {{ source: '{from}', header: true }}\n  - sink: {{ destination: {to} }}\n"
        );
        let run = run_job(&place, &yaml, &[]);
        assert_eq!(run.code, 0, "{run:?}");
    };
    copy("a1.tsv", "a2.tsv.gz");
    copy("a2.tsv.gz", "a3.tsv.zst");
    copy("a3.tsv.zst", "a4.csv");
    assert_eq!(place.read("a4.csv"), "id,name\n1,a\n2,b\n");
    let bytes = std::fs::read(place.path("a2.tsv.gz")).unwrap();
    assert_eq!(bytes[..2], [0x1f, 0x8b]);
    let bytes = std::fs::read(place.path("a3.tsv.zst")).unwrap();
    assert_eq!(bytes[..4], [0x28, 0xb5, 0x2f, 0xfd]);
    let yaml = "steps:\n  - scan: { source: 'a[1-3].tsv*', header: true }\n  - sink: { destination: all.tsv }\n";
    for name in names(&place).iter().filter(|name| name.contains(".manifest.")) {
        std::fs::remove_file(place.path(name)).unwrap();
    }
    let run = run_job(&place, yaml, &[]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(place.read("all.tsv"), "id\tname\n1\ta\n2\tb\n1\ta\n2\tb\n1\ta\n2\tb\n");
    let facts = manifest(&place, "all.tsv");
    let inputs = facts["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), 3);
    assert!(inputs.iter().all(|input| input["whole"] == true), "{facts}");
    assert_eq!(inputs[0]["bytes"], ROWS.len());
    assert_eq!(inputs[0]["name"], "a1.tsv");
}

#[test]
fn files_of_one_scan_may_order_their_columns_as_they_like() {
    let place = Place::new();
    place.file("1.tsv", ROWS);
    place.file("2.tsv", "name\tmore\tid\nc\tx\t3\n");
    let yaml =
        "steps:\n  - scan: { source: '?.tsv', header: true }\n  - sink: { destination: out.tsv }\n";
    done(&place, yaml, &[]);
    assert_eq!(place.read("out.tsv"), "id\tname\n1\ta\n2\tb\n3\tc\n");
    place.file("2.tsv", "name\nc\n");
    run_job(&place, yaml, &[]).refused(1, "2.tsv:1: the header has no column \"id\"");
}

#[test]
fn quotes_reach_across_buffers() {
    let place = Place::new();
    let long = "one \"two\",\nthree\n".repeat(20_000);
    place.file("in.csv", format!("id,text\n1,\"{}\"\n2,x\n", long.replace('"', "\"\"")));
    let yaml = "steps:\n  - scan: { source: in.csv, header: true }\n  - map: { columns: [length(text) AS n] \
                }\n  - sink: { destination: out.csv }\n";
    let run = run_job(&place, yaml, &["--memory", "64MB"]);
    assert_eq!(run.code, 0, "{run:?}");
    let expected =
        format!("id,text,n\n1,\"{}\",{}\n2,x,1\n", long.replace('"', "\"\""), long.len());
    assert_eq!(place.read("out.csv"), expected);
    place.file("in.csv", "id,text\n1,\"never\n");
    run_job(&place, yaml, &[]).refused(1, "in.csv:2: a quoted field never ends");
}

#[test]
fn delimiters_quotes_and_escapes_are_as_asked() {
    let place = Place::new();
    place.file("in.txt", "1;'a;b'\n2;''''\n");
    let yaml = "steps:\n  - scan: { source: in.txt, format: csv, delimiter: ';', quote: \"'\" }\n  - sink: { \
                destination: out.tsv, header: false }\n";
    done(&place, yaml, &[]);
    assert_eq!(place.read("out.tsv"), "1\ta;b\n2\t'\n");
    place.file("in.txt", "1\ta\\tb\n2\t\\N\n");
    let yaml = "steps:\n  - scan: { source: in.txt, escape: backslash }\n  - sink: { destination: out.csv, \
                null: none }\n";
    let run = run_job(&place, yaml, &[]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(place.read("out.csv"), "c1,c2\n1,a\tb\n2,none\n");
}

#[test]
fn json_lines_keep_every_digit() {
    let place = Place::new();
    place.file(
        "in.jsonl",
        "{\"id\": 9007199254740993, \"x\": 1.5, \"t\": \"2024-01-01\", \"s\": \"a\\n\\u00fc\", \"o\": {\"k\": \
         [1, 2]}}\n{\"x\": 2, \"s\": null, \"id\": -1}\n",
    );
    let yaml = "steps:\n  - scan: { source: in.jsonl }\n  - map: { columns: [id + 1 AS id, t + 1 AS t] }\n  - \
                sink: { destination: out.jsonl }\n";
    let run = run_job(&place, yaml, &[]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(
        place.read("out.jsonl"),
        "{\"id\":9007199254740994,\"x\":1.5,\"t\":\"2024-01-02\",\"s\":\"a\\nü\",\"o\":\"{\\\"k\\\": [1, \
         2]}\"}\n{\"id\":0,\"x\":2.0,\"t\":null,\"s\":null,\"o\":null}\n"
    );
    for (line, message) in [
        ("{\"id\": 1", "in.jsonl:3: is no JSON object"),
        ("[1]", "in.jsonl:3: is no JSON object"),
        ("{\"id\": \"x\"}", "in.jsonl:3: column \"id\": \"x\" is not an int64"),
        ("{\"new\": 1}", "in.jsonl:3: \"new\" is no column of the schema"),
    ] {
        let rows = "{\"id\": 1}\n{\"id\": 2}\n";
        // Long enough that the schema is known before the line is met.
        let head = format!("{{\"id\": {}}}\n", 1).repeat(2);
        place.file("in.jsonl", format!("{head}{line}\n{rows}"));
        let yaml = "steps:\n  - scan: { source: in.jsonl, schema: [{ name: id, type: int64 }] }\n  - sink: { \
                    destination: out.jsonl }\n";
        run_job(&place, yaml, &[]).refused(1, message);
    }
}

#[test]
fn standard_streams_are_files() {
    let place = Place::new();
    place.file(
        "job.yaml",
        "steps:\n  - scan: { source: '-', schema: [{ name: id, type: int64 }] }\n  - sort: { by: -id }\n  - \
         sink: { destination: '-' }\n",
    );
    let run = place.run_with_input("etl run job.yaml --quiet", b"1\n3\n2\n");
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "id\n3\n2\n1\n", ""), "{run:?}");
    assert_eq!(names(&place), ["job.yaml"]);
    let run = place.run_with_input("etl run job.yaml --manifest m.json", b"1\n");
    assert_eq!((run.code, run.out.as_str()), (0, "id\n1\n"));
    assert!(run.err.starts_with("store: wrote 1 rows in "), "{run:?}");
    assert!(place.read("m.json").contains("\"plan_hash\""));
    place.run("etl run job.yaml --json").refused(2, "both want standard output");
}

#[test]
fn columns_are_renamed_cast_and_starred() {
    let place = Place::new();
    place.file("in.tsv", "id\tname\twhen\n1\ta\t2024-02-29\n");
    let yaml = "steps:\n  - scan: { source: in.tsv, header: true }\n  - map: { columns: [{ name AS label }, \
                \"cast(id as decimal(5,2)) AS id\"] }\n  - project: { columns: ['*', \"date_part('year', \
                \\\"when\\\") AS year\", 'upper(label)'] }\n  - sink: { destination: out.tsv }\n";
    done(&place, yaml, &[]);
    assert_eq!(
        place.read("out.tsv"),
        "id\tlabel\twhen\tyear\tupper(label)\n1.00\ta\t2024-02-29\t2024\tA\n"
    );
}
