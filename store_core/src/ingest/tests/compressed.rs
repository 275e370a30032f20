//! Files: gzip and zstd whole, in several members, cut off and damaged; directories and absent files.

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn gzip_is_recognised_by_its_bytes_and_read_member_by_member() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("not_named_gz.tsv");
    std::fs::write(&path, [gzip("1\n2"), gzip("3\n4\n")].concat()).unwrap();
    let schema = Schema::parse("t", "i int").unwrap();
    let mut sink = Memory::default();
    let report = load(Source::open(&path).unwrap(), &schema, &mut tsv(), &mut sink).unwrap();
    assert_eq!((sink.rows(), report.bytes), (vec![vec!["1"], vec!["23"], vec!["4"]], 7));

    let plain = dir.path().join("plain.gz");
    std::fs::write(&plain, "5\n").unwrap();
    let mut sink = Memory::default();
    load(Source::open(&plain).unwrap(), &schema, &mut tsv(), &mut sink).unwrap();
    assert_eq!(sink.rows(), [["5"]]);
}

#[test]
fn a_gzip_cut_anywhere_is_an_error_and_half_a_line_is_no_row() {
    let line = |row| format!("{row}\t{}\n", row * 7919);
    let text = (0..400).map(line).collect::<Vec<_>>().concat();
    let whole = gzip(&text);
    let schema = Schema::parse("t", "i int, t text").unwrap();
    for cut in 4..whole.len() {
        let mut options = tsv();
        (options.batch_rows, options.on_error) = (10, OnError::Skip);
        let mut sink = Memory::default();
        let error = load(source(&whole[..cut]), &schema, &mut options, &mut sink).unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt, "{cut}: {error}");
        assert!(
            error.to_string().starts_with("in: the gzip is truncated, or other bytes"),
            "{error}"
        );
        let rows = sink.rows();
        assert!(rows.len() % 10 == 0);
        for (row, cells) in rows.iter().enumerate() {
            assert_eq!(*cells, [row.to_string(), (row * 7919).to_string()]);
        }
    }
}

#[test]
fn a_damaged_gzip_is_an_error() {
    let schema = Schema::parse("t", "i int").unwrap();
    let whole = gzip("1\n2\n3\n");
    let mut checksum = whole.clone();
    let at = checksum.len() - 8;
    checksum[at] ^= 1;
    let trailing = [whole.as_slice(), b"garbage, not a member"].concat();
    for bytes in [checksum, trailing] {
        let mut sink = Memory::default();
        let error = load(source(&bytes), &schema, &mut tsv(), &mut sink).unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt, "{error}");
        assert!(sink.rows().is_empty());
    }
}

#[test]
fn what_is_no_file_is_said_to_be_so() {
    let dir = tempfile::tempdir().unwrap();
    let error = Source::open(dir.path()).err().unwrap();
    assert!(error.to_string().ends_with("is a directory, not a file"), "{error}");
    let error = Source::open(dir.path().join("absent")).err().unwrap();
    assert_eq!(error.kind(), Kind::NotFound);
}

fn zstd(text: &str, level: i32) -> Vec<u8> {
    let mut encoder = ::zstd::stream::write::Encoder::new(Vec::new(), level).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A frame to be skipped, as pzstd writes before each of its own.
const SKIPPED: &[u8] = &[0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, b'a', b'\n', b'b'];

#[test]
fn zstd_is_recognised_by_its_bytes_and_read_frame_by_frame() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("not_named_zst.tsv");
    let (one, many) = (zstd("1\n2", 1), zstd(&"3\n".repeat(300_000), 19));
    let files = [one.clone(), SKIPPED.to_vec(), many, one].concat();
    let schema = Schema::parse("t", "i int").unwrap();
    for bytes in [files.clone(), [SKIPPED, &files[..]].concat()] {
        std::fs::write(&path, bytes).unwrap();
        let mut sink = Memory::default();
        let report = load(Source::open(&path).unwrap(), &schema, &mut tsv(), &mut sink).unwrap();
        let rows = sink.rows();
        assert_eq!((rows.len(), report.rows_in, report.bytes), (300_003, 300_003, 600_006));
        assert_eq!([rows[0][0], rows[1][0], rows[300_001][0]], ["1", "23", "1"]);
    }
}

