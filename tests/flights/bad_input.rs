//! Files that are wrong: a clear error with file and line, and the table as its last whole batch
//! left it.

use std::io::{Cursor, Read};
use store_core::ingest::{Format, IngestMode, IngestOptions, IngestReport, Source};
use store_core::query::Predicate;
use store_core::{Error, Kind, Schema, Store, Table, Type, Value};
use store_tests::rows::{assert_sound, int, matching};

fn table(store: &Store) -> Table {
    let schema = Schema::builder("t")
        .column("id", Type::Int32)
        .key()
        .column("name", Type::Text)
        .index()
        .column("n", Type::Int16);
    store.create_table(schema.build().unwrap()).unwrap()
}

fn options(mode: IngestMode) -> IngestOptions {
    let mut options = IngestOptions::new(Format::Tsv);
    options.header = true;
    options.batch_rows = 2;
    options.mode = mode;
    options
}

fn load(table: &Table, bytes: &[u8], mode: IngestMode) -> Result<IngestReport, Error> {
    let source = Source::from_reader("bad.tsv", Cursor::new(bytes.to_vec()))?;
    table.ingest(source, options(mode))
}

fn rows(store: &Store, table: &Table) -> Vec<(i64, Value, Value)> {
    let snapshot = store.snapshot().unwrap();
    let mut rows = matching(table, &snapshot, Predicate::all());
    rows.sort_by_key(|row| int(&row[0]));
    rows.into_iter().map(|row| (int(&row[0]), row[1].clone(), row[2].clone())).collect()
}

/// Two good batches come first: lines 2 to 5.
const GOOD: &str = "id\tname\tn\n1\tone\t1\n2\ttwo\t2\n3\tthree\t3\n4\tfour\t4\n";

#[test]
fn a_bad_line_is_named_and_the_batches_before_it_stay() {
    let cases: [(&str, &[u8], Kind); 9] = [
        ("too few fields", b"5\tfive\n", Kind::Invalid),
        ("too many fields", b"5\tfive\t5\t5\n", Kind::Invalid),
        ("not a number", b"5\tfive\tx\n", Kind::Type),
        ("out of range", b"5\tfive\t40000\n", Kind::Type),
        ("a fraction", b"5\tfive\t1.5\n", Kind::Type),
        ("a NUL in a text", b"5\tfi\0ve\t5\n", Kind::Type),
        ("not UTF-8", b"5\tfi\xffve\t5\n", Kind::Type),
        ("no key", b"\tfive\t5\n", Kind::NotNull),
        ("a key twice", b"1\tagain\t5\n", Kind::Duplicate),
    ];
    for (what, line, kind) in cases {
        let store = Store::options().memory(32 << 20).open_in_memory().unwrap();
        let table = table(&store);
        let mut bytes = GOOD.as_bytes().to_vec();
        bytes.extend_from_slice(b"9\tin the batch of the bad line\t9\n");
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(b"10\tten\t10\n");
        let error = load(&table, &bytes, IngestMode::Insert).unwrap_err();
        assert_eq!(error.kind(), kind, "{what}: {error}");
        let text = error.to_string();
        assert!(text.contains("bad.tsv:7") && text.contains("4 rows"), "{what}: {text}");
        let ids: Vec<i64> = rows(&store, &table).iter().map(|row| row.0).collect();
        assert_eq!(ids, [1, 2, 3, 4], "{what}");
        assert_sound(&store);
    }
}

#[test]
fn a_key_twice_in_one_file_does_what_the_mode_says() {
    let twice = format!("{GOOD}1\tagain\t\n2\tagain\t20\n2\tonce more\t\n");
    let found = |mode| {
        let store = Store::options().memory(32 << 20).open_in_memory().unwrap();
        let table = table(&store);
        let report = load(&table, twice.as_bytes(), mode);
        assert_sound(&store);
        let names = rows(&store, &table).into_iter().map(|row| (row.0, row.1, row.2));
        (names.collect::<Vec<_>>(), report.map(|report| report.rows_in).map_err(|e| e.kind()))
    };
    let text = |text: &str| Value::Text(text.to_owned());
    let (one, two) = ((1, text("one"), Value::Int(1)), (2, text("two"), Value::Int(2)));
    let (rows, outcome) = found(IngestMode::Insert);
    assert_eq!((&rows[..2], outcome), (&[one.clone(), two.clone()][..], Err(Kind::Duplicate)));
    let (rows, outcome) = found(IngestMode::Ignore);
    assert_eq!((&rows[..2], outcome), (&[one, two][..], Ok(7)));
    for mode in [IngestMode::Upsert, IngestMode::Replace] {
        let (rows, outcome) = found(mode);
        let expected = [(1, text("again"), Value::Null), (2, text("once more"), Value::Null)];
        assert_eq!((&rows[..2], outcome), (&expected[..], Ok(7)), "{mode:?}");
    }
}

