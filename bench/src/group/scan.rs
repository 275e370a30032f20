//! Every row, two columns of it.

use crate::engine::Engines;
use crate::measure::{Clock, Contender, compare};

pub fn run(engines: &Engines) {
    let (ours, frozen, rows) = (engines.ours(), engines.frozen(), engines.rows);
    let answer = engines.values.iter().map(|row| i64::from(row.altitude) + row.lon as i64).sum();
    let contenders = vec![
        Contender::new("store", rows, Some(answer), |_| ours.scan()),
        Contender::new("store, row by row", rows, Some(answer), |_| ours.scan_rows()),
        Contender::new("frozen HashMap", rows, Some(answer), |_| frozen.scan()).gate(3.0),
    ];
    compare("scan of all rows, 2 columns", Clock::Cpu, contenders);
}
