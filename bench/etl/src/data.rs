//! The files that jobs read: made once, all by a seed, so the same everywhere.

use crate::process::run;
use crate::settings::Settings;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Accounts that transactions are of.
const ACCOUNTS: u64 = 2_000_000;
const TPCH: [&str; 3] = ["lineitem", "orders", "customer"];

/// Files by the words that jobs have for them.
pub struct Data {
    files: HashMap<&'static str, PathBuf>,
}

impl Data {
    /// Makes what the jobs read.
    pub fn make(settings: &Settings) -> Self {
        let mut files = HashMap::new();
        let wanted = |word: &str| settings.jobs.iter().any(|job| job.inputs.contains(&word));
        let place = &settings.place;
        for (word, what, rows) in
            [("d1", "transactions", settings.rows), ("d2", "accounts", ACCOUNTS)]
        {
            let path = place.join(format!("{word}.tsv"));
            if wanted(word) {
                let mut command = Command::new(&settings.store);
                command.args(["gen", what, "--quiet", "--rows", &rows.to_string(), "--out"]);
                run(command.arg(&path));
            }
            files.insert(word, path);
        }
        if TPCH.into_iter().any(wanted) {
            // Installed beside the Python.
            let mut command = Command::new(settings.python.with_file_name("tpchgen-cli"));
            command.args(["csv", "-s", &settings.scale.to_string(), "--tables", &TPCH.join(",")]);
            run(command.arg("--quiet").arg("--output-dir").arg(place));
        }
        files.extend(TPCH.map(|table| (table, place.join(format!("{table}.csv")))));
        Self { files }
    }

    /// A file.
    pub fn path(&self, word: &str) -> &Path {
        &self.files[word]
    }
}
