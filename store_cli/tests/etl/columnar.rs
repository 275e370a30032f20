//! Parquet and Arrow files as sources and sinks.

use super::place::Place;
use super::{done, manifest, min_cap, run_job};
use std::path::{Path, PathBuf};
use std::process::Command;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/etl/golden")
}

/// A job of one scan and one sink.
fn copy(from: &str, to: &str) -> String {
    format!("steps:\n  - scan: {{ source: '{from}' }}\n  - sink: {{ destination: {to} }}\n")
}

const TYPES: [&str; 14] = [
    "id int64",
    "b bool",
    "i16 int16",
    "i32 int32",
    "f32 float32",
    "f64 float64",
    "d9 decimal(9,2)",
    "d18 decimal(18,4)",
    "d38 decimal(38,10)",
    "t text",
    "day date",
    "ts timestamp",
    "ip inet",
    "hw mac",
];

fn schema() -> String {
    let field = |text: &&str| {
        let (name, ty) = text.split_once(' ').unwrap();
        format!("{{ name: {name}, type: '{ty}' }}")
    };
    TYPES.iter().map(field).collect::<Vec<_>>().join(", ")
}

/// Rows of every type; `step` of them are NULL, the last ones all.
fn rows(count: u64) -> String {
    let mut text: String = TYPES.map(|word| word.split_once(' ').unwrap().0).join("\t") + "\n";
    for nth in 0..count {
        let signed = nth as i64 - 50;
        let special = ["nan", "-0.0", "inf", "-inf", "1.5"][nth as usize % 5];
        let cells = [
            nth.to_string(),
            (nth % 3 == 0).to_string(),
            (signed % 32_000).to_string(),
            (signed * 40_000).to_string(),
            special.to_owned(),
            special.to_owned(),
            format!("{signed}.25"),
            format!("{}.1234", signed * 1_000_003),
            format!("{}0000000000000000.0123456789", signed * 1_000_003 + 1),
            if nth % 4 == 0 { String::new() } else { format!("text {} é", nth % 97) },
            format!("2024-{:02}-{:02}", nth % 12 + 1, nth % 28 + 1),
            format!("2024-03-{:02}T10:20:30.{:06}Z", nth % 28 + 1, (nth * 10 + 1) % 1_000_000),
            format!("10.0.{}.{}", nth / 250 % 250, nth % 250),
            format!("00:00:00:00:{:02x}:{:02x}", nth / 256 % 256, nth % 256),
        ];
        let null = |at: usize| at > 0 && ((nth as usize + at) % 7 == 3 || nth + 20 > count);
        let cells: Vec<String> = cells
            .into_iter()
            .enumerate()
            .map(|(at, cell)| if null(at) { "\\N".to_owned() } else { cell })
            .collect();
        text += &(cells.join("\t") + "\n");
    }
    text
}

#[test]
fn files_of_other_programs_are_read() {
    let place = Place::new();
    let expected = std::fs::read_to_string(golden().join("expected.tsv")).unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(golden()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        let ending = path.extension().unwrap_or_default();
        if ending != "parquet" && ending != "arrow" || name.contains("nested") {
            continue;
        }
        let facts = done(&place, &copy(&name, "out.tsv"), &["--memory", "64MiB"]);
        assert!(place.read("out.tsv") == expected, "{name}");
        assert_eq!(facts["inputs"][0]["xxh3_of"], "footer", "{name}");
        seen += 1;
    }
    assert!(seen >= 12, "{seen} files");
}

#[test]
fn nested_columns_are_refused_if_wanted_and_left_out_if_not() {
    let place = Place::new();
    let expected = std::fs::read_to_string(golden().join("expected.tsv")).unwrap();
    for ending in ["parquet", "arrow"] {
        let source = golden().join(format!("pyarrow_nested.{ending}")).display().to_string();
        let run = run_job(&place, &copy(&source, "out.tsv"), &[]);
        run.refused(1, "column \"list\" is nested, and is not read: project the other columns");
        place.run("etl validate job.yaml").refused(1, "column \"list\" is nested");
        let yaml = copy(&source, "out.tsv").replace(
            "  - sink",
            "  - filter: { expr: last >= 38 }\n  - project: { columns: [id, s, last] }\n  - sink",
        );
        done(&place, &yaml, &[]);
        let line = expected.lines().nth(39).unwrap();
        let text = line.split('\t').nth(18).unwrap();
        let written = place.read("out.tsv");
        assert!(written.starts_with("id\ts\tlast\n38\t"), "{written}");
        assert!(written.contains(&format!("38\t{text}\t38\n")), "{written}");
    }
}

