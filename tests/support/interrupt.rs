//! A device for one side of a store that is shared: at a call chosen by the test, the other side does
//! something first.

use crate::sim_device::SimDevice;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use store_core::{Device, DeviceFile, Notice, OpenMode, Posted};

type Work = Box<dyn FnOnce() + Send>;

/// A simulated device whose calls can be interrupted, each handle on its own.
#[derive(Clone)]
pub struct InterruptedDevice {
    device: SimDevice,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    calls: u64,
    at: u64,
    work: Option<Work>,
}

impl std::fmt::Debug for InterruptedDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.device.fmt(f)
    }
}

impl InterruptedDevice {
    /// Does `work` before the call of this number, counted from 0, is done.
    pub fn new(device: &SimDevice, at: u64, work: impl FnOnce() + Send + 'static) -> Self {
        let plan = Plan { calls: 0, at, work: Some(Box::new(work)) };
        Self { device: device.clone(), plan: Arc::new(Mutex::new(plan)) }
    }

    /// True if there were fewer calls than that.
    pub fn is_waiting(&self) -> bool {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).work.is_some()
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).calls
    }

    fn step(&self) {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let is_now = plan.calls == plan.at;
        plan.calls += 1;
        let work = if is_now { plan.work.take() } else { None };
        drop(plan);
        if let Some(work) = work {
            work();
        }
    }
}

impl Device for InterruptedDevice {
    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Box<dyn DeviceFile>> {
        self.step();
        let file = self.device.open(name, mode)?;
        Ok(Box::new(InterruptedFile { file, device: self.clone() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.step();
        self.device.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.step();
        self.device.remove(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.step();
        self.device.list()
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.step();
        self.device.sync_directory()
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        self.step();
        self.device.lock()
    }

    fn describe(&self) -> String {
        self.device.describe()
    }

    fn post(&self, name: &str, bytes: &[u8]) -> io::Result<Box<dyn Notice>> {
        self.step();
        let notice = self.device.post(name, bytes)?;
        Ok(Box::new(InterruptedNotice { notice, device: self.clone() }))
    }

    fn look(&self, name: &str) -> io::Result<Posted> {
        self.step();
        self.device.look(name)
    }

    fn growth_bytes(&self) -> u64 {
        self.device.growth_bytes()
    }
}

#[derive(Debug)]
struct InterruptedFile {
    file: Box<dyn DeviceFile>,
    device: InterruptedDevice,
}

impl DeviceFile for InterruptedFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.device.step();
        self.file.read_at(bytes, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.device.step();
        self.file.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.device.step();
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.device.step();
        self.file.sync_all()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.device.step();
        self.file.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.device.step();
        self.file.len()
    }
}

#[derive(Debug)]
struct InterruptedNotice {
    notice: Box<dyn Notice>,
    device: InterruptedDevice,
}

impl Notice for InterruptedNotice {
    fn change(&self, bytes: &[u8]) -> io::Result<()> {
        self.device.step();
        self.notice.change(bytes)
    }
}
