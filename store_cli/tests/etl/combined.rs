//! Aggregates and joins as steps, beside plain computations, at every cap (I13).

use super::naive::Random;
use super::place::Place;
use super::{done, manifest, min_cap, run_job};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A row of either side; each cell but the last may be NULL.
#[derive(Clone, Debug)]
struct Row {
    key: Option<i64>,
    word: Option<String>,
    amount: Option<i64>,
    quarters: Option<i64>,
    number: i64,
}

/// Rows of so many keys, of which one has half of all.
fn rows(seed: u64, count: usize, keys: u64) -> Vec<Row> {
    let mut random = Random(seed | 1);
    let words = ["", "plain", "say \"hi\"", "a\tb", "süß 😀"];
    let mut one = |nth: usize| {
        let key = if random.below(2) == 0 { 7 } else { random.below(keys) as i64 };
        Row {
            key: (random.below(20) > 0).then_some(key),
            word: (random.below(9) > 0).then(|| words[random.below(5) as usize].to_owned()),
            amount: (random.below(9) > 0).then(|| random.below(2000) as i64 - 1000),
            quarters: (random.below(9) > 0).then(|| random.below(4000) as i64 - 2000),
            number: nth as i64,
        }
    };
    (0..count).map(&mut one).collect()
}

/// Lines of JSON, with names that begin so.
fn lines(rows: &[Row], prefix: &str) -> String {
    let mut out = String::new();
    for row in rows {
        let line = json!({
            format!("{prefix}key"): row.key,
            format!("{prefix}word"): row.word,
            format!("{prefix}amount"): row.amount,
            format!("{prefix}x"): row.quarters.map(|quarters| quarters as f64 / 4.0),
            format!("{prefix}n"): row.number,
        });
        let _ = writeln!(out, "{line}");
    }
    out
}

fn scan(file: &str, prefix: &str) -> String {
    let column = |name: &str, ty: &str| format!("{{ name: {prefix}{name}, type: {ty} }}");
    let columns = [
        column("key", "int64"),
        column("word", "text"),
        column("amount", "int32"),
        column("x", "float64"),
        column("n", "int64"),
    ];
    format!("  - scan: {{ source: {file}, schema: [{}] }}\n", columns.join(", "))
}

/// Two files, the second with names of its own.
fn place(left: &[Row], right: &[Row]) -> Place {
    let place = Place::new();
    place.file("left.jsonl", lines(left, ""));
    place.file("right.jsonl", lines(right, "r_"));
    place
}

fn joined(kind: &str, on: &str, more: &str) -> String {
    let (left, right) = (scan("left.jsonl", ""), scan("right.jsonl", "r_"));
    format!(
        "steps:\n{right}    name: other\n{left}  - join: {{ with: other, on: {on}, how: {kind}{more} }}\n"
    )
}

/// Runs a job at caps from the smallest one up and by one to four threads: the same bytes each time. Gives
/// the rows and the manifests.
#[track_caller]
fn at_every_cap(place: &Place, head: &str, steps: &str) -> (Vec<Value>, Vec<Value>) {
    let yaml = format!("{head}{steps}  - sink: {{ destination: out.jsonl }}\n");
    let least = min_cap(place, &yaml) + (256 << 10);
    let (mut first, mut facts) = (None, Vec::new());
    let ways = [(least, 2), (least + 900_000, 1), (2 * least, 4), (256 << 20, 1), (256 << 20, 2)];
    for (cap, threads) in ways {
        let with = ["--memory", &cap.to_string(), "--threads", &threads.to_string()];
        let run = run_job(place, &yaml, &with);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "cap {cap}: {run:?}\n{yaml}");
        facts.push(manifest(place, "out.jsonl"));
        let out = place.read("out.jsonl");
        let first = first.get_or_insert_with(|| out.clone());
        assert!(*first == out, "other bytes at {cap}, {threads} threads\n{yaml}");
    }
    let parse = |line: &str| serde_json::from_str(line).unwrap();
    (first.unwrap_or_default().lines().map(parse).collect(), facts)
}