#[test]
fn every_type_comes_back_whatever_the_memory() {
    for (count, least) in [(700, 0), (30_000, 0), (30_000, 40 << 20)] {
        let place = Place::new();
        let text = rows(count);
        place.file("in.tsv", &text);
        for ending in ["parquet", "arrow"] {
            let there = format!(
                "steps:\n  - scan: {{ source: in.tsv, header: true, null: '\\N', schema: [{}] }}\n  - sink: {{ \
                 destination: x.{ending} }}\n",
                schema()
            );
            let back = copy(&format!("x.{ending}"), "out.tsv");
            for job in [&there, &back] {
                let cap = (min_cap(&place, job) + (64 << 10)).max(least).to_string();
                let run = run_job(&place, job, &["--memory", &cap]);
                assert_eq!(run.code, 0, "{run:?}");
            }
            manifest(&place, &format!("x.{ending}"));
            manifest(&place, "out.tsv");
            let back = place.read("out.tsv");
            let differs = back.lines().zip(text.lines()).find(|(a, b)| a != b);
            assert_eq!(differs, None, "{ending}, {count} rows");
            assert!(back == text, "{ending}, {count} rows");
        }
    }
}

#[test]
fn row_groups_that_can_have_no_row_of_use_are_not_read() {
    let place = Place::new();
    let source = golden().join("pyarrow_snappy.parquet").display().to_string();
    let job = |expr: &str| {
        copy(&source, "out.tsv").replace(
            "  - sink",
            &format!(
                "  - filter: {{ expr: \"{expr}\" }}\n  - project: {{ columns: [id] }}\n  - sink"
            ),
        )
    };
    // Row groups of 100, 100 and 50 rows.
    for (expr, skipped, rows) in [
        ("id >= 210", 2, 40),
        ("id < 100", 2, 100),
        ("id = 150 or id = 3", 0, 2),
        ("149 = id and s is not null", 2, 1),
        ("id between 90 and 110 and i32 > -2000000000", 1, 18),
        ("id > 249", 3, 0),
        ("id != 5", 0, 249),
        ("dec9 > -76.06", 2, 43),
        ("ts_us > '2020-01-03T06:00:00Z'", 2, 43),
        ("d <= '2017-04-07'", 2, 2),
        ("cat > 'zzz'", 3, 0),
    ] {
        let facts = done(&place, &job(expr), &[]);
        let input = &facts["inputs"][0];
        assert_eq!(input["row_groups"], 3, "{expr}");
        assert_eq!(input["row_groups_skipped"], skipped, "{expr}: {facts}");
        assert_eq!(facts["output"]["rows"], rows, "{expr}");
        // What was left out is counted as filtered by the scan.
        let scan = &facts["steps"][0];
        assert_eq!(scan["rows_in"], 250, "{expr}");
    }
}

#[test]
fn nan_is_found_whatever_the_greatest_number_is() {
    let place = Place::new();
    place.file("in.tsv", "id\tx\n1\t1.5\n2\tNaN\n3\t-0.0\n4\t2.5\n");
    let schema = "schema: [{ name: id, type: int64 }, { name: x, type: float64 }]";
    let run = run_job(
        &place,
        &format!(
            "steps:\n  - scan: {{ source: in.tsv, header: true, {schema} }}\n  - sink: {{ destination: x.parquet }}\n"
        ),
        &[],
    );
    assert_eq!(run.code, 0, "{run:?}");
    for (expr, rows) in
        [("x > 100", "2"), ("x >= 2.5", "2 4"), ("x = 0", "3"), ("x < 0", ""), ("x < 9", "1 3 4")]
    {
        let yaml = copy("x.parquet", "out.tsv").replace(
            "  - sink",
            &format!("  - filter: {{ expr: x is not null and {expr} }}\n  - sink"),
        );
        done(&place, &yaml, &[]);
        let written = place.read("out.tsv");
        let found: Vec<&str> =
            written.lines().skip(1).map(|line| line.split('\t').next().unwrap()).collect();
        assert_eq!(found.join(" "), rows, "{expr}");
    }
}

