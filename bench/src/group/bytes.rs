//! Bytes of memory a row, after loading and after every row has been upserted.

use crate::engine::Engines;
use crate::engine::store::Ours;
use crate::rows::text;
use store_core::ingest::IngestMode;

/// Most bytes of a loaded row.
const LOADED_MAX: f64 = 160.0;
/// Most growth when every row is upserted.
const GROWTH_MAX: f64 = 1.2;

pub fn run(engines: &Engines) {
    let rows = engines.rows as f64;
    let text_bytes = text(engines.rows).len() as f64 / rows;
    let fresh = Ours::load(engines.rows);
    let table = |ours: &Ours| ours.stats().bytes as f64 / rows;
    let loaded = table(&fresh);
    describe(&fresh, "after loading");
    fresh.ingest(text(engines.rows), IngestMode::Upsert);
    let upserted = table(&fresh);
    describe(&fresh, "after upserting all");
    let mark = |missed: bool| if missed { "   MISSED" } else { "" };
    println!(
        "bytes a row of {text_bytes:.0} bytes TSV: {loaded:.0}, gate {LOADED_MAX}{}",
        mark(loaded > LOADED_MAX)
    );
    println!(
        "after upserting all: {upserted:.0}, {:.2} x, gate {GROWTH_MAX} x{}",
        upserted / loaded,
        mark(upserted / loaded > GROWTH_MAX)
    );
    println!("sqlite: {:.0}", engines.sqlite().bytes() as f64 / rows);
}

/// Who holds how much.
fn describe(ours: &Ours, when: &str) {
    let (stats, rows) = (ours.store.stats(), ours.stats().rows);
    let part = |line: &store_core::HolderUsage| {
        let name = line.path.strip_prefix("store/tables/flights/")?;
        Some(format!("{name} {}", line.bytes / rows))
    };
    let parts: Vec<String> = stats.holders.iter().filter_map(part).collect();
    let whole = stats.memory_used / rows;
    println!("{when}: the store's budget {whole}; of it the table's {}", parts.join(", "));
}
