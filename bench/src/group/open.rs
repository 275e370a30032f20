//! Reads with a thousand write transactions open, beside reads with none.

use crate::engine::Engines;
use crate::keys::{Draw, Keys};
use crate::measure::{Clock, Contender, compare};
use std::cell::{Cell, RefCell};

/// Transactions that have each written a row and neither commit nor end.
const OPEN: usize = 1_000;
const READS: usize = 500_000;
/// Least rate beside them: latencies differ by less than a tenth.
const GATE: f64 = 0.9;

pub fn run(engines: &Engines) {
    let written = Keys::of(&engines.ids, (0..OPEN as u32).map(|nth| nth * 7).collect());
    let everywhere = Keys::draw(&engines.ids, READS, Draw::Uniform, 11);
    let ranks = (0..READS).map(|nth| written.ranks[nth * 7_919 % OPEN]).collect();
    let owned = Keys::of(&engines.ids, ranks);
    compare_with(
        "point get, uniform, 1,000 open write transactions",
        engines,
        &everywhere,
        &written,
    );
    compare_with("point get of the rows that they have written", engines, &owned, &written);
}

/// The first contender reads with them open, the other without.
fn compare_with(what: &str, engines: &Engines, keys: &Keys, written: &Keys) {
    let ours = engines.ours();
    let answer = Some(engines.altitudes(&keys.ranks));
    // Opened and ended on nobody's time, after the run before. Each round begins with the other one,
    // so one is first, then the other twice, and so on.
    let open = RefCell::new(ours.open_writers(written));
    let runs = Cell::new(0);
    let prepare = || {
        runs.set(runs.get() + 1);
        let wanted = matches!(runs.get() % 4, 0 | 3);
        if wanted && open.borrow().is_empty() {
            open.replace(ours.open_writers(written));
        } else if !wanted {
            open.borrow_mut().clear();
        }
    };
    let read = |writers: usize| {
        assert_eq!(open.borrow().len(), writers);
        ours.read(keys, 0..READS)
    };
    let contenders = vec![
        Contender::new("with them", READS, answer, |_| read(OPEN)).after(prepare),
        Contender::new("without", READS, answer, |_| read(0)).gate(GATE).after(prepare),
    ];
    compare(what, Clock::Cpu, contenders);
}
