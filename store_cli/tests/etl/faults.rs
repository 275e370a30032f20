//! Inputs and moments that go wrong: what is said, what is left.

use super::place::{Place, Run};
use super::{done, manifest, names, run_job};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SINK: &str = "  - sink: { destination: out.tsv }\n";

fn job(scan: &str, steps: &str) -> String {
    format!("steps:\n  - scan: {{ {scan} }}\n{steps}{SINK}")
}

const TWO: &str =
    "schema: [{ name: id, type: int64 }, { name: name, type: text, nullable: false }]";

#[test]
fn bad_rows_stop_a_job_with_their_line() {
    let place = Place::new();
    let scan = format!("source: in.tsv, header: true, null: NA, {TWO}");
    for (row, message) in [
        (&b"3\tc\tmore"[..], "in.tsv:4: 3 fields instead of 2"),
        (b"3", "in.tsv:4: 1 fields instead of 2"),
        (b"x\tc", "in.tsv:4: column \"id\": \"x\" is not an int64"),
        (b"3\t\xff", "in.tsv:4: column \"name\": \"\u{fffd}\" is not valid UTF-8"),
        (b"3\tNA", "in.tsv:4: column \"name\": NULL where none may be"),
        (b"99999999999999999999\tx", "is out of range for int64"),
    ] {
        let mut text = b"id\tname\n1\ta\n2\tb\n".to_vec();
        text.extend_from_slice(row);
        text.extend_from_slice(b"\n4\td\n");
        place.file("in.tsv", text);
        for threads in ["1", "2"] {
            run_job(&place, &job(&scan, ""), &["--threads", threads]).refused(1, message);
            assert_eq!(names(&place), ["in.tsv", "job.yaml"]);
        }
    }
}

#[test]
fn bad_rows_may_be_left_out_and_kept_aside() {
    let place = Place::new();
    place.file("in.tsv", "id\tname\n1\ta\nx\tb\n3\n4\td\n");
    let scan = |more: &str| format!("source: in.tsv, header: true, {TWO}, on_error: skip{more}");
    let run = run_job(&place, &job(&scan(", reject: bad.tsv"), ""), &[]);
    assert_eq!(run.code, 6, "{run:?}");
    assert_eq!(place.read("out.tsv"), "id\tname\n1\ta\n4\td\n");
    assert_eq!(place.read("bad.tsv"), "x\tb\n3\n");
    let facts = manifest(&place, "out.tsv");
    assert_eq!(facts["rows_rejected"], 2);
    let few = run_job(&place, &job(&scan(", max_errors: 1"), ""), &[]);
    few.refused(1, "in.tsv:4: 1 fields instead of 2; more than 1 bad rows (max_errors)");
    let input = job(&scan(", reject: in.tsv"), "");
    run_job(&place, &input, &[]).refused(1, "the reject file is an input");
    assert!(place.read("in.tsv").starts_with("id"));
    run_job(&place, &job(&format!("source: in.tsv, {TWO}, reject: bad.tsv"), ""), &[])
        .refused(1, "go with `on_error: skip`");
}

#[test]
fn empty_inputs_are_no_fault_but_a_missing_header_is() {
    let place = Place::new();
    place.file("in.tsv", "");
    done(&place, &job(&format!("source: in.tsv, {TWO}"), "  - sort: { by: id }\n"), &[]);
    assert_eq!(place.read("out.tsv"), "id\tname\n");
    run_job(&place, &job(&format!("source: in.tsv, header: true, {TWO}"), ""), &[])
        .refused(1, "in.tsv: is empty, and should begin with a header");
    run_job(&place, &job("source: in.tsv", ""), &[]).refused(1, "in.tsv: is empty");
    place.file("in.tsv", "id\tname\n");
    done(&place, &job("source: in.tsv, header: true", "  - distinct:\n"), &[]);
    assert_eq!(place.read("out.tsv"), "id\tname\n");
}

#[test]
fn names_that_repeat_are_numbered() {
    let place = Place::new();
    place.file("in.csv", "a,a,,a_2,a\n1,2,3,4,5\n");
    done(&place, &job("source: in.csv, header: true", ""), &[]);
    assert_eq!(place.read("out.tsv"), "a\ta_2\tc3\ta_2_2\ta_3\n1\t2\t3\t4\t5\n");
}

#[test]
fn thousands_of_columns_are_columns() {
    let place = Place::new();
    let line =
        |text: &dyn Fn(usize) -> String| (0..5_000).map(text).collect::<Vec<_>>().join("\t") + "\n";
    let mut text = line(&|nth| format!("c{nth}"));
    for row in 0..20 {
        text += &line(&|nth| (nth * row).to_string());
    }
    place.file("in.tsv", &text);
    let steps = "  - sort: { by: c0 }\n  - filter: { expr: c4999 >= 0 }\n";
    done(&place, &job("source: in.tsv, header: true", steps), &["--memory", "64MB"]);
    assert_eq!(place.read("out.tsv"), text);
    let steps = "  - project: { columns: [c4999, c17] }\n";
    done(&place, &job("source: in.tsv, header: true", steps), &[]);
    assert_eq!(place.read("out.tsv").lines().nth(2).unwrap(), "4999\t17");
}

