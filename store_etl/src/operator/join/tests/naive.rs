//! Against a nested loop.

use super::*;
use std::collections::HashMap;

fn sides() -> (Vec<Field>, Vec<Field>) {
    let left = vec![
        Field::new("a", Type::Int32),
        Field::new("name", Type::Text),
        Field::new("value", Type::Float64),
        Field::new("note", Type::Text),
    ];
    let right = vec![
        Field::new("label", Type::Text),
        Field::new("b", Type::Int64),
        Field::new("name", Type::Text),
        Field::new("value", Type::Int16),
    ];
    (left, right)
}

const ON: [(usize, usize); 2] = [(0, 1), (1, 2)];

/// Keys of so many values; one of them has a part of all rows.
fn key(draw: &mut Draw, keys: u64, heavy: u64) -> [Value; 2] {
    let key = if draw.below(100) < heavy { 3 } else { draw.below(keys) };
    let first = if draw.below(20) == 0 { Value::Null } else { Value::Int(key as i64 - 5) };
    let second = match key % 4 {
        0 if draw.below(3) == 0 => Value::Null,
        0 => Value::from(""),
        1 => Value::from("NULL"),
        2 => Value::from("a".repeat(key as usize % 9)),
        _ => Value::from("a common name"),
    };
    [first, second]
}

fn left_rows(draw: &mut Draw, count: usize, keys: u64, heavy: u64) -> Rows {
    let one = |nth: usize| {
        let [a, name] = key(draw, keys, heavy);
        let note = if draw.below(5) == 0 { Value::Null } else { Value::from("n".repeat(nth % 30)) };
        let value = if nth.is_multiple_of(7) { -0.0 } else { nth as f64 };
        vec![a, name, Value::Float64(value), note]
    };
    (0..count).map(one).collect()
}

fn right_rows(draw: &mut Draw, count: usize, keys: u64, heavy: u64) -> Rows {
    let one = |nth: usize| {
        let [b, name] = key(draw, keys, heavy);
        let label = match nth % 5 {
            0 => Value::Null,
            1 => Value::from(format!("label {nth}")),
            _ => Value::from(["north", "south"][nth % 2]),
        };
        vec![label, b, name, Value::Int(nth as i64 % 1000)]
    };
    (0..count).map(one).collect()
}

/// The same by comparing keys, in the columns that the join gives: a name name, value, label, b, value.
fn nested_loop(left: &[Vec<Value>], right: &[Vec<Value>], kind: JoinKind) -> Rows {
    let of = |row: &Vec<Value>, a: usize, b: usize| {
        (row[a] != Value::Null && row[b] != Value::Null)
            .then(|| format!("{:?}{:?}", row[a], row[b]))
    };
    let mut partners: HashMap<String, Vec<usize>> = HashMap::new();
    for (nth, row) in right.iter().enumerate() {
        if let Some(key) = of(row, 1, 2) {
            partners.entry(key).or_default().push(nth);
        }
    }
    let mut met = vec![false; right.len()];
    let mut rows = Vec::new();
    let beside = |left: &[Value], right: &[Value]| -> Vec<Value> {
        [left, &right[..2], &right[3..]].concat()
    };
    let none = vec![Value::Null; 4];
    for row in left {
        let found = of(row, 0, 1).and_then(|key| partners.get(&key));
        match (kind, found) {
            (JoinKind::Semi, Some(_)) | (JoinKind::Anti, None) => rows.push(row.clone()),
            (JoinKind::Semi, None) | (JoinKind::Anti, Some(_)) => {}
            (_, Some(found)) => {
                for nth in found {
                    met[*nth] = true;
                    rows.push(beside(row, &right[*nth]));
                }
            }
            (JoinKind::Left | JoinKind::Full, None) => rows.push(beside(row, &none)),
            (_, None) => {}
        }
    }
    if matches!(kind, JoinKind::Right | JoinKind::Full) {
        for (row, _) in right.iter().zip(met).filter(|(_, met)| !met) {
            // The name is called the same on both sides: it comes of the one that is there.
            let alone = [Value::Null, row[2].clone(), Value::Null, Value::Null];
            rows.push(beside(&alone, row));
        }
    }
    rows
}

