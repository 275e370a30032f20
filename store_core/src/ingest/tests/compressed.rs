//! Files: gzip whole, in several members, cut off and damaged; directories and absent files.

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
        assert!(error.to_string().starts_with("in: the gzip is truncated"), "{error}");
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

#[test]
fn zstd_is_unpacked_and_large_windows_are_refused() {
    let text: String = (0..50_000).map(|nth| format!("{nth}\tname {}\n", nth % 7)).collect();
    let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let read = |bytes: Vec<u8>| {
        let source = Source::from_reader("z", std::io::Cursor::new(bytes))?;
        let held = source.held_bytes();
        let mut records = Records::new(source, &IngestOptions::new(Format::Tsv))?;
        let mut rows = 0_u64;
        while records.next()? {
            assert_eq!(records.value(0), rows.to_string().as_bytes());
            rows += 1;
        }
        Ok::<_, crate::Error>((rows, held))
    };
    let (rows, held) = read(packed.clone()).unwrap();
    assert_eq!(rows, 50_000);
    assert!((640 << 10..9 << 20).contains(&held), "{held}");
    // Frames may follow one another.
    let mut twice = packed.clone();
    twice.extend(zstd::encode_all(&b"50000\tx\n"[..], 19).unwrap());
    assert_eq!(read(twice).unwrap().0, 50_001);
    let cut = read(packed[..packed.len() - 5].to_vec()).unwrap_err();
    assert_eq!(cut.kind(), Kind::Corrupt, "{cut}");
    for at in 4..packed.len() {
        let mut flipped = packed.clone();
        flipped[at] ^= 0x55;
        if at % 97 == 4 {
            let _ = read(flipped);
        }
    }
    // A window of 2 GiB, and one of all content of 1 GiB.
    for head in
        [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8][..], &[0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0x40]]
    {
        let error = Source::from_reader("z", std::io::Cursor::new(head.to_vec())).err().unwrap();
        assert_eq!(error.kind(), Kind::Unsupported);
        assert!(error.to_string().contains("pack it without --long"), "{error}");
    }
}