#[test]
fn a_zstd_file_cut_anywhere_is_an_error_and_half_a_line_is_no_row() {
    let line = |row| format!("{row}\t{}\n", row * 7919);
    let text = (0..400).map(line).collect::<Vec<_>>().concat();
    let whole = [zstd(&text[..3000], 3), zstd(&text[3000..], 3)].concat();
    let first = zstd(&text[..3000], 3).len();
    let schema = Schema::parse("t", "i int, t text").unwrap();
    for cut in 4..whole.len() {
        let mut options = tsv();
        (options.batch_rows, options.on_error) = (10, OnError::Skip);
        let mut sink = Memory::default();
        let loaded = load(source(&whole[..cut]), &schema, &mut options, &mut sink);
        for (row, cells) in sink.rows().iter().enumerate().take(200) {
            assert_eq!(*cells, [row.to_string(), (row * 7919).to_string()]);
        }
        if cut == first {
            continue; // a whole frame is a whole file, as a whole member of a gzip is
        }
        let error = loaded.unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt, "{cut}: {error}");
        assert!(error.to_string().starts_with("in: the zstd file is "), "{error}");
        assert!(sink.rows().len() % 10 == 0);
    }
}

#[test]
fn a_damaged_zstd_file_is_an_error() {
    let schema = Schema::parse("t", "i int").unwrap();
    let whole = zstd("1\n2\n3\n", 3);
    for at in 4..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            let mut sink = Memory::default();
            // A bit that says nothing may be any; every other is noticed.
            match load(source(&damaged), &schema, &mut tsv(), &mut sink) {
                Ok(_) => assert_eq!(sink.rows(), [["1"], ["2"], ["3"]], "byte {at}, bit {bit}"),
                Err(error) => {
                    let known = [Kind::Corrupt, Kind::Unsupported].contains(&error.kind());
                    assert!(known && sink.rows().is_empty(), "{error}");
                }
            }
        }
    }
    for behind in [&b"garbage, not a frame"[..], b"x", b"\0\0\0\0"] {
        let mut sink = Memory::default();
        let bytes = [whole.as_slice(), behind].concat();
        let error = load(source(&bytes), &schema, &mut tsv(), &mut sink).unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt, "{error}");
        assert!(sink.rows().is_empty());
    }
}

#[test]
fn a_window_is_counted_before_it_is_made() {
    let text = "7\n".repeat(3 << 20);
    let (small, large) = (zstd("6\n", 1), zstd(&text, 19)); // 8 MiB
    let schema = Schema::parse("t", "i int").unwrap();
    for (limit, fits) in [(4 << 20, false), (16 << 20, true)] {
        let budget = crate::mem::MemoryBudget::new(limit);
        let mut options = tsv();
        options.memory = Some(budget.holder("ingest"));
        options.buffer_bytes = 4096;
        let mut sink = Memory::default();
        let bytes = [small.clone(), large.clone()].concat();
        let loaded = load(source(&bytes), &schema, &mut options, &mut sink);
        drop(options);
        assert_eq!(
            loaded.as_ref().err().map(crate::Error::kind),
            (!fits).then_some(Kind::OverBudget)
        );
        assert!(!fits || budget.peak() > 8 << 20, "{}", budget.peak());
        assert_eq!(budget.used(), 0);
    }
    // A window that nobody needs: 2^(10 + 31) bytes.
    let error = load(
        source(b"\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00"),
        &schema,
        &mut tsv(),
        &mut Memory::default(),
    );
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    assert!(error.to_string().contains("--long=31"), "{error}");
}

#[test]
fn the_format_follows_the_name() {
    let names = ["a.csv", "A.CSV.gz", "b.csv.ZST", "a.tsv.gz", "csv", "-", "csv.gz", "a.csv.bz2"];
    let is_csv = names.map(|name| Format::of_name(name) == Format::Csv);
    assert_eq!(is_csv, [true, true, true, false, false, false, false, false]);
}
