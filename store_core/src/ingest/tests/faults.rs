//! What is refused, and what stays of the rows before it.

use super::*;
use crate::mem::MemoryBudget;

#[test]
fn ragged_rows_are_refused_with_their_line() {
    for (bytes, expected) in [
        ("1\t2\n1\n", "in:2: expected 2 fields, found 1"),
        ("1\t2\n1\t2\t3\n", "in:2: expected 2 fields, found 3"),
        ("1\tx\n", "in:1: column \"b\": \"x\" is not an int16"),
        ("1\t70000\n", "in:1: column \"b\": 70000 is out of range for int16"),
    ] {
        assert_eq!(failure(bytes.as_bytes(), "a int, b int16", tsv()), expected);
    }
    let quoted = failure(b"1,\"x\"y\n", "a int, b text", csv());
    assert_eq!(quoted, "in:1: column \"b\": text after a closing quote");
    let mut options = tsv();
    options.escape = Escape::Backslash;
    let escape = failure(b"1\ta\\qb\n", "a int, b text", options);
    assert_eq!(escape, "in:1: column \"b\": unknown escape \\q");
}

#[test]
fn bad_text_is_a_bad_row_and_not_a_crash() {
    let mut options = tsv();
    options.on_error = OnError::Collect;
    let (report, sink) = run(b"ok\na\xffb\na\0b\n\xed\xa0\x80\nlast\n", "t text", &mut options);
    let report = report.unwrap();
    assert_eq!((report.rows_in, report.rows_loaded, report.rows_rejected), (5, 2, 3));
    assert_eq!(sink.rows(), [["ok"], ["last"]]);
    let lines: Vec<u64> = report.errors.iter().map(|error| error.line).collect();
    assert_eq!(lines, [2, 3, 4]);
    assert!(report.errors[0].message.ends_with("is not valid UTF-8"));
    assert!(report.errors[1].message.contains("NUL"));
}

#[test]
fn stop_keeps_whole_batches_and_atomic_keeps_none() {
    let bytes = b"1\n2\n3\n4\n5\nx\n7\n";
    let mut options = tsv();
    options.batch_rows = 2;
    let (report, sink) = run(bytes, "i int", &mut options);
    let message = report.unwrap_err().to_string();
    assert_eq!(message, "in:6: column \"i\": \"x\" is not an int32 (4 rows before it are loaded)");
    assert_eq!((sink.rows().len(), sink.rollbacks), (4, 1));

    options.atomic = true;
    let (report, sink) = run(bytes, "i int", &mut options);
    assert!(report.is_err());
    assert_eq!((sink.rows().len(), sink.commits, sink.rollbacks), (0, 0, 1));
    let (report, sink) = run(b"1\n2\n3\n", "i int", &mut options);
    assert_eq!((report.unwrap().batches, sink.commits), (1, 1));
}

#[test]
fn skip_and_collect_count_and_give_up_at_their_limit() {
    let bytes = b"1\nx\n2\ny\n3\nz\n";
    let mut options = tsv();
    options.on_error = OnError::Skip;
    let (report, sink) = run(bytes, "i int", &mut options);
    let report = report.unwrap();
    assert_eq!((report.rows_rejected, report.errors.len(), sink.rows().len()), (3, 0, 3));

    options.on_error = OnError::Collect;
    options.max_errors = Some(2);
    let (report, sink) = run(bytes, "i int", &mut options);
    let message = report.unwrap_err().to_string();
    assert_eq!(message, "in:6: column \"i\": \"z\" is not an int32; more than 2 bad rows");
    assert!(sink.rows().is_empty());

    options.max_errors = None;
    let many = "x\n".repeat(101);
    assert!(run(many.as_bytes(), "i int", &mut options).0.is_err());
    assert_eq!(run(&many.as_bytes()[2..], "i int", &mut options).0.unwrap().errors.len(), 100);
}

