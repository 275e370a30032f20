//! Groups of accounts, beside a table with a place for every account.

use super::lines::{columns, each, number};
use std::path::Path;

/// Numbers of accounts are below.
const ACCOUNTS_END: usize = 3_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Group {
    rows: u64,
    sum: u64,
    least: u64,
    most: u64,
}

const NONE: Group = Group { rows: 0, sum: 0, least: u64::MAX, most: 0 };

/// The output's groups are the input's; gives how many.
pub fn check_groups(output: &Path, input: &Path) -> u64 {
    let mut groups = vec![NONE; ACCOUNTS_END];
    each(input, |line| {
        let mut columns = columns(line);
        let account = number(columns.nth(2).expect("an account")) as usize;
        let amount = columns.nth(2).expect("an amount");
        // Two digits after the point, always.
        let cents: Vec<u8> = amount.iter().copied().filter(|byte| *byte != b'.').collect();
        let cents = number(&cents);
        let group = &mut groups[account];
        let (rows, sum) = (group.rows + 1, group.sum + cents);
        *group = Group { rows, sum, least: group.least.min(cents), most: group.most.max(cents) };
    });
    let mut found = 0;
    each(output, |line| {
        let mut columns = columns(line).map(number);
        let mut next = || columns.next().expect("a column");
        let account = next() as usize;
        let group = Group { rows: next(), sum: next(), least: next(), most: next() };
        assert_eq!(group, groups[account], "the group of account {account}");
        groups[account] = NONE; // another one of it would differ
        found += 1;
    });
    let left = groups.iter().filter(|group| group.rows > 0).count();
    assert_eq!(left, 0, "groups are missing");
    found
}