#[test]
fn a_row_that_is_longer_than_memory_allows_is_told_so() {
    let place = Place::new();
    let long = "x".repeat(20 << 20);
    place.file("in.tsv", format!("1\ta\n2\t{long}\n"));
    let yaml = job(&format!("source: in.tsv, {TWO}"), "  - sort: { by: id }\n");
    let run = run_job(&place, &yaml, &["--memory", "40MB"]);
    run.refused(4, "in.tsv:2: a row is longer than");
    assert_eq!(names(&place), ["in.tsv", "job.yaml"]);
    let steps = "  - project: { columns: [\"replace(name, 'x', 'xxxxxxxxxxxxxxxxxxxx') AS y\"] }\n";
    place.file("in.tsv", format!("1\t{}\n", "x".repeat(100_000)));
    let yaml = job(&format!("source: in.tsv, {TWO}"), steps);
    let run = run_job(&place, &yaml, &["--memory", "24MB"]);
    run.refused(4, "in.tsv:1: step 2 (project): makes more than");
    let run = run_job(&place, &yaml, &["--memory", "400MB"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(place.read("out.tsv").len(), 2 + 2_000_001);
}

#[test]
fn an_error_of_an_expression_names_step_and_line() {
    let place = Place::new();
    place.file("in.tsv", "1\ta\n9223372036854775807\tb\n");
    let steps = "  - project: { columns: [id + 1 AS next] }\n";
    let yaml = job(&format!("source: in.tsv, {TWO}"), steps);
    run_job(&place, &yaml, &[]).refused(
        1,
        "in.tsv:2: step 2 (project): 9223372036854775807 + 1 is out of range for int64",
    );
    let steps = "  - sort: { by: id }\n    name: ordered\n  - filter: { expr: 10 % (id - 1) = 0 }\n    name: \
                 rest\n";
    let yaml = job(&format!("source: in.tsv, {TWO}"), steps);
    // The filter is done before the sort, where lines are known.
    run_job(&place, &yaml, &[]).refused(1, "in.tsv:1: step 3 (rest): 10 % 0: division by zero");
    assert_eq!(names(&place), ["in.tsv", "job.yaml"]);
}

#[test]
fn output_that_tsv_cannot_hold_leaves_the_old_file() {
    let place = Place::new();
    place.file("out.tsv", "as it was");
    place.file("in.csv", "1,\"a\tb\"\n");
    let yaml = job(&format!("source: in.csv, {TWO}"), "");
    run_job(&place, &yaml, &[]).refused(1, "tsv cannot hold");
    assert_eq!(place.read("out.tsv"), "as it was");
    let escaped = yaml.replace("out.tsv", "out.tsv, escape: backslash");
    done(&place, &escaped, &[]);
    assert_eq!(place.read("out.tsv"), "id\tname\n1\ta\\tb\n");
    run_job(&place, &yaml.replace("out.tsv", "nowhere/out.tsv"), &[])
        .refused(1, "nowhere/out.tsv: ");
    assert_eq!(names(&place), ["in.csv", "job.yaml", "out.tsv", "out.tsv.manifest.json"]);
}

#[test]
fn a_disk_limit_ends_a_job_and_leaves_nothing() {
    let place = Place::new();
    std::fs::create_dir(place.path("aside")).unwrap();
    let text: String =
        (0..300_000_u64).map(|nth| format!("{}\t{nth:030}\n", nth * 7919 % 300_007)).collect();
    place.file("in.tsv", text);
    let yaml = job(&format!("source: in.tsv, {TWO}"), "  - sort: { by: id }\n");
    let args = ["--memory", "20MB", "--spill-dir", "aside", "--disk-limit", "1MB"];
    let run = run_job(&place, &yaml, &args);
    assert_eq!(run.code, 8, "{run:?}");
    assert_eq!(names(&place), ["aside", "in.tsv", "job.yaml"]);
    assert_eq!(std::fs::read_dir(place.path("aside")).unwrap().count(), 0);
    done(&place, &yaml, &args[..4]);
    assert_eq!(std::fs::read_dir(place.path("aside")).unwrap().count(), 0);
    run_job(&place, &yaml, &["--spill-dir", "absent"]).refused(1, "spill directory absent");
}

/// Interrupts a job that has read something and waits for more.
#[test]
fn an_interrupt_leaves_nothing() {
    let place = Place::new();
    std::fs::create_dir(place.path("aside")).unwrap();
    let scan = format!("source: '-', {TWO}");
    place.file("job.yaml", job(&scan, "  - sort: { by: id }\n"));
    let args = ["etl", "run", "job.yaml", "--memory", "20MB", "--spill-dir", "aside"];
    let mut command = place.command(&args);
    let mut child = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text: String =
        (0..300_000_u64).map(|nth| format!("{}\t{nth:030}\n", nth * 7919 % 300_007)).collect();
    stdin.write_all(text.as_bytes()).unwrap();
    let spilled = || std::fs::read_dir(place.path("aside")).unwrap().count() > 0;
    let began = Instant::now();
    while !spilled() {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing was put aside");
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    // Rows go on until the job notices.
    while child.try_wait().unwrap().is_none() {
        let _ = stdin.write_all(b"1\tmore\n");
        assert!(began.elapsed() < Duration::from_secs(120), "the job does not end");
    }
    drop(stdin);
    let run = Run::of(child.wait_with_output().unwrap());
    run.refused(1, "the job was cancelled");
    assert_eq!(names(&place), ["aside", "job.yaml"]);
    assert!(!spilled());
}
