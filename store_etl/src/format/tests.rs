//! Each format's exact bytes, and that TSV and CSV read back as they were.

use super::*;
use store_core::ingest::{self, IngestOptions, Source};
use store_core::{Decimal, Error, Inet, Kind, Mac, Schema, Store, Value};

fn written(format: Format, options: &WriteOptions, rows: &[&[ValueRef<'_>]]) -> Result<String> {
    let mut out = Vec::new();
    let mut writer = row_writer(format, options, &mut out);
    let names = ["a", "b,\"c", "d"];
    writer.header(&names[..rows.first().map_or(3, |row| row.len())])?;
    rows.iter().try_for_each(|row| writer.row(row))?;
    writer.finish()?;
    drop(writer);
    Ok(String::from_utf8(out).unwrap())
}

fn plain(format: Format, rows: &[&[ValueRef<'_>]]) -> String {
    written(format, &WriteOptions::default(), rows).unwrap()
}

const NULL: ValueRef<'static> = ValueRef::Null;

#[test]
fn tsv_is_raw_and_marks_null() {
    let rows: [&[ValueRef<'_>]; 2] = [&[1.into(), "x\\y \"z\"".into()], &[NULL, "".into()]];
    assert_eq!(plain(Format::Tsv, &rows), "a\tb,\"c\n1\tx\\y \"z\"\n\\N\t\n");
    let bare = WriteOptions { header: false, null: Some("NA".to_owned()), ..Default::default() };
    assert_eq!(written(Format::Tsv, &bare, &rows).unwrap(), "1\tx\\y \"z\"\nNA\t\n");
}

#[test]
fn tsv_refuses_what_would_break_a_line() {
    for (text, what) in [("x\ty", "a tab"), ("x\n", "a line feed"), ("\r", "a carriage return")] {
        let rows: [&[ValueRef<'_>]; 2] = [&[1.into(), "fine".into()], &[2.into(), text.into()]];
        let error = written(Format::Tsv, &WriteOptions::default(), &rows).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        let message = error.to_string();
        assert!(message.starts_with("column \"b,\"c\", row 2: tsv cannot hold "), "{message}");
        assert!(message.contains(what), "{message}");
    }
    let mark = written(Format::Tsv, &WriteOptions::default(), &[&["\\N".into()]]);
    assert_eq!(mark.unwrap_err().kind(), Kind::Invalid);
    let options = WriteOptions { escape: Escape::Backslash, ..Default::default() };
    let escaped = written(Format::Tsv, &options, &[&["\t\n\r\\N".into(), NULL]]).unwrap();
    assert_eq!(escaped, "a\tb,\"c\n\\t\\n\\r\\\\N\t\\N\n");
}

#[test]
fn a_mark_for_null_that_would_break_a_line_is_refused() {
    let all = [(Format::Tsv, "\t\n\r"), (Format::Csv, ",\"\n\r")];
    for (format, special) in all {
        for char in special.chars() {
            let null = Some(format!("N{char}A"));
            for header in [false, true] {
                let options = WriteOptions { header, null: null.clone(), ..Default::default() };
                let error = written(format, &options, &[&[NULL]]).unwrap_err();
                assert_eq!(error.kind(), Kind::Invalid);
                assert!(error.to_string().contains(&format!("{char:?}")), "{error}");
            }
        }
        let null = Some("N A;".to_owned());
        let options = WriteOptions { header: false, null, ..Default::default() };
        assert!(written(format, &options, &[&[NULL]]).unwrap().contains("N A;"));
    }
}

#[test]
fn csv_quotes_what_needs_it_and_the_empty_text() {
    let rows: [&[ValueRef<'_>]; 2] = [
        &["x,y".into(), "say \"hi\"".into(), "two\nlines".into()],
        &["".into(), NULL, " z".into()],
    ];
    let expected = "a,\"b,\"\"c\",d\n\"x,y\",\"say \"\"hi\"\"\",\"two\nlines\"\n\"\",, z\n";
    assert_eq!(plain(Format::Csv, &rows), expected);
    let options = WriteOptions { header: false, null: Some("NA".to_owned()), ..Default::default() };
    let marked = written(Format::Csv, &options, &[&[NULL, "NA".into(), "".into()]]).unwrap();
    assert_eq!(marked, "NA,\"NA\",\"\"\n");
}

#[test]
fn json_is_an_array_of_objects() {
    assert_eq!(plain(Format::Json, &[]), "[]\n");
    let rows: [&[ValueRef<'_>]; 2] =
        [&[true.into(), "q\" \\ \n\t\u{1} é".into()], &[f64::NAN.into(), NULL]];
    let expected = "[\n{\"a\":true,\"b,\\\"c\":\"q\\\" \\\\ \\n\\t\\u0001 é\"},\n\
                    {\"a\":null,\"b,\\\"c\":null}\n]\n";
    assert_eq!(plain(Format::Json, &rows), expected);
}

#[test]
fn json_lines_keep_numbers_and_show_moments_and_bytes() {
    let bytes: &[u8] = &[0, 255];
    let rows: [&[ValueRef<'_>]; 3] = [
        &[i64::MIN.into(), 0.1_f32.into(), 1e300.into()],
        &[ValueRef::Date(0), ValueRef::Timestamp(500_000), bytes.into()],
        &[f32::INFINITY.into(), f64::NEG_INFINITY.into(), 1.0.into()],
    ];
    let expected = "{\"a\":-9223372036854775808,\"b,\\\"c\":0.1,\"d\":1e300}\n\
         {\"a\":\"1970-01-01\",\"b,\\\"c\":\"1970-01-01T00:00:00.5Z\",\"d\":\"\\\\x00ff\"}\n\
         {\"a\":null,\"b,\\\"c\":null,\"d\":1.0}\n";
    assert_eq!(plain(Format::JsonLines, &rows), expected);
}

#[test]
fn decimals_are_numbers_with_all_digits_and_addresses_are_text() {
    let most = "-99999999999999999999999999999999999.999".parse::<Decimal>().unwrap();
    let host = "2001:db8::1".parse::<Inet>().unwrap();
    let card = Mac::from_octets([8, 0, 43, 1, 2, 255]);
    let rows: [&[ValueRef<'_>]; 1] = [&[most.into(), host.into(), card.into()]];
    assert_eq!(
        plain(Format::JsonLines, &rows),
        "{\"a\":-99999999999999999999999999999999999.999,\"b,\\\"c\":\"2001:db8::1\",\
         \"d\":\"08:00:2b:01:02:ff\"}\n"
    );
    let line = "-99999999999999999999999999999999999.999\t2001:db8::1\t08:00:2b:01:02:ff\n";
    assert_eq!(plain(Format::Tsv, &rows), format!("a\tb,\"c\td\n{line}"));
    let csv = plain(Format::Csv, &rows);
    assert!(csv.ends_with(&line.replace('\t', ",")), "{csv}");
}

#[test]
fn markdown_escapes_cells() {
    let rows: [&[ValueRef<'_>]; 1] = [&["x|y\\".into(), "two\r\nlines".into(), NULL]];
    let expected = "| a | b,\"c | d |\n| --- | --- | --- |\n| x\\|y\\\\ | two<br>lines |  |\n";
    assert_eq!(plain(Format::Markdown, &rows), expected);
}

struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_error_of_the_output_keeps_its_cause() {
    let options = WriteOptions::default();
    let error: Error = TsvWriter::new(Closed, &options).header(&["a"]).unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    let io = source.downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(io.kind(), std::io::ErrorKind::BrokenPipe);
}

/// Writes rows of text, reads them into a table, and gives what the table holds.
fn round_trip(format: Format, write: &WriteOptions, mut read: IngestOptions) {
    let texts = ["", "x", "a\tb", "c\nd", "\"", "\\", "\\N", ",", "\r\n", "NA", "é"];
    let mut out = Vec::new();
    let mut writer = row_writer(format, write, &mut out);
    writer.header(&["id", "text"]).unwrap();
    writer.row(&[0.into(), NULL]).unwrap();
    for (nth, text) in texts.iter().enumerate() {
        writer.row(&[(nth as i64 + 1).into(), (*text).into()]).unwrap();
    }
    writer.finish().unwrap();
    drop(writer);
    read.header = true;
    let store = Store::in_memory().unwrap();
    let table = store.create_table(Schema::parse("t", "id int64 key, text text").unwrap()).unwrap();
    table.ingest(Source::from_reader("out", std::io::Cursor::new(out)).unwrap(), read).unwrap();
    let snapshot = store.snapshot().unwrap();
    let held = |id: i64| table.get(&snapshot, &[id.into()]).unwrap().unwrap().to_values().remove(1);
    assert_eq!(held(0), Value::Null);
    for (nth, text) in texts.iter().enumerate() {
        assert_eq!(held(nth as i64 + 1), Value::from(*text));
    }
}

#[test]
fn escaped_tsv_reads_back_as_it_was() {
    let write = WriteOptions { escape: Escape::Backslash, ..Default::default() };
    let mut read = IngestOptions::new(ingest::Format::Tsv);
    read.escape = Escape::Backslash;
    round_trip(Format::Tsv, &write, read);
}

#[test]
fn csv_with_a_null_mark_reads_back_as_it_was() {
    let write = WriteOptions { null: Some("NA".to_owned()), ..Default::default() };
    let mut read = IngestOptions::new(ingest::Format::Csv);
    read.nulls = vec!["NA".to_owned()];
    round_trip(Format::Csv, &write, read);
}

#[test]
fn lines_of_a_batch_are_those_of_its_rows() {
    use crate::batch::{Batch, Field};
    use store_core::Type;
    let names = ["a", "b", "c"];
    let fields = [Type::Int64, Type::Text, Type::Float64]
        .iter()
        .zip(names)
        .map(|(ty, name)| Field::new(name, *ty))
        .collect::<Vec<_>>();
    for format in [Format::Tsv, Format::Csv, Format::JsonLines] {
        for escape in [Escape::None, Escape::Backslash] {
            for text in ["", "fine", "x\ty", "x\n", "\r", "\\N", "x\\y", "\"z\"", "a,b"] {
                let options = WriteOptions { escape, ..Default::default() };
                let rows: [[ValueRef<'_>; 3]; 3] = [
                    [1.into(), "fine".into(), 0.25.into()],
                    [NULL, text.into(), NULL],
                    [(-3).into(), NULL, 7.0.into()],
                ];
                let by_row = || -> Result<Vec<u8>> {
                    let mut out = Vec::new();
                    let mut writer = row_writer(format, &options, &mut out);
                    writer.header(&names)?;
                    rows.iter().try_for_each(|row| writer.row(row))?;
                    drop(writer);
                    Ok(out)
                };
                let by_batch = || -> Result<Vec<u8>> {
                    let mut batch = Batch::new(&fields);
                    rows.iter().try_for_each(|row| batch.push_row(row))?;
                    let (mut out, mut writer) = (Vec::new(), line_writer(format, &options));
                    writer.header(&names, &mut out)?;
                    writer.begin(&batch);
                    (0..3).try_for_each(|row| writer.line(&batch, row, &mut out))?;
                    Ok(out)
                };
                let shown = |written: Result<Vec<u8>>| match written {
                    Ok(bytes) => String::from_utf8(bytes).unwrap(),
                    Err(error) => error.to_string(),
                };
                assert_eq!(shown(by_batch()), shown(by_row()), "{format:?} {escape:?} {text:?}");
            }
        }
    }
}
