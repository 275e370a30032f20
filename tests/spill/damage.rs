//! A run that was damaged is refused; no row of it is ever another one (I16).

use std::path::Path;
use std::sync::Arc;
use store_core::segment::{Run, RunBuffers, RunOptions, RunReader, RunWriter, SegmentCodec, Spill};
use store_core::{Directory, Kind, MemoryBudget, Result};

const CODECS: [SegmentCodec; 3] = [SegmentCodec::Raw, SegmentCodec::Lz4, SegmentCodec::Zstd];

type Records = Vec<(Vec<u8>, Vec<u8>)>;

/// Some blocks, and a record that no block has room for.
fn records() -> Records {
    let record = |nth: u8| (vec![b'k', nth], [b"abcabcabc", [nth; 9].as_slice()].concat());
    let mut records: Records = (0..12).map(record).collect();
    records.push((b"z".to_vec(), b"long and longer".repeat(12)));
    records
}

struct Place {
    directory: tempfile::TempDir,
    spill: Spill,
    options: RunOptions,
    budget: Arc<MemoryBudget>,
}

impl Place {
    fn new(codec: SegmentCodec) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let device = Arc::new(Directory::create(directory.path()).unwrap());
        let spill = Spill::on_device(device, None).unwrap();
        let options = RunOptions { codec, block_bytes: 128 };
        Self { directory, spill, options, budget: MemoryBudget::for_job(16 << 20) }
    }

    /// A run and its file.
    fn write(&self) -> (Run, std::path::PathBuf) {
        let holder = self.budget.holder("test");
        let buffers = RunBuffers::new(&self.options, &holder).unwrap();
        let mut writer = RunWriter::create(&self.spill, buffers).unwrap();
        for (key, payload) in records() {
            writer.push(&key, &payload).unwrap();
        }
        let (run, _) = writer.finish().unwrap();
        let mut files = std::fs::read_dir(self.directory.path()).unwrap();
        let is_run = |path: &Path| path.file_name().unwrap().to_str().unwrap().starts_with("run-");
        let file = files.find_map(|file| Some(file.unwrap().path()).filter(|path| is_run(path)));
        (run, file.unwrap())
    }

    fn read(&self, run: Run) -> Result<Records> {
        let mut reader = RunReader::open(run, &self.options, &self.budget.holder("test"))?;
        let mut found = Vec::new();
        while let Some((key, payload)) = reader.next()? {
            found.push((key.to_vec(), payload.to_vec()));
        }
        Ok(found)
    }

    /// What reading a run says whose file was changed.
    fn read_changed(&self, change: impl FnOnce(&mut Vec<u8>)) -> Result<Records> {
        let (run, file) = self.write();
        let mut bytes = std::fs::read(&file).unwrap();
        change(&mut bytes);
        std::fs::write(&file, bytes).unwrap();
        self.read(run)
    }
}

#[test]
fn a_run_comes_back_as_it_was_written() {
    for codec in CODECS {
        let place = Place::new(codec);
        let (run, file) = place.write();
        assert_eq!(run.rows(), 13);
        assert_eq!(std::fs::metadata(&file).unwrap().len(), run.file_bytes());
        assert_eq!(place.read(run).unwrap(), records());
        assert!(!file.exists());
        assert_eq!(place.budget.used(), 0);
    }
}

#[test]
fn no_flipped_bit_and_no_cut_of_a_run_goes_unnoticed() {
    for codec in CODECS {
        let place = Place::new(codec);
        let len = place.write().0.file_bytes() as usize;
        assert!((400..1200).contains(&len), "{len}");
        let refused = |found: Result<Records>, what: &str| {
            let error = found.expect_err(what);
            assert!(
                matches!(error.kind(), Kind::Corrupt | Kind::Unsupported),
                "{codec:?} {what}: {error}"
            );
        };
        for bit in 0..8 * len {
            let found = place.read_changed(|bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            refused(found, &format!("bit {bit} of {len} bytes"));
        }
        for end in 0..len {
            refused(place.read_changed(|bytes| bytes.truncate(end)), &format!("cut at {end}"));
        }
        refused(place.read_changed(|bytes| bytes.push(0)), "a byte more");
        refused(place.read_changed(|bytes| bytes.extend_from_within(48..)), "blocks twice");
    }
}

#[test]
fn an_error_of_reading_is_the_last_word() {
    let place = Place::new(SegmentCodec::Raw);
    let (run, file) = place.write();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[300] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let mut reader = RunReader::open(run, &place.options, &place.budget.holder("test")).unwrap();
    let error = loop {
        if let Err(error) = reader.next() {
            break error;
        }
    };
    assert_eq!(error.kind(), Kind::Corrupt);
    assert!(error.to_string().contains("run-0: damaged at offset"), "{error}");
    assert_eq!(reader.next().unwrap_err().kind(), Kind::Closed);
}
