//! Random operations against a `BTreeSet`.

use super::*;
use crate::value::{Type, ValueRef, encode_key};
use std::collections::BTreeSet;
use std::ops::Bound;

type Model = BTreeSet<(Vec<u8>, u32)>;

/// Makes keys of one kind from numbers, so that they repeat and collide in their heads.
type MakeKey = fn(u64) -> Vec<u8>;

fn text(number: u64) -> Vec<u8> {
    let long = "x".repeat(if number.is_multiple_of(37) { (number % 7000) as usize } else { 3 });
    let text = match number % 5 {
        0 => format!("{number}"),
        1 => format!("a common beginning {long} {number}"),
        2 => format!("a common beginning\0{number}"),
        3 => String::new(),
        _ => format!("{long}{number}"),
    };
    let mut key = Vec::new();
    let value = if number.is_multiple_of(101) { ValueRef::Null } else { ValueRef::Text(&text) };
    encode_key(value, Type::Text, false, &mut key).unwrap();
    key
}

fn nullable_int64(number: u64) -> Vec<u8> {
    let mut key = Vec::new();
    let value = ValueRef::Int(number as i64 - 300);
    let value = if number.is_multiple_of(11) { ValueRef::Null } else { value };
    encode_key(value, Type::Int64, false, &mut key).unwrap();
    key
}

/// Twelve bytes, of which the last four tell apart what has the same first eight.
fn tied(number: u64) -> Vec<u8> {
    let ties = (number % 23) as u32;
    [&(number / 23).to_be_bytes()[..], &ties.wrapping_sub(11).to_be_bytes()].concat()
}

const KINDS: [(Option<usize>, MakeKey); 6] = [
    (Some(4), |number| (number as u32).to_be_bytes().to_vec()),
    (Some(8), |number| (number << 40).to_be_bytes().to_vec()),
    (Some(9), nullable_int64),
    (Some(12), tied),
    (Some(16), |number| (u128::from(number) << 55).to_be_bytes().to_vec()),
    (None, text),
];

fn padded(mut key: Vec<u8>, width: Option<usize>) -> Vec<u8> {
    let bytes = width.unwrap_or(0).max(8).max(key.len());
    key.resize(bytes, 0);
    key
}

fn random_bound(random: &mut Random, make: MakeKey, keys: u64) -> Bound<Vec<u8>> {
    let key = make(random.below(keys));
    match random.below(3) {
        0 => Bound::Unbounded,
        1 => Bound::Included(key),
        _ => Bound::Excluded(key),
    }
}

fn inside(key: &[u8], range: &KeyRange) -> bool {
    let above = match &range.low {
        Bound::Unbounded => true,
        Bound::Included(low) => key >= low.as_slice(),
        Bound::Excluded(low) => key > low.as_slice(),
    };
    above
        && match &range.high {
            Bound::Unbounded => true,
            Bound::Included(high) => key <= high.as_slice(),
            Bound::Excluded(high) => key < high.as_slice(),
        }
}

fn compare(fixture: &Fixture, model: &Model, range: &KeyRange, max: usize) {
    let mut expected: Vec<_> = model
        .iter()
        .filter(|(key, _)| inside(key, range))
        .map(|(key, row)| (padded(key.clone(), fixture.width), *row))
        .collect();
    assert_eq!(fixture.index.count(range), expected.len() as u64, "count in {range:?}");
    assert_eq!(fixture.entries(range, Direction::Ascending, max), expected);
    let mut rows = Vec::new();
    let mut scan = fixture.index.scan(range, Direction::Ascending);
    while scan.next_rows(&mut rows, max) {}
    assert!(rows.iter().eq(expected.iter().map(|(_, row)| row)));
    expected.reverse();
    assert_eq!(fixture.entries(range, Direction::Descending, max), expected);
    rows.clear();
    let mut scan = fixture.index.scan(range, Direction::Descending);
    while scan.next_rows(&mut rows, max) {}
    assert!(rows.iter().eq(expected.iter().map(|(_, row)| row)));
}

