//! The checker: edges between transactions, and cycles that the level forbids.
//!
//! ```text
//! ww  appended the value before          wr  read the value of
//! rw  read the list before the value of  rt  was acknowledged before the other began
//! ```
//!
//! Serializable: no cycle at all among the transactions. Snapshots: each transaction is two nodes,
//! where it begins (and reads) and where it commits; then rw goes from begin to commit, all others
//! from commit to begin, and a history has snapshots that explain it if and only if there is no
//! cycle (after Cerone and Gotsman, 2018). Both in time linear in the edges.

use crate::graph::{Edge, Graph};
use crate::orders::Orders;
use crate::record::{Anomaly, End, Finding, Key, Level, Txn};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ww,
    Wr,
    Rw,
    Rt,
}

/// Why one transaction comes before another.
#[derive(Clone, Copy, Debug)]
struct Before {
    from: u32,
    to: u32,
    kind: Kind,
    key: Key,
}

/// What the checker found.
#[derive(Debug)]
pub struct Report {
    pub findings: Vec<Finding>,
    /// Groups of transactions in a cycle, whether the level forbids it or not.
    pub cyclic_groups: usize,
}

impl Report {
    pub fn has(&self, what: Anomaly) -> bool {
        self.findings.iter().any(|finding| finding.what == what)
    }
}

/// Checks a history against what this level forbids.
pub fn check(txns: &[Txn], level: Level) -> Report {
    use Kind::{Rt, Rw, Wr, Ww};
    let orders = Orders::of(txns);
    let mut edges = item_edges(&orders, txns);
    let items = edges.len();
    edges.extend(real_time_edges(&orders, txns));
    let (without_time, all) = (&edges[..items], &edges[..]);
    let mut cyclic_groups = 0;
    let mut search = |edges: &[Before], kinds: &[Kind], nodes: Nodes| {
        let (finding, groups) = find_cycle(txns, edges, kinds, nodes);
        cyclic_groups = groups;
        finding
    };
    let forbidden = search(without_time, &[Ww], Nodes::Whole)
        .or_else(|| search(without_time, &[Ww, Wr], Nodes::Whole))
        .or_else(|| search(without_time, &[Ww, Wr, Rw], Nodes::BeginAndCommit))
        .or_else(|| search(all, &[Ww, Wr, Rw, Rt], Nodes::BeginAndCommit));
    let mut findings = orders.findings;
    if forbidden.is_none() {
        let skewed = search(without_time, &[Ww, Wr, Rw], Nodes::Whole)
            .or_else(|| search(all, &[Ww, Wr, Rw, Rt], Nodes::Whole));
        findings.extend(skewed.filter(|_| level == Level::Serializable));
    }
    findings.extend(forbidden);
    findings.sort_by_key(|finding| finding.what);
    Report { findings, cyclic_groups }
}

/// Edges that follow from the values read.
fn item_edges(orders: &Orders<'_>, txns: &[Txn]) -> Vec<Before> {
    let mut edges = Vec::new();
    for (key, item) in &orders.items {
        let writer = |value| {
            let writer = orders.writers.get(value)?;
            let of_this = writer.key == *key && orders.counts(txns, writer.txn);
            of_this.then_some(writer.txn)
        };
        let writers: Vec<Option<u32>> = item.order.iter().map(writer).collect();
        let mut add = |from: Option<u32>, to: Option<u32>, kind| {
            if let (Some(from), Some(to)) = (from, to)
                && from != to
            {
                edges.push(Before { from, to, kind, key: *key });
            }
        };
        let counted: Vec<Option<u32>> = writers.iter().flatten().copied().map(Some).collect();
        counted.windows(2).for_each(|pair| add(pair[0], pair[1], Kind::Ww));
        for read in item.reads.iter().filter(|read| item.order.starts_with(read.list)) {
            let reader = Some(read.txn);
            let seen = read.list.len();
            add(writers[..seen].last().copied().flatten(), reader, Kind::Wr);
            // Behind its own append there is none of its reads: ww tells that order.
            add(reader, writers.get(seen).copied().flatten(), Kind::Rw);
        }
    }
    edges
}