#[test]
fn line_ends_and_ends_of_files_do_not_matter() {
    let crlf = GOOD.replace('\n', "\r\n");
    let open_end = GOOD.trim_end();
    for text in [GOOD, &crlf, open_end] {
        let store = Store::options().memory(32 << 20).open_in_memory().unwrap();
        let table = table(&store);
        let report = load(&table, text.as_bytes(), IngestMode::Insert).unwrap();
        assert_eq!((report.rows_in, report.rows_loaded), (4, 4), "{text:?}");
        let rows = rows(&store, &table);
        assert_eq!(rows[3], (4, Value::Text("four".to_owned()), Value::Int(4)), "{text:?}");
    }
}

#[test]
fn an_empty_file_loads_nothing() {
    for text in ["", "id\tname\tn\n", "id\tname\tn"] {
        let store = Store::options().memory(32 << 20).open_in_memory().unwrap();
        let table = table(&store);
        let report = load(&table, text.as_bytes(), IngestMode::Insert).unwrap();
        assert_eq!((report.rows_in, report.batches), (0, 0), "{text:?}");
    }
}

#[test]
fn a_header_that_does_not_fit_is_refused() {
    let store = Store::options().memory(32 << 20).open_in_memory().unwrap();
    let table = table(&store);
    for header in ["id\tname\tnone\n", "id\tid\tn\n", "name\tn\n"] {
        let text = format!("{header}1\t2\t3\n");
        let error = load(&table, text.as_bytes(), IngestMode::Insert).unwrap_err();
        assert!(error.to_string().contains("bad.tsv"), "{error}");
    }
    assert!(rows(&store, &table).is_empty());
}

#[test]
fn what_is_no_file_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let error = Source::open(place.path()).map(drop).unwrap_err();
    assert!(error.to_string().contains("directory"), "{error}");
    let missing = place.path().join("none.tsv");
    assert_eq!(Source::open(missing).map(drop).unwrap_err().kind(), Kind::NotFound);
}

/// A gzip of stored blocks, as `gzip -0` makes it.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = bytes.chunks(60_000).peekable();
    while let Some(block) = blocks.next() {
        out.push(u8::from(blocks.peek().is_none()));
        let len = block.len() as u16;
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&(!len).to_le_bytes());
        out.extend_from_slice(block);
    }
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    out.extend_from_slice(&(!crc).to_le_bytes());
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out
}

#[test]
fn a_cut_or_damaged_gzip_is_an_error() {
    let whole = gzip(GOOD.as_bytes());
    let store = Store::options().memory(32 << 20).open_in_memory().unwrap();
    let loaded = table(&store);
    assert_eq!(load(&loaded, &whole, IngestMode::Insert).unwrap().rows_in, 4);
    for cut in 11..whole.len() {
        let store = Store::options().memory(32 << 20).open_in_memory().unwrap();
        let table = table(&store);
        let error = load(&table, &whole[..cut], IngestMode::Insert).unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt, "cut at {cut}: {error}");
        assert!(error.to_string().contains("bad.tsv"), "{error}");
        assert!(rows(&store, &table).len().is_multiple_of(2), "whole batches, cut at {cut}");
    }
    for at in 15..whole.len() - 4 {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        let store = Store::options().memory(32 << 20).open_in_memory().unwrap();
        let table = table(&store);
        assert!(load(&table, &damaged, IngestMode::Insert).is_err(), "damaged at {at}");
    }
}

#[test]
fn a_line_of_a_hundred_megabytes_is_refused_within_the_budget() {
    let store = Store::options().memory(64 << 20).open_in_memory().unwrap();
    let table = table(&store);
    let endless = Cursor::new(GOOD).chain(std::io::repeat(b'x').take(100 << 20));
    let source = Source::from_reader("bad.tsv", endless).unwrap();
    let error = table.ingest(source, options(IngestMode::Insert)).unwrap_err();
    assert!(error.to_string().contains("bad.tsv:6"), "{error}");
    assert!(matches!(error.kind(), Kind::Invalid | Kind::OverBudget), "{error}");
    assert!(store.stats().memory_peak <= 64 << 20);
    assert_eq!(rows(&store, &table).len(), 4);
}
