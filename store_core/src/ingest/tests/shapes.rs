//! What is accepted: line ends, quotes, escapes, NULL marks, headers, any buffer size.

use super::*;

#[test]
fn line_ends_of_every_kind() {
    let expected = [["1", "a"], ["2", "b"]];
    for bytes in ["1\ta\n2\tb\n", "1\ta\r\n2\tb\r\n", "1\ta\n2\tb", "\u{feff}1\ta\r\n2\tb"] {
        assert_eq!(rows(bytes.as_bytes(), "i int, t text", tsv()), expected, "{bytes:?}");
    }
}

#[test]
fn an_empty_input_has_no_rows() {
    for bytes in ["", "\u{feff}"] {
        let (report, sink) = run(bytes.as_bytes(), "i int, t text", &mut tsv());
        assert_eq!(
            report.unwrap(),
            IngestReport { bytes: bytes.len() as u64, ..Default::default() }
        );
        assert_eq!((sink.columns, sink.commits), (vec![0, 1], 0));
    }
    let mut options = csv();
    options.header = true;
    assert!(run(b"", "i int", &mut options).0.unwrap().rows_in == 0);
    assert!(run(b"i\n", "i int", &mut options).0.unwrap().rows_in == 0);
}

#[test]
fn an_empty_line_is_a_row_of_one_column_only() {
    assert_eq!(rows(b"a\n\nb\n", "t text", tsv()), [["a"], [""], ["b"]]);
    assert_eq!(rows(b"1\n\n", "i int", tsv()), [["1"], ["NULL"]]);
    assert_eq!(failure(b"1\t2\n\n", "a int, b int", tsv()), "in:2: expected 2 fields, found 1");
}

#[test]
fn quotes_hold_delimiters_quotes_and_lines() {
    let bytes = b"1,\"a,\"\"b\"\"\r\nc\",x\r\n2,\"\",\"\n\n\"\n3,5\" pipe,y";
    let expected = [["1", "a,\"b\"\r\nc", "x"], ["2", "", "\n\n"], ["3", "5\" pipe", "y"]];
    assert_eq!(rows(bytes, "i int, t text, u text", csv()), expected);
}

#[test]
fn lines_are_counted_as_an_editor_does() {
    let bytes = b"h,t\n1,\"a\nb\nc\"\n2,x\nbad,y\n";
    let mut options = csv();
    options.header = true;
    let (report, _) = run(bytes, "h int, t text", &mut options);
    let error = report.unwrap_err();
    assert_eq!(error.to_string(), "in:6: column \"h\": \"bad\" is not an int32");
    assert_eq!((error.details(), error.kind()), (["in".into(), "6".into()].as_slice(), Kind::Type));
}

#[test]
fn backslashes_escape_and_mark_null() {
    let mut options = tsv();
    options.escape = Escape::Backslash;
    let bytes = b"a\\tb\\n\t\\N\tc\\\\\n\\\\N\t7\t\\N\n";
    let expected = [["a\tb\n", "NULL", "c\\"], ["\\N", "7", "NULL"]];
    assert_eq!(rows(bytes, "t text, i int, u text", options), expected);
    let raw = rows(b"a\\tb\n", "t text", tsv());
    assert_eq!(raw, [["a\\tb"]]);
}

#[test]
fn null_marks_match_the_whole_field_and_only_outside_quotes() {
    let mut options = csv();
    options.nulls = vec!["NULL".to_owned(), "NA".to_owned()];
    let bytes = b"NULL,NA\nNULLS,\nN,1\n\"NA\",2\nNA ,3\n";
    let expected = [["NULL", "NULL"], ["NULLS", "NULL"], ["N", "1"], ["NA", "2"], ["NA ", "3"]];
    assert_eq!(rows(bytes, "t text, i int", options), expected);
}