/// One random change, small or large, in the index and the model.
fn change(fixture: &Fixture, model: &mut Model, random: &mut Random, make: MakeKey, keys: u64) {
    let entry = |random: &mut Random| (make(random.below(keys)), random.below(3) as u32);
    let from = random.below(keys);
    match random.below(10) {
        0 => {
            let count = random.below(700);
            let entries: Vec<_> = (0..count).map(|_| entry(random)).collect();
            fixture.index.insert_sorted(&fixture.batch(entries.clone()));
            model.extend(entries);
        }
        1 => {
            let count = random.below(700);
            let entries: Vec<_> = (0..count).map(|_| entry(random)).collect();
            let gone = entries.iter().filter(|entry| model.remove(*entry)).count();
            assert_eq!(fixture.index.remove_all(&fixture.batch(entries)), gone);
        }
        2 => {
            // A whole stretch, so that blocks run empty.
            let stretch = from..from + random.below(400);
            let entries: Vec<_> =
                stretch.flat_map(|number| (0..3).map(move |row| (make(number), row))).collect();
            let gone = entries.iter().filter(|entry| model.remove(*entry)).count();
            assert_eq!(fixture.index.remove_all(&fixture.batch(entries)), gone);
        }
        3..5 => {
            for _ in 0..50 {
                let (key, row) = entry(random);
                assert_eq!(fixture.index.remove(&key, row), model.remove(&(key, row)));
            }
        }
        _ => {
            for _ in 0..80 {
                let (key, row) = entry(random);
                fixture.index.insert(&key, row);
                model.insert((key, row));
            }
        }
    }
}

#[test]
fn index_equals_a_sorted_set() {
    for (number, (width, make)) in KINDS.into_iter().chain(KINDS).enumerate() {
        let small = number >= KINDS.len();
        let fixture = if small { Fixture::with_small_blocks(width) } else { Fixture::new(width) };
        let mut model = Model::new();
        let seed = 0x5EED + number as u64;
        println!("keys of width {width:?}, seed {seed:#x}");
        let mut random = Random(seed);
        for round in 0..60 {
            change(&fixture, &mut model, &mut random, make, 2000);
            assert_eq!(fixture.index.len(), model.len() as u64);
            if round % 6 == 0 {
                fixture.check();
                let low = random_bound(&mut random, make, 2000);
                let high = random_bound(&mut random, make, 2000);
                let max = [1, 7, 100, 100_000][random.below(4) as usize];
                compare(&fixture, &model, &KeyRange { low, high }, max);
                compare(&fixture, &model, &KeyRange::equal(&make(random.below(2000))), max);
            }
        }
        compare(&fixture, &model, &KeyRange::all(), 1000);
        fixture.check_no_leak();
    }
}

#[test]
fn prefix_bounds_select_the_prefix() {
    let fixture = Fixture::new(None);
    for number in 0..500_u32 {
        let mut key = if number % 2 == 0 { b"even\0\x01".to_vec() } else { b"odd\0\x01".to_vec() };
        key.extend(number.to_be_bytes());
        fixture.index.insert(&key, number);
    }
    let range = KeyRange {
        low: Bound::Included(b"odd\0\x01".to_vec()),
        high: Bound::Excluded(b"odd\0\x02".to_vec()),
    };
    assert_eq!(fixture.index.count(&range), 250);
    let found = fixture.entries(&range, Direction::Descending, 10);
    assert!(found.iter().map(|(_, row)| *row).eq((0..250).rev().map(|half| 2 * half + 1)));
}

#[test]
fn ascending_inserts_fill_blocks() {
    for batched in [false, true] {
        let fixture = Fixture::new(Some(8));
        if batched {
            let keys = (0..12_800_u64).map(|number| (number.to_be_bytes().to_vec(), 0));
            fixture.index.insert_sorted(&fixture.batch(keys));
        } else {
            fixture.insert_numbers(0..12_800);
        }
        assert_eq!(fixture.check().len(), 100);
    }
}

#[test]
fn worst_case_is_an_upper_bound() {
    let mut random = Random(77);
    for (width, make) in KINDS {
        let fixture = Fixture::new(width);
        let pin = fixture.epoch.pin(); // nothing is freed from here on
        for count in [1, 3, 40, 500, 3000, 20_000] {
            let keys: Vec<_> = (0..count).map(|row| (make(random.below(50_000)), row)).collect();
            let key_bytes = keys.iter().map(|(key, _)| key.len()).sum();
            let worst = fixture.index.worst_case_bytes(keys.len(), key_bytes);
            let before = fixture.slab.live_bytes();
            fixture.index.insert_sorted(&fixture.batch(keys));
            let taken = fixture.slab.live_bytes() - before;
            assert!(
                taken <= worst as u64,
                "{taken} bytes taken, {worst} foretold, width {width:?}"
            );
        }
        drop(pin);
        fixture.check();
        fixture.check_no_leak();
    }
}