#[track_caller]
fn check(found: &[Value], expected: &[Value], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (nth, (found, expected)) in found.iter().zip(expected).enumerate() {
        // Read back as the other one was: the parser rounds floats.
        let expected: Value = serde_json::from_str(&expected.to_string()).unwrap();
        assert_eq!(*found, expected, "row {nth} of {what}");
    }
}

/// How often rows were partitioned, by hash.
fn levels(facts: &Value) -> u64 {
    let hashes = facts["hashes"].as_array().unwrap();
    hashes.iter().map(|hash| hash["levels"].as_u64().unwrap()).max().unwrap_or(0)
}

/// NULL behind every value.
fn last<T: Clone>(cell: Option<&T>) -> (bool, Option<T>) {
    (cell.is_none(), cell.cloned())
}

/// What is computed of a group, as the job of [`AGGS`] names it.
fn group(rows: &[&Row]) -> Value {
    let amounts: Vec<i64> = rows.iter().filter_map(|row| row.amount).collect();
    let quarters: Vec<i64> = rows.iter().filter_map(|row| row.quarters).collect();
    let words: Vec<&str> = rows.iter().filter_map(|row| row.word.as_deref()).collect();
    let sum: i64 = amounts.iter().sum();
    let middle = |mut of: Vec<i64>| {
        of.sort_unstable();
        let (low, high) = ((of.len() - 1) / 2, of.len() / 2);
        (of[low] + of[high]) as f64 / 2.0
    };
    let some = |empty: bool, value: Value| if empty { Value::Null } else { value };
    json!({
        "n": rows.len(),
        "known": amounts.len(),
        "sum": some(amounts.is_empty(), json!(sum)),
        "mean": some(amounts.is_empty(), json!(sum as f64 / amounts.len().max(1) as f64)),
        "least": amounts.iter().min(),
        "greatest": amounts.iter().max(),
        "half": some(quarters.is_empty(), json!(quarters.iter().sum::<i64>() as f64 / 8.0)),
        "first": rows[0].amount,
        "last": rows[rows.len() - 1].number,
        "words": words.iter().collect::<BTreeSet<_>>().len(),
        "middle": some(amounts.is_empty(), json!(amounts.first().map(|_| middle(amounts.clone())))),
        "word_min": words.iter().min(),
    })
}

const HASHED: &str = "count(*) AS n, count(amount) AS known, SUM(amount) AS sum, avg(amount) AS mean, min(amount) \
                      AS least, max(amount) AS greatest, sum(x / 2) AS half, first(amount) AS first, last(n) AS last";
const SORTED: &str =
    "count(distinct word) AS words, median(amount) AS middle, min(word) AS word_min";

fn aggregate(by: &str, aggs: &[&str]) -> String {
    let list: Vec<String> =
        aggs.iter().flat_map(|aggs| aggs.split(", ")).map(|agg| format!("\"{agg}\"")).collect();
    format!("  - aggregate: {{ group_by: [{by}], aggs: [{}] }}\n", list.join(", "))
}

/// The groups of some rows, in the order of their keys, NULL last.
fn groups(rows: &[Row], key: impl Fn(&Row) -> (Option<i64>, Option<String>)) -> Vec<Value> {
    let mut found: BTreeMap<_, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let (number, word) = key(row);
        found.entry((last(number.as_ref()), last(word.as_ref()))).or_default().push(row);
    }
    let mut all = Vec::new();
    for ((number, word), rows) in found {
        let mut made = group(&rows);
        made["key"] = json!(number.1);
        made["word"] = json!(word.1);
        all.push(made);
    }
    all
}

fn keep(mut rows: Vec<Value>, names: &[&str]) -> Vec<Value> {
    for row in &mut rows {
        row.as_object_mut().unwrap().retain(|name, _| names.contains(&name.as_str()));
    }
    rows
}

