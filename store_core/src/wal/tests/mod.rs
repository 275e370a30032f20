//! Tests of the log, on a simulated device and on a directory.

mod append;
mod crash;
mod damage;
mod faults;

use super::file::LogStart;
use super::replay::ReplayReport;
use super::{HashedPayload, Lsn, RecordKind, Wait, Wal, WalOptions, replay};
use crate::error::Result;
use crate::mem::{Holder, MemoryBudget};
use crate::sync::AtomicU64;
use crate::wal::Device;
use std::sync::Arc;

const BIRTH: LogStart = LogStart { lsn: Lsn::ZERO, timestamp: 0, wall: 0 };

/// Where a log says what is durable.
fn clock_word() -> Arc<AtomicU64> {
    Arc::new(AtomicU64::new(0))
}

fn holder() -> Holder {
    MemoryBudget::new(64 << 20).holder("wal")
}

fn small() -> WalOptions {
    WalOptions { preallocate_bytes: 2048, pending_bytes_max: 4096, record_bytes_max: 1 << 20 }
}

fn create(device: &(impl Device + Clone + 'static), start: LogStart) -> Result<Wal> {
    Wal::create(Arc::new(device.clone()), start, small(), holder(), clock_word())
}

/// Appends a commit with the next timestamp; returns its end.
fn commit(wal: &Wal, timestamp: u64, payload: &[u8]) -> Result<Lsn> {
    let payload = HashedPayload::new(payload);
    Ok(wal.append(RecordKind::Commit, &payload, Wait::Writer, || timestamp)?.end)
}

/// A payload that says which one it is, of a length of its own.
fn payload(number: u64) -> Vec<u8> {
    let len = 8 + (number * 397 % 1500) as usize;
    let mut bytes: Vec<u8> = (0..len).map(|at| (at as u64 * 31 + number * 7 + 1) as u8).collect();
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// The number of a payload, which must be whole.
fn number_of(bytes: &[u8]) -> u64 {
    let number = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(bytes, payload(number), "payload {number} came back changed");
    number
}

/// Replays; returns the positions and numbers of the records.
fn read(device: &dyn Device, from: Lsn) -> Result<(Vec<(Lsn, u64)>, ReplayReport)> {
    let mut found = Vec::new();
    let report = replay(device, from, &holder(), &mut |record| {
        found.push((record.lsn, number_of(record.payload)));
        Ok(())
    })?;
    Ok((found, report.clean_end(device, &holder())?))
}
