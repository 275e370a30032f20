//! J6: TSV to Parquet and Parquet to TSV, beside DuckDB and Polars in a Python that has them.
//!
//! Without one the store runs alone. Both peers use one thread, and a job does.

use crate::run::{Outcome, run};
use crate::{median, same_bytes};
use std::path::{Path, PathBuf};
use std::process::Command;

const SCHEMA: &str = "[{ name: txn_id, type: int64 }, { name: ts, type: timestamp }, { name: account_id, type: \
                      int64 }, { name: merchant, type: text }, { name: category, type: text }, { name: amount, \
                      type: 'decimal(18,2)' }, { name: currency, type: text }, { name: status, type: text }]";
/// The part of the best peer's CPU seconds that ours may take.
const GATE: f64 = 0.7;

const DUCKDB: &str = "
import duckdb, sys
way, source, to = sys.argv[1:]
duckdb.sql(\"set threads=1; set timezone='UTC'\")
if way == 'write':
    duckdb.sql(f\"copy (select * from read_csv('{source}', delim='\\t', header=true, quote='', escape='', columns={{'txn_id':'BIGINT','ts':'TIMESTAMP','account_id':'BIGINT','merchant':'VARCHAR','category':'VARCHAR','amount':'DECIMAL(18,2)','currency':'VARCHAR','status':'VARCHAR'}})) to '{to}' (format parquet, compression zstd)\")
else:
    duckdb.sql(f\"copy (select * from '{source}') to '{to}' (format csv, delim '\\t', header)\")
";
const POLARS: &str = "
import polars as pl, sys
way, source, to = sys.argv[1:]
if way == 'write':
    types = {'txn_id': pl.Int64, 'account_id': pl.Int64, 'amount': pl.Decimal(18, 2)}
    frame = pl.scan_csv(source, separator='\\t', quote_char=None, schema_overrides=types, try_parse_dates=True)
    frame.sink_parquet(to, compression='zstd', compression_level=1)
else:
    pl.scan_parquet(source).sink_csv(to, separator='\\t')
";

pub struct Columns {
    pub input: PathBuf,
    pub place: PathBuf,
    pub job: PathBuf,
    pub python: Option<PathBuf>,
}

impl Columns {
    fn path(&self, name: &str) -> String {
        self.place.join(name).display().to_string()
    }

    fn store(&self, way: &str, cap_mib: u64) -> Outcome {
        let input = self.input.display();
        let steps = match way {
            "write" => format!(
                "steps:\n  - scan: {{ source: '{input}', header: true, schema: {SCHEMA} }}\n  - sink: {{ \
                 destination: '{}' }}\n",
                self.path("store.parquet")
            ),
            _ => format!(
                "steps:\n  - scan: {{ source: '{}' }}\n  - sink: {{ destination: '{}' }}\n",
                self.path("store.parquet"),
                self.path("store.tsv")
            ),
        };
        let job = self.place.join("j6.yaml");
        std::fs::write(&job, format!("threads: 1\n{steps}")).unwrap();
        run(Command::new(&self.job).arg(job).arg((cap_mib << 20).to_string()).arg(&self.place))
    }

    fn peer(&self, python: &Path, program: &str, way: &str, name: &str) -> Outcome {
        let mut command = Command::new(python);
        command.env("POLARS_MAX_THREADS", "1").arg("-c").arg(program).arg(way);
        match way {
            "write" => command.arg(&self.input).arg(self.path(&format!("{name}.parquet"))),
            _ => command
                .arg(self.path(&format!("{name}.parquet")))
                .arg(self.path(&format!("{name}.tsv"))),
        };
        run(&mut command)
    }

    /// Writes, then reads; true if a gate was missed.
    pub fn measure(&self, rounds: usize) -> bool {
        println!("\nJ6: TSV to Parquet and back; {rounds} rounds, medians\n");
        println!(
            "| way | who | CPU s | wall s | peak MiB | predicted |\n|---|---|---|---|---|---|"
        );
        let mut missed = false;
        for (way, cap) in [("write", 16), ("write", 64), ("read", 32), ("read", 64)] {
            missed |= self.way(way, cap, rounds);
        }
        let same = same_bytes(&self.input, &self.place.join("store.tsv"));
        assert!(same, "what came back is not what went in");
        missed
    }

    fn way(&self, way: &str, cap: u64, rounds: usize) -> bool {
        type Work<'a> = (String, Box<dyn Fn() -> Outcome + 'a>);
        let mut all: Vec<Work<'_>> =
            vec![(format!("store {cap} MiB"), Box::new(move || self.store(way, cap)))];
        if let Some(python) = &self.python {
            for (name, program) in [("duckdb", DUCKDB), ("polars", POLARS)] {
                let work = move || self.peer(python, program, way, name);
                all.push((name.to_owned(), Box::new(work)));
            }
        }
        let mut outcomes: Vec<Vec<Outcome>> = all.iter().map(|_| Vec::new()).collect();
        for round in 0..=rounds {
            for ((_, work), outcomes) in all.iter().zip(&mut outcomes) {
                let outcome = work();
                if round > 0 {
                    outcomes.push(outcome);
                }
            }
        }
        let mib = f64::from(1 << 20);
        let mut seconds = Vec::new();
        let mut missed = false;
        for ((name, _), outcomes) in all.iter().zip(&outcomes) {
            let of = |what: fn(&Outcome) -> f64| median(outcomes.iter().map(what).collect());
            let (cpu, wall) = (of(|o| o.cpu_seconds), of(|o| o.wall_seconds));
            let peak = outcomes.iter().map(|o| o.peak_bytes).max().unwrap_or(0) as f64 / mib;
            let predicted = outcomes[0].said("peak_predicted").map(|bytes| bytes / mib);
            missed |= predicted.is_some_and(|predicted| peak > predicted);
            let shown = predicted.map_or(String::new(), |predicted| format!("{predicted:.1}"));
            println!("| {way} | {name} | {cpu:.2} | {wall:.2} | {peak:.1} | {shown} |");
            seconds.push(cpu);
        }
        let best = seconds[1..].iter().copied().fold(f64::INFINITY, f64::min);
        missed || seconds[0] > GATE * best
    }
}
