//! Queries: a narrow range sorted by another column, a count by an index, aggregates of a scan, a
//! sort by an index, long results, and making an index.

use crate::engine::Engines;
use crate::engine::store::{ALTITUDE, Asked, LAT};
use crate::measure::{Clock, Contender, ROUNDS, compare, cpu_seconds, median};
use crate::rows::Row;
use std::cell::Cell;
use std::collections::BTreeMap;

/// The range: 0.1 % of the altitudes' span.
const LOW: i32 = 20_000;
const HIGH: i32 = 20_040;
const LIMIT: usize = 50;
const ORIGIN: &str = "KAUS";
/// Runs of the short queries in a round.
const TIMES: usize = 200;
/// Runs of the scan in a round.
const SCANS: usize = 5;
/// Most bytes of an index entry.
const ENTRY_BYTES_MAX: f64 = 24.0;
/// Most that a row of a long result may cost beside one of a quarter of it.
const LINEAR_MAX: f64 = 1.25;

pub fn run(engines: &Engines) {
    range_sorted(engines);
    count(engines);
    aggregates(engines);
    sorted(engines);
    long_results(engines);
    entry_bytes(engines, "after loading");
    index_build(engines);
    sorted_without_ties(engines);
    entry_bytes(engines, "with an index made live");
    engines.ours().drop_index("lat");
}

/// A sum over latitudes that does not depend on the order of equal ones.
fn latitudes(rows: &[&Row]) -> i64 {
    rows.iter().map(|row| (row.lat * 1e4) as i64).sum()
}

fn times(work: &dyn Fn() -> i64) -> i64 {
    (0..TIMES).map(|_| work()).sum()
}

fn range_sorted(engines: &Engines) {
    let (ours, sqlite, rowid) = (engines.ours(), engines.sqlite(), engines.sqlite_rowid());
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
    let answer = Some(gather() * TIMES as i64);
    let asked = Asked { low: LOW, high: HIGH, limit: LIMIT };
    let contenders = vec![
        Contender::new("store", TIMES, answer, |_| times(&|| ours.range_sorted(&asked))),
        Contender::new("sqlite", TIMES, answer, |_| times(&|| sqlite.range_sorted(&asked)))
            .gate(6.0),
        Contender::new("sqlite, rowid", TIMES, answer, |_| times(&|| rowid.range_sorted(&asked)))
            .gate(6.0),
        Contender::new("sorted array, gather", TIMES, answer, |_| times(&gather)).gate(0.12),
    ];
    let found = place(HIGH) - place(LOW);
    let what = format!("altitude in a narrow range ({found} rows), sort by lat, limit 50");
    compare(&what, Clock::Cpu, contenders);
}

fn count(engines: &Engines) {
    let (ours, sqlite) = (engines.ours(), engines.sqlite());
    let found = engines.values.iter().filter(|row| row.origin == *ORIGIN.as_bytes()).count();
    let answer = Some((found * TIMES) as i64);
    let contenders = vec![
        Contender::new("store", TIMES, answer, |_| times(&|| ours.count_from(ORIGIN))),
        Contender::new("sqlite", TIMES, answer, |_| times(&|| sqlite.count_from(ORIGIN))).gate(1.1),
    ];
    compare("count where origin = 'KAUS'", Clock::Cpu, contenders);
}

fn aggregates(engines: &Engines) {
    let (ours, sqlite, rows) = (engines.ours(), engines.sqlite(), engines.rows);
    let rowid = engines.sqlite_rowid();
    let north = || engines.values.iter().filter(|row| row.lat > 30.0);
    let (count, sum) = (north().count(), north().map(|row| i64::from(row.gs)).sum::<i64>());
    let answer = Some((sum as f64 / count as f64 * 1e6) as i64 + count as i64);
    let seconds = Cell::new(0.0);
    let mut duckdb = engines.duckdb();
    let mut contenders = vec![
        Contender::new("store", rows, answer, |_| ours.north(1)),
        Contender::new("sqlite", rows, answer, |_| sqlite.north()).gate(12.0),
        Contender::new("sqlite, rowid", rows, answer, |_| rowid.north()).gate(12.0),
    ];
    if let Some(duckdb) = &mut duckdb {
        let ask = |_| {
            let sql = "select count(*), avg(gs) from flights where lat > 30";
            let found = duckdb.ask(SCANS, sql);
            seconds.set(found.seconds);
            (found.cells[1] * 1e6) as i64 + found.cells[0] as i64
        };
        let duckdb = Contender::new("duckdb", rows * SCANS, answer, ask);
        contenders.push(duckdb.elsewhere(|| seconds.get()).gate(0.9));
    }
    compare("scan, count and avg(gs) where lat > 30", Clock::Cpu, contenders);
    if duckdb.is_none() {
        println!("    duckdb               is not there: `make bench-duckdb` installs it");
    }
    let contenders = vec![
        Contender::new("2 threads", rows, answer, |_| ours.north(2)),
        Contender::new("1 thread", rows, answer, |_| ours.north(1)),
    ];
    compare("the same on threads", Clock::Wall, contenders);
}

