//! The order of each list's values, from the longest read, and what single reads show to be wrong.
//!
//! Every value is appended once and a list only grows, so a read tells all states that the list was
//! in before (Kingsbury and Alvaro, 2020).

use crate::record::{Anomaly, End, Finding, Key, Op, Txn, Value};
use std::collections::{HashMap, HashSet};

/// A read of a list as it was outside the transaction.
pub struct Read<'h> {
    pub txn: u32,
    pub list: &'h [Value],
}

/// One list through the whole history.
#[derive(Default)]
pub struct Item<'h> {
    pub reads: Vec<Read<'h>>,
    /// The longest of them: the order of the values.
    pub order: &'h [Value],
}

/// Who appended a value.
#[derive(Clone, Copy)]
pub struct Writer {
    pub txn: u32,
    pub key: Key,
    /// It is the transaction's last append to this list.
    pub last: bool,
}

/// Lists, writers, and faults that need no graph.
#[derive(Default)]
pub struct Orders<'h> {
    pub items: HashMap<Key, Item<'h>>,
    pub writers: HashMap<Value, Writer>,
    pub findings: Vec<Finding>,
}

impl<'h> Orders<'h> {
    pub fn of(txns: &'h [Txn]) -> Self {
        let mut orders = Self::default();
        for (at, txn) in txns.iter().enumerate() {
            orders.note_appends(at as u32, txn);
        }
        for (at, txn) in txns.iter().enumerate() {
            orders.note_reads(at as u32, txn);
        }
        let mut keys: Vec<Key> = orders.items.keys().copied().collect();
        keys.sort_unstable();
        for key in keys {
            orders.judge(key, txns);
        }
        orders.find_lost(txns);
        orders
    }

    /// True if what this transaction wrote is there for others: it committed, or it may have, and
    /// somebody saw it.
    pub fn counts(&self, txns: &[Txn], at: u32) -> bool {
        match txns[at as usize].end {
            End::Committed => true,
            End::Aborted => false,
            End::Unknown => txns[at as usize].ops.iter().any(|op| match op {
                Op::Append(key, value) => {
                    self.items.get(key).is_some_and(|item| item.order.contains(value))
                }
                Op::Read(..) => false,
            }),
        }
    }

    fn report(&mut self, what: Anomaly, story: String) {
        self.findings.push(Finding { what, real_time: false, story });
    }

    fn note_appends(&mut self, at: u32, txn: &Txn) {
        let mut last = HashMap::new();
        for op in &txn.ops {
            let Op::Append(key, value) = op else { continue };
            let writer = Writer { txn: at, key: *key, last: true };
            assert!(self.writers.insert(*value, writer).is_none(), "{value} is appended once");
            if let Some(before) = last.insert(*key, *value) {
                self.writers.get_mut(&before).expect("just put there").last = false;
            }
        }
    }

    /// Takes a transaction's reads apart: what it appended itself must be at the end, and the rest
    /// the same each time.
    fn note_reads(&mut self, at: u32, txn: &'h Txn) {
        let mut own: Vec<(Key, Value)> = Vec::new();
        let mut seen: Vec<(Key, &[Value])> = Vec::new();
        for op in &txn.ops {
            match op {
                Op::Append(key, value) => own.push((*key, *value)),
                Op::Read(key, list) => {
                    let appended = own.iter().filter(|own| own.0 == *key).map(|own| own.1);
                    let appended: Vec<Value> = appended.collect();
                    let Some(outside) = list.strip_suffix(&appended[..]) else {
                        let story = format!("T{at} read {list:?} after appending {appended:?}");
                        self.report(Anomaly::Internal, story);
                        continue;
                    };
                    match seen.iter().find(|seen| seen.0 == *key) {
                        None => {
                            seen.push((*key, outside));
                            let item = self.items.entry(*key).or_default();
                            item.reads.push(Read { txn: at, list: outside });
                            if outside.len() > item.order.len() {
                                item.order = outside;
                            }
                        }
                        Some((_, before)) if *before == outside => {}
                        Some((_, before)) => {
                            let story = format!("T{at} read {before:?}, then {outside:?}");
                            self.report(Anomaly::Internal, story);
                        }
                    }
                }
            }
        }
    }

    fn judge(&mut self, key: Key, txns: &[Txn]) {
        let mut found = Vec::new();
        let item = &self.items[&key];
        self.judge_values(key, item.order, txns, &mut found);
        let mut strays = 0;
        for read in &item.reads {
            if !item.order.starts_with(read.list) {
                // A few stand for all: one wrong value in the longest read makes all others stray.
                strays += 1;
                if strays <= 3 {
                    let story = format!(
                        "list {key}: T{} read {:?}, the longest is {:?}",
                        read.txn, read.list, item.order
                    );
                    found.push((Anomaly::IncompatibleOrder, story));
                    self.judge_values(key, read.list, txns, &mut found);
                }
            }
            let last = read.list.last().and_then(|value| Some((value, self.writers.get(value)?)));
            if let Some((value, writer)) = last
                && (!writer.last && writer.txn != read.txn)
            {
                let story = format!(
                    "list {key}: T{} read up to {value}, where T{} was not yet done",
                    read.txn, writer.txn
                );
                found.push((Anomaly::G1b, story));
            }
        }
        for (what, story) in found {
            self.report(what, story);
        }
    }

    /// Judges the values of one read by themselves.
    fn judge_values(
        &self,
        key: Key,
        list: &[Value],
        txns: &[Txn],
        found: &mut Vec<(Anomaly, String)>,
    ) {
        let mut known = HashSet::new();
        for value in list {
            if !known.insert(*value) {
                found.push((Anomaly::Duplicate, format!("list {key}: {value} twice in {list:?}")));
            }
            match self.writers.get(value).filter(|writer| writer.key == key) {
                None => {
                    let story = format!("list {key}: nobody appended {value} of {list:?}");
                    found.push((Anomaly::Unwritten, story));
                }
                Some(writer) if txns[writer.txn as usize].end == End::Aborted => {
                    let story = format!("list {key}: {value} is of T{}, aborted", writer.txn);
                    found.push((Anomaly::G1a, story));
                }
                Some(_) => {}
            }
        }
    }

    /// Committed appends that are missing although somebody read the list afterwards.
    fn find_lost(&mut self, txns: &[Txn]) {
        let mut latest: HashMap<Key, u64> = HashMap::new();
        let mut present: HashSet<Value> = HashSet::new();
        for (key, item) in &self.items {
            let begun = item.reads.iter().map(|read| txns[read.txn as usize].begun).max();
            latest.insert(*key, begun.unwrap_or(0));
            present.extend(item.order);
        }
        let mut lost = Vec::new();
        for (value, writer) in &self.writers {
            let txn = &txns[writer.txn as usize];
            let read_later = latest.get(&writer.key).is_some_and(|begun| *begun > txn.ended);
            if txn.end == End::Committed && read_later && !present.contains(value) {
                lost.push(format!("list {}: {value} of T{}", writer.key, writer.txn));
            }
        }
        lost.sort();
        for story in lost {
            self.report(Anomaly::LostAppend, story);
        }
    }
}
