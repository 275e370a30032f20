//! Leases: what followers still read, so that the owner leaves it where it is.
//!
//! ```text
//!  follower   lease: everything → manifest → lease: its segments, its log → lease: log from here on …
//!  owner      manifest switched → look at all leases → remove what neither it nor a lease needs
//! ```
//!
//! A lease is a [notice](crate::Device::post): it is held by the lock on its file, which ends with the
//! follower however that ends, and no clock is asked. The order makes it safe: a follower that the owner
//! did not see read the manifest after the owner had switched it, and needs nothing that goes.
//!
//! What leases hold back is bounded: beyond that the one that holds most is not respected, and its
//! follower is told when it looks for the next file.

use crate::codec::{seal_words, sealed_words};
use crate::error::{Error, Result};
use crate::manifest::{self, ManifestBody};
use crate::planted;
use crate::random::random_id;
use crate::wal::{Device, Lsn, Notice, OpenMode, list_files};
use std::io;
use std::sync::Arc;

/// How the names of leases begin.
pub(crate) const LEASE_BEGINNING: &str = "follower-";
const MAGIC: [u8; 8] = *b"storefol";
const VERSION: u64 = 1;
/// Tries to put a lease up: an owner that opens the store just then removes what is not complete.
const TRIES_MAX: u32 = 100;

/// What a follower needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    /// The process that follows.
    pub process: u64,
    /// Segments of checkpoints up to this timestamp; 0 for none.
    pub segments: u64,
    /// The log from this position on.
    pub log: Lsn,
}

impl Needs {
    /// Everything there is: its follower does not know yet.
    pub(super) fn all() -> Self {
        Self { process: u64::from(std::process::id()), segments: u64::MAX, log: Lsn::ZERO }
    }

    fn to_bytes(self) -> Vec<u8> {
        seal_words(MAGIC, &[VERSION, self.process, self.segments, self.log.0])
    }

    /// What cannot be read means everything: it is being changed.
    fn from_bytes(bytes: &[u8]) -> Self {
        match sealed_words(MAGIC, bytes) {
            Some([VERSION, process, segments, log]) => Self { process, segments, log: Lsn(log) },
            _ => Self { process: 0, segments: u64::MAX, log: Lsn::ZERO },
        }
    }

    fn needs(&self, file: &Useless) -> bool {
        match file.kind {
            FileKind::Segment(timestamp) => timestamp <= self.segments,
            FileKind::Log { end, .. } => end > self.log,
        }
    }
}

/// A lease that this process holds; it goes when this is dropped.
#[derive(Debug)]
pub(super) struct FileLease {
    device: Arc<dyn Device>,
    name: String,
    notice: Box<dyn Notice>,
    process: u32,
}

impl FileLease {
    /// Holds everything back from now on. `None` where nothing can be written: then nothing is held.
    pub(super) fn take(device: &Arc<dyn Device>) -> Result<Option<Self>> {
        let bytes = Needs::all().to_bytes();
        let mut tries = 0;
        loop {
            let name = format!("{LEASE_BEGINNING}{:016x}", random_id());
            match device.post(&name, &bytes) {
                Ok(notice) => {
                    let process = std::process::id();
                    return Ok(Some(Self { device: Arc::clone(device), name, notice, process }));
                }
                Err(fault) if fault.kind() == io::ErrorKind::NotFound && tries < TRIES_MAX => {
                    tries += 1;
                }
                Err(fault) => match fault.kind() {
                    io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                        return Ok(None);
                    }
                    _ => return Err(Error::io(format_args!("{name}: making a lease"), fault)),
                },
            }
        }
    }

    /// Says what is needed from now on.
    pub(super) fn say(&self, needs: Needs) -> Result<()> {
        let said = self.notice.change(&needs.to_bytes());
        said.map_err(|fault| Error::io(&self.name, fault))
    }
}

impl Drop for FileLease {
    fn drop(&mut self) {
        // Not a forked child's. If it stays, the next checkpoint finds that nobody holds it.
        if self.process == std::process::id() {
            let _: io::Result<()> = self.device.remove(&self.name);
        }
    }
}

/// The leases that are held; those that nobody holds are swept away.
fn held(device: &dyn Device) -> Result<Vec<Needs>> {
    let names = device.list().map_err(|fault| Error::io(device.describe(), fault))?;
    let mut held = Vec::new();
    for name in names.iter().filter(|name| name.starts_with(LEASE_BEGINNING)) {
        match device.look(name) {
            Ok(posted) if posted.is_held => held.push(Needs::from_bytes(&posted.bytes)),
            // A name that is not complete is its follower's.
            Ok(_) if name.ends_with(manifest::TEMPORARY_ENDING) => {}
            Ok(_) => drop(device.remove(name)),
            Err(_) => {} // gone since
        }
    }
    Ok(held)
}

/// A file that the owner has no use for.
#[derive(Debug)]
struct Useless {
    name: String,
    bytes: u64,
    kind: FileKind,
}

#[derive(Debug)]
enum FileKind {
    /// Of the checkpoint at this timestamp.
    Segment(u64),
    /// Of the log, between these positions.
    Log { start: Lsn, end: Lsn },
}

