//! Rows out: every option of `query`.

use crate::place::Place;

fn rows(place: &Place, words: &[&str]) -> String {
    let run = place.run_args(&[&["query", "db", "flights", "--no-header"], words].concat());
    assert_eq!(run.code, 0, "{words:?}: {run:?}");
    run.out
}

#[test]
fn rows_come_filtered_selected_and_sorted() {
    let place = Place::with_flights();
    assert_eq!(rows(&place, &["--where", "origin = 'JFK' and delay > 20"]), "4\tJFK\t70\n");
    assert_eq!(rows(&place, &["--where", "-1 > delay"]), "3\t\t-5\n");
    assert_eq!(rows(&place, &["--where", "delay is null", "--select", "delay,id"]), "\\N\t2\n");
    let sorted = rows(&place, &["--sort", "-delay", "--select", "id"]);
    assert_eq!(sorted, "4\n1\n3\n2\n", "NULL is last in both directions");
    assert_eq!(rows(&place, &["--sort", "delay", "--select", "id"]), "3\n1\n4\n2\n");
    assert_eq!(rows(&place, &["--sort", "-origin,-id", "--select", "id"]), "4\n1\n2\n3\n");
    assert_eq!(rows(&place, &["--sort", "delay nulls first", "--limit", "1"]), "2\tEWR\t\\N\n");
}

#[test]
fn limit_and_offset_cut_the_result() {
    let place = Place::with_flights();
    let cut = ["--sort", "id", "--select", "id", "--offset", "1", "--limit", "2"];
    assert_eq!(rows(&place, &cut), "2\n3\n");
    assert_eq!(rows(&place, &["--limit", "0"]), "");
    assert_eq!(rows(&place, &["--offset", "9"]), "");
    assert_eq!(rows(&place, &["--count", "--offset", "1"]), "3\n");
    assert_eq!(rows(&place, &["--count", "--limit", "2"]), "2\n");
}

#[test]
fn count_is_a_bare_number() {
    let place = Place::with_flights();
    assert_eq!(place.out("query db flights --count"), "4\n");
    assert_eq!(place.out("query db flights --count --where delay>0"), "2\n");
    let json: serde_json::Value =
        serde_json::from_str(&place.out("query db flights --count --json")).unwrap();
    assert_eq!(json["count"], 4);
}

#[test]
fn groups_are_computed_sorted_and_cut() {
    let place = Place::with_flights();
    let agg = "count(*), avg(delay) as late, count(distinct id)";
    assert_eq!(
        place.run_args(&["query", "db", "flights", "--group-by", "origin", "--agg", agg]).out,
        "origin\tcount\tlate\tcount_distinct_id\n\t1\t-5.0\t1\nEWR\t1\t\\N\t1\nJFK\t2\t40.0\t2\n"
    );
    let most = ["--group-by", "origin", "--agg", "count(*)", "--sort", "-count", "--limit", "1"];
    assert_eq!(rows(&place, &most), "JFK\t2\n");
    assert_eq!(rows(&place, &["--agg", "sum(delay)", "--where", "delay > 0"]), "80\n");
    assert_eq!(rows(&place, &["--agg", "max(origin)", "--threads", "3"]), "JFK\n");
    assert_eq!(rows(&place, &["--group-by", "origin", "--offset", "1"]), "EWR\nJFK\n");
    let wrong = ["query", "db", "flights", "--agg", "median(delay)"];
    let run = place.run_args(&wrong);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.err.contains("--agg: position 1: unknown aggregate \"median\""), "{run:?}");
    for bad in [&["--threads", "0"][..], &["--group-by", "origin", "--count"]] {
        assert_eq!(place.run_args(&[&["query", "db", "flights"], bad].concat()).code, 2);
    }
}

