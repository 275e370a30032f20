//! `make bench-store`: the store beside other engines, in one process and run.
//!
//! Every figure is a ratio to a reference in the same round: CPU seconds of this process unless a
//! line says wall; rounds interleaved, the first not counted; median, least to most. The gate
//! stands beside it, and `MISSED` where it was not reached. All engines hold the same rows and
//! their answers are compared.
//!
//! `BENCH=reads,scan` runs some groups only, `ROWS=` sets the number of made flights.

mod cold;
mod durability;
mod engine;
mod group;
mod keys;
mod load;
mod measure;
mod rows;

use engine::Engines;
use group::GROUPS;

/// Made flights unless `ROWS` says otherwise.
const ROWS: usize = 1_000_000;

fn main() {
    let chosen = std::env::var("BENCH").unwrap_or_else(|_| "all".to_owned());
    let chosen: Vec<&str> = chosen.split(',').map(str::trim).collect();
    let known = |name: &&str| {
        matches!(*name, "all" | "load" | "durability" | "cold")
            || GROUPS.iter().any(|(group, _)| group == name)
    };
    if let Some(unknown) = chosen.iter().find(|name| !known(name)) {
        let names: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
        eprintln!("BENCH={unknown}: must be cold, durability, load, {}", names.join(", "));
        std::process::exit(2);
    }
    let wanted = |name: &str| chosen.iter().any(|word| *word == "all" || *word == name);
    if chosen == ["durability"] {
        return durability::run();
    }
    if chosen == ["cold"] {
        return cold::run(rows_wanted());
    }
    println!(
        "{} rounds interleaved, the first not counted; CPU time unless wall is said; median (least to most)",
        measure::ROUNDS
    );
    if wanted("load") {
        load::run();
    }
    let groups: Vec<_> = GROUPS.iter().filter(|(name, _)| wanted(name)).collect();
    if groups.is_empty() {
        return;
    }
    let rows = rows_wanted();
    println!("\n{rows} made flights, key flight_id, indexes of altitude and origin");
    let engines = Engines::with(rows);
    for (name, run) in groups {
        println!("\n== {name}\n");
        run(&engines);
    }
}

fn rows_wanted() -> usize {
    let Ok(text) = std::env::var("ROWS") else { return ROWS };
    match text.parse() {
        Ok(rows) if (10_000..=50_000_000).contains(&rows) => rows,
        _ => {
            eprintln!("ROWS={text}: must be a number from 10000 to 50000000");
            std::process::exit(2);
        }
    }
}
