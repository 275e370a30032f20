//! The place of runs: nothing stays there (I15), and no more goes there than may.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use store_core::segment::{Run, RunBuffers, RunOptions, RunWriter, Spill};
use store_core::{Device, DeviceFile, Kind, MemoryBudget, OpenMode, Result};
use store_etl::operator::sort::{SortOptions, Sorter};
use store_tests::sim_device::SimDevice;

/// Tells this binary, started again, to spill here and wait to be killed.
const CHILD_PLACE: &str = "STORE_TEST_SPILL_PLACE";

fn entries(place: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn spill_a_run(spill: &Spill, rows: u32) -> Result<Run> {
    let holder = MemoryBudget::for_job(1 << 20).holder("test");
    let mut writer = RunWriter::create(spill, RunBuffers::new(&RunOptions::default(), &holder)?)?;
    for nth in 0..rows {
        writer.push(&nth.to_be_bytes(), &[7; 100])?;
    }
    Ok(writer.finish()?.0)
}

fn sorter_that_spills(spill: &Spill) -> Sorter {
    let holder = MemoryBudget::for_job(1 << 20).holder("test");
    let mut sorter =
        Sorter::new(SortOptions::within(400 << 10), Some(spill.clone()), &holder).unwrap();
    for nth in 0..20_000_u32 {
        sorter.push(&nth.wrapping_mul(2_654_435_761).to_be_bytes(), &[7; 60]).unwrap();
    }
    assert!(sorter.stats().runs > 2);
    sorter
}

#[test]
fn nothing_is_there_before_the_first_run_and_it_is_private_then() {
    let place = tempfile::tempdir().unwrap();
    let spill = Spill::new(place.path(), None).unwrap();
    assert!(entries(place.path()).is_empty());
    let run = spill_a_run(&spill, 10).unwrap();
    let made = entries(place.path());
    assert_eq!(made.len(), 1);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&made[0]), 0o700);
    assert_eq!(entries(&made[0]).iter().map(|file| mode(file)).collect::<Vec<_>>(), [0o600; 2]);
    assert_eq!(spill.used_bytes(), run.file_bytes());
}

#[test]
fn nothing_is_left_after_success_error_cancel_or_panic() {
    let place = tempfile::tempdir().unwrap();
    let work = |end: &str| -> Result<u64> {
        let spill = Spill::new(place.path(), None)?;
        let sorter = sorter_that_spills(&spill);
        if end == "given up while runs are written" {
            return Ok(0);
        }
        let mut sorted = sorter.finish()?;
        let mut rows = 0;
        while sorted.next()?.is_some() {
            rows += 1;
            match end {
                "an error" if rows == 5000 => return Err(store_core::Error::invalid("stop")),
                "a panic" if rows == 5000 => panic!("a panic of the test's"),
                "a cancel" if rows == 5000 => return Ok(rows),
                _ => {}
            }
        }
        Ok(rows)
    };
    for end in ["success", "given up while runs are written", "an error", "a cancel", "a panic"] {
        let outcome = std::panic::catch_unwind(|| work(end));
        match end {
            "success" => assert_eq!(outcome.unwrap().unwrap(), 20_000),
            "an error" => assert!(outcome.unwrap().is_err()),
            "a panic" => assert!(outcome.is_err()),
            _ => assert!(outcome.unwrap().is_ok()),
        }
        assert!(entries(place.path()).is_empty(), "after {end}: {:?}", entries(place.path()));
    }
}

/// Not a test of its own: what the next one starts and kills.
#[test]
fn child_that_spills_until_it_is_killed() {
    let Some(place) = std::env::var_os(CHILD_PLACE) else { return };
    let spill = Spill::new(PathBuf::from(place), None).unwrap();
    let _runs: Vec<Run> = (0..3).map(|_| spill_a_run(&spill, 1000).unwrap()).collect();
    println!("spilled");
    loop {
        std::thread::park();
    }
}

#[test]
fn what_a_killed_process_left_the_next_start_removes_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let other = place.path().join("store-spill-notes");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("notes.txt"), "mine").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "place::child_that_spills_until_it_is_killed", "--nocapture"])
        .env(CHILD_PLACE, place.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let spilled = || {
        let files = |path: &PathBuf| entries(path).len();
        entries(place.path()).iter().filter(|path| **path != other).map(files).max().unwrap_or(0)
    };
    while spilled() < 4 {
        assert!(child.try_wait().unwrap().is_none(), "the child has ended");
        std::thread::yield_now();
    }
    // Its owner lives: another start leaves it alone.
    let ours = Spill::new(place.path(), None).unwrap();
    let run = spill_a_run(&ours, 10).unwrap();
    assert_eq!(entries(place.path()).len(), 3);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(entries(place.path()).len(), 3);
    let next = Spill::new(place.path(), None).unwrap();
    assert_eq!(entries(place.path()).len(), 2, "{:?}", entries(place.path()));
    drop((run, ours, next));
    assert_eq!(entries(place.path()), std::slice::from_ref(&other));
    assert_eq!(std::fs::read_to_string(other.join("notes.txt")).unwrap(), "mine");
}

