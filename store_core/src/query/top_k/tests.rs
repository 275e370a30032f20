//! Encoded keys against the comparison of rows, and the first k against a full sort.

use super::{SortEncoder, TopK};
use crate::query::testing::{NAMES, Rng, random_row, schema};
use crate::query::{NullsOrder, SortKey, compare_rows, complete_sort};
use crate::value::{KEY_BYTES_MAX, Value};
use std::cmp::Ordering;

fn random_sort(rng: &mut Rng) -> Vec<SortKey> {
    let key = |rng: &mut Rng| SortKey {
        column: rng.below(NAMES.len()),
        descending: rng.chance(50),
        nulls: if rng.chance(30) { NullsOrder::First } else { NullsOrder::Last },
    };
    (0..=rng.below(3)).map(|_| key(rng)).collect()
}

fn encoded(encoder: &SortEncoder, row: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.encode(row, &mut out).unwrap();
    out
}

#[test]
fn encoded_keys_compare_as_the_rows_do() {
    let schema = schema();
    for seed in 0..200 {
        let mut rng = Rng::seeded(seed);
        let sort = random_sort(&mut rng);
        let encoder = SortEncoder::new(&sort, &schema);
        let rows: Vec<_> = (0..20).map(|_| random_row(&mut rng)).collect();
        for a in &rows {
            for b in &rows {
                let by_bytes = encoded(&encoder, a).cmp(&encoded(&encoder, b));
                assert_eq!(by_bytes, compare_rows(&sort, &a[..], &b[..]), "{sort:?} {a:?} {b:?}");
            }
        }
    }
}

#[test]
fn text_too_long_for_an_index_still_sorts() {
    let schema = schema();
    let encoder = SortEncoder::new(&[SortKey::descending(4)], &schema);
    let row = |text: String| {
        let mut row = vec![Value::Null; NAMES.len()];
        row[4] = Value::Text(text);
        encoded(&encoder, &row)
    };
    let long = "x\0".repeat(KEY_BYTES_MAX);
    assert!(row(format!("{long}a")) > row(format!("{long}b")));
    assert!(row(long.clone()) > row(format!("{long}a")));
    assert_eq!(row(long.clone()).cmp(&row(long)), Ordering::Equal);
}

#[test]
fn the_first_k_equal_a_full_sort() {
    let schema = schema();
    for seed in 0..300 {
        let mut rng = Rng::seeded(seed);
        let sort = complete_sort(&random_sort(&mut rng), &[0]);
        let encoder = SortEncoder::new(&sort, &schema);
        let rows: Vec<_> = (0..rng.below(60)).map(|_| random_row(&mut rng)).collect();
        let limit = if rng.chance(20) { None } else { Some(rng.below(20)) };
        let offset = rng.below(10);
        let mut top = TopK::new(limit, offset);
        for (nth, row) in rows.iter().enumerate() {
            let key = encoded(&encoder, row);
            let before = top.held_bytes();
            let growth = top.growth_bytes(key.len(), 8);
            let expected = top.would_keep(&key);
            assert_eq!(top.push(&key, nth, 8), expected);
            assert!(top.held_bytes() <= before + growth, "grew by more than was announced");
            assert!(limit.is_none_or(|limit| top.len() <= limit + offset));
        }
        let mut expected: Vec<usize> = (0..rows.len()).collect();
        // Stable: rows that are equal stay in the order they came in.
        expected.sort_by(|a, b| compare_rows(&sort, &rows[*a][..], &rows[*b][..]));
        let limit = limit.unwrap_or(usize::MAX);
        let expected: Vec<usize> = expected.into_iter().skip(offset).take(limit).collect();
        assert_eq!(top.into_sorted().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn memory_stays_flat_once_k_items_are_held() {
    let mut top = TopK::new(Some(10), 0);
    let mut full = 0;
    for nth in (0..100_000_u32).rev() {
        top.push(&nth.to_be_bytes(), nth, 100);
        match nth {
            99_990 => full = top.held_bytes(),
            ..99_990 => assert_eq!(top.held_bytes(), full),
            _ => {}
        }
    }
    assert!(full > 10 * 100);
    assert_eq!(top.into_sorted().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_limit_of_zero_keeps_nothing_and_a_huge_one_everything() {
    let mut none = TopK::new(Some(0), 5);
    assert!(!none.push(b"a", 1, 0));
    assert!(none.is_empty());
    let mut all = TopK::new(Some(usize::MAX), usize::MAX);
    assert!(all.push(b"a", 1, 0));
    assert_eq!(all.into_sorted().len(), 0);
}