const OF_HASHED: [&str; 11] =
    ["key", "word", "n", "known", "sum", "mean", "least", "greatest", "half", "first", "last"];

#[test]
fn groups_are_those_of_a_plain_computation() {
    let input = rows(3, 60_000, 9000);
    let place = place(&input, &[]);
    let head = format!("steps:\n{}", scan("left.jsonl", ""));
    let steps = aggregate("key, word", &[HASHED]) + "  - sort: { by: [key, word] }\n";
    let (found, _) = at_every_cap(&place, &head, &steps);
    let expected = groups(&input, |row| (row.key, row.word.clone()));
    check(&found, &keep(expected.clone(), &OF_HASHED), "groups by hash");

    // Those whose values are sorted, and an expression as a key.
    let steps =
        aggregate("key % 10 AS key", &[SORTED, "count(*) AS n"]) + "  - sort: { by: key }\n";
    let (found, _) = at_every_cap(&place, &head, &steps);
    let expected = groups(&input, |row| (row.key.map(|key| key % 10), None));
    check(&found, &keep(expected, &["key", "words", "middle", "word_min", "n"]), "sorted values");

    // Without keys; and nothing but keys.
    let (found, _) = at_every_cap(&place, &head, &aggregate("", &[HASHED]));
    let expected = groups(&input, |_| (None, None));
    check(&found, &keep(expected, &OF_HASHED[2..]), "all rows");
    let steps = "  - aggregate: { group_by: word }\n  - sort: { by: word }\n";
    let (found, _) = at_every_cap(&place, &head, steps);
    let expected = groups(&input, |row| (None, row.word.clone()));
    check(&found, &keep(expected, &["word"]), "nothing but keys");
}

#[test]
fn no_rows_make_one_group_or_none() {
    let place = place(&[], &[]);
    let head = format!("steps:\n{}", scan("left.jsonl", ""));
    let (found, _) = at_every_cap(&place, &head, &aggregate("key", &[HASHED]));
    assert!(found.is_empty());
    let (found, _) =
        at_every_cap(&place, &head, &aggregate("", &["count(*) AS n", "sum(x)", SORTED]));
    let none = json!({ "n": 0, "sum_x": null, "words": 0, "middle": null, "word_min": null });
    assert_eq!(found, [none]);
    for kind in ["inner", "left", "right", "full", "semi", "anti"] {
        let (found, _) = at_every_cap(&place, &joined(kind, "key = r_key", ""), "");
        assert!(found.is_empty(), "{kind}");
    }
}

#[test]
fn groups_go_through_three_levels() {
    let count = 260_000_u64;
    let place = Place::new();
    let mut text = String::from("k\tv\n");
    for nth in 0..2 * count {
        // One key has half of the rows, all others have one.
        let key = if nth % 2 == 0 { 5 } else { nth.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 8 };
        let _ = writeln!(text, "{key}\t{}", nth % 1000);
    }
    place.file("in.tsv", text);
    let yaml = "block_size: 64KiB\nsteps:\n  - scan: { source: in.tsv, header: true }\n  - aggregate: { group_by: k, \
                aggs: [count(*) AS n, sum(v) AS s] }\n  - aggregate: { group_by: n, aggs: [count(*) AS groups, sum(s) \
                AS s] }\n  - sort: { by: n }\n  - sink: { destination: out.tsv }\n";
    let least = min_cap(&place, yaml).to_string();
    let facts = done(&place, yaml, &["--memory", &least]);
    assert!(levels(&facts) >= 3, "{facts}");
    assert!(facts["passes"].as_u64().unwrap() >= 3);
    let heavy: u64 = (0..count).map(|nth| 2 * nth % 1000).sum();
    let light: u64 = (0..count).map(|nth| (2 * nth + 1) % 1000).sum();
    let expected = format!("n\tgroups\ts\n1\t{count}\t{light}\n{count}\t1\t{heavy}\n");
    assert_eq!(place.read("out.tsv"), expected);
}

