//! Telling a torn tail from damage in what had been acknowledged.
//!
//! ```text
//!  … valid │ bad │ ? │ frame, durable ≤ bad │ ?        torn: one batch, written in any order
//!  … valid │ bad │ ? │ frame, durable > bad │ …        damaged: bad had been synced
//! ```
//!
//! A frame says up to where the log was durable when the frame was written, so a valid frame
//! behind the bad one may prove that the bad one had been durable. Each position of the file is a
//! candidate; the position that a frame carries of itself makes the search cheap.

use super::frames::{FrameReader, WINDOW_BYTES};
use super::lsn::Lsn;
use super::record::{FRAME_BYTES, Frame};
use crate::codec::u64_at;
use crate::error::Result;

/// Where a frame says its position.
const LSN_AT: usize = 16;

/// What stands behind the last valid frame of the last file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rest {
    /// Bytes up to the last one that is not zero; 0 if the log ends cleanly.
    pub(super) bytes: u64,
    /// The first later frame of those looked for.
    pub(super) found: Option<Lsn>,
}

/// Looks behind a bad place for a frame that proves the place had been durable.
pub(super) fn find_proof(reader: &mut FrameReader<'_>, bad: Lsn) -> Result<Rest> {
    find_frame(reader, bad, |frame| frame.durable > bad)
}

/// Looks behind a bad place for a valid frame that is wanted; if there is none, at all that follows.
pub(super) fn find_frame(
    reader: &mut FrameReader<'_>,
    bad: Lsn,
    wanted: impl Fn(&Frame) -> bool,
) -> Result<Rest> {
    let start = reader.file.offset_of(bad);
    let mut rest = Rest::default();
    let mut offset = start;
    while offset < reader.len {
        let window = reader.bytes_at(offset, WINDOW_BYTES)?;
        if window.is_empty() {
            break;
        }
        if let Some(last) = window.iter().rposition(|byte| *byte != 0) {
            rest.bytes = offset - start + last as u64 + 1;
        }
        let lsn = bad.plus(offset - start);
        let Some(step) = find_candidate(window, lsn, bad) else {
            // A frame may begin in this window's end.
            offset += window.len().saturating_sub(FRAME_BYTES).max(1) as u64;
            continue;
        };
        let candidate = lsn.plus(step as u64);
        offset += step as u64;
        match reader.frame_at(candidate)? {
            Some(frame) if wanted(&frame) => {
                rest.found = Some(candidate);
                return Ok(rest);
            }
            Some(frame) => offset += frame.total(),
            None => offset += 1,
        }
    }
    Ok(rest)
}

/// The first place in the window, behind `bad`, where a frame could begin.
fn find_candidate(window: &[u8], lsn: Lsn, bad: Lsn) -> Option<usize> {
    let last = window.len().checked_sub(FRAME_BYTES)?;
    (0..=last).find(|&at| {
        let here = lsn.plus(at as u64);
        here > bad && u64_at(window, at + LSN_AT) == here.0
    })
}
