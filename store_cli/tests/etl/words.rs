//! Words of a job: what is refused, where it is shown, and what the environment says.

use super::place::Place;
use super::{done, names, run_job};

const ROWS: &str = "id\tname\tamount\n1\ta\t5\n2\tb\t7.5\n";

fn place() -> Place {
    let place = Place::new();
    place.file("in.tsv", ROWS);
    place
}

/// A job around one step.
fn around(step: &str) -> String {
    format!(
        "steps:\n  - scan: {{ source: in.tsv, header: true }}\n  - {step}\n  - sink: {{ destination: \
         out.tsv }}\n"
    )
}

#[test]
fn faults_show_file_line_and_caret() {
    let place = place();
    for (step, shown) in [
        ("filter: { exp: id > 1 }", "job.yaml:3:13: a filter needs `expr:`"),
        (
            "filter: { expr: id > 1, not: 2 }",
            "job.yaml:3:29: unknown key \"not\": a filter knows expr",
        ),
        ("filtre: { expr: id > 1 }", "job.yaml:3:5: unknown step \"filtre\": must be scan, filter"),
        ("filter: { expr: id >> 1 }", "job.yaml:3:21: position 5: expected a value, found \">\""),
        ("filter: { expr: idd > 1 }", "no column \"idd\": there are id, name, amount"),
        (
            "filter: { expr: id + 1 }",
            "job.yaml:3:21: a filter is true or false; this is of type int64",
        ),
        ("project: { columns: [id, id] }", "job.yaml:3:26: a second column \"id\""),
        ("project: { columns: [name + 1] }", "position 6: no operator + for text and int64"),
        ("project: { columns: id }", "job.yaml:3:25: must be a list, not a value"),
        ("limit: { rows: many }", "job.yaml:3:20: \"many\" is no number"),
        ("sort: { by: [idd desc] }", "job.yaml:3:18: no column \"idd\""),
        ("sort: { by: [] }", "job.yaml:3:17: at least one must be named"),
        ("union: { with: others }", "job.yaml:3:20: no step before is named \"others\""),
        ("aggregate: { group_by: [], aggs: [] }", "job.yaml:3:16: an aggregate needs `group_by:`"),
        ("aggregate: { by: [id] }", "unknown key \"by\": an aggregate knows group_by, aggs"),
        ("aggregate: { group_by: [ids] }", "job.yaml:3:29: position 1: no column \"ids\""),
        ("aggregate: { group_by: [id, id] }", "job.yaml:3:33: a second key \"id\""),
        ("aggregate: { aggs: [total(id)] }", "job.yaml:3:25: unknown aggregate \"total\": must be"),
        ("aggregate: { aggs: [sum(name)] }", "sum(name) needs numbers, and \"name\" is text"),
        ("aggregate: { aggs: [sum(*)] }", "sum is of a column: sum(column)"),
        ("aggregate: { aggs: [sum(distinct id)] }", "DISTINCT goes with count, not with sum"),
        ("aggregate: { aggs: ['min(id, name)'] }", "job.yaml:3:25: min is given too much"),
        ("aggregate: { aggs: ['string_agg(name, id)'] }", "the separator of string_agg is a text"),
        ("aggregate: { aggs: [min(id), min(id)] }", "job.yaml:3:34: a second result \"min_id\""),
        ("aggregate: { aggs: [min(id) max(id)] }", "job.yaml:3:25: position"),
        ("join: { with: x, on: [a = b], how: sideways }", "\"sideways\": must be inner, left"),
        ("join: { with: x, on: a }", "job.yaml:3:19: no step before is named \"x\""),
        ("join: { on: a }", "a join needs `with:`"),
        ("join: { with: me, on: [] }", "at least one must be named"),
        (
            "join: { with: x, on: a, strategy: luck }",
            "\"luck\": must be auto, build_left, build_right",
        ),
        ("distinct: { x: 1 }", "unknown key \"x\""),
        ("filter: &a { expr: id > 1 }", "an anchor or a tag"),
        ("{ filter: { expr: 'id > 1' }, filter: 1 }", "the key \"filter\" stands here twice"),
        ("filter: { expr: 'id > 1' }\n    input: nobody", "no step before is named \"nobody\""),
    ] {
        let run = run_job(&place, &around(step), &[]);
        run.refused(1, shown);
        let caret = run.err.lines().last().unwrap().trim_end();
        assert!(caret.ends_with('^') && caret.trim_start() == "^", "{run:?}");
    }
    assert_eq!(names(&place), ["in.tsv", "job.yaml"]);
}

