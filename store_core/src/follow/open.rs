//! Opening a follower: the owner's checkpoint and its log as far as that is durable, under a lease.

use super::apply::Applier;
use super::lease::{FileLease, Needs};
use super::{Follower, Following, OPENINGS_MAX};
use crate::error::{Error, Kind, Result};
use crate::manifest::{self, ManifestBody};
use crate::mem::Holder;
use crate::mvcc::Timestamp;
use crate::recovery::{self, OpenOptions, Recovery, RecoveryReport, TakeRecord};
use crate::txn::Engine;
use crate::wal::{Device, Lsn, Progress, Tail, Tailed, list_files};
use std::sync::Arc;

/// A follower that was opened.
pub(crate) struct Opened {
    pub engine: Arc<Engine>,
    pub manifest: ManifestBody,
    pub recovery: RecoveryReport,
    pub follower: Arc<Follower>,
}

/// Loads what is durable; again if checkpoints of the owner replaced it meanwhile.
pub(crate) fn open(device: &Arc<dyn Device>, memory: u64, options: &OpenOptions) -> Result<Opened> {
    let in_force = || {
        let manifest = manifest::load(&**device)?;
        manifest.ok_or_else(|| Error::not_found("there is no store here").detail(device.describe()))
    };
    in_force()?; // before anything is put where no store is
    let mut threads = options.threads;
    for _ in 0..OPENINGS_MAX {
        let lease = FileLease::take(device)?;
        let manifest = in_force()?;
        match load(device, memory, threads, lease, &manifest) {
            // What several threads hold besides the rows must not be why it does not fit.
            Err(error) if error.kind() == Kind::OverBudget && threads > 1 => threads = 1,
            Err(_) if has_moved_on(&**device, &manifest) => {}
            outcome => return outcome,
        }
    }
    Err(Error::new(
        Kind::SnapshotTooOld,
        format!(
            "the owner's checkpoints replaced the files faster than they could be read, {OPENINGS_MAX} times: \
             let it hold more back for followers, or open with more memory or threads"
        ),
    ))
}

/// True if files that the manifest names may be gone because there is a newer one.
fn has_moved_on(device: &dyn Device, manifest: &ManifestBody) -> bool {
    manifest::load(device).is_ok_and(|now| now.is_some_and(|now| now != *manifest))
}

fn load(
    device: &Arc<dyn Device>,
    memory: u64,
    threads: usize,
    lease: Option<FileLease>,
    manifest: &ManifestBody,
) -> Result<Opened> {
    let mut needs = Needs {
        segments: manifest.checkpoint_timestamp,
        log: Lsn(manifest.wal_start),
        ..Needs::all()
    };
    lease.iter().try_for_each(|lease| lease.say(needs))?;
    let engine = Engine::new(memory)?;
    engine.set_follows();
    engine.attach_device(device);
    let mut tail = Tail::new(needs.log);
    let progress = Progress::look(&**device);
    let mut records = 0;
    let mut recovery = Recovery::new(&engine, Timestamp(manifest.checkpoint_timestamp));
    let mut newest = manifest.checkpoint_timestamp;
    let read = |holder: &Holder, take: &mut TakeRecord<'_>| {
        if manifest.has_log && list_files(&**device)?.is_empty() {
            return Err(Error::corrupt("the log is missing"));
        }
        tail.read(&**device, progress, holder, &mut |found| match found {
            Tailed::File => Ok(()),
            Tailed::Record(record) => {
                records += 1;
                newest = newest.max(record.timestamp);
                take(record)
            }
        })
    };
    let mut found = RecoveryReport::default();
    recovery::load(&mut recovery, &**device, manifest, threads, &mut found, read)?;
    recovery::finish(&recovery, manifest, threads, &mut found)?;
    engine.timeline.restart_at(Timestamp(newest));
    (found.records, found.timestamp) = (records, newest);
    let fragments = recovery.fragments;
    needs.segments = 0;
    needs.log = tail.at();
    lease.iter().try_for_each(|lease| lease.say(needs))?;
    let applier = Applier::new(&engine, fragments)?;
    let following = Following { applier, tail, lease, needs, ended: None, seen: progress };
    let follower = Arc::new(Follower::new(device, following));
    Ok(Opened { engine, manifest: manifest.clone(), recovery: found, follower })
}
