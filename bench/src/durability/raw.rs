//! The reference: one thread that appends to a preallocated file and syncs it.

use super::Place;
use super::clients::{Client, Engine};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// About what a commit's log record takes.
const RECORD_BYTES: usize = 176;
const FILE_BYTES: u64 = 64 << 20;

pub struct Raw {
    file: File,
    _place: Place,
}

impl Raw {
    pub fn new() -> Self {
        let place = Place::new("raw");
        let file = File::create(place.0.join("log")).expect("a new file");
        let zeros = vec![0; 1 << 20];
        for at in (0..FILE_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, at).expect("room on the disk");
        }
        file.sync_all().expect("the disk works");
        Self { file, _place: place }
    }
}

impl Engine for Raw {
    fn name(&self) -> &'static str {
        "raw append and fdatasync"
    }

    fn client(&self, _: u64) -> Client<'_> {
        let record = [7; RECORD_BYTES];
        Box::new(move |number| {
            let at = number * RECORD_BYTES as u64 % (FILE_BYTES - RECORD_BYTES as u64);
            self.file.write_all_at(&record, at).expect("the disk works");
            self.file.sync_data().expect("the disk works");
        })
    }
}