#[test]
fn a_damaged_page_is_an_error() {
    let place = Place::new();
    // Numbers that nothing packs: a changed bit of a page would be another number.
    let rows: String = (1..2000_u64)
        .map(|nth| format!("{}\n", nth.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 1))
        .collect();
    place.file("in.tsv", rows);
    assert_eq!(run_job(&place, &copy("in.tsv", "x.parquet"), &[]).code, 0);
    let mut bytes = std::fs::read(place.path("x.parquet")).unwrap();
    bytes[4000] ^= 4;
    std::fs::write(place.path("x.parquet"), bytes).unwrap();
    let run = run_job(&place, &copy("x.parquet", "out.tsv"), &[]);
    run.refused(5, "x.parquet, behind row 0: column \"c1\": the checksum of a page does not hold");
    assert!(!place.path("out.tsv").exists());
}

#[test]
fn several_files_are_one_scan_if_they_have_its_columns() {
    let place = Place::new();
    for (name, text) in [("1", "id\tname\n1\ta\n2\t\\N\n"), ("2", "name\tid\nc\t3\n")] {
        place.file("in.tsv", text);
        let types = if name == "1" {
            "id, type: int64 }, { name: name, type: text"
        } else {
            "name, type: text }, { name: id, type: int64"
        };
        let yaml = format!(
            "steps:\n  - scan: {{ source: in.tsv, header: true, null: '\\N', schema: [{{ name: {types} }}] }}\n  - \
             sink: {{ destination: f{name}.parquet }}\n"
        );
        let run = run_job(&place, &yaml, &[]);
        assert_eq!(run.code, 0, "{run:?}");
    }
    let facts = done(&place, &copy("f?.parquet", "out.tsv"), &[]);
    assert_eq!(place.read("out.tsv"), "id\tname\n1\ta\n2\t\\N\n3\tc\n");
    assert_eq!(facts["inputs"].as_array().unwrap().len(), 2);
    place.file("in.tsv", "id\tname\nx\ty\n");
    let yaml = copy("in.tsv", "f3.parquet").replace("in.tsv'", "in.tsv', header: true");
    assert_eq!(run_job(&place, &yaml, &[]).code, 0);
    run_job(&place, &copy("f?.parquet", "out.tsv"), &[])
        .refused(1, "f3.parquet: column \"id\" is text, and int64 in f1.parquet");
}

#[test]
fn what_such_files_do_not_have_is_refused() {
    let place = Place::new();
    place.file("in.tsv", "id\n1\n");
    place.file("x.parquet", "no parquet at all");
    place.file("x.arrow", "no arrow file at all");
    for (yaml, code, text) in [
        (copy("in.tsv", "x.parquet.gz"), 1, "parquet is packed inside"),
        (copy("in.tsv", "x.arrow, header: false"), 1, "arrow has no `header:`"),
        (copy("x.parquet", "out.tsv"), 5, "x.parquet: it is no Parquet file"),
        (copy("x.arrow", "out.tsv"), 5, "x.arrow: it is no Arrow file"),
        (
            copy("x.parquet', header: true, format: 'parquet", "out.tsv"),
            1,
            "says itself what its columns are",
        ),
        (copy("x.parquet', on_error: 'skip", "out.tsv"), 1, "has no bad rows"),
        (copy("-', format: 'parquet", "out.tsv"), 1, "no stream"),
    ] {
        run_job(&place, &yaml, &[]).refused(code, text);
    }
    assert!(!place.path("out.tsv").exists());
}

/// Runs the job at hand by itself, from a small process that reports what the system counted for it.
fn peak(place: &Place, cap: u64) -> u64 {
    super::memory::watched_peak(place, cap)
}

