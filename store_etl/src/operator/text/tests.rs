//! Records cut many at a time are those that the core reads one by one.

use super::cut::{Bad, Cutter, Room};
use super::written::{Dialect, NullMarks};
use store_core::ingest::{Escape, Format, IngestOptions, Records, Source};

struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        (self.0 >> 33) % end
    }

    fn text(&mut self, pieces: &[&str]) -> Vec<u8> {
        let count = self.below(60);
        let piece = |_| pieces[self.below(pieces.len() as u64) as usize];
        (0..count).map(piece).collect::<String>().into_bytes()
    }
}

/// A record as it was read: its line, its bytes, and values with whether they are NULL, or what is wrong.
type Read = (u64, Vec<u8>, Result<Vec<(Vec<u8>, bool)>, String>);

const NULLS: [&str; 2] = ["NA", "\"NA\""];

fn options(quote: Option<u8>, escape: Escape) -> IngestOptions {
    let mut options = IngestOptions::new(Format::Tsv);
    (options.delimiter, options.quote, options.escape) = (b',', quote, escape);
    options.nulls = NULLS.map(str::to_owned).into();
    options
}

fn one_by_one(text: &[u8], options: &IngestOptions, count: usize) -> (Vec<Read>, bool) {
    let source = Source::from_reader("in", std::io::Cursor::new(text.to_vec())).unwrap();
    let mut records = Records::new(source, options).unwrap();
    let mut all = Vec::new();
    loop {
        match records.next() {
            Ok(true) => {}
            Ok(false) => return (all, false),
            Err(_) => return (all, true),
        }
        let values = match records.fault() {
            Some(fault) => Err(fault.to_owned()),
            None if records.count() != count => Err(format!("{} fields", records.count())),
            None => Ok((0..count)
                .map(|nth| (records.value(nth).to_vec(), records.is_null(nth)))
                .collect()),
        };
        all.push((records.line(), records.record().to_vec(), values));
    }
}

fn many_at_once(text: &[u8], dialect: Dialect, count: usize, room: Room) -> (Vec<Read>, bool) {
    let nulls = NullMarks::new(&NULLS.map(str::to_owned), dialect);
    let mut cutter = Cutter::new(dialect, 1 << 20);
    cutter.begin_file();
    cutter.expect(count);
    let mut all = Vec::new();
    let mut scratch = Vec::new();
    let mut rest = text;
    loop {
        cutter.cut(rest, true, room);
        if !cutter.has_some() {
            return (all, false);
        }
        for (row, record) in cutter.records().iter().enumerate() {
            let mut values = Vec::new();
            for nth in 0..count {
                let field = &rest[cutter.field(row, nth)];
                let is_null = nulls.may_have(field) && nulls.has(field);
                assert!(is_null || !nulls.has(field));
                values.push((dialect.value(field, &mut scratch).to_vec(), is_null));
            }
            let bytes = &rest[record.start as usize..record.end as usize];
            all.push((record.line, bytes.to_vec(), Ok(values)));
        }
        if let Some((record, bad)) = cutter.take_bad() {
            let bytes = &rest[record.start as usize..record.end as usize];
            let why = match bad {
                Bad::Count(found) => format!("{found} fields"),
                Bad::Fault(fault) => fault,
                Bad::Open | Bad::Long => return (all, true),
            };
            all.push((record.line, bytes.to_vec(), Err(why)));
        }
        rest = &rest[cutter.next()..];
    }
}

#[test]
fn records_cut_many_at_a_time_are_those_of_the_core() {
    let mut draw = Draw(3);
    let mut seen = [0; 3];
    for round in 0..30_000 {
        let (quote, escape, pieces): (_, _, &[&str]) = match round % 3 {
            0 => {
                (None, Escape::None, &[",", ",", "a", "\n", "\r\n", "\"", "\\", "NA", "long text"])
            }
            1 => (
                Some(b'"'),
                Escape::None,
                &[",", ",", "a", "\n", "\r\n", "\"", "\",\"", "\"\"", ",\"b\"", "NA", "\r", "text"],
            ),
            _ => (
                None,
                Escape::Backslash,
                &[",", ",", "a", "\n", "\r\n", "\\,", "\\\\", "\\t", "\\N", ",\\N,", "\\x", "\r"],
            ),
        };
        let options = options(quote, escape);
        let dialect = Dialect::of(b',', quote, escape);
        let text = draw.text(pieces);
        let count = 1 + draw.below(4) as usize;
        let room = Room { rows: 1 + draw.below(5) as usize, bytes: 200, row_bytes: 1 };
        let found = many_at_once(&text, dialect, count, room);
        let expected = one_by_one(&text, &options, count);
        assert_eq!(found, expected, "{dialect:?} {:?}", String::from_utf8_lossy(&text));
        for (_, _, read) in &found.0 {
            seen[usize::from(read.is_err())] += 1;
        }
        seen[2] += usize::from(found.1);
    }
    assert!(seen.iter().all(|count| *count > 1000), "{seen:?}");
}
