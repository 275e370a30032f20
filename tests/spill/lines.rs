//! Lines sorted by their columns: the same lines in another order, whatever the memory.

use crate::Draw;
use store_core::segment::{SegmentCodec, Spill};
use store_core::{Error, Kind, MemoryBudget, Result, Type};
use store_etl::operator::sort::{
    Direction, LineKey, LineOptions, LineSorter, LineStats, Nulls, SortColumn,
};

fn sort(inputs: &[&str], options: LineOptions, keys: &[LineKey]) -> Result<(String, LineStats)> {
    let place = tempfile::tempdir().unwrap();
    let budget = MemoryBudget::for_job(options.memory as u64);
    let spill = Spill::new(place.path(), None)?;
    let mut sorter = LineSorter::new(options, keys.to_vec(), Some(spill), &budget.holder("job"))?;
    for (nth, input) in inputs.iter().enumerate() {
        sorter.read(&mut input.as_bytes(), &format!("in{nth}.tsv"))?;
    }
    let mut out = Vec::new();
    let stats = sorter.finish()?.write_to(&mut out, "out.tsv")?;
    assert_eq!((stats.rows_in, stats.bytes_out), (stats.rows_out, out.len() as u64));
    Ok((String::from_utf8(out).unwrap(), stats))
}

fn key(column: usize, sort: SortColumn) -> LineKey {
    LineKey { column, sort }
}

fn refusal(input: &str, keys: &[LineKey]) -> Error {
    sort(&[input], LineOptions::within(1 << 20), keys).unwrap_err()
}

#[test]
fn lines_are_sorted_by_typed_columns_and_move_as_they_are() {
    let mut draw = Draw(3);
    let mut rows = Vec::new();
    for nth in 0..20_000 {
        let number = match draw.below(12) {
            0 => String::new(),
            1 => "NA".to_owned(),
            _ => (draw.below(900) as i64 - 450).to_string(),
        };
        let text = "x".repeat(draw.below(30) as usize);
        let filler = if draw.below(2000) == 0 { "long ".repeat(2500) } else { String::new() };
        rows.push((number, text, format!("{nth} {filler}")));
    }
    let line = |row: &(String, String, String)| format!("{}\t{}\t{}\n", row.2, row.0, row.1);
    let input: String = rows.iter().map(line).collect();
    // NULLs first, numbers downwards, then text upwards, then input.
    let number =
        SortColumn { ty: Type::Int32, direction: Direction::Descending, nulls: Nulls::First };
    let keys = [key(1, number), key(2, SortColumn::ascending(Type::Text))];
    rows.sort_by(|a, b| {
        let rank = |text: &str| text.parse::<i64>().ok().map_or((0, 0), |number| (1, -number));
        rank(&a.0).cmp(&rank(&b.0)).then_with(|| a.1.cmp(&b.1))
    });
    let expected: String =
        std::iter::once("id\tn\tt\n".to_owned()).chain(rows.iter().map(line)).collect();
    let mut spilled = 0;
    for memory in [600 << 10, 1 << 20, 16 << 20] {
        for codec in [SegmentCodec::Raw, SegmentCodec::Lz4] {
            let options =
                LineOptions { codec, nulls: vec![b"NA".to_vec()], ..LineOptions::within(memory) };
            let whole = format!("id\tn\tt\n{input}");
            let (found, stats) = sort(&[&whole], options, &keys).unwrap();
            assert!(found == expected, "other lines within {memory} bytes");
            spilled += stats.sort.runs;
        }
    }
    assert!(spilled > 6, "{spilled}");
}