/// A joined row: the cells of both sides, or NULL.
fn pair(left: Option<&Row>, right: Option<&Row>) -> Value {
    json!({
        "key": left.and_then(|row| row.key),
        "word": left.and_then(|row| row.word.as_ref()),
        "amount": left.and_then(|row| row.amount),
        "n": left.map(|row| row.number),
        "r_key": right.and_then(|row| row.key),
        "r_word": right.and_then(|row| row.word.as_ref()),
        "r_n": right.map(|row| row.number),
    })
}

/// What a join on these keys gives, in the order of `n`, then `r_n`.
fn naive<K: Ord>(
    left: &[Row],
    right: &[Row],
    kind: &str,
    key: impl Fn(&Row) -> Option<K>,
) -> Vec<Value> {
    let mut partners: BTreeMap<K, Vec<&Row>> = BTreeMap::new();
    for row in right {
        if let Some(key) = key(row) {
            partners.entry(key).or_default().push(row);
        }
    }
    let mut found = Vec::new();
    let mut met = BTreeSet::new();
    for row in left {
        let own = key(row).and_then(|key| partners.get(&key));
        match (kind, own) {
            ("semi", Some(_)) | ("anti" | "left" | "full", None) => {
                found.push(pair(Some(row), None));
            }
            ("semi" | "anti", _) | (_, None) => {}
            (_, Some(own)) => {
                met.extend(own.iter().map(|row| row.number));
                found.extend(own.iter().map(|other| pair(Some(row), Some(other))));
            }
        }
    }
    if ["right", "full"].contains(&kind) {
        let lonely = right.iter().filter(|row| !met.contains(&row.number));
        found.extend(lonely.map(|row| pair(None, Some(row))));
    }
    if ["semi", "anti"].contains(&kind) {
        found = keep(found, &["key", "word", "amount", "n"]);
    }
    found
}

const OUT: &str = "  - project: { columns: [key, word, amount, n, r_key, r_word, r_n] }\n  - sort: { by: [n, r_n] }\n";
const OUT_LEFT: &str = "  - project: { columns: [key, word, amount, n] }\n  - sort: { by: n }\n";

#[test]
fn joins_are_those_of_a_plain_computation() {
    let (left, right) = (rows(5, 2500, 3000), rows(6, 300, 3000));
    let place = place(&left, &right);
    for kind in ["inner", "left", "right", "full", "semi", "anti"] {
        let single = ["semi", "anti"].contains(&kind);
        let out = if single { OUT_LEFT } else { OUT };
        let strategies = if single {
            &["auto", "build_right"][..]
        } else {
            &["auto", "build_left", "build_right"]
        };
        for strategy in strategies {
            let head = joined(kind, "key = r_key", &format!(", strategy: {strategy}"));
            let (found, _) = at_every_cap(&place, &head, out);
            let expected = naive(&left, &right, kind, |row| row.key);
            check(&found, &expected, &format!("{kind} {strategy}"));
        }
        // Several keys, in any way of writing them.
        let head = joined(kind, "[r_key = key, \"word = r_word\"]", "");
        let (found, _) = at_every_cap(&place, &head, out);
        let key = |row: &Row| row.key.zip(row.word.clone());
        check(&found, &naive(&left, &right, kind, key), &format!("{kind} on two"));
    }
}

