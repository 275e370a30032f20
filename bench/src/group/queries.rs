//! Queries: a narrow range sorted by another column, a count by an index, aggregates of a scan, a
//! sort by an index.

use crate::engine::Engines;
use crate::engine::store::Asked;
use crate::measure::{Clock, Contender, compare};
use crate::rows::Row;

/// The range: 0.1 % of the altitudes' span.
const LOW: i32 = 20_000;
const HIGH: i32 = 20_040;
const LIMIT: usize = 50;
const ORIGIN: &str = "KAUS";
/// Runs of the short queries in a round.
const TIMES: usize = 200;

pub fn run(engines: &Engines) {
    range_sorted(engines);
    count(engines);
    aggregates(engines);
    sorted(engines);
}

/// A sum over latitudes that does not depend on the order of equal ones.
fn latitudes(rows: &[&Row]) -> i64 {
    rows.iter().map(|row| (row.lat * 1e4) as i64).sum()
}

fn range_sorted(engines: &Engines) {
    let (ours, sqlite) = (engines.ours(), engines.sqlite());
    // The limit: positions sorted by altitude, and the rows gathered.
    let mut by_altitude: Vec<u32> = (0..engines.rows as u32).collect();
    by_altitude.sort_by_key(|at| engines.values[*at as usize].altitude);
    let place = |altitude: i32| {
        by_altitude.partition_point(|at| engines.values[*at as usize].altitude < altitude)
    };
    let gather = || {
        let found = by_altitude[place(LOW)..place(HIGH)].iter();
        let mut rows: Vec<&Row> = found.map(|at| &engines.values[*at as usize]).collect();
        let last = LIMIT.min(rows.len());
        if last < rows.len() {
            rows.select_nth_unstable_by(last, |a, b| a.lat.total_cmp(&b.lat));
        }
        rows.truncate(last);
        rows.sort_unstable_by(|a, b| a.lat.total_cmp(&b.lat));
        latitudes(&rows)
    };
    let times = |work: &dyn Fn() -> i64| (0..TIMES).map(|_| work()).sum::<i64>();
    let answer = Some(gather() * TIMES as i64);
    let asked = Asked { low: LOW, high: HIGH, limit: LIMIT };
    let contenders = vec![
        Contender::new("store", TIMES, answer, |_| times(&|| ours.range_sorted(&asked))),
        Contender::new("sqlite", TIMES, answer, |_| times(&|| sqlite.range_sorted(&asked)))
            .gate(6.0),
        Contender::new("sorted array, gather", TIMES, answer, |_| times(&gather)).gate(0.12),
    ];
    compare("altitude in a narrow range, sort by lat, limit 50", Clock::Cpu, contenders);
}

fn count(engines: &Engines) {
    let (ours, sqlite) = (engines.ours(), engines.sqlite());
    let found = engines.values.iter().filter(|row| row.origin == *ORIGIN.as_bytes()).count();
    let answer = Some((found * TIMES) as i64);
    let times = |work: &dyn Fn() -> i64| (0..TIMES).map(|_| work()).sum::<i64>();
    let contenders = vec![
        Contender::new("store", TIMES, answer, |_| times(&|| ours.count_from(ORIGIN))),
        Contender::new("sqlite", TIMES, answer, |_| times(&|| sqlite.count_from(ORIGIN))).gate(1.1),
    ];
    compare("count where origin = 'KAUS'", Clock::Cpu, contenders);
}

fn aggregates(engines: &Engines) {
    let (ours, sqlite, rows) = (engines.ours(), engines.sqlite(), engines.rows);
    let north = || engines.values.iter().filter(|row| row.lat > 30.0);
    let (count, sum) = (north().count(), north().map(|row| i64::from(row.gs)).sum::<i64>());
    let answer = Some((sum as f64 / count as f64 * 1e6) as i64 + count as i64);
    let contenders = vec![
        Contender::new("store", rows, answer, |_| ours.north(1)),
        Contender::new("sqlite", rows, answer, |_| sqlite.north()).gate(12.0),
    ];
    compare("scan, count and avg(gs) where lat > 30", Clock::Cpu, contenders);
    let contenders = vec![
        Contender::new("2 threads", rows, answer, |_| ours.north(2)),
        Contender::new("1 thread", rows, answer, |_| ours.north(1)),
    ];
    compare("the same on threads", Clock::Wall, contenders);
}

fn sorted(engines: &Engines) {
    let (ours, sqlite) = (engines.ours(), engines.sqlite());
    let mut altitudes: Vec<i32> = engines.values.iter().map(|row| row.altitude).collect();
    altitudes.sort_unstable();
    let answer: i64 = altitudes.iter().take(10).map(|altitude| i64::from(*altitude)).sum();
    let answer = Some(answer * TIMES as i64);
    let times = |work: &dyn Fn() -> i64| (0..TIMES).map(|_| work()).sum::<i64>();
    let contenders = vec![
        Contender::new("store", TIMES, answer, |_| times(&|| ours.lowest())),
        Contender::new("sqlite", TIMES, answer, |_| times(&|| sqlite.lowest())).gate(2.0),
    ];
    compare("sort by altitude, limit 10", Clock::Cpu, contenders);
}
