//! Tests of cold segments.

use super::super::cold_index::{ColdColumn, ColdColumns, SoughtKey, key_hash};
use super::super::cold_writer::{ColdPlan, ColdWriter};
use super::super::format::SegmentCodec;
use super::super::section::SectionSpec;
use super::*;
use crate::MemoryBudget;
use crate::error::Kind;
use crate::value::{Type, Value};
use crate::wal::Directory;
use std::sync::Arc;

fn columns() -> ColdColumns {
    let column = |id, ty, notnull| ColdColumn { id, ty, notnull };
    let columns = vec![
        column(1, Type::Text, true),
        column(2, Type::Int32, false),
        column(3, Type::Float64, false),
    ];
    ColdColumns::new(columns, &[0])
}

fn row(n: u32) -> [Value; 3] {
    let altitude = if n.is_multiple_of(7) { Value::Null } else { Value::Int(i64::from(n) * 3) };
    [Value::Text(format!("UAL{n:06}")), altitude, Value::Float64(f64::from(n) / 8.0)]
}

struct Place {
    device: Arc<dyn Device>,
    holder: Holder,
    _directory: tempfile::TempDir,
}

fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let device: Arc<dyn Device> = Arc::new(Directory::create(directory.path()).unwrap());
    let holder = MemoryBudget::for_job(64 << 20).holder("test");
    Place { device, holder, _directory: directory }
}

fn write(place: &Place, rows: u32, codec: SegmentCodec) {
    write_with(place, rows, codec, Vec::new());
}

fn write_with(place: &Place, rows: u32, codec: SegmentCodec, sections: Vec<SectionSpec>) {
    let mut writer = ColdWriter::create(
        Arc::clone(&place.device),
        "cold.tmp".to_owned(),
        ColdPlan {
            schema_id: 7,
            columns: columns(),
            sections,
            given: Vec::new(),
            rows_max: rows as usize,
            codec,
        },
        &place.holder,
    )
    .unwrap();
    let mut key = Vec::new();
    for n in 0..rows {
        let row = row(n);
        key.clear();
        columns().encode_key(|at| row[at].as_ref(), &mut key).unwrap();
        writer.push(&key, |at| row[at].as_ref()).unwrap();
    }
    writer.finish("cold.seg").unwrap();
}

#[test]
fn rows_are_found_by_number_and_by_key() {
    for codec in [SegmentCodec::Raw, SegmentCodec::Lz4, SegmentCodec::Zstd] {
        let place = place();
        write(&place, 10_000, codec);
        let file = ColdFile::open(&*place.device, "cold.seg", &place.holder).unwrap();
        assert_eq!((file.index.rows, file.schema_id(), file.name()), (10_000, 7, "cold.seg"));
        assert!(file.index.blocks() > 5 && file.file_bytes() > 10_000);
        assert_eq!(file.verify(&*place.device, &place.holder).unwrap(), 10_000);
        let mut key = Vec::new();
        for n in (0..10_000).step_by(37) {
            let wanted = row(n);
            key.clear();
            columns().encode_key(|at| wanted[at].as_ref(), &mut key).unwrap();
            assert!(file.index.filter.may_have(key_hash(&key)));
            let nth = file.index.block_of_key(&key).unwrap();
            assert_eq!(nth, file.index.block_of_row(n));
            let block = file.read(nth, &place.holder).unwrap();
            let in_block = (n - file.index.block(nth).first_row) as usize;
            for (at, wanted) in wanted.iter().enumerate() {
                let cells = file.column(nth, &block, at).unwrap();
                assert_eq!(cells.get(in_block).to_owned(), *wanted);
            }
        }
        assert_eq!(file.index.block_of_key(b""), None);
        drop(file);
        assert_eq!(place.holder.used(), 0);
    }
}

/// One of a unique index and one of two columns.
fn sections() -> Vec<SectionSpec> {
    let spec = |columns: &[u32], nocase, unique| {
        let columns = columns.to_vec();
        SectionSpec { columns, nocase, unique }
    };
    vec![spec(&[0], true, true), spec(&[1, 2], false, false)]
}

