//! A device whose syncs can be held, so that a commit stands still between its log record and its
//! acknowledgement for as long as a test wants.

use crate::sim_device::SimDevice;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use store_core::{Device, DeviceFile, Notice, OpenMode, Posted};

/// A simulated device behind a gate that syncs must pass.
#[derive(Clone, Debug, Default)]
pub struct GateDevice {
    /// The device behind.
    pub device: SimDevice,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    waiting: usize,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting += 1;
        self.changed.notify_all();
        while state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
    }
}

impl GateDevice {
    /// Holds every sync from now on.
    pub fn close(&self) {
        self.gate.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
    }

    /// Lets them go.
    pub fn open_gate(&self) {
        self.gate.state.lock().unwrap_or_else(PoisonError::into_inner).closed = false;
        self.gate.changed.notify_all();
    }

    /// Waits, up to four seconds, until somebody stands at the closed gate; false if nobody came.
    pub fn wait_for_somebody(&self) -> bool {
        let state = self.gate.state.lock().unwrap_or_else(PoisonError::into_inner);
        let patience = std::time::Duration::from_secs(4);
        let wait =
            self.gate.changed.wait_timeout_while(state, patience, |state| state.waiting == 0);
        wait.unwrap_or_else(PoisonError::into_inner).0.waiting > 0
    }
}

impl Device for GateDevice {
    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Box<dyn DeviceFile>> {
        let file = self.device.open(name, mode)?;
        Ok(Box::new(GateFile { file, gate: Arc::clone(&self.gate) }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.device.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.device.remove(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.device.list()
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.device.sync_directory()
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        self.device.lock()
    }

    fn describe(&self) -> String {
        self.device.describe()
    }

    fn post(&self, name: &str, bytes: &[u8]) -> io::Result<Box<dyn Notice>> {
        self.device.post(name, bytes)
    }

    fn look(&self, name: &str) -> io::Result<Posted> {
        self.device.look(name)
    }
}

#[derive(Debug)]
struct GateFile {
    file: Box<dyn DeviceFile>,
    gate: Arc<Gate>,
}

impl DeviceFile for GateFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(bytes, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.gate.pass();
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.gate.pass();
        self.file.sync_all()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}
