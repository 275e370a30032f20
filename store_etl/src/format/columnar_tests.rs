//! Files that are damaged: errors, no panics, no more memory than they have bytes.

use super::columnar::{ColumnFile, ColumnFormat};
use super::{arrow, parquet};
use crate::batch::{Batch, Field, Limits};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use store_core::{Kind, Result, Type, ValueRef};

const LIMITS: Limits = Limits { rows: 300, bytes: 16 << 10, row_bytes: 8 << 10 };

fn fields() -> Vec<Field> {
    let decimal = Type::Decimal { precision: 30, scale: 3 };
    let types =
        [Type::Int64, Type::Text, Type::Float64, Type::Bool, decimal, Type::Bytes, Type::Int16];
    let field =
        |(nth, ty): (usize, Type)| Field { nullable: nth > 0, ..Field::new(format!("c{nth}"), ty) };
    types.into_iter().enumerate().map(field).collect()
}

/// Rows as text, which is also what they are compared by.
fn batches(fields: &[Field]) -> Vec<Batch> {
    let made = |from: i64| {
        let mut batch = Batch::new(fields);
        for nth in from..from + 200 {
            let text = format!("text {}", nth % 17);
            let units = store_core::Decimal::new(i128::from(nth) * 7, 3).unwrap();
            let cells = [
                ValueRef::Int(nth),
                ValueRef::Text(&text),
                ValueRef::Float64(nth as f64 / 3.0),
                ValueRef::Bool(nth % 3 == 0),
                units.into(),
                ValueRef::Bytes(text.as_bytes()),
                ValueRef::Int(nth % 100),
            ];
            let cells: Vec<ValueRef<'_>> = cells
                .into_iter()
                .enumerate()
                .map(|(at, cell)| {
                    if at > 0 && (nth as usize + at).is_multiple_of(5) {
                        ValueRef::Null
                    } else {
                        cell
                    }
                })
                .collect();
            batch.push_row(&cells).unwrap();
        }
        batch
    };
    [0, 200, 400].into_iter().map(made).collect()
}

fn shown(batch: &Batch) -> String {
    let mut out = String::new();
    for row in 0..batch.rows() {
        for column in 0..batch.columns().len() {
            write!(out, "{:?} ", batch.cell(row, column)).unwrap();
        }
        out.push('\n');
    }
    out
}

fn write(format: ColumnFormat) -> (Vec<u8>, String) {
    let fields = fields();
    let all = batches(&fields);
    let bytes = match format {
        ColumnFormat::Parquet => {
            let settings = parquet::Settings {
                page_bytes: 1 << 10,
                dictionary_bytes: 16 << 10,
                group_bytes: 4 << 10,
            };
            let no_tail = Box::new(|| Err(std::io::Error::other("no tail was expected")));
            let mut out = parquet::FileWriter::new(Vec::new(), &fields, settings, no_tail).unwrap();
            for batch in &all {
                out.write(batch).unwrap();
            }
            out.finish().unwrap()
        }
        ColumnFormat::Arrow => {
            let mut out = arrow::FileWriter::new(Vec::new(), &fields, 0).unwrap();
            for batch in &all {
                out.write(batch).unwrap();
            }
            out.finish().unwrap()
        }
    };
    (bytes, all.iter().map(shown).collect())
}

/// Reads a file as a job does: measured first, and refused if that is too much.
fn read(format: ColumnFormat, path: &Path) -> Result<String> {
    const ROOM: usize = 8 << 20;
    let file = ColumnFile::open(format, path)?;
    let columns = file.columns();
    let known = columns.iter().enumerate().filter_map(|(at, c)| Some((at, c.ty.clone().ok()?)));
    let (wanted, types): (Vec<usize>, Vec<Type>) = known.unzip();
    let found = file.measure(&wanted, &[])?;
    if found.sizes.bytes() + found.head_bytes > ROOM {
        return Err(store_core::Error::new(Kind::OverBudget, "it asks for too much"));
    }
    let mut rows = file.rows_of(&wanted, &found.sizes, &[])?;
    let mut batch = Batch::of_types(types);
    let mut out = String::new();
    while rows.fill(&mut batch, LIMITS)? > 0 {
        assert!(batch.rows() <= LIMITS.rows && batch.data_bytes() < 64 << 10);
        out += &shown(&batch);
        batch.clear();
    }
    Ok(out)
}

struct Place(tempfile::TempDir);