/// The first ten rows by altitude, which some thousand rows share, beside SQLite. Ties follow the
/// key, as in its table without rowids; in the other one they follow the order of loading.
fn sorted(engines: &Engines) {
    let mut altitudes: Vec<i64> =
        engines.values.iter().map(|row| i64::from(row.altitude)).collect();
    altitudes.sort_unstable();
    let lowest: i64 = altitudes.iter().take(10).sum();
    let highest: i64 = altitudes.iter().rev().take(10).sum();
    let tied = |altitude: i64| altitudes.iter().filter(|other| **other == altitude).count();
    for (order, words, sum, first) in [
        ("altitude", "altitude", lowest, altitudes[0]),
        ("-altitude", "altitude desc", highest, altitudes[altitudes.len() - 1]),
    ] {
        let what = format!("sort by {order} ({} rows share the first), limit 10", tied(first));
        first_ten(engines, &what, (order, words), ALTITUDE, sum * 10_000);
    }
}

fn sorted_without_ties(engines: &Engines) {
    let mut lats: Vec<f64> = engines.values.iter().map(|row| row.lat).collect();
    lats.sort_unstable_by(f64::total_cmp);
    let answer = lats.iter().take(10).map(|lat| (lat * 1e4) as i64).sum();
    let both = || [engines.sqlite(), engines.sqlite_rowid()].into_iter();
    both().for_each(|sqlite| sqlite.create_index("by_lat", "lat"));
    first_ten(engines, "sort by lat (few ties), limit 10", ("lat", "lat"), LAT, answer);
    both().for_each(|sqlite| sqlite.drop_index("by_lat"));
}

fn first_ten(engines: &Engines, what: &str, order: (&str, &str), column: usize, sum: i64) {
    let (ours, sqlite, rowid) = (engines.ours(), engines.sqlite(), engines.sqlite_rowid());
    let answer = Some(sum * TIMES as i64);
    let (word, words) = order;
    let contenders = vec![
        Contender::new("store", TIMES, answer, |_| times(&|| ours.first_ten(word, column))),
        Contender::new("sqlite", TIMES, answer, |_| times(&|| sqlite.first_ten(words, column)))
            .gate(2.0),
        Contender::new("sqlite, rowid", TIMES, answer, |_| {
            times(&|| rowid.first_ten(words, column))
        })
        .gate(2.0),
    ];
    compare(what, Clock::Cpu, contenders);
}

/// A row of a result of all rows costs what one of a quarter does.
fn long_results(engines: &Engines) {
    let ours = engines.ours();
    for (what, index) in [("a scan", None), ("a walk over an index", Some("altitude"))] {
        let parts = [engines.rows / 4, engines.rows / 2, engines.rows];
        let mut nanos: [Vec<f64>; 3] = Default::default();
        for round in 0..ROUNDS {
            for (rows, nanos) in parts.iter().zip(&mut nanos) {
                let (seconds, found) = cpu_seconds(|| ours.first_rows(*rows, index));
                assert_eq!(found, *rows, "a row of the result is missing");
                if round > 0 {
                    nanos.push(seconds * 1e9 / *rows as f64);
                }
            }
        }
        let a_row = nanos.map(|mut nanos| median(&mut nanos).0);
        let ratio = a_row[2] / a_row[0];
        println!(
            "result of {} rows by {what}: {:.1} ns a row of a quarter, {:.1} of a half, {:.1} of all: \
             {ratio:.2} x, at most {LINEAR_MAX}{}",
            engines.rows,
            a_row[0],
            a_row[1],
            a_row[2],
            mark(ratio > LINEAR_MAX)
        );
    }
}

fn entry_bytes(engines: &Engines, when: &str) {
    for index in engines.ours().stats().indexes {
        let bytes = index.bytes as f64 / index.entries as f64;
        println!(
            "bytes an entry of index {}, {when}: {bytes:.1}, at most {ENTRY_BYTES_MAX}{}",
            index.name,
            mark(bytes > ENTRY_BYTES_MAX)
        );
    }
}

/// Makes an index of rows that are there, each round anew; the last one stays. The limit: keys and
/// rows collected, sorted, and a B-tree built of them.
fn index_build(engines: &Engines) {
    let (ours, sqlite, rows) = (engines.ours(), engines.sqlite(), engines.rows);
    let tree = |key: &dyn Fn(&Row) -> i64| {
        let keys = engines.values.iter().zip(0_u32..);
        let mut pairs: Vec<((i64, u32), ())> = keys.map(|(row, at)| ((key(row), at), ())).collect();
        pairs.sort_unstable();
        BTreeMap::from_iter(pairs).len()
    };
    let speeds = || tree(&|row| i64::from(row.gs));
    let lats = || tree(&|row| (row.lat * 1e5) as i64);
    let (mut speed_tree, mut lat_tree) = (0, 0);
    let contenders = vec![
        Contender::doing("store", rows, |_| ours.create_index("gs"))
            .after(|| ours.drop_index("gs")),
        Contender::doing("sort, B-tree", rows, |_| speed_tree = speeds()).gate(0.2),
        Contender::doing("sqlite", rows, |_| sqlite.create_index("by_gs", "gs"))
            .after(|| sqlite.drop_index("by_gs")),
    ];
    compare("making an index of gs (int32)", Clock::Cpu, contenders);
    let contenders = vec![
        Contender::doing("store", rows, |round| {
            if round > 0 {
                ours.drop_index("lat");
            }
            ours.create_index("lat");
        }),
        Contender::doing("sort, B-tree", rows, |_| lat_tree = lats()).gate(0.2),
    ];
    compare("making an index of lat (float64)", Clock::Cpu, contenders);
    assert_eq!((speed_tree, lat_tree), (rows, rows), "an entry is missing");
}

fn mark(missed: bool) -> &'static str {
    if missed { "   MISSED" } else { "" }
}