#[test]
fn an_empty_field_is_null_in_text_only_if_named() {
    let bytes = b",\n\"\",\"\"\n";
    assert_eq!(rows(bytes, "t text, i int", csv()), [["", "NULL"], ["", "NULL"]]);
    let mut options = csv();
    options.nulls = vec![String::new()];
    assert_eq!(rows(bytes, "t text, i int", options), [["NULL", "NULL"], ["", "NULL"]]);
}

#[test]
fn a_header_maps_columns_in_any_order() {
    let mut options = tsv();
    options.header = true;
    let (report, sink) = run(b"c\ta\n1.5\tx\n", "a text, b int default 7, c double", &mut options);
    assert_eq!(report.unwrap().rows_loaded, 1);
    assert_eq!((sink.columns.as_slice(), sink.rows()), ([2, 0].as_slice(), vec![vec!["1.5", "x"]]));
}

#[test]
fn every_buffer_size_gives_the_same_rows() {
    let mut bytes = Vec::new();
    for row in 0..200 {
        let text = "\"\"q,\n".repeat(row % 13);
        bytes.extend_from_slice(format!("{row},\"{text}\",plain{row}\r\n").as_bytes());
    }
    let load_with = |buffer_bytes| {
        let mut options = csv();
        options.buffer_bytes = buffer_bytes;
        rows(&bytes, "i int, t text, u text", options)
    };
    let expected = load_with(1 << 20);
    assert_eq!(expected.len(), 200);
    assert_eq!(expected[14][1], "\"q,\n");
    for buffer_bytes in 1..70 {
        assert_eq!(load_with(buffer_bytes), expected, "{buffer_bytes}");
    }
}

#[test]
fn batches_progress_and_bytes_are_reported() {
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let log = std::rc::Rc::clone(&seen);
    let mut options = tsv();
    options.batch_rows = 2;
    options.progress = Some(Box::new(move |progress| {
        log.borrow_mut().push((progress.rows_in, progress.bytes));
        assert!(progress.source_bytes >= progress.bytes.min(4) && progress.source_bytes <= 10);
        true
    }));
    let (report, sink) = run(b"1\n2\n3\n4\n5\n", "i int", &mut options);
    let report = report.unwrap();
    assert_eq!((report.batches, report.bytes, sink.commits), (3, 10, 3));
    assert_eq!(*seen.borrow(), [(2, 4), (4, 8), (5, 10)]);
}

#[test]
fn the_sample_flights_load_whole() {
    let home = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = home.join("examples/data/flights-2013-01.tsv.gz");
    let mut options = IngestOptions::new(Format::Tsv);
    options.header = true;
    options.nulls = vec!["NA".to_owned()];
    let mut source = Source::open(&path).unwrap();
    let schema = infer_schema(&mut source, "flights", &options).unwrap();
    assert_eq!(
        schema.to_string(),
        "year int64, month int64, day int64, dep_time int64, sched_dep_time int64, dep_delay int64, \
         arr_time int64, sched_arr_time int64, arr_delay int64, carrier text, flight int64, \
         tailnum text, origin text, dest text, air_time int64, distance int64, hour int64, \
         minute int64, time_hour timestamp"
    );
    let mut sink = Sum::default();
    let report = load(source, &schema, &mut options, &mut sink).unwrap();
    assert_eq!((report.rows_loaded, sink.distance), (27_004, 27_188_805));
    assert_eq!(sink.dep_times, 26_483);
}

#[derive(Default)]
struct Sum {
    distance: i64,
    dep_times: u64,
}

impl RowSink for Sum {
    fn begin(&mut self, _columns: &[usize]) -> Result<()> {
        Ok(())
    }

    fn push(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        if let ValueRef::Int(distance) = cells[15] {
            self.distance += distance;
        }
        self.dep_times += u64::from(!cells[3].is_null());
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        Ok(())
    }

    fn rollback(&mut self) -> Result<()> {
        Ok(())
    }

    fn can_make_room(&self) -> bool {
        false
    }

    fn make_room(&mut self, _: &Error) -> bool {
        false
    }

    fn batch_bytes(&self) -> u64 {
        u64::MAX
    }
}
