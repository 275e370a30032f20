//! Results, beside a plain computation, at every cap (I13).

use super::naive::{Row, csv, json, order, rows};
use super::place::Place;
use super::{manifest, min_cap, run_job};

const SCAN: &str = "  - scan: { source: in.csv, header: true, null: NA, schema: [{ name: id, type: int64, \
                    nullable: false }, { name: group, type: text }, { name: amount, type: int64 }, { \
                    name: note, type: text }] }\n";
const SINK: &str = "  - sink: { destination: out.jsonl }\n";

fn job(steps: &str) -> String {
    format!("steps:\n{SCAN}{steps}{SINK}")
}

/// Runs at caps from the smallest one up and compares the bytes of each output.
#[track_caller]
fn check(place: &Place, steps: &str, expected: &[String]) {
    let yaml = job(steps);
    let least = min_cap(place, &yaml);
    // What the program itself takes differs a little from one run to the next.
    let least = least + (256 << 10);
    let mut spilled = Vec::new();
    for cap in [least, least + 700_000, 2 * least, 256 << 20] {
        let run = run_job(place, &yaml, &["--memory", &cap.to_string()]);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "cap {cap}: {run:?}");
        let facts = manifest(place, "out.jsonl");
        spilled.push(facts["spill_bytes"].as_u64().unwrap());
        let out = place.read("out.jsonl");
        let found: Vec<&str> = out.lines().collect();
        assert_eq!(found.len(), expected.len(), "cap {cap}");
        for (nth, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert_eq!(found, expected, "cap {cap}, row {nth}");
        }
    }
    assert_eq!(spilled.last(), Some(&0), "{spilled:?}");
}

fn place(input: &[Row]) -> Place {
    let place = Place::new();
    place.file("in.csv", csv(input));
    place
}

#[test]
fn a_sort_spills_merges_and_keeps_the_order_of_equal_rows() {
    let mut input = rows(7, 150_000);
    let place = place(&input);
    input.sort_by(|a, b| {
        order(a.group.as_ref(), b.group.as_ref(), false)
            .then_with(|| order(a.amount.as_ref(), b.amount.as_ref(), true))
    });
    let expected: Vec<String> = input.iter().map(json).collect();
    let steps = "  - sort: { by: [group, amount desc] }\n";
    check(&place, steps, &expected);
    let tiny = format!("spill: {{ codec: lz4 }}\nblock_size: 4KiB\n{}", job(steps));
    let least = min_cap(&place, &tiny) + (256 << 10);
    let run = run_job(&place, &tiny, &["--memory", &least.to_string()]);
    assert_eq!(run.code, 0, "{run:?}");
    let facts = manifest(&place, "out.jsonl");
    assert!(facts["sorts"][0]["runs"].as_u64().unwrap() >= 3, "{facts}");
    assert_eq!(place.read("out.jsonl").lines().collect::<Vec<_>>(), expected);
}

#[test]
fn the_first_rows_are_those_of_the_sort() {
    let mut input = rows(8, 30_000);
    let place = place(&input);
    input.sort_by(|a, b| order(a.amount.as_ref(), b.amount.as_ref(), false));
    let expected: Vec<String> = input.iter().map(json).collect();
    let steps = |rows: usize, offset: usize| {
        format!("  - sort: {{ by: amount }}\n  - limit: {{ rows: {rows}, offset: {offset} }}\n")
    };
    check(&place, &steps(100, 0), &expected[..100]);
    check(&place, &steps(50, 40), &expected[40..90]);
    // More than a heap of the smallest memory holds.
    check(&place, &steps(20_000, 5), &expected[5..20_005]);
    check(&place, &steps(0, 5), &[]);
}

#[test]
fn rows_are_filtered_computed_and_told_apart() {
    let input = rows(9, 20_000);
    let place = place(&input);
    let kept = |row: &&Row| {
        row.amount.is_some_and(|amount| amount % 3 == 0)
            && row.note.as_deref().is_none_or(|note| !note.contains('x'))
    };
    let expected: Vec<String> = input.iter().filter(kept).map(json).collect();
    check(
        &place,
        "  - filter: { expr: \"amount % 3 = 0 and (note is null or note !~ 'x')\" }\n",
        &expected,
    );

    let mut groups: Vec<Option<String>> = input.iter().map(|row| row.group.clone()).collect();
    groups.sort_by(|a, b| order(a.as_ref(), b.as_ref(), false));
    groups.dedup();
    let shown = |group: &Option<String>| format!("{{\"group\":{}}}", serde_json::json!(group));
    let expected: Vec<String> = groups.iter().map(shown).collect();
    let steps = "  - project: { columns: [group] }\n  - distinct:\n  - sort: { by: group }\n";
    check(&place, steps, &expected);
}

