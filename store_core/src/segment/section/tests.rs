//! Tests of blocks of sections.

use super::*;

/// Values with their rows, sorted, of a segment of so many rows.
fn entries(rows: u32, of: impl Fn(u32) -> Vec<u8>) -> Vec<(Vec<u8>, u32)> {
    let mut entries: Vec<_> = (0..rows).map(|row| (of(row), row)).collect();
    entries.sort();
    entries
}

fn write(entries: &[(Vec<u8>, u32)], rows: u32) -> Vec<Vec<u8>> {
    let (mut block, mut blocks) = (SectionBlock::default(), Vec::new());
    for (value, row) in entries {
        if !block.has_room(value) {
            blocks.push(Vec::new());
            block.finish(blocks.last_mut().unwrap());
        }
        block.push(value, *row, rows);
    }
    blocks.push(Vec::new());
    block.finish(blocks.last_mut().unwrap());
    blocks
}

fn read(blocks: &[Vec<u8>], rows: u32) -> Result<Vec<(Vec<u8>, u32)>> {
    let mut found = Vec::new();
    for block in blocks {
        visit(block, rows, &mut |value, rows| {
            found.extend(rows.iter().map(|row| (value.to_vec(), *row)));
            true
        })?;
    }
    Ok(found)
}

#[test]
fn entries_of_few_and_of_many_values_come_back() {
    let number = |row: u32| u64::from(row).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    let few = entries(9_000, |row| vec![(number(row)[0]) % 5]);
    let many = entries(9_000, |row| number(row).to_vec());
    let long = entries(300, |row| [&[7; 3_000][..], &number(row)].concat());
    let none = entries(9_000, |_| Vec::new());
    for (entries, bytes_max) in [(few, 1), (many, 9), (long, 40), (none, 1)] {
        let rows = entries.len() as u32;
        let blocks = write(&entries, rows);
        assert_eq!(read(&blocks, rows).unwrap(), entries);
        let bytes: usize = blocks.iter().map(Vec::len).sum();
        assert!(bytes <= entries.len() * bytes_max + 3_100 * blocks.len(), "{bytes}");
    }
}

#[test]
fn changed_bytes_give_an_error_or_other_entries_and_never_a_panic() {
    let entries = entries(90, |row| vec![1, (row % 9) as u8, 3]);
    let mut blocks = write(&entries, 90);
    for at in 0..blocks[0].len() {
        for bit in 0..8 {
            blocks[0][at] ^= 1 << bit;
            if let Ok(found) = read(&blocks, 90) {
                assert!(found.iter().all(|(_, row)| *row < 90));
            }
            blocks[0][at] ^= 1 << bit;
        }
    }
    for len in 0..blocks[0].len() {
        assert!(read(&[blocks[0][..len].to_vec()], 90).is_err(), "{len}");
    }
}