#[test]
fn whole_jobs_that_make_no_sense_are_refused() {
    let place = place();
    let scan = "steps:\n  - scan: { source: in.tsv, header: true }\n";
    let sink = "  - sink: { destination: out.tsv }\n";
    for (yaml, shown) in [
        (String::new(), "job.yaml:1:1: the job is empty"),
        ("steps: []\n".to_owned(), "job.yaml:1:8: a job has 1 to 200 steps"),
        ("stps: []\n".to_owned(), "a job needs `steps:`"),
        (format!("memory: lots\n{scan}{sink}"), "job.yaml:1:9: \"lots\" is not a size"),
        (format!("spill: {{ codec: rar }}\n{scan}{sink}"), "\"rar\": must be raw, lz4, zstd"),
        (format!("block_size: 1KB\n{scan}{sink}"), "a block has 4 KiB to 1 MiB"),
        (scan.to_owned(), "the last step must be a sink"),
        (format!("{scan}{sink}{sink}"), "a sink is the last step"),
        (
            format!("{scan}  - scan: {{ source: in.tsv }}\n{sink}"),
            "no step takes the rows of this scan",
        ),
        (format!("steps:\n{sink}"), "a sink needs a step before it"),
        (format!("steps: [\n{sink}"), "job.yaml:"),
        (format!("{scan}{sink}---\n{scan}"), "a second document"),
        (scan.replace("in.tsv", "absent.tsv") + sink, "absent.tsv: "),
        (scan.replace("in.tsv", "'*.csv'") + sink, "*.csv: no file matches"),
        (scan.replace("in.tsv", "'.'") + sink, ".: is a directory"),
        (scan.replace("source: in.tsv", "source: '-'") + sink, "a stream needs a `schema:`"),
        (scan.replace("header", "delimiter: \"\\n\", header") + sink, "a line end can be neither"),
        (format!("{scan}  - sink: {{ table: t, db: absent }}\n"), "job.yaml:3:20: absent: "),
        (
            format!("{scan}  - sink: {{ table: t }}\n"),
            "a sink needs either `destination:`, or `table:`",
        ),
    ] {
        let run = run_job(&place, &yaml, &[]);
        run.refused(1, shown);
    }
    assert_eq!(names(&place), ["in.tsv", "job.yaml"]);
}

#[test]
fn joins_that_make_no_sense_show_their_place() {
    let place = place();
    let job = |join: &str| {
        format!(
            "steps:\n  - scan: {{ source: in.tsv, header: true }}\n    name: other\n  - scan: {{ source: in.tsv, header: true \
             }}\n  - join: {{ with: other, {join} }}\n  - sink: {{ destination: out.tsv }}\n"
        )
    };
    for (join, shown) in [
        (
            "on: nobody",
            "job.yaml:5:30: the left side: no column \"nobody\": there are id, name, amount",
        ),
        ("on: [id = nobody]", "job.yaml:5:31: the right side: no column \"nobody\""),
        ("on: [id = name]", "a join compares \"id\", which is int64, with \"name\", which is text"),
        ("on: [id > name]", "a join is on `left column = right column`"),
        ("on: [id = 5]", "a join is on `left column = right column`"),
        ("on: id, how: semi, strategy: build_left", "a semi join takes its right side in first"),
        ("on: amount, strategy: build_left", "keys of floats that are called the same"),
    ] {
        let run = run_job(&place, &job(join), &[]);
        run.refused(1, shown);
        let caret = run.err.lines().last().unwrap().trim_end();
        assert!(caret.trim_start() == "^", "{run:?}");
    }
    done(&place, &job("on: [id = id AND name = name]"), &[]);
    assert_eq!(
        place.read("out.tsv"),
        "id\tname\tamount\tother_amount\n1\ta\t5.0\t5.0\n2\tb\t7.5\t7.5\n"
    );
}