#[test]
fn a_union_gives_one_input_after_the_other() {
    let input = rows(10, 3_000);
    let place = place(&input);
    let low = |row: &&Row| row.amount.is_some_and(|amount| amount < 0);
    let mut expected: Vec<String> = input.iter().filter(low).map(json).collect();
    expected.extend(input.iter().take(1_000).map(json));
    let steps = format!(
        "  - filter: {{ expr: amount < 0 }}\n    name: low\n{SCAN}  - limit: {{ rows: 1000 }}\n    name: \
         first\n  - union: {{ with: first }}\n    input: low\n"
    );
    check(&place, &steps, &expected);
}

#[test]
fn two_sorts_in_one_job_share_its_memory() {
    let input = rows(11, 30_000);
    let place = place(&input);
    let mut seen: Vec<&Row> = input.iter().collect();
    seen.sort_by(|a, b| order(a.note.as_ref(), b.note.as_ref(), false));
    let expected: Vec<String> = {
        let mut sorted = seen;
        sorted.sort_by(|a, b| order(a.group.as_ref(), b.group.as_ref(), false));
        sorted.into_iter().map(json).collect()
    };
    check(&place, "  - sort: { by: note }\n  - sort: { by: group }\n", &expected);
}

#[test]
fn text_that_grows_is_cut_into_more_batches() {
    let input = rows(12, 5_000);
    let place = place(&input);
    let shown = |row: &Row| {
        let grown = row.note.as_ref().map(|note| note.replace('x', "012345"));
        format!("{{\"id\":{},\"grown\":{}}}", row.id, serde_json::json!(grown))
    };
    let expected: Vec<String> = input.iter().map(shown).collect();
    check(
        &place,
        "  - project: { columns: [id, \"replace(note, 'x', '012345') AS grown\"] }\n",
        &expected,
    );
    let kept = |row: &&Row| row.note.as_ref().is_some_and(|note| note.contains('x'));
    let expected: Vec<String> = input.iter().filter(kept).map(json).collect();
    check(
        &place,
        "  - filter: { expr: \"length(replace(note, 'x', '0123456789')) > 10000\" }\n",
        &expected,
    );
}

/// A sort of TSV into TSV moves the lines as they are.
#[test]
fn lines_stay_as_they_were_written() {
    let place = Place::new();
    let mut random = super::naive::Random(77);
    let mut lines: Vec<(i64, String)> = (0..120_000)
        .map(|nth| {
            let key = random.below(5_000) as i64 - 2_500;
            (key, format!("{nth}\t{key}\t 007 \u{fc}\t"))
        })
        .collect();
    let text = |lines: &[(i64, String)]| {
        let lines: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
        format!("nth\tkey\ttext\tnone\n{lines}")
    };
    place.file("in.tsv", text(&lines).replace("7\t\n", "7\t\r\n"));
    lines.sort_by_key(|(key, _)| std::cmp::Reverse(*key));
    let yaml = "steps:\n  - scan: { source: in.tsv, header: true }\n  - sort: { by: key desc }\n  - sink: { \
                destination: out.tsv }\n";
    let least = min_cap(&place, yaml) + (256 << 10);
    assert!(place.out("etl explain job.yaml").contains("as lines: they move as they are"));
    for cap in [least, 2 * least, 256 << 20] {
        let facts = super::done(&place, yaml, &["--memory", &cap.to_string()]);
        assert!(place.read("out.tsv") == text(&lines), "cap {cap}");
        assert_eq!(facts["steps"][1]["rows_out"], 120_000);
    }
    place.file("in.tsv", "a\tb\n1\t2\n3\n");
    let yaml = yaml.replace("key desc", "b");
    run_job(&place, &yaml, &[]).refused(1, "in.tsv:3: ");
    place.file("in.tsv", format!("a\tb\n1\t2\n{}\t3\n", "9".repeat(20 << 20)));
    run_job(&place, &yaml, &["--memory", "40MB"]).refused(4, ": a row is longer than");
    assert_eq!(super::names(&place), ["in.tsv", "job.yaml", "out.tsv", "out.tsv.manifest.json"]);
}