#[test]
fn null_meets_nothing_whatever_the_memory() {
    let nulls = |rows: Vec<Row>| -> Vec<Row> {
        rows.into_iter().map(|row| Row { key: None, ..row }).collect()
    };
    let (left, right) = (nulls(rows(8, 3000, 10)), nulls(rows(9, 2000, 10)));
    let place = place(&left, &right);
    for kind in ["inner", "left", "right", "full", "semi", "anti"] {
        let out = if ["semi", "anti"].contains(&kind) { OUT_LEFT } else { OUT };
        let (found, _) = at_every_cap(&place, &joined(kind, "key = r_key", ""), out);
        check(&found, &naive(&left, &right, kind, |row| row.key), kind);
    }
    // But NULL is a group.
    let head = format!("steps:\n{}", scan("left.jsonl", ""));
    let (found, _) = at_every_cap(&place, &head, &aggregate("key", &["count(*) AS n"]));
    assert_eq!(found, [json!({ "key": null, "n": 3000 })]);
}

#[test]
fn joins_go_through_three_levels() {
    let place = Place::new();
    let file = |name: &str, from: u64, to: u64| {
        let mut text = format!("k\t{name}\n");
        for nth in from..to {
            let _ = writeln!(text, "{}\t{nth:0>150}", nth.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 2);
        }
        place.file(&format!("{name}.tsv"), text);
    };
    file("a", 0, 160_000);
    file("b", 20_000, 170_000);
    let yaml = "block_size: 128KiB\nsteps:\n  - scan: { source: b.tsv, header: true }\n    name: b\n  - scan: { source: a.tsv, \
                header: true }\n  - join: { with: b, on: k, how: full }\n  - map: { columns: [\"CASE WHEN a = b THEN \
                'same' WHEN a IS NULL THEN 'right' WHEN b IS NULL THEN 'left' END AS what\"] }\n  - aggregate: { \
                group_by: what, aggs: [count(*) AS n, count(a) AS a, count(b) AS b] }\n  - sort: { by: what }\n  - sink: { destination: \
                out.tsv }\n";
    let least = min_cap(&place, yaml).to_string();
    let facts = done(&place, yaml, &["--memory", &least]);
    assert!(levels(&facts) >= 3, "{}", facts["hashes"]);
    let expected = "what\tn\ta\tb\nleft\t20000\t20000\t0\nright\t10000\t0\t10000\nsame\t140000\t140000\t140000\n";
    assert_eq!(place.read("out.tsv"), expected);
}

#[test]
fn columns_of_the_right_side_get_its_name_where_both_have_them() {
    let place = Place::new();
    place.file("a.tsv", "k\tname\tv\n1\tx\t5\n2\ty\t6\n");
    place.file("b.tsv", "k\tname\tw\n1\tX\t7\n3\tZ\t8\n");
    let yaml = |how: &str, more: &str| {
        format!(
            "steps:\n  - scan: {{ source: b.tsv, header: true }}\n    name: b\n  - scan: {{ source: a.tsv, header: true }}\n  \
             - join: {{ with: b, on: k, how: {how} }}\n{more}  - sort: {{ by: k }}\n  - sink: {{ destination: out.tsv }}\n"
        )
    };
    done(&place, &yaml("full", ""), &[]);
    assert_eq!(
        place.read("out.tsv"),
        "k\tname\tv\tb_name\tw\n1\tx\t5\tX\t7\n2\ty\t6\t\\N\t\\N\n3\t\\N\t\\N\tZ\t8\n"
    );
    // A name that is taken by what the other one gets is shown, and so is a key that is read alone.
    done(
        &place,
        &yaml(
            "inner",
            "  - filter: { expr: b_name = 'X' }\n  - project: { columns: [k, b_name] }\n",
        ),
        &[],
    );
    assert_eq!(place.read("out.tsv"), "k\tb_name\n1\tX\n");
    let taken = "  - map: { columns: [v AS b_name] }\n    name: c\n";
    let job = yaml("inner", "").replace("  - join", &format!("{taken}  - join"));
    run_job(&place, &job, &[]).refused(1, "both sides of the join have a column \"name\"");
    // Rows that are all the same stay as many as they are.
    place.file("a.tsv", "k\tname\tv\n1\tx\t5\n1\tx\t5\n");
    place.file("b.tsv", "k\tname\tw\n1\tX\t7\n1\tX\t7\n");
    done(&place, &yaml("inner", ""), &[]);
    assert_eq!(place.read("out.tsv").lines().count(), 5);
}