#[test]
fn line_ends_marks_and_headers_are_what_they_look_like() {
    let by_number = [key(0, SortColumn::ascending(Type::Int64))];
    let options = LineOptions::within(1 << 20);
    let sorted = |inputs: &[&str]| sort(inputs, options.clone(), &by_number).unwrap().0;
    assert_eq!(sorted(&["n\tt\r\n2\tb\r\n1\ta"]), "n\tt\n1\ta\n2\tb\n");
    assert_eq!(sorted(&["\u{feff}n\n3\n2", "n\n1\n"]), "n\n1\n2\n3\n");
    assert_eq!(sorted(&["n\n"]), "n\n");
    assert_eq!(sorted(&[""]), "");
    assert_eq!(sorted(&["n\tt\n1\t\"a\n0\tb\"\n"]), "n\tt\n0\tb\"\n1\t\"a\n");
    let bare = LineOptions { header: false, ..options.clone() };
    assert_eq!(sort(&["2\n\n1\n"], bare, &by_number).unwrap().0, "1\n2\n\n");
    let error = sort(&["n\n1\n", "m\n2\n"], options, &by_number).unwrap_err();
    assert!(error.to_string().starts_with("in1.tsv:1: the header is not"), "{error}");
}

#[test]
fn every_type_sorts_as_its_values_do() {
    let cases: [(Type, &[&str]); 6] = [
        (Type::Float64, &["-inf", "-1e300", "-0.5", "0", "3", "1e-3", "nan"]),
        (Type::Timestamp, &["1969-12-31T23:59:59Z", "2025-01-06 10:00", "2025-01-06T10:00:01.5Z"]),
        (Type::Date, &["-000044-03-15", "1970-01-01", "2025-01-06"]),
        (Type::Decimal { precision: 12, scale: 2 }, &["-10.50", "-9", "0.01", "0.1", "10"]),
        (Type::Bool, &["false", "true"]),
        (Type::Text, &["", "a", "a b", "ab", "é"]),
    ];
    for (ty, values) in cases {
        let mut expected = values.to_vec();
        if ty == Type::Float64 {
            expected.swap(4, 5); // 0.001 before 3
        }
        let mut lines: Vec<String> = expected.iter().map(|value| format!("{value}\n")).collect();
        let reversed: Vec<String> = values.iter().rev().map(|value| format!("{value}\n")).collect();
        let input = reversed.concat();
        let options = LineOptions { header: false, ..LineOptions::within(1 << 20) };
        let sorted = |column| sort(&[&input], options.clone(), &[key(0, column)]).unwrap().0;
        assert_eq!(sorted(SortColumn::ascending(ty)), lines.concat(), "{ty}");
        lines.reverse();
        assert_eq!(sorted(SortColumn::descending(ty)), lines.concat(), "{ty}");
    }
}

#[test]
fn what_is_wrong_with_a_line_names_file_and_line() {
    let keys = [key(1, SortColumn::ascending(Type::Int32))];
    for (input, said, kind) in [
        ("a\tb\n1\t2\n1\tx\n", "in0.tsv:3: field 2: \"x\" is not an int32", Kind::Type),
        ("a\tb\n1\t2\n1\n", "in0.tsv:3: 1 fields where the first line has 2", Kind::Invalid),
        ("a\tb\n1\t2\t3\n", "in0.tsv:2: 3 fields where the first line has 2", Kind::Invalid),
        ("a\n1\n", "in0.tsv:1: 1 fields and field 2 is to be sorted by", Kind::Invalid),
        ("a\tb\n1\t99999999999\n", "in0.tsv:2: field 2: 99999999999 is out of range", Kind::Type),
    ] {
        let error = refusal(input, &keys);
        assert!(error.to_string().starts_with(said), "{error}");
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.details()[0], "in0.tsv");
    }
    let long = format!("a\tb\n1\t2\n{}\t1\n", "x".repeat(70_000));
    let error = refusal(&long, &keys);
    assert!(error.to_string().starts_with("in0.tsv:3: the line is longer than 65536"), "{error}");
    let unending = format!("a\tb\n{}", "x".repeat(3 << 20));
    let error = refusal(&unending, &keys);
    assert!(error.to_string().starts_with("in0.tsv:2: the line is longer than 65536"), "{error}");
    let longest = format!("a\tb\n{}\t1\n", "x".repeat(65_534));
    let options = LineOptions::within(4 << 20);
    assert_eq!(sort(&[&longest], options, &keys).unwrap().1.rows_out, 1);
}
