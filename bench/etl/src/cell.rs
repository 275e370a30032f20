//! One cell of the table: who does a job, within how much memory, with how many threads.

use crate::MIB;
use crate::data::Data;
use crate::job::Job;
use crate::process::{Outcome, run};
use crate::settings::Settings;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who does a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The command, within a cap.
    Store {
        /// The cap.
        cap_mib: u64,
    },
    /// GNU sort, whose buffer may be so large that all fits.
    Sort,
    /// A program in Python, with no limit.
    Peer(&'static str),
}

/// The others that do every job.
const PEERS: [&str; 3] = ["duckdb", "polars", "datafusion"];

/// Who, and with how many threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Who does the job.
    pub who: Who,
    /// Threads at most.
    pub threads: u64,
}

impl Cell {
    /// Cells of a job: the others' first.
    pub fn of(settings: &Settings, job: &Job) -> Vec<Self> {
        let mut all: Vec<Who> = PEERS.map(Who::Peer).into();
        if job.is_sort_of_lines() {
            all.push(Who::Sort);
        }
        all.extend(Self::caps(settings, job).map(|cap_mib| Who::Store { cap_mib }));
        let cells = |who| settings.threads.iter().map(move |&threads| Self { who, threads });
        all.into_iter().flat_map(cells).collect()
    }

    fn caps(settings: &Settings, job: &Job) -> impl Iterator<Item = u64> {
        settings.caps.iter().copied().filter(|&cap| job.fits(cap))
    }

    /// The store's cap.
    pub fn cap_mib(&self) -> Option<u64> {
        match self.who {
            Who::Store { cap_mib } => Some(cap_mib),
            _ => None,
        }
    }

    /// As the table calls it.
    pub fn name(&self) -> &'static str {
        match self.who {
            Who::Store { .. } => "store",
            Who::Sort => "GNU sort",
            Who::Peer(name) => name,
        }
    }
}

/// All that a cell needs to run.
pub struct Bench<'a> {
    /// What is to be done.
    pub settings: &'a Settings,
    /// The files.
    pub data: &'a Data,
}

impl Bench<'_> {
    /// A file of the place.
    pub fn path(&self, name: &str) -> PathBuf {
        self.settings.place.join(name)
    }

    /// Where a cell's output goes: of each of them to the same file, which is made anew.
    pub fn output(&self, job: &Job, cell: Cell) -> PathBuf {
        self.path(&format!("{}.{}.{}", cell.name().replace(' ', "_"), job.name, job.output))
    }

    fn input(&self, job: &Job, word: &str, cell: Cell) -> PathBuf {
        if job.reads_parquet() {
            return self.path(&format!("{}.j6_write.parquet", cell.name()));
        }
        self.data.path(word).to_path_buf()
    }

    /// The words that say which files a job reads.
    pub fn inputs(&self, job: &Job, cell: Cell) -> Vec<String> {
        let word = |word: &&str| format!("{word}={}", self.input(job, word, cell).display());
        job.inputs.iter().map(word).collect()
    }

    /// Does the job once.
    pub fn run(&self, job: &Job, cell: Cell) -> Outcome {
        let output = self.output(job, cell);
        // Replacing a large file takes time, and is no part of the job.
        let _ = std::fs::remove_file(&output);
        match cell.who {
            Who::Store { .. } => run(&mut self.store("run", job, cell, &output)),
            Who::Sort => run(&mut self.sort(cell.threads, &output)),
            Who::Peer(who) => run(&mut self.peer(who, job, cell, &output)),
        }
    }

    /// What the store says beforehand.
    pub fn explain(&self, job: &Job, cell: Cell) -> Outcome {
        run(&mut self.store("explain", job, cell, &self.output(job, cell)))
    }

    fn store(&self, verb: &str, job: &Job, cell: Cell, output: &Path) -> Command {
        let cap = cell.cap_mib().expect("the store has a cap");
        let store = &self.settings.store;
        let mut command = if self.settings.limited {
            let mut command = Command::new("prlimit");
            command.arg(format!("--data={}", cap * MIB)).arg(store);
            command
        } else {
            Command::new(store)
        };
        command.args(["etl", verb, "--json", "--memory", &format!("{cap}MiB")]);
        command.args(["--threads", &cell.threads.to_string(), "--spill-dir"]);
        command.arg(&self.settings.place).arg(self.yaml(job));
        for input in self.inputs(job, cell) {
            command.arg("--set").arg(input);
        }
        command.arg("--set").arg(format!("out={}", output.display()));
        command
    }

    /// The job's file; a copy of it where another codec is wanted.
    fn yaml(&self, job: &Job) -> PathBuf {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("jobs/{}.yaml", job.name));
        let Some(codec) = &self.settings.codec else { return path };
        let text = std::fs::read_to_string(&path).expect("the job is there");
        let copy = self.path(&format!("{}.yaml", job.name));
        std::fs::write(&copy, format!("spill: {{ codec: {codec} }}\n{text}")).expect("room");
        copy
    }

    fn sort(&self, threads: u64, output: &Path) -> Command {
        let mut input = BufReader::new(File::open(self.data.path("d1")).expect("it was made"));
        let header = input.skip_until(b'\n').expect("it has a header");
        let mut file = input.into_inner();
        file.seek(SeekFrom::Start(header as u64)).expect("a file");
        let mut command = Command::new("sort");
        command.env("LC_ALL", "C").args(["--stable", "-t", "\t", "-k3,3n", "-k2,2", "-S2G"]);
        command.arg(format!("--parallel={threads}")).arg("-T").arg(&self.settings.place);
        command.arg("-o").arg(output).stdin(file);
        command
    }

    /// A program of `peers/`.
    pub fn python(&self, program: &str) -> Command {
        let mut command = Command::new(&self.settings.python);
        command.arg(format!("{}/peers/{program}", env!("CARGO_MANIFEST_DIR")));
        command
    }

    fn peer(&self, who: &str, job: &Job, cell: Cell, output: &Path) -> Command {
        let threads = cell.threads.to_string();
        let mut command = self.python("run.py");
        // These are read when they are loaded.
        command.env("POLARS_MAX_THREADS", &threads).env("TOKIO_WORKER_THREADS", &threads);
        command.args([who, job.name, &threads]).arg(output).args(self.inputs(job, cell));
        command
    }
}