#[test]
fn explain_names_the_way_to_the_rows() {
    let place = Place::with_flights();
    let explain = |filter: &str| {
        let words = ["query", "db", "flights", "--explain", "--where", filter];
        let run = place.run_args(&words);
        assert_eq!((run.code, run.out.lines().count()), (0, 1), "{run:?}");
        run.out
    };
    assert!(explain("id = 1").contains("key"), "{}", explain("id = 1"));
    assert_ne!(explain("origin = 'JFK'"), explain("id = 1"));
}

#[test]
fn text_is_matched_by_patterns() {
    let place = Place::with_flights();
    let ids = |filter: &str| rows(&place, &["--where", filter, "--sort", "id", "--select", "id"]);
    assert_eq!(ids("origin like 'J%'"), ids("origin = 'JFK'"));
    assert_eq!(ids("origin match 'jf?'"), ids("origin = 'JFK'"));
    assert_eq!(ids("origin ~ '^(JFK|EWR)$'"), ids("origin in ('JFK', 'EWR')"));
    let wrong = ["query", "db", "flights", "--where", "origin ~ '('"];
    let run = place.run_args(&wrong);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.err.contains("regular expression: position 1: unclosed group"), "{}", run.err);
}

#[test]
fn an_analysis_runs_the_query_and_an_index_can_be_named() {
    let place = Place::with_flights();
    let line = rows(&place, &["--analyze", "--where", "delay > 0"]);
    assert!(line.contains("; read 4, matched 2, gave 2 rows in "), "{line}");
    let run = place.run_args(&["query", "db", "flights", "--index", "nowhere"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.err.contains("no index \"nowhere\" in `flights`: it has "), "{}", run.err);
    let both = ["query", "db", "flights", "--analyze", "--explain"];
    assert_eq!(place.run_args(&both).code, 2);
}

#[test]
fn the_way_to_the_rows_is_json_if_asked_for() {
    let place = Place::with_flights();
    let json = |word: &str| -> serde_json::Value {
        let out =
            place.run_args(&["query", "db", "flights", "--json", word, "--where", "delay > 0"]);
        assert_eq!(out.code, 0, "{out:?}");
        serde_json::from_str(&out.out).unwrap_or_else(|error| panic!("{error}: {}", out.out))
    };
    let (way, analysis) = (json("--explain"), json("--analyze"));
    assert_eq!(way["way"], analysis["way"]);
    assert_eq!((&analysis["rows_read"], &analysis["rows_given"]), (&4.into(), &2.into()));
    assert!(analysis["seconds"].as_f64().unwrap() >= 0.0 && analysis["rows_matched"] == 2);
}

#[test]
fn the_hidden_row_number_shows_when_it_is_asked_for() {
    let place = Place::new();
    place.file("t.tsv", "x\ny\n");
    place.out("ingest db t t.tsv");
    assert_eq!(place.out("query db t --sort c1"), "c1\nx\ny\n");
    assert_eq!(place.out("query db t --sort c1 --select c1,_row --no-header").lines().count(), 2);
}

#[test]
fn unknown_names_are_errors() {
    let place = Place::with_flights();
    place.run("query db nope").refused(1, "no table `nope`");
    place.run("query db flights --select nope").refused(1, "no column \"nope\"");
    place.run("query db flights --sort nope").refused(1, "no column \"nope\"");
    place.run("query db flights --where nope=1").refused(1, "no column \"nope\"");
    place.run("query db flights --where id='x'").refused(1, "int64");
}

#[test]
fn a_closed_pipe_is_quiet() {
    let place = Place::new();
    let text: String =
        (0..50_000).map(|row| format!("{row}\tsome text to fill the pipe\n")).collect();
    place.file("t.tsv", text);
    place.out("ingest db t t.tsv");
    for format in ["tsv", "csv", "json", "jsonl", "markdown", "table"] {
        let program = env!("CARGO_BIN_EXE_store");
        let line = format!(
            "{{ {program} query db t --format {format} --sort c1; echo code $? >&2; }} | head -1"
        );
        let output = std::process::Command::new("sh")
            .args(["-c", &line])
            .current_dir(place.path(""))
            .output()
            .unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(err, "code 0\n", "{format}");
        assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1, "{format}");
    }
}