#[test]
fn rows_of_a_join_are_sorted_alike_whatever_was_put_aside() {
    let place = place(&rows(3, 20_000, 9000), &rows(4, 20_000, 9000));
    let steps = joined("inner", "[n = r_n]", "") + "  - sort: { by: [word] }\n";
    let (found, _) = at_every_cap(&place, "", &steps);
    assert!(found.len() > 1000, "{}", found.len());
}

#[test]
fn random_jobs_give_what_a_plain_computation_does() {
    let mut random = Random(20_260_726);
    for round in 0..24 {
        let (a, b) = (random.below(1500) as usize, random.below(400) as usize);
        let keys = 1 + random.below(600);
        let (left, right) =
            (rows(random.below(1 << 40), a, keys), rows(random.below(1 << 40), b, keys));
        let place = place(&left, &right);
        let kind = ["inner", "left", "right", "full", "semi", "anti"][random.below(6) as usize];
        let single = ["semi", "anti"].contains(&kind);
        let mut expected = naive(&left, &right, kind, |row| row.key);
        let mut steps = String::new();
        let number = |row: &Value, name: &str| row[name].as_i64();
        let on_right = !single && random.below(2) == 0;
        if random.below(2) == 0 {
            let name = if on_right { "r_n" } else { "n" };
            let _ =
                writeln!(steps, "  - filter: {{ expr: \"{name} > 40 AND {name} IS NOT NULL\" }}");
            expected.retain(|row| number(row, name).is_some_and(|n| n > 40));
        }
        if random.below(2) == 0 {
            steps += "  - filter: { expr: key < 300 OR key IS NULL }\n";
            expected.retain(|row| number(row, "key").is_none_or(|key| key < 300));
        }
        let by = if on_right { "r_word" } else { "word" };
        let aggs = "[count(*) AS rows, sum(amount), first(n) AS first, max(n * 2) AS most]";
        let by_third = format!("group_by: [{by}, key % 3 AS third], aggs: {aggs}");
        let _ = writeln!(steps, "  - aggregate: {{ {by_third} }}");
        let mut found: BTreeMap<_, Vec<&Value>> = BTreeMap::new();
        for row in &expected {
            let word = row[by].as_str().map(str::to_owned);
            let third = number(row, "key").map(|key| key % 3);
            found.entry((last(word.as_ref()), last(third.as_ref()))).or_default().push(row);
        }
        let mut groups: Vec<Value> = Vec::new();
        for ((word, third), rows) in found {
            let amounts: Vec<i64> = rows.iter().filter_map(|row| number(row, "amount")).collect();
            groups.push(json!({
                by: word.1,
                "third": third.1,
                "rows": rows.len(),
                "sum_amount": (!amounts.is_empty()).then(|| amounts.iter().sum::<i64>()),
                "most": rows.iter().filter_map(|row| number(row, "n")).max().map(|n| 2 * n),
            }));
        }
        if random.below(2) == 0 {
            steps += "  - filter: { expr: third != 1 }\n";
            groups.retain(|row| number(row, "third").is_some_and(|third| third != 1));
        }
        // What the sort does not say is decided by what else is unique of a group.
        let third = if random.below(2) == 0 { ", third" } else { "" };
        let _ = writeln!(steps, "  - sort: {{ by: [{by}{third}] }}");
        if random.below(2) == 0 {
            steps += "  - limit: { rows: 3, offset: 1 }\n";
            groups = groups.into_iter().skip(1).take(3).collect();
        }
        let (mut rows, _) = at_every_cap(&place, &joined(kind, "key = r_key", ""), &steps);
        for row in &mut rows {
            row.as_object_mut().unwrap().remove("first");
        }
        check(&rows, &groups, &format!("round {round}, {kind}\n{steps}"));
    }
}