/// Real time, reduced: whoever begins follows those acknowledged before, but for those that others
/// of them follow already.
fn real_time_edges(orders: &Orders<'_>, txns: &[Txn]) -> Vec<Before> {
    let mut moments: Vec<(u64, bool, u32)> = Vec::with_capacity(2 * txns.len());
    for (at, txn) in txns.iter().enumerate() {
        moments.push((txn.begun, false, at as u32));
        // An aborted one orders others too: it has seen what was acknowledged before.
        if txn.end != End::Unknown || orders.counts(txns, at as u32) {
            moments.push((txn.ended, true, at as u32));
        }
    }
    moments.sort_unstable();
    let mut edges = Vec::new();
    let mut newest: Vec<u32> = Vec::new();
    for (_, is_end, at) in moments {
        if is_end {
            let begun = txns[at as usize].begun;
            newest.retain(|other| txns[*other as usize].ended > begun);
            newest.push(at);
        } else {
            let edge = |from: &u32| Before { from: *from, to: at, kind: Kind::Rt, key: 0 };
            edges.extend(newest.iter().map(edge));
        }
    }
    edges
}

/// What the nodes of a graph are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nodes {
    Whole,
    BeginAndCommit,
}

/// The label of the edge from a transaction's begin to its commit.
const WITHIN: u32 = u32::MAX;

/// A cycle of edges of these kinds, and how many groups have one.
fn find_cycle(
    txns: &[Txn],
    edges: &[Before],
    kinds: &[Kind],
    nodes: Nodes,
) -> (Option<Finding>, usize) {
    let used = edges.iter().enumerate().filter(|(_, edge)| kinds.contains(&edge.kind));
    let place = |(label, edge): (usize, &Before)| {
        let label = label as u32;
        match (nodes, edge.kind) {
            (Nodes::Whole, _) => Edge { from: edge.from, to: edge.to, label },
            (_, Kind::Rw) => Edge { from: 2 * edge.from, to: 2 * edge.to + 1, label },
            _ => Edge { from: 2 * edge.from + 1, to: 2 * edge.to, label },
        }
    };
    let mut placed: Vec<Edge> = used.map(place).collect();
    let mut count = txns.len();
    if nodes == Nodes::BeginAndCommit {
        let within = |txn| Edge { from: 2 * txn, to: 2 * txn + 1, label: WITHIN };
        placed.extend((0..count as u32).map(within));
        count *= 2;
    }
    let graph = Graph::new(count, placed);
    let groups = graph.components();
    let smallest = groups.iter().min_by_key(|group| group.len());
    let finding = smallest.map(|group| {
        let cycle = graph.cycle_in(group);
        let cycle = cycle.iter().filter(|edge| edge.label != WITHIN);
        let cycle: Vec<Before> = cycle.map(|edge| edges[edge.label as usize]).collect();
        classify(txns, &cycle)
    });
    (finding, groups.len())
}

fn classify(txns: &[Txn], cycle: &[Before]) -> Finding {
    let count = |kind| cycle.iter().filter(|edge| edge.kind == kind).count();
    let is_rw = |at: usize| cycle[at % cycle.len()].kind == Kind::Rw;
    let adjacent = (0..cycle.len()).any(|at| is_rw(at) && is_rw(at + 1));
    let same_key = cycle.iter().all(|edge| edge.key == cycle[0].key);
    let what = match (count(Kind::Rw), count(Kind::Wr)) {
        (0, 0) => Anomaly::G0,
        (0, _) => Anomaly::G1c,
        (1, 0) if cycle.len() == 2 && count(Kind::Ww) == 1 && same_key => Anomaly::LostUpdate,
        (1, _) => Anomaly::GSingle,
        (_, _) if !adjacent => Anomaly::GNonadjacent,
        _ => Anomaly::G2Item,
    };
    Finding { what, real_time: count(Kind::Rt) > 0, story: tell(txns, cycle) }
}

fn tell(txns: &[Txn], cycle: &[Before]) -> String {
    let line = |edge: &Before| {
        let Before { from, to, kind, key } = edge;
        let Txn { ops, end, begun, ended } = &txns[*from as usize];
        format!("\n  T{from} ({begun}..{ended} {end:?}) {ops:?}\n    {kind:?} list {key} -> T{to}")
    };
    cycle.iter().map(line).collect()
}
