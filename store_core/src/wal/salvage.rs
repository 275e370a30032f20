//! Reading what verifies of a damaged log.

use super::damage::find_frame;
use super::device::{Device, OpenMode};
use super::file::{WalFile, list_files};
use super::frames::FrameReader;
use super::lsn::Lsn;
use super::record::Record;
use crate::error::{Kind, Result};
use crate::mem::Holder;

/// Hands every record from a position on that verifies to `visit`, in order, and tells `missing` of
/// each stretch that does not. Changes nothing.
///
/// Behind a bad place the next valid frame is looked for. So what follows a gap is handed out though
/// something before it is not.
pub(crate) fn salvage(
    device: &dyn Device,
    from: Lsn,
    holder: &Holder,
    visit: &mut dyn FnMut(Record<'_>) -> Result<()>,
    missing: &mut dyn FnMut(String),
) -> Result<()> {
    let files = list_files(device)?;
    let first = files.partition_point(|(start, _)| *start <= from).saturating_sub(1);
    if files.get(first).is_some_and(|(start, _)| *start > from) {
        missing(format!("the log from position {from} to {} is missing", files[first].0));
    }
    for (position, (start, name)) in files.iter().enumerate().skip(first) {
        let next = files.get(position + 1).map(|(next, _)| *next);
        let file = match WalFile::open(device, name, OpenMode::Read) {
            Err(error) if matches!(error.kind(), Kind::Corrupt | Kind::Unsupported) => {
                missing(error.to_string());
                continue;
            }
            opened => opened?,
        };
        let mut reader = FrameReader::new(&file, holder)?;
        let mut at = *start;
        while next.is_none_or(|next| at < next) {
            match record_at(&mut reader, at)? {
                Some(record) => {
                    at = record.end;
                    if record.lsn >= from {
                        visit(record)?;
                    }
                }
                None => match skip(&mut reader, at, next.is_some(), missing)? {
                    Some(found) => at = found,
                    None => break,
                },
            }
        }
    }
    Ok(())
}

/// A record that this program can read.
fn record_at<'r>(reader: &'r mut FrameReader<'_>, at: Lsn) -> Result<Option<Record<'r>>> {
    match reader.record_at(at) {
        Err(error) if error.kind() == Kind::Unsupported => Ok(None),
        outcome => outcome,
    }
}

/// Where the log goes on behind a bad place.
fn skip(
    reader: &mut FrameReader<'_>,
    bad: Lsn,
    more_files: bool,
    missing: &mut dyn FnMut(String),
) -> Result<Option<Lsn>> {
    let (name, offset) = (reader.file.name.clone(), reader.file.offset_of(bad));
    let rest = find_frame(reader, bad, |_| true)?;
    match rest.found {
        Some(found) => {
            let bytes = found.since(bad);
            missing(format!("{name}: {bytes} bytes at offset {offset} are no whole record"));
        }
        None if more_files => missing(format!("{name}: no record from offset {offset} on")),
        None if rest.bytes > 0 => {
            let bytes = rest.bytes;
            missing(format!(
                "{name}: {bytes} bytes at offset {offset} are no whole record: damage, or a write that a \
                 crash left unfinished"
            ));
        }
        None => {}
    }
    Ok(rest.found)
}