/// Removes segments that neither the manifest nor a follower needs; says from where on the log is
/// needed. Followers hold back at most so many bytes.
pub(crate) fn remove_unneeded(
    device: &dyn Device,
    manifest: &ManifestBody,
    bytes_max: u64,
) -> Result<Lsn> {
    let useless = useless(device, manifest)?;
    let mut leases = if planted::bug("lease_ignored") { Vec::new() } else { held(device)? };
    respect(&mut leases, &useless, bytes_max);
    let mut log = Lsn(manifest.wal_start);
    for file in useless {
        let is_needed = leases.iter().any(|lease| lease.needs(&file));
        match file.kind {
            FileKind::Log { start, .. } if is_needed => log = log.min(start),
            FileKind::Segment(_) if !is_needed => {
                let removed = device.remove(&file.name);
                removed
                    .map_err(|fault| Error::io(format_args!("{}: removing", file.name), fault))?;
            }
            _ => {}
        }
    }
    Ok(log)
}

/// Leaves out those that would hold back too much, the greediest first.
fn respect(leases: &mut Vec<Needs>, useless: &[Useless], bytes_max: u64) {
    let bytes = |leases: &[Needs]| -> u64 {
        let held = useless.iter().filter(|file| leases.iter().any(|lease| lease.needs(file)));
        held.map(|file| file.bytes).sum()
    };
    while bytes(leases) > bytes_max {
        let alone = |nth: &usize| bytes(&leases[*nth..=*nth]);
        let Some(greediest) = (0..leases.len()).max_by_key(alone) else { return };
        leases.remove(greediest);
    }
}

fn useless(device: &dyn Device, manifest: &ManifestBody) -> Result<Vec<Useless>> {
    let len = |name: &String| device.open(name, OpenMode::Read).and_then(|file| file.len());
    let mut useless = Vec::new();
    for name in manifest::unnamed_segments(device, manifest)? {
        let kind = FileKind::Segment(manifest::timestamp_of(&name));
        useless.push(Useless { bytes: len(&name).unwrap_or(0), name, kind });
    }
    let files = list_files(device)?;
    for pair in files.windows(2).filter(|pair| pair[1].0 <= Lsn(manifest.wal_start)) {
        let (start, name) = pair[0].clone();
        let kind = FileKind::Log { start, end: pair[1].0 };
        useless.push(Useless { bytes: len(&name).unwrap_or(0), name, kind });
    }
    Ok(useless)
}

/// True if somebody follows.
pub(crate) fn is_followed(device: &dyn Device) -> Result<bool> {
    held(device).map(|held| !held.is_empty())
}

/// A follower, as the owner sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FollowerStats {
    /// The process that follows; 0 if it cannot be told just now.
    pub process: u64,
    /// It is still loading the checkpoint.
    pub is_opening: bool,
    /// It has applied all before this position of the log.
    pub position: u64,
    /// Bytes of log files that are kept for it alone, or for it and others, and not for the owner.
    pub held_bytes: u64,
}

/// The followers of a store whose checkpoint needs the log from `start` on.
pub(crate) fn followers(device: &dyn Device, start: Lsn) -> Result<Vec<FollowerStats>> {
    let files = list_files(device)?;
    let len = |name: &String| device.open(name, OpenMode::Read).and_then(|file| file.len());
    let held_bytes = |needs: &Needs| -> u64 {
        let kept = files.windows(2).filter(|pair| pair[1].0 <= start && pair[1].0 > needs.log);
        kept.map(|pair| len(&pair[0].1).unwrap_or(0)).sum()
    };
    let of = |needs: Needs| FollowerStats {
        process: needs.process,
        is_opening: needs.segments > 0,
        position: needs.log.0,
        held_bytes: held_bytes(&needs),
    };
    Ok(held(device)?.into_iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(timestamp: u64, bytes: u64) -> Useless {
        Useless { name: String::new(), bytes, kind: FileKind::Segment(timestamp) }
    }

    fn log(start: u64, end: u64) -> Useless {
        let kind = FileKind::Log { start: Lsn(start), end: Lsn(end) };
        Useless { name: String::new(), bytes: end - start, kind }
    }

    fn lease(segments: u64, log: u64) -> Needs {
        Needs { process: 7, segments, log: Lsn(log) }
    }

    #[test]
    fn a_lease_needs_its_checkpoint_and_the_log_from_its_place_on() {
        let needs = lease(10, 200);
        assert_eq!(Needs::from_bytes(&needs.to_bytes()), needs);
        assert!(needs.needs(&segment(10, 1)) && !needs.needs(&segment(11, 1)));
        assert!(needs.needs(&log(100, 201)) && !needs.needs(&log(100, 200)));
        assert!(Needs::all().needs(&segment(1 << 60, 1)) && Needs::all().needs(&log(0, 1)));
        let mut torn = needs.to_bytes();
        torn[20] ^= 1;
        assert_eq!(Needs::from_bytes(&torn), Needs { process: 0, ..Needs::all() });
    }

    #[test]
    fn the_greediest_goes_first_and_the_others_stay() {
        let files = [log(0, 100), log(100, 150), segment(5, 30)];
        for (most, left) in [(180, 3), (179, 2), (50, 2), (49, 1), (0, 1)] {
            let mut leases = vec![lease(0, 100), lease(5, 0), lease(0, 200)];
            respect(&mut leases, &files, most);
            assert_eq!(leases.len(), left, "{most}");
            assert_eq!(leases[left - 1], lease(0, 200));
        }
    }
}