#[test]
fn the_sink_may_refuse_a_row_or_stop_the_load() {
    let schema = Schema::parse("t", "i int").unwrap();
    let mut options = tsv();
    options.on_error = OnError::Collect;
    let mut sink = Memory { refuses: Some(("2", Kind::Duplicate)), ..Memory::default() };
    let report = load(source(b"1\n2\n3\n"), &schema, &mut options, &mut sink).unwrap();
    assert_eq!((report.rows_loaded, report.rows_rejected), (2, 1));
    let mut sink = Memory { refuses: Some(("2", Kind::OverBudget)), ..Memory::default() };
    let error = load(source(b"1\n2\n3\n"), &schema, &mut options, &mut sink).unwrap_err();
    assert_eq!((error.kind(), sink.rollbacks, sink.commits), (Kind::OverBudget, 1, 0));
}

#[test]
fn a_batch_ends_where_memory_is_refused_and_room_can_be_made() {
    let schema = Schema::parse("t", "i int").unwrap();
    let full = || Some(("3", Kind::OverBudget));
    let mut sink = Memory { refuses: full(), room: Some(true), ..Memory::default() };
    let report = load(source(b"1\n2\n3\n4\n"), &schema, &mut tsv(), &mut sink).unwrap();
    assert_eq!((report.rows_loaded, report.batches, sink.commits), (4, 2, 2));
    assert_eq!(sink.rows(), [["1"], ["2"], ["3"], ["4"]]);
    // It does not help: what came before stays, as after any batch.
    let mut sink = Memory { refuses: full(), room: Some(false), ..Memory::default() };
    let error = load(source(b"1\n2\n3\n4\n"), &schema, &mut tsv(), &mut sink).unwrap_err();
    assert!(error.to_string().ends_with("(2 rows before it are loaded)"), "{error}");
    // All or nothing.
    let mut options = tsv();
    options.atomic = true;
    let mut sink = Memory { refuses: full(), room: Some(true), ..Memory::default() };
    let error = load(source(b"1\n2\n3\n4\n"), &schema, &mut options, &mut sink).unwrap_err();
    assert_eq!((error.kind(), sink.rollbacks, sink.commits), (Kind::OverBudget, 1, 0));
}

#[test]
fn a_batch_ends_where_its_text_is_much_for_the_memory() {
    let schema = Schema::parse("t", "i int").unwrap();
    let mut sink = Memory { batch_bytes: Some(4), ..Memory::default() };
    let report = load(source(b"1\n2\n3\n4\n5\n"), &schema, &mut tsv(), &mut sink).unwrap();
    assert_eq!((report.rows_loaded, report.batches, sink.commits), (5, 3, 3));
    assert_eq!(sink.rows(), [["1"], ["2"], ["3"], ["4"], ["5"]]);
    let mut options = tsv();
    options.atomic = true;
    let mut sink = Memory { batch_bytes: Some(4), ..Memory::default() };
    let report = load(source(b"1\n2\n3\n4\n5\n"), &schema, &mut options, &mut sink).unwrap();
    assert_eq!((report.rows_loaded, report.batches), (5, 1), "all or nothing");
}

#[test]
fn rejected_records_are_written_as_they_stood() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.csv");
    let mut options = csv();
    options.on_error = OnError::Skip;
    options.reject = Some(path.clone());
    let (report, _) = run(b"1,a\nx,\"b\nc\"\r\n2\n", "i int, t text", &mut options);
    assert_eq!(report.unwrap().rows_rejected, 2);
    assert_eq!(std::fs::read(&path).unwrap(), b"x,\"b\nc\"\n2\n");

    let schema = Schema::parse("t", "i int, t text").unwrap();
    let source = Source::open(&path).unwrap();
    let error = load(source, &schema, &mut options, &mut Memory::default()).unwrap_err();
    assert!(error.to_string().contains("is the input"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap().len(), 10);
}

