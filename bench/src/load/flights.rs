//! The flights file, unpacked in memory, and the keys of its rows.

use flate2::read::MultiGzDecoder;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The columns, their types in both engines, and the key.
pub const SCHEMA: &str = "year int16, month int16, day int16, dep_time int16, sched_dep_time int16, \
    dep_delay int16 index, arr_time int16, sched_arr_time int16, arr_delay int16, carrier text, \
    flight int32, tailnum text, origin text index, dest text, air_time int16, distance int32, \
    hour int16, minute int16, time_hour timestamp, \
    key(year, month, day, carrier, flight, origin, sched_dep_time)";
/// Positions of the key columns in a line, in key order.
pub const KEY: [usize; 7] = [0, 1, 2, 9, 10, 12, 4];
/// Position of `distance`.
pub const DISTANCE: usize = 15;

/// The key of one flight.
pub struct Key {
    pub numbers: [i64; 5],
    pub carrier: String,
    pub origin: String,
}

pub struct Flights {
    pub path: PathBuf,
    pub text: Vec<u8>,
}

impl Flights {
    /// The file named in `FLIGHTS`, the full year in a folder beside the project, or the shipped
    /// sample of January.
    pub fn find() -> Self {
        let home = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let named = std::env::var_os("FLIGHTS").map(PathBuf::from);
        let sample = home.join("examples/data/flights-2013-01.tsv.gz");
        let path = named.or_else(|| full_year(&home.join(".."))).unwrap_or(sample);
        let file = std::fs::File::open(&path).expect("a flights file is there");
        let mut text = Vec::new();
        MultiGzDecoder::new(file).read_to_end(&mut text).expect("the file is a gzip");
        Self { path, text }
    }

    pub fn lines(&self) -> impl Iterator<Item = &str> {
        let text = std::str::from_utf8(&self.text).expect("the file is UTF-8");
        text.lines().skip(1)
    }

    pub fn rows(&self) -> usize {
        self.lines().count()
    }

    /// Keys in an order that no cache foresees, the same in each run.
    pub fn shuffled_keys(&self, count: usize) -> Vec<Key> {
        let lines: Vec<&str> = self.lines().collect();
        let mut state = 42_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        (0..count).map(|_| Key::of(lines[next() % lines.len()])).collect()
    }
}

/// `data/nycflights13/flights.tsv.gz` in one of the folders there.
fn full_year(beside: &Path) -> Option<PathBuf> {
    let folders = std::fs::read_dir(beside).ok()?.flatten();
    let mut files = folders.map(|folder| folder.path().join("data/nycflights13/flights.tsv.gz"));
    files.find(|file| file.exists())
}

impl Key {
    fn of(line: &str) -> Self {
        let fields: Vec<&str> = line.split('\t').collect();
        let number = |at: usize| fields[at].parse().expect("key columns are never NA");
        Self {
            numbers: [number(0), number(1), number(2), number(10), number(4)],
            carrier: fields[9].to_owned(),
            origin: fields[12].to_owned(),
        }
    }
}