#[test]
fn a_section_has_the_entries_of_all_rows_in_order() {
    let place = place();
    write_with(&place, 9_000, SegmentCodec::Lz4, sections());
    let file = ColdFile::open(&*place.device, "cold.seg", &place.holder).unwrap();
    assert_eq!(file.verify(&*place.device, &place.holder).unwrap(), 9_000);
    for (at, spec) in sections().iter().enumerate() {
        let encode = |n: u32| {
            let (row, mut value) = (row(n), Vec::new());
            spec.encode(&columns(), |at| row[at].as_ref(), &mut value).unwrap();
            (value, n)
        };
        let mut wanted: Vec<(Vec<u8>, u32)> = (0..9_000).map(encode).collect();
        wanted.sort();
        let section = &file.index.sections[at];
        let mut found = Vec::new();
        let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        assert_eq!(section.estimate(all), 9_000);
        for nth in section.blocks_of(all) {
            let block = file.read(file.block_of_section(at, nth), &place.holder).unwrap();
            file.visit(&block, &mut |value, rows| {
                found.extend(rows.iter().map(|row| (value.to_vec(), *row)));
                true
            })
            .unwrap();
        }
        assert!(found == wanted && section.blocks() > 1);
        assert!(wanted.iter().all(|(value, _)| section.may_have(value)));
        let passed = (0..1_000_u32).filter(|n| section.may_have(&n.to_be_bytes())).count();
        assert!(passed < if spec.unique { 60 } else { 1_001 }, "{passed}");
    }
}

#[test]
fn zones_tell_what_is_not_in_a_block() {
    let place = place();
    write(&place, 10_000, SegmentCodec::Lz4);
    let file = ColdFile::open(&*place.device, "cold.seg", &place.holder).unwrap();
    let mut room = Vec::new();
    for nth in 0..file.index.blocks() {
        let (first, rows) = (file.index.block(nth).first_row, file.index.block_rows(nth));
        let zone = file.index.zones(nth)[1];
        let heads = (first..first + rows).filter(|n| !n.is_multiple_of(7)).map(|n| {
            super::super::cold_index::zone_head((i64::from(n) * 3).into(), Type::Int32, &mut room)
        });
        let heads: Vec<u64> = heads.collect();
        assert_eq!(Some(&zone.least), heads.iter().min());
        assert_eq!(Some(&zone.most), heads.iter().max());
        assert!(zone.has_null && !file.index.zones(nth)[0].has_null);
    }
}

#[test]
fn any_flipped_bit_and_any_cut_is_an_error() {
    let place = place();
    write_with(&place, 300, SegmentCodec::Lz4, sections());
    let mut bytes = vec![0; 1 << 20];
    let read = |bytes: &mut Vec<u8>| {
        let file = place.device.open("cold.seg", crate::wal::OpenMode::Read).unwrap();
        let len = file.len().unwrap() as usize;
        bytes.resize(len, 0);
        crate::wal::device::read_full_at(&*file, bytes, 0).unwrap();
    };
    read(&mut bytes);
    let check = |bytes: &[u8]| {
        let file = place.device.open("bad.seg", crate::wal::OpenMode::Truncate).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        ColdFile::open(&*place.device, "bad.seg", &place.holder)
            .and_then(|file| file.verify(&*place.device, &place.holder))
    };
    assert_eq!(check(&bytes).unwrap(), 300);
    for at in 0..bytes.len() {
        bytes[at] ^= 1 << (at % 8);
        let kind = check(&bytes).unwrap_err().kind();
        assert!(matches!(kind, Kind::Corrupt | Kind::Unsupported), "{at}: {kind:?}");
        bytes[at] ^= 1 << (at % 8);
    }
    for len in (0..bytes.len()).step_by(13) {
        assert!(check(&bytes[..len]).is_err(), "{len}");
    }
}

#[test]
fn keys_outside_of_a_segment_are_told_by_its_ends() {
    let place = place();
    write(&place, 2_000, SegmentCodec::Lz4);
    let file = ColdFile::open(&*place.device, "cold.seg", &place.holder).unwrap();
    let may_have = |key: &str| {
        let mut bytes = Vec::new();
        crate::value::encode_key(
            Value::Text(key.to_owned()).as_ref(),
            Type::Text,
            true,
            &mut bytes,
        )
        .unwrap();
        file.index.may_have(&SoughtKey::new(&bytes))
    };
    for n in 0..2_000 {
        assert!(may_have(&format!("UAL{n:06}")), "{n}");
    }
    let others: Vec<String> = (0..2_000)
        .flat_map(|n| [format!("UAK{n:06}"), format!("UAL{n:06}a"), format!("UAM{n:06}")])
        .chain(["UAL002000".to_owned(), String::new()])
        .collect();
    let passed: Vec<&String> = others.iter().filter(|key| may_have(key)).collect();
    // What lies between two keys only the filter tells.
    assert!(passed.len() < 60, "{}", passed.len());
    assert!(passed.iter().all(|key| key.starts_with("UAL00") && key.len() == 10), "{passed:?}");
}