/// The job of the documentation as it stands, but for its sink's format.
#[test]
fn the_documented_example_runs() {
    let place = Place::new();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/weekly");
    for name in ["accounts.tsv", "transactions.tsv"] {
        place.file(name, std::fs::read_to_string(format!("{data}/{name}")).unwrap());
    }
    std::fs::create_dir(place.path("results")).unwrap();
    let yaml = include_str!("example.yaml").replace("parquet", "tsv");
    place.file("job.yaml", yaml);
    let run = place.run("etl run job.yaml --quiet");
    assert_eq!(run.code, 0, "{run:?}");
    super::manifest(&place, "results/summary.tsv");
    let out = place.read("results/summary.tsv");
    let first: Vec<&str> = out.lines().take(3).collect();
    let expected = [
        "uid\tweek\tn\tsum_gross\tavg_gross\tstddev_gross",
        "\t2024-01-08T00:00:00Z\t1\t10801.199999999999\t10801.199999999999\t\\N",
        "a01\t2024-01-01T00:00:00Z\t2\t4801.2\t2400.6\t848.5281374238571",
    ];
    assert_eq!(first, expected);
    assert_eq!(out.lines().count(), 7);
}

#[test]
fn a_plan_says_what_its_aggregates_and_joins_will_do() {
    let place = Place::new();
    place.file("a.tsv", "k\tv\tw\n1\t2\t3\n");
    place.file("b.tsv", format!("k\tname\n{}", "1\tx\n".repeat(100)));
    let yaml = "steps:\n  - scan: { source: b.tsv, header: true }\n    name: b\n  - scan: { source: a.tsv, header: true \
                }\n  - join: { with: b, on: k }\n  - filter: { expr: v > 1 AND name = 'x' }\n  - aggregate: { group_by: [name], \
                aggs: [sum(v), count(*)] }\n  - project: { columns: [name, sum_v] }\n  - sort: { by: sum_v }\n  - sink: { \
                destination: out.tsv }\n";
    place.file("job.yaml", yaml);
    let plan = place.out("etl explain job.yaml --memory 64MB --threads 1");
    for line in [
        "  scan a.tsv (tsv), 2 of 3 columns: k int64, v int64\n  filter v > 1\n  build of the join, by hash\n",
        "  scan b.tsv (tsv), 2 of 2 columns: k int64, name text\n  filter name = 'x'\n  probe of phase 1\n  join \
         inner on k = k, the left side built\n  aggregate by hash: name: sum(v) AS sum_v\n",
        "  groups\n  sort sum_v\n  equal rows by name\n",
        "  step 3: P ",
        " levels 0, 0 bytes spilled",
        "breakers, 2 at once",
    ] {
        assert!(plan.contains(line), "{line} in {plan}");
    }
    done(&place, yaml, &[]);
    assert_eq!(place.read("out.tsv"), "name\tsum_v\nx\t200\n");
}

#[test]
fn the_example_of_the_readme_runs() {
    let place = Place::new();
    place.out("gen flights --rows 20000 --out made.tsv.gz --quiet");
    place.file("job.yaml", include_str!("../../../examples/fast_flights.yaml"));
    let run = place.run("etl run job.yaml --set from=made.tsv.gz --memory 32MB --quiet");
    assert_eq!(run.code, 0, "{run:?}");
    let out = place.read("fast_flights.csv");
    assert!(out.starts_with("dest,flight_id,week,kmh\nKABE,"), "{}", &out[..80]);
    super::manifest(&place, "fast_flights.csv");
}

#[test]
fn settings_stand_for_values_and_must_be_used() {
    let place = place();
    let yaml = around("filter: { expr: \"name = '${who}'\" }");
    done(&place, &yaml, &["--set", "who=b"]);
    assert_eq!(place.read("out.tsv"), "id\tname\tamount\n2\tb\t7.5\n");
    run_job(&place, &yaml, &[]).refused(1, "job.yaml:3: ${who} is not set: give --set who=VALUE");
    let two = ["--set", "who=b", "--set", "where=here"];
    run_job(&place, &yaml, &two).refused(1, "\"where\" is set, and nothing in the job asks for");
    run_job(&place, &yaml, &["--set", "who"]).refused(2, "must be NAME=VALUE");
    let plain = around("filter: { expr: \"name = '$${who}'\" }");
    done(&place, &plain, &[]);
    assert_eq!(place.read("out.tsv"), "id\tname\tamount\n");
}