fn check_caps(place: &Place, yaml: &str, sink: &str) {
    let least = min_cap(place, yaml) + (256 << 10);
    for cap in [least, least + (3 << 20), 2 * least, 96_000_000] {
        let watched = peak(place, cap);
        let facts = manifest(place, sink);
        let predicted = facts["memory"]["predicted_peak"].as_u64().unwrap();
        assert!(watched <= predicted && predicted <= cap, "{cap}: {watched} of {predicted}");
    }
}

#[test]
fn such_jobs_keep_their_cap() {
    let place = Place::new();
    let rows: String = (0..150_000_u64)
        .map(|nth| {
            let mixed = nth.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            format!("{nth}\t{mixed:x} {mixed}\t{}\t{}.25\n", mixed % 40, mixed % 100_000)
        })
        .collect();
    place.file("in.tsv", rows);
    for ending in ["parquet", "arrow"] {
        check_caps(&place, &copy("in.tsv", &format!("x.{ending}")), &format!("x.{ending}"));
        check_caps(&place, &copy(&format!("x.{ending}"), "out.tsv"), "out.tsv");
    }
    for name in
        ["duckdb.parquet", "polars.parquet", "pyarrow_delta_lz4.parquet", "polars_zstd.arrow"]
    {
        check_caps(&place, &copy(&golden().join(name).display().to_string(), "out.tsv"), "out.tsv");
    }
}

#[test]
fn long_texts_keep_the_cap() {
    let place = Place::new();
    let long = |nth: usize| "word and more ".repeat(1 + nth * 37 % 2500);
    let rows: String =
        (0..400).map(|nth| format!("{nth}\t{}\t{}\n", long(nth), long(nth % 5))).collect();
    place.file("in.tsv", &rows);
    for ending in ["parquet", "arrow"] {
        check_caps(&place, &copy("in.tsv", &format!("x.{ending}")), &format!("x.{ending}"));
        let back =
            copy(&format!("x.{ending}"), "out.tsv").replace("out.tsv", "out.tsv, header: false");
        check_caps(&place, &back, "out.tsv");
        assert!(place.read("out.tsv") == rows);
    }
}

#[test]
fn thousands_of_columns_keep_the_cap() {
    let place = Place::new();
    let line =
        |nth: usize| (0..5000).map(|at| (nth * at % 97).to_string()).collect::<Vec<_>>().join("\t");
    let rows: String = (0..300).map(|nth| line(nth) + "\n").collect();
    place.file("in.tsv", &rows);
    check_caps(&place, &copy("in.tsv", "x.parquet"), "x.parquet");
    let back = copy("x.parquet", "out.tsv").replace("out.tsv", "out.tsv, header: false");
    check_caps(&place, &back, "out.tsv");
    assert!(place.read("out.tsv") == rows);
}

#[test]
fn pages_that_do_not_fit_are_refused_with_the_file_and_the_cap_that_works() {
    let place = Place::new();
    let source = golden().join("duckdb.parquet").display().to_string();
    let run = run_job(&place, &copy(&source, "out.tsv"), &["--memory", "4MiB"]);
    run.refused(4, "duckdb.parquet");
    run.refused(4, "the smallest that works is ");
    let least = min_cap(&place, &copy(&source, "out.tsv"));
    let run = run_job(&place, &copy(&source, "out.tsv"), &["--memory", &least.to_string()]);
    assert_eq!(run.code, 0, "{run:?}");
}

/// With `STORE_PEER_PYTHON=` a Python that has duckdb, pyarrow and polars: they read what is written here.
#[test]
fn other_programs_read_what_is_written() {
    let Some(python) = std::env::var_os("STORE_PEER_PYTHON") else { return };
    let place = Place::new();
    place.file("in.tsv", rows(30_000));
    for ending in ["parquet", "arrow"] {
        let yaml = format!(
            "steps:\n  - scan: {{ source: in.tsv, header: true, null: '\\N', schema: [{}] }}\n  - sink: {{ \
             destination: x.{ending} }}\n",
            schema()
        );
        let run = run_job(&place, &yaml, &["--memory", "24MiB"]);
        assert_eq!(run.code, 0, "{run:?}");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/etl/peers.py");
    let ran = Command::new(python).arg(script).arg(place.path(".")).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(said.trim(), "6 readers agree");
}