fn check(
    seed: u64,
    counts: (usize, usize),
    keys: u64,
    heavy: u64,
    memory: usize,
    mask: u64,
) -> JoinStats {
    let mut draw = Draw(seed);
    let (left, right) = sides();
    let left_rows = left_rows(&mut draw, counts.0, keys, heavy);
    let right_rows = right_rows(&mut draw, counts.1, keys, heavy);
    let mut all = JoinStats::default();
    for kind in KINDS {
        let how = How {
            left: &left,
            right: &right,
            on: &ON,
            kind,
            memory,
            batch: 1 + draw.below(700) as usize,
            hash_mask: mask,
        };
        let (found, stats) = join(how, &left_rows, &right_rows).unwrap();
        let expected = nested_loop(&left_rows, &right_rows, kind);
        assert_eq!(found.len(), expected.len(), "seed {seed} {kind:?}: {stats:?}");
        assert!(sorted(&found) == sorted(&expected), "seed {seed} {kind:?}: {stats:?}");
        all.levels = all.levels.max(stats.levels);
        all.nested += stats.nested;
        all.spill_bytes += stats.spill_bytes;
    }
    all
}

#[test]
fn rows_are_those_of_a_nested_loop_in_much_memory() {
    for (seed, counts) in
        [(0, 0), (0, 400), (400, 0), (1, 1), (900, 300), (300, 2000)].iter().enumerate()
    {
        let stats = check(seed as u64, *counts, 200, 1, 4 << 20, u64::MAX);
        assert_eq!((stats.levels, stats.nested, stats.spill_bytes), (1, 0, 0));
    }
}

#[test]
fn rows_are_those_of_a_nested_loop_in_little_memory() {
    let (mut levels, mut spilled) = (0, 0);
    for seed in 0..8 {
        let mut draw = Draw(seed);
        let counts = [(3000, 9000), (9000, 3000), (6000, 6000), (0, 8000)][seed as usize % 4];
        let memory = (132 << 10) + draw.below(60 << 10) as usize;
        let stats = check(100 + seed, counts, 20_000, 0, memory, u64::MAX);
        levels = levels.max(stats.levels);
        spilled += u64::from(stats.spill_bytes > 0);
    }
    assert!(levels >= 2 && spilled >= 6, "{levels} {spilled}");
}

#[test]
fn pairs_are_taken_apart_three_times_and_more() {
    let (left, right) = sides();
    let mut draw = Draw(5);
    let (l, r) =
        (left_rows(&mut draw, 60_000, 1 << 20, 0), right_rows(&mut draw, 60_000, 1 << 20, 0));
    let how = How {
        left: &left,
        right: &right,
        on: &ON,
        kind: JoinKind::Full,
        memory: 132 << 10,
        batch: 1000,
        hash_mask: u64::MAX,
    };
    let (found, stats) = join(how, &l, &r).unwrap();
    assert!(stats.levels >= 3, "{stats:?}");
    assert!(sorted(&found) == sorted(&nested_loop(&l, &r, JoinKind::Full)));
}

#[test]
fn one_heavy_key_is_joined_block_by_block() {
    let mut nested = 0;
    for seed in 0..2 {
        nested += check(300 + seed, (12, 4000), 3000, 80, 132 << 10, u64::MAX).nested;
        nested += check(400 + seed, (4000, 12), 3000, 80, 132 << 10, u64::MAX).nested;
    }
    // Neither side fits: left rows pass several times.
    nested += check(500, (2600, 2600), 2600, 12, 132 << 10, 0).nested;
    assert!(nested > 0, "{nested}");
}

#[test]
fn keys_that_hashes_do_not_tell_apart_are_told_apart_by_their_bytes() {
    let stats = check(9, (700, 2500), 1500, 0, 132 << 10, 0);
    assert!(stats.nested > 0, "{stats:?}");
    assert_eq!(check(10, (300, 300), 100, 0, 4 << 20, 0).spill_bytes, 0);
}
