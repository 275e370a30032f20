//! Lines read one by one, and sets of lines compared by their hashes.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// A set of lines in any order: how many, and the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Set {
    lines: u64,
    sum: u128,
}

impl Set {
    fn add(&mut self, line: &[u8]) {
        self.lines += 1;
        self.sum += u128::from(xxh3_64(line));
    }
}

/// Calls for each line behind the header, without its end.
pub(super) fn each(path: &Path, mut take: impl FnMut(&[u8])) {
    let file = File::open(path).expect("the file is there");
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut line = Vec::new();
    reader.skip_until(b'\n').expect("it is read");
    while reader.read_until(b'\n', &mut line).expect("it is read") > 0 {
        take(line.strip_suffix(b"\n").expect("a line ends"));
        line.clear();
    }
}

fn set(path: &Path) -> Set {
    let mut set = Set::default();
    each(path, |line| set.add(line));
    set
}

/// The columns of a line.
pub(super) fn columns(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b'\t')
}

pub(super) fn number(text: &[u8]) -> u64 {
    let digit = |number: u64, byte: &u8| number * 10 + u64::from(byte - b'0');
    text.iter().fold(0, digit)
}

/// The output has the input's lines, by account, time and, where these are equal, number; gives how many.
pub fn check_sort(output: &Path, input: &Path) -> u64 {
    let (mut found, mut before) = (Set::default(), (0, Vec::new(), 0));
    each(output, |line| {
        let mut columns = columns(line);
        let mut next = || columns.next().expect("a column");
        let (txn, ts, account) = (number(next()), next(), number(next()));
        let order =
            before.0.cmp(&account).then_with(|| (*before.1).cmp(ts)).then(before.2.cmp(&txn));
        assert!(order.is_lt(), "line {} is below the one before", found.lines + 2);
        before.0 = account;
        before.1.clear();
        before.1.extend_from_slice(ts);
        before.2 = txn;
        found.add(line);
    });
    assert_eq!(found, set(input), "other lines came out than went in");
    found.lines
}

/// Each row of the output is a line of the left input and, without the number, that of the right one with
/// its number.
pub fn check_join(output: &Path, left: &Path, right: &Path) -> u64 {
    const LEFT: usize = 8;
    let mut found = [Set::default(); 2];
    let mut whole = Vec::new();
    each(output, |line| {
        let ends = line.iter().enumerate().filter(|(_, byte)| **byte == b'\t').map(|(at, _)| at);
        let end = ends.clone().nth(LEFT - 1).expect("columns of both sides");
        let key = ends.clone().next().expect("a number");
        found[0].add(&line[..end]);
        whole.clear();
        whole.extend_from_slice(&line[..key]);
        whole.extend_from_slice(&line[end..]);
        found[1].add(&whole);
    });
    assert_eq!(found[0], set(left), "left halves are others than the left input's lines");
    assert_eq!(found[1], set(right), "right halves are others than the right input's lines");
    found[0].lines
}