#[test]
fn headers_must_name_columns_once() {
    let mut options = tsv();
    options.header = true;
    let schema = "a int, b int";
    let unknown = failure(b"a\tzz\n1\t2\n", schema, options);
    assert_eq!(unknown, "in:1: header names an unknown column \"zz\": `t` has a, b");
    for (header, expected) in [
        (&b"a\ta\n"[..], "header names column \"a\" twice"),
        (b"a\t_row\n", "unknown column \"_row\""),
        (b"a\t\xff\n", "name 2 is not valid UTF-8"),
        (b"\n", "unknown column \"\""),
    ] {
        let mut options = tsv();
        options.header = true;
        let message = failure(header, schema, options);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn cancelling_keeps_the_batches_before_it() {
    let mut options = tsv();
    options.batch_rows = 2;
    options.progress = Some(Box::new(|progress| progress.rows_in < 4));
    let (report, sink) = run(b"1\n2\n3\n4\n5\n6\n", "i int", &mut options);
    assert_eq!(report.unwrap_err().kind(), Kind::Cancelled);
    assert_eq!(sink.rows().len(), 4);
    options.atomic = true;
    let (_, sink) = run(b"1\n2\n3\n4\n5\n6\n", "i int", &mut options);
    assert_eq!((sink.rows().len(), sink.rollbacks), (0, 1));
}

#[test]
fn a_line_without_end_is_an_error_in_bounded_memory() {
    let schema = Schema::parse("t", "t text").unwrap();
    for (format, quote) in [(Format::Tsv, ""), (Format::Csv, "\"")] {
        let budget = MemoryBudget::new(8 << 20);
        let mut options = IngestOptions::new(format);
        options.memory = Some(budget.holder("ingest"));
        options.row_bytes_max = 1 << 20;
        options.on_error = OnError::Skip;
        let start = format!("first\n{quote}");
        let reader = std::io::Cursor::new(start).chain(Endless(100 << 20));
        let mut sink = Memory::default();
        let source = Source::from_reader("long", reader).unwrap();
        let error = load(source, &schema, &mut options, &mut sink).unwrap_err();
        let expected = "long:2: the record is longer than 1048576 bytes (row_bytes_max)";
        assert_eq!((error.to_string().as_str(), error.kind()), (expected, Kind::Invalid));
        assert!(budget.peak() < 5 << 20, "peak {}", budget.peak());
        drop(options);
        assert_eq!(budget.used(), 0);
    }
}

#[test]
fn the_longest_record_is_exact() {
    let record = "x".repeat(100);
    for end in ["", "\n", "\r\n"] {
        for buffer_bytes in [16, 64, 1 << 16] {
            let mut options = tsv();
            (options.row_bytes_max, options.buffer_bytes) = (100, buffer_bytes);
            let bytes = format!("{record}{end}");
            assert_eq!(run(bytes.as_bytes(), "t text", &mut options).0.unwrap().rows_loaded, 1);
            let bytes = format!("x{bytes}");
            assert!(run(bytes.as_bytes(), "t text", &mut options).0.is_err(), "{end:?}");
        }
    }
}

#[test]
fn a_budget_too_small_is_over_budget() {
    let budget = MemoryBudget::new(200 << 10);
    let mut options = IngestOptions::new(Format::Tsv);
    options.memory = Some(budget.holder("ingest"));
    let (report, _) = run(b"1\n", "i int", &mut options);
    assert_eq!(report.unwrap_err().kind(), Kind::OverBudget);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_quote_that_never_closes_stops_even_a_lenient_load() {
    let mut options = csv();
    options.on_error = OnError::Skip;
    let message = failure(b"1,a\n2,\"b\n3,c\n", "i int, t text", options);
    assert_eq!(message, "in:2: a quoted field never ends");
}

#[test]
fn options_that_contradict_are_refused() {
    let broken: [fn(&mut IngestOptions); 6] = [
        |options| options.escape = Escape::Backslash,
        |options| options.delimiter = b'"',
        |options| options.delimiter = b'\n',
        |options| options.delimiter = 0xff,
        |options| options.batch_rows = 0,
        |options| options.row_bytes_max = usize::MAX,
    ];
    for breaks in broken {
        let mut options = csv();
        breaks(&mut options);
        assert_eq!(run(b"1\n", "i int", &mut options).0.unwrap_err().kind(), Kind::Invalid);
    }
}