impl Place {
    fn put(&self, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn check(format: ColumnFormat, bytes: &[u8], sound: &str, step: usize) -> (usize, usize) {
    let place = Place(tempfile::tempdir().unwrap());
    assert_eq!(read(format, &place.put(bytes)).unwrap(), sound);
    let (mut same, mut other) = (0, 0);
    for at in (0..bytes.len()).step_by(step) {
        for change in [1_u8 << (at % 8), 0xff] {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= change;
            match read(format, &place.put(&damaged)) {
                Ok(read) if read == sound => same += 1,
                Ok(_) => other += 1,
                Err(error) => assert_ne!(error.kind(), Kind::Panic, "byte {at}: {error}"),
            }
        }
        assert!(read(format, &place.put(&bytes[..at])).is_err(), "cut at {at}");
    }
    (same, other)
}

#[test]
fn no_damage_of_a_parquet_file_is_a_panic_and_none_of_a_page_goes_unnoticed() {
    let (bytes, sound) = write(ColumnFormat::Parquet);
    assert!(bytes.windows(4).filter(|window| window == b"PAR1").count() == 2);
    check(ColumnFormat::Parquet, &bytes, &sound, 3);
    // Pages: everything before the footer, but for the magic.
    let tail: [u8; 4] = bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap();
    let footer = bytes.len() - 8 - u32::from_le_bytes(tail) as usize;
    let place = Place(tempfile::tempdir().unwrap());
    for at in 4..footer {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        let read = read(ColumnFormat::Parquet, &place.put(&damaged));
        assert!(read.is_err() || read.is_ok_and(|read| read == sound), "byte {at}");
    }
}

#[test]
fn no_damage_of_an_arrow_file_is_a_panic() {
    let (bytes, sound) = write(ColumnFormat::Arrow);
    check(ColumnFormat::Arrow, &bytes, &sound, 61);
}

#[test]
fn no_damage_of_other_programs_files_is_a_panic() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store_cli/tests/etl/golden");
    let mut seen = 0;
    for entry in std::fs::read_dir(golden).unwrap() {
        let path = entry.unwrap().path();
        let format = match path.extension().and_then(|ending| ending.to_str()) {
            Some("parquet") => ColumnFormat::Parquet,
            Some("arrow") => ColumnFormat::Arrow,
            _ => continue,
        };
        let sound = read(format, &path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        check(format, &bytes, &sound, 1 + bytes.len() / 60);
        seen += 1;
    }
    assert!(seen >= 12, "{seen} files");
}

#[test]
fn what_the_footer_says_goes_to_a_file_when_it_is_much() {
    let fields = fields();
    let all = batches(&fields);
    let settings = parquet::Settings { page_bytes: 1 << 10, dictionary_bytes: 0, group_bytes: 1 };
    let made = std::rc::Rc::new(std::cell::Cell::new(0));
    let count = std::rc::Rc::clone(&made);
    let tail = Box::new(move || {
        count.set(count.get() + 1);
        tempfile::tempfile()
    });
    let mut out = parquet::FileWriter::new(Vec::new(), &fields, settings, tail).unwrap();
    for _ in 0..400 {
        for batch in &all {
            out.write(batch).unwrap();
        }
    }
    let bytes = out.finish().unwrap();
    assert_eq!(made.get(), 1);
    let place = Place(tempfile::tempdir().unwrap());
    let path = place.put(&bytes);
    let file = ColumnFile::open(ColumnFormat::Parquet, &path).unwrap();
    assert_eq!(file.rows(), Some(400 * 600));
    assert_eq!(file.measure(&[0], &[]).unwrap().groups, 1200);
}

#[test]
fn a_writer_is_cut_up_within_what_it_is_given() {
    for columns in [1, 8, 200, 5000, 20_000] {
        let ty = |nth| if nth % 3 == 0 { Type::Text } else { Type::Int64 };
        let fields: Vec<Field> =
            (0..columns).map(|nth| Field::new(format!("c{nth}"), ty(nth))).collect();
        let least = parquet::Settings::bytes_min(&fields);
        let mut before = 0;
        for more in [1 << 20, 4 << 20, 16 << 20, 256 << 20] {
            let settings = parquet::Settings::within(&fields, least + more);
            assert!(settings.bytes(&fields) <= least + more, "{columns}: {settings:?}");
            assert!(settings.group_bytes >= before, "{columns}: {settings:?}");
            before = settings.group_bytes / 4;
        }
    }
}