#[test]
fn a_sweeper_and_jobs_that_begin_do_not_hurt_each_other() {
    let place = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..60 {
                    let spill = Spill::new(place.path(), None).unwrap();
                    let run = spill_a_run(&spill, 3).unwrap();
                    assert_eq!(run.rows(), 3);
                }
            });
        }
    });
    assert!(entries(place.path()).is_empty());
}

#[test]
fn the_disk_limit_is_kept_and_what_goes_makes_room() {
    let place = tempfile::tempdir().unwrap();
    let spill = Spill::new(place.path(), Some(300_000)).unwrap();
    let first = spill_a_run(&spill, 2000).unwrap();
    let error = spill_a_run(&spill, 2000).unwrap_err();
    assert_eq!(error.kind(), Kind::DiskLimit);
    assert!(error.to_string().contains("of the 300000 bytes"), "{error}");
    assert_eq!(spill.used_bytes(), first.file_bytes());
    assert!(spill.peak_bytes() <= 300_000);
    drop(first);
    assert_eq!(spill.used_bytes(), 0);
    spill_a_run(&spill, 2000).unwrap();
}

#[test]
fn a_full_disk_is_no_space_and_leaves_nothing() {
    let device = Arc::new(SimDevice::new());
    device.set_capacity(Some(200_000));
    let spill = Spill::on_device(Arc::clone(&device) as _, None).unwrap();
    let error = spill_a_run(&spill, 5000).unwrap_err();
    assert_eq!(error.kind(), Kind::NoSpace, "{error}");
    assert_eq!(spill.used_bytes(), 0);
    assert!(device.contents().is_empty());
    spill_a_run(&spill, 100).unwrap();
}

#[test]
fn a_place_that_is_none_is_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    let missing = place.path().join("missing");
    let error = Spill::new(&missing, None).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.to_string().contains("missing"), "{error}");
    let file = place.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(Spill::new(&file, None).unwrap_err().kind(), Kind::Invalid);
}

/// A device on which as many writes meet as may, up to what is wanted, and which counts them.
#[derive(Debug)]
struct MeetingDevice {
    device: SimDevice,
    meeting: Arc<Meeting>,
}

#[derive(Debug)]
struct Meeting {
    wanted: usize,
    patience: Duration,
    inside: Mutex<(usize, usize)>,
    changed: Condvar,
}

impl Meeting {
    /// Stays inside until as many were there as are wanted, or patience ends.
    fn meet(&self) {
        let mut inside = self.inside.lock().unwrap();
        inside.0 += 1;
        inside.1 = inside.1.max(inside.0);
        self.changed.notify_all();
        let lacks = |inside: &mut (usize, usize)| inside.1 < self.wanted;
        let wait = self.changed.wait_timeout_while(inside, self.patience, lacks);
        wait.unwrap().0.0 -= 1;
    }
}

impl Device for MeetingDevice {
    fn open(&self, name: &str, mode: OpenMode) -> std::io::Result<Box<dyn DeviceFile>> {
        let file = self.device.open(name, mode)?;
        Ok(Box::new(MeetingFile { file, meeting: Arc::clone(&self.meeting) }))
    }

    fn rename(&self, from: &str, to: &str) -> std::io::Result<()> {
        self.device.rename(from, to)
    }

    fn remove(&self, name: &str) -> std::io::Result<()> {
        self.device.remove(name)
    }

    fn list(&self) -> std::io::Result<Vec<String>> {
        self.device.list()
    }

    fn sync_directory(&self) -> std::io::Result<()> {
        self.device.sync_directory()
    }

    fn lock(&self) -> std::io::Result<Box<dyn Send + Sync>> {
        self.device.lock()
    }

    fn describe(&self) -> String {
        self.device.describe()
    }
}

#[derive(Debug)]
struct MeetingFile {
    file: Box<dyn DeviceFile>,
    meeting: Arc<Meeting>,
}

impl DeviceFile for MeetingFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.file.read_at(bytes, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        self.meeting.meet();
        self.file.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> std::io::Result<()> {
        self.file.sync_all()
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.file.set_len(len)
    }

    fn len(&self) -> std::io::Result<u64> {
        self.file.len()
    }
}

/// How many of four threads were seen writing at once, where so many were waited for.
fn writes_at_once(most: Option<u32>, wanted: usize) -> usize {
    let (inside, changed) = (Mutex::default(), Condvar::new());
    let may_come = most.is_none_or(|most| wanted <= most as usize);
    let patience = Duration::from_millis(if may_come { 10_000 } else { 20 });
    let meeting = Arc::new(Meeting { wanted, patience, inside, changed });
    let device = MeetingDevice { device: SimDevice::new(), meeting: Arc::clone(&meeting) };
    let spill = Spill::on_device(Arc::new(device), None).unwrap();
    if let Some(most) = most {
        spill.set_writes_max(most);
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| spill_a_run(&spill, 200).unwrap());
        }
    });
    meeting.inside.lock().unwrap().1
}

#[test]
fn so_many_write_at_once_as_may() {
    assert_eq!(writes_at_once(None, 4), 4);
    assert_eq!(writes_at_once(Some(2), 2), 2);
    // More are waited for, and never come.
    assert_eq!(writes_at_once(Some(1), 2), 1);
    assert!(writes_at_once(Some(3), 4) <= 3);
}
