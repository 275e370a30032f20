//! What goes into a batch comes out of it, through every path.

use super::*;
use store_core::value::parse_value;

const TYPES: [(&str, &str); 13] = [
    ("bool", "true"),
    ("int16", "-32768"),
    ("int32", "2147483647"),
    ("int64", "-9223372036854775808"),
    ("float32", "0.1"),
    ("float64", "nan"),
    ("decimal(38,10)", "-1234567890123456789012345678.0123456789"),
    ("text", "süß 😀"),
    ("bytes", "\\x"),
    ("date", "1969-12-31"),
    ("timestamp", "2013-01-01T10:00:00.000001Z"),
    ("inet", "2001:db8::1"),
    ("mac", "08:00:2b:01:02:03"),
];

fn every_type() -> Batch {
    Batch::of_types(TYPES.map(|(name, _)| Type::from_name(name).unwrap()))
}

/// Three rows: values, NULLs, values.
fn filled() -> Batch {
    let mut batch = every_type();
    let cells: Vec<ValueRef<'_>> = TYPES
        .iter()
        .map(|(name, text)| parse_value(text.as_bytes(), Type::from_name(name).unwrap()).unwrap())
        .collect();
    batch.push_row(&cells).unwrap();
    batch.push_row(&[ValueRef::Null; TYPES.len()]).unwrap();
    batch.push_row(&cells).unwrap();
    batch
}

fn shown(batch: &Batch) -> Vec<String> {
    let row = |row| -> Vec<String> {
        let cells = (0..batch.columns().len()).map(|column| batch.cell(row, column));
        cells.map(|cell| if cell.is_null() { "NULL".into() } else { cell.to_string() }).collect()
    };
    (0..batch.rows()).map(|nth| row(nth).join(" ")).collect()
}

#[test]
fn cells_of_every_type_come_back() {
    let batch = filled();
    let texts = TYPES.map(|(_, text)| text).join(" ");
    assert_eq!(shown(&batch), [&texts, &["NULL"; 13].join(" "), &texts].map(String::from));
    assert!(batch.data_bytes() > 0 && batch.held_bytes() >= batch.data_bytes());
}

#[test]
fn rows_are_picked_coded_and_cut() {
    let batch = filled();
    let mut picked = every_type();
    picked.append_picked(&batch, &[2, 1]).unwrap();
    picked.append_range(&batch, 0..2).unwrap();
    let rows = shown(&batch);
    assert_eq!(shown(&picked), [&rows[2], &rows[1], &rows[0], &rows[1]].map(String::from));
    let mut back = every_type();
    for row in 0..picked.rows() {
        let mut bytes = Vec::new();
        encode_row(&picked, row, &mut bytes);
        decode_row(&bytes, &mut back).unwrap();
    }
    assert_eq!(shown(&back), shown(&picked));
    back.truncate_columns(2);
    back.set_rows(2);
    assert_eq!(shown(&back), shown(&picked)[..2]);
    back.clear();
    assert_eq!((back.rows(), back.data_bytes()), (0, 2 * 4));
    back.append_range(&batch, 1..3).unwrap();
    assert_eq!(shown(&back), rows[1..]);
}

#[test]
fn damaged_rows_are_refused() {
    let batch = filled();
    let mut bytes = Vec::new();
    encode_row(&batch, 0, &mut bytes);
    for len in 0..bytes.len() {
        assert!(decode_row(&bytes[..len], &mut every_type()).is_err(), "{len}");
    }
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x80;
        let _ = decode_row(&flipped, &mut every_type());
    }
    bytes.push(0);
    assert!(decode_row(&bytes, &mut every_type()).is_err());
}

#[test]
fn another_type_is_refused() {
    let mut batch = Batch::of_types([Type::Int64]);
    assert!(batch.push_row(&["x".into()]).is_err());
    let mut column = Column::new(Type::Text);
    assert!(column.append_picked(&Column::new(Type::Text), &[]).is_ok());
}

#[test]
fn bits_are_those_of_arrow() {
    let map = Bitmap::from_fn(70, |nth| nth % 3 == 0);
    assert_eq!(map.count_ones(), 24);
    assert_eq!(map.ones().take(3).collect::<Vec<_>>(), [0, 3, 6]);
    assert_eq!(map.words()[0] & 0b1111, 0b1001);
    assert_eq!(map.not().count_ones(), 46);
    assert!(map.or(&map.not()).is_full() && map.and(&map.not()).is_zero());
    assert_eq!(map.and_not(&map), Bitmap::filled(70, false));
    let mut cut = map.clone();
    cut.truncate(65);
    cut.push(true);
    assert_eq!((cut.len(), cut.get(65), cut.get(64)), (66, true, map.get(64)));
}

#[test]
fn places_name_the_line_or_the_row() {
    let source: std::sync::Arc<str> = "a.tsv".into();
    let mut batch = Batch::of_types([Type::Int64]);
    batch.places.set_source(&source);
    for line in [2, 3, 5] {
        batch.push_row(&[line.into()]).unwrap();
        batch.places.push(line as u64);
    }
    let mut picked = Batch::of_types([Type::Int64]);
    picked.append_picked(&batch, &[2]).unwrap();
    assert_eq!(picked.places.name(0, 10), "a.tsv:5: ");
    let mut mixed = Batch::of_types([Type::Int64]);
    mixed.push_row(&[1.into()]).unwrap();
    mixed.append_picked(&batch, &[0]).unwrap();
    assert_eq!(mixed.places.name(1, 10), "row 12: ");
}

#[test]
fn picked_rows_are_those_asked_for_in_runs_and_alone() {
    let fields =
        [Field::new("n", Type::Int64), Field::new("t", Type::Text), Field::new("b", Type::Bytes)];
    let mut from = Batch::new(&fields);
    for row in 0..100_i64 {
        let text = "x".repeat(row as usize % 7);
        let cell = if row % 5 == 0 { ValueRef::Null } else { text.as_str().into() };
        from.push_row(&[row.into(), cell, ValueRef::Bytes(&[row as u8])]).unwrap();
    }
    let rows: [Vec<u32>; 6] = [
        (0..100).collect(),
        (3..50).chain(51..99).collect(),
        (0..100).step_by(3).collect(),
        vec![7, 7, 8, 8, 8, 9],
        vec![99, 98, 3, 4, 5],
        Vec::new(),
    ];
    for rows in rows {
        let mut picked = Batch::new(&fields);
        for _ in 0..2 {
            picked.append_picked(&from, &rows).unwrap();
        }
        assert_eq!(picked.rows(), 2 * rows.len());
        for (nth, row) in rows.iter().chain(&rows).enumerate() {
            for column in 0..3 {
                assert_eq!(picked.cell(nth, column), from.cell(*row as usize, column), "{rows:?}");
            }
        }
    }
}
