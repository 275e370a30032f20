//! Files that lost their name give their blocks back in steps.
//!
//! To free a long file is one piece of work for the file system, about 30 ms for 110 MB on ext4, and a
//! sync of any other file may wait for all of it. Commits wait for syncs. So the file is cut step by
//! step, and syncs get in between.
//!
//! Somebody else may be reading it, or have given it a second name to keep it. Then it stays as it is, and
//! the system frees it when the last of them goes.

use crate::planted;
use rustix::fs::fstat;
use std::fs::File;
use std::os::fd::AsRawFd;

/// Bytes that are given back at a time.
const STEP_BYTES: u64 = 1 << 20;

/// Cuts a file that has just been removed, if nobody else can reach it.
///
/// What goes wrong is no loss: closing the file frees it, too.
pub(super) fn give_back(file: &File) {
    let Ok(about) = fstat(file) else { return };
    if about.st_size as u64 <= STEP_BYTES {
        return; // closing it is one step
    }
    let is_reached = about.st_nlink > 0 || !is_ours_alone(file);
    if is_reached && !planted::bug("read_file_cut") {
        return;
    }
    let mut left = about.st_size as u64;
    while left > 0 {
        left = left.saturating_sub(STEP_BYTES);
        if file.set_len(left).is_err() {
            return;
        }
    }
}

/// True if no other open file leads to the same bytes: only then the system grants a lease for writing.
///
/// The lease goes at once: it is asked for as a question. Nobody who comes by a name can break it in
/// between, for there is none.
fn is_ours_alone(file: &File) -> bool {
    // SAFETY: the descriptor is open as long as the file is; the call takes numbers, no pointers.
    let lease =
        |kind: libc::c_int| unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind) == 0 };
    lease(libc::F_WRLCK) && lease(libc::F_UNLCK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_what_nobody_else_reaches_is_cut() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("long");
        let bytes = vec![7; 3 * STEP_BYTES as usize + 1];
        let open = || File::options().read(true).write(true).open(&path).unwrap();
        let removed = |others: &dyn Fn() -> Option<File>| {
            fs::write(&path, &bytes).unwrap();
            let (file, other) = (open(), others());
            fs::remove_file(&path).unwrap();
            give_back(&file);
            drop(other);
            file.metadata().unwrap().len()
        };
        assert_eq!(removed(&|| None), 0);
        assert_eq!(removed(&|| Some(open())), bytes.len() as u64, "it is open twice");
        assert_eq!(removed(&|| File::open(&path).ok()), bytes.len() as u64, "somebody reads it");
        let second = place.path().join("second");
        let linked = removed(&|| {
            fs::hard_link(&path, &second).unwrap();
            None
        });
        assert_eq!(linked, bytes.len() as u64, "it has another name");
        assert_eq!(fs::read(second).unwrap(), bytes);
    }
}
