//! Histories made by hand: one for each anomaly, which must be found, and clean ones.

use crate::check::{Report, check};
use crate::record::Anomaly::{
    Duplicate, G0, G1a, G1b, G1c, G2Item, GNonadjacent, GSingle, IncompatibleOrder, Internal,
    LostAppend, LostUpdate, Unwritten,
};
use crate::record::{Anomaly, End, Level, Op, Txn};

fn append(key: u32, value: u32) -> Op {
    Op::Append(key, value)
}

fn read(key: u32, list: &[u32]) -> Op {
    Op::Read(key, list.to_vec())
}

/// Transactions that all ran at the same time.
fn together(txns: &[&[Op]]) -> Vec<Txn> {
    let txn = |(at, ops): (usize, &&[Op])| Txn {
        ops: ops.to_vec(),
        end: End::Committed,
        begun: at as u64,
        ended: (1_000 + at) as u64,
    };
    txns.iter().enumerate().map(txn).collect()
}

/// Transactions each of which was acknowledged before the next began.
fn one_by_one(txns: &[&[Op]]) -> Vec<Txn> {
    let mut txns = together(txns);
    for (at, txn) in txns.iter_mut().enumerate() {
        (txn.begun, txn.ended) = (2 * at as u64, 2 * at as u64 + 1);
    }
    txns
}

fn only(report: &Report, what: Anomaly, real_time: bool) {
    let found: Vec<_> = report.findings.iter().map(|it| (it.what, it.real_time)).collect();
    assert_eq!(found, [(what, real_time)], "{:#?}", report.findings);
}

/// Both levels forbid it, and it is found without looking at the time.
fn forbidden(txns: &[Txn], what: Anomaly) {
    for level in [Level::Snapshot, Level::Serializable] {
        only(&check(txns, level), what, false);
    }
}

