//! `make soak-etl`: see `store_bench_etl::soak`.

use std::path::PathBuf;
use store_bench_etl::soak::{Soak, check_groups, check_join, check_sort};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((word, check)) = args.split_first() else { return Soak::from_env().run() };
    let (what, paths) = check.split_first().expect("soak_etl check WHAT OUTPUT INPUT…");
    let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    let rows = match (word.as_str(), what.as_str(), &*paths) {
        ("check", "sort", [output, input]) => check_sort(output, input),
        ("check", "join", [output, left, right]) => check_join(output, left, right),
        ("check", "group", [output, input]) => check_groups(output, input),
        _ => panic!("soak_etl check sort|join|group OUTPUT INPUT…"),
    };
    println!("rows={rows}");
}