#[test]
fn a_flag_goes_before_the_job_and_the_job_before_the_environment() {
    let place = place();
    let cap = |job: &str, args: &[&str], environment: Option<&str>| {
        place.file("job.yaml", format!("{job}{}", around("limit: { rows: 1 }")));
        let mut all = vec!["etl", "explain", "job.yaml", "--json"];
        all.extend(args);
        let mut command = place.command(&all);
        if let Some(memory) = environment {
            command.env("STORE_MEMORY", memory);
        }
        let run = super::Run::of(command.output().unwrap());
        assert_eq!(run.code, 0, "{run:?}");
        let explained: serde_json::Value = serde_json::from_str(&run.out).unwrap();
        explained["memory"]["cap"].as_u64().unwrap()
    };
    assert_eq!(cap("memory: 80MB\n", &["--memory", "90MB"], Some("70MB")), 90_000_000);
    assert_eq!(cap("memory: 80MB\n", &["--memory=91MB"], None), 91_000_000);
    assert_eq!(cap("memory: 80MB\n", &[], Some("70MB")), 80_000_000);
    assert_eq!(cap("", &[], Some("70MiB")), 70 << 20);
    let mut command = place.command(&["etl", "validate", "job.yaml"]);
    let run = super::Run::of(command.env("STORE_THREADS", "none").output().unwrap());
    run.refused(2, "invalid value 'none' for '--threads");
}

#[test]
fn explain_tells_phases_rules_and_memory() {
    let place = place();
    let yaml = "\
memory: 64MB
steps:
  - scan: { source: in.tsv, header: true }
  - map: { columns: [amount * 2 AS twice, upper(name) AS label] }
  - filter: { expr: twice > 10 and 1 < 2 }
  - sort: { by: [label, id desc nulls first] }
  - limit: { rows: 3, offset: 1 }
  - project: { columns: [id, label AS l] }
  - sink: { destination: out.csv }
";
    place.file("job.yaml", yaml);
    let with_two = place.out("etl explain job.yaml --threads 2");
    assert!(with_two.contains("label\n  a batch ahead, by a thread of its own\n  sort label"));
    let run = place.run("etl explain job.yaml --threads 1");
    assert_eq!(run.code, 0, "{run:?}");
    // Numbers of bytes depend on the machine and the build.
    let masked = |line: &str| {
        let words = line.split(' ').map(|word| {
            let digits = word.trim_end_matches([',', ';']);
            if digits.len() > 3 && digits.bytes().all(|b| b.is_ascii_digit()) {
                word.replace(digits, "#")
            } else {
                word.to_owned()
            }
        });
        words.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let shown: Vec<String> = run.out.lines().skip(1).map(masked).collect();
    let expected = "\
phase 1, at most # bytes
scan in.tsv (tsv), 3 of 3 columns: id int64, name text, amount float64
filter amount * 2 > 10 AND 1 < 2
project id, upper(name) AS label
sort label, id desc nulls first, first 4
phase 2, at most # bytes
merge
limit 3 after 1
project id, label AS l
sink out.csv (csv)
memory
# program, before it reads
# step 1 scan
# step 3 filter
# step 2 project
# step 4 sort
# step 5 limit
# step 6 project
# step 7 sink
# breakers, 1 at once, # each
batches of # bytes, rows up to #
spill";
    assert_eq!(shown[..shown.len() - 3].join("\n"), expected);
    assert!(shown[shown.len() - 1].starts_with("predicted peak #, cap #, smallest cap #"));
    assert_eq!(place.run("etl validate job.yaml").out, "");
}

#[test]
fn the_plan_hash_is_that_of_the_steps() {
    let place = place();
    let hash = |yaml: &str| {
        place.file("job.yaml", yaml);
        place.out("etl explain job.yaml").lines().next().unwrap().to_owned()
    };
    let yaml = around("filter: { expr: 'id > 1' }");
    let first = hash(&yaml);
    assert_eq!(
        hash(&format!("memory: 99MB\nname: other\n{}", yaml.replace("id > 1", "(id)>1"))),
        first
    );
    assert_ne!(hash(&yaml.replace("id > 1", "id > 2")), first);
    assert_ne!(hash(&yaml.replace("out.tsv", "out2.tsv")), first);
}