fn clean(txns: &[Txn], level: Level) {
    let report = check(txns, level);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[test]
fn clean_histories_raise_no_alarm() {
    let serial: &[&[Op]] = &[
        &[append(1, 1), append(1, 2), append(2, 3)],
        &[read(1, &[1, 2]), append(1, 4), read(1, &[1, 2, 4])],
        &[read(1, &[1, 2, 4]), read(2, &[3]), read(3, &[])],
        &[append(3, 5)],
        &[read(3, &[5]), read(2, &[3]), append(2, 6), append(2, 7), read(2, &[3, 6, 7])],
    ];
    for level in [Level::Snapshot, Level::Serializable] {
        clean(&[], level);
        clean(&one_by_one(serial), level);
        clean(&together(serial), level);
        // While all run together, the order in which they are listed means nothing.
        let mut turned = together(serial);
        turned.reverse();
        clean(&turned, level);
    }
}

#[test]
fn a_reader_of_an_older_state_is_clean_while_it_runs_beside_the_writer() {
    let txns: &[&[Op]] = &[&[append(1, 1)], &[read(1, &[])], &[read(1, &[1])]];
    clean(&together(txns), Level::Serializable);
}

#[test]
fn values_nobody_appended() {
    forbidden(&together(&[&[append(1, 1)], &[read(1, &[1, 9])]]), Unwritten);
    // Appended, but to another list.
    forbidden(&together(&[&[append(1, 1), append(2, 2)], &[read(1, &[1, 2])]]), Unwritten);
}

#[test]
fn values_that_come_twice() {
    forbidden(&together(&[&[append(1, 1)], &[read(1, &[1, 1])]]), Duplicate);
}

#[test]
fn orders_that_do_not_agree() {
    let txns: &[&[Op]] = &[&[append(1, 1)], &[append(1, 2)], &[read(1, &[1, 2])], &[read(1, &[2])]];
    forbidden(&together(txns), IncompatibleOrder);
}

#[test]
fn appends_that_got_lost() {
    let txns: &[&[Op]] = &[&[append(1, 1)], &[append(1, 2)], &[read(1, &[1])]];
    forbidden(&one_by_one(txns), LostAppend);
    // Not yet read by anybody is not lost.
    clean(&together(txns), Level::Serializable);
    // In the middle: the order is that of the longest read.
    let txns: &[&[Op]] = &[&[append(1, 1)], &[append(1, 2)], &[append(1, 3)], &[read(1, &[1, 3])]];
    forbidden(&one_by_one(txns), LostAppend);
}

#[test]
fn transactions_that_disagree_with_themselves() {
    forbidden(&together(&[&[append(1, 1), read(1, &[])]]), Internal);
    forbidden(
        &together(&[&[append(1, 1)], &[read(1, &[1]), append(1, 2), read(1, &[2])]]),
        Internal,
    );
    forbidden(&together(&[&[append(1, 1)], &[read(1, &[]), read(1, &[1])]]), Internal);
}

#[test]
fn g1a_aborted_reads() {
    let mut txns = together(&[&[append(1, 1)], &[read(1, &[1])]]);
    txns[0].end = End::Aborted;
    forbidden(&txns, G1a);
    // Not known to be aborted: whoever saw it proves that it was not.
    txns[0].end = End::Unknown;
    clean(&txns, Level::Serializable);
}

#[test]
fn g1b_intermediate_reads() {
    let txns: &[&[Op]] = &[&[append(1, 1), append(1, 2)], &[read(1, &[1])], &[read(1, &[1, 2])]];
    let report = check(&together(txns), Level::Snapshot);
    assert!(report.has(G1b), "{report:#?}");
}

#[test]
fn g0_a_cycle_of_overwrites() {
    let txns: &[&[Op]] = &[
        &[append(1, 1), append(2, 2)],
        &[append(1, 3), append(2, 4)],
        &[read(1, &[1, 3]), read(2, &[4, 2])],
    ];
    forbidden(&together(txns), G0);
    // One transaction's values on both sides of another's.
    let txns: &[&[Op]] = &[&[append(1, 1), append(1, 3)], &[append(1, 2)], &[read(1, &[1, 2, 3])]];
    forbidden(&together(txns), G0);
}

#[test]
fn g1c_a_cycle_of_information() {
    let txns: &[&[Op]] = &[&[append(1, 1), read(2, &[2])], &[append(2, 2), read(1, &[1])]];
    forbidden(&together(txns), G1c);
}

#[test]
fn p4_lost_updates() {
    let txns: &[&[Op]] =
        &[&[read(1, &[]), append(1, 1)], &[read(1, &[]), append(1, 2)], &[read(1, &[1, 2])]];
    forbidden(&together(txns), LostUpdate);
}

#[test]
fn g_single_read_skew() {
    let txns: &[&[Op]] =
        &[&[append(1, 1), append(2, 2)], &[read(1, &[1]), read(2, &[])], &[read(2, &[2])]];
    forbidden(&together(txns), GSingle);
    // Through a third transaction.
    let txns: &[&[Op]] =
        &[&[append(1, 1)], &[read(1, &[1]), append(2, 2)], &[read(2, &[2]), read(1, &[])]];
    forbidden(&together(txns), GSingle);
}

#[test]
fn a_reader_that_was_aborted_saw_a_snapshot_too() {
    let mut txns = together(&[
        &[append(1, 1), append(2, 2)],
        &[read(1, &[1]), read(2, &[])],
        &[read(2, &[2])],
    ]);
    txns[1].end = End::Aborted;
    forbidden(&txns, GSingle);
}

#[test]
fn the_long_fork_has_no_snapshots() {
    let txns: &[&[Op]] = &[
        &[append(1, 1)],
        &[append(2, 2)],
        &[read(1, &[1]), read(2, &[])],
        &[read(1, &[]), read(2, &[2])],
    ];
    forbidden(&together(txns), GNonadjacent);
}

#[test]
fn g2_item_write_skew_is_for_snapshots_only() {
    let txns: &[&[Op]] = &[
        &[read(1, &[]), append(2, 2)],
        &[read(2, &[]), append(1, 1)],
        &[read(1, &[1]), read(2, &[2])],
    ];
    clean(&together(txns), Level::Snapshot);
    only(&check(&together(txns), Level::Serializable), G2Item, false);
}

#[test]
fn the_read_only_anomaly_is_for_snapshots_only() {
    let txns: &[&[Op]] = &[
        &[read(1, &[]), read(2, &[]), append(1, 1)],
        &[append(2, 2)],
        &[read(1, &[]), read(2, &[2])],
        &[read(1, &[1]), read(2, &[2])],
    ];
    clean(&together(txns), Level::Snapshot);
    only(&check(&together(txns), Level::Serializable), G2Item, false);
}

#[test]
fn a_snapshot_from_before_an_acknowledged_commit() {
    let txns: &[&[Op]] = &[&[append(1, 1)], &[read(1, &[])], &[read(1, &[1])]];
    for level in [Level::Snapshot, Level::Serializable] {
        only(&check(&one_by_one(txns), level), GSingle, true);
    }
}

#[test]
fn a_read_of_what_was_written_later() {
    let txns: &[&[Op]] = &[&[read(1, &[1])], &[append(1, 1)]];
    for level in [Level::Snapshot, Level::Serializable] {
        only(&check(&one_by_one(txns), level), G1c, true);
    }
}

#[test]
fn a_serial_order_against_the_time() {
    // The first two are a serial order only if the second came first; a third stood between them.
    let mut txns = together(&[
        &[read(1, &[]), append(2, 2)],
        &[append(1, 1)],
        &[read(2, &[])],
        &[read(1, &[1]), read(2, &[2])],
    ]);
    clean(&txns, Level::Serializable);
    (txns[1].begun, txns[1].ended) = (10, 20);
    (txns[2].begun, txns[2].ended) = (30, 40);
    clean(&txns, Level::Snapshot);
    only(&check(&txns, Level::Serializable), G2Item, true);
}

#[test]
fn a_long_history_is_checked_in_linear_time() {
    let mut txns = Vec::new();
    let mut lists = vec![Vec::new(); 5_000];
    for at in 0..100_000_u32 {
        let key = at / 20;
        let list: &mut Vec<u32> = &mut lists[key as usize];
        let mut ops = vec![read(key, list), append(key, at)];
        list.push(at);
        if at % 3 == 0 {
            ops.push(read(key, list));
        }
        let begun = 2 * u64::from(at);
        // Eight at a time.
        txns.push(Txn { ops, end: End::Committed, begun, ended: begun + 15 });
    }
    let start = std::time::Instant::now();
    clean(&txns, Level::Serializable);
    let took = start.elapsed();
    println!("100,000 transactions checked in {took:?}");
    assert!(took.as_secs() < 10, "{took:?}");
}
