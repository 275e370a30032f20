//! The manifest: what a store consists of, in one small file that is replaced as a whole.
//!
//! ```text
//!  0       8        12  16        24        32
//!  │magic  │version │flags │length │checksum │body (bincode) …
//! ```
//!
//! The checksum is xxh3 over bytes 0 to 24 and the body. A new manifest is written beside the old
//! one, synced, and renamed over it; a crash leaves the one or the other.

use crate::codec::{self, u64_at};
use crate::cold::ColdState;
use crate::error::{Error, Result};
use crate::planted;
use crate::schema::Schema;
use crate::wal::device::read_full_at;
use crate::wal::{Device, OpenMode};
use bincode::{Decode, Encode};
use std::io;
use xxhash_rust::xxh3::Xxh3;

/// The file's name.
pub(crate) const MANIFEST_NAME: &str = "manifest";
/// How the names of segments end.
pub(crate) const SEGMENT_ENDING: &str = ".seg";
/// How the names of cold segments begin.
pub(crate) const COLD_BEGINNING: &str = "cold-";
/// How the names of files end that are not complete.
pub(crate) const TEMPORARY_ENDING: &str = ".tmp";
const TEMPORARY_NAME: &str = "manifest.tmp";
const MAGIC: [u8; 8] = *b"storeman";
/// Of a store without cold rows, and of one with some.
const VERSION: u32 = 4;
const VERSION_COLD: u32 = 5;
/// A log file has been made. Stores of earlier programs learn it when they are opened.
const HAS_LOG: u32 = 1;
const HEADER_BYTES: usize = 32;
const CHECKED_BYTES: usize = 24;
/// Longest file: some hundred thousand tables. More is damage.
const MANIFEST_BYTES_MAX: u64 = 64 << 20;

/// What a store consists of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ManifestBody {
    /// Random number of this store, in no other.
    pub(crate) store_id: u64,
    /// The log is needed from this position on.
    pub(crate) wal_start: u64,
    /// The checkpoint holds all commits up to this timestamp.
    pub(crate) checkpoint_timestamp: u64,
    /// The number of the next table; numbers are never used again.
    pub(crate) next_table: u32,
    /// A log file has been made: a store without one has lost it.
    pub(crate) has_log: bool,
    /// The tables at the checkpoint.
    pub(crate) tables: Vec<TableEntry>,
}

impl ManifestBody {
    /// The names of the segments it consists of.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &String> {
        self.tables.iter().filter_map(|table| table.segment.as_ref())
    }

    /// The names of the cold segments it consists of.
    pub(crate) fn cold_segments(&self) -> impl Iterator<Item = String> {
        let states = self.tables.iter().flat_map(|table| &table.cold);
        states.map(|state| cold_name(state.table, state.number))
    }
}

/// One table at the checkpoint.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct TableEntry {
    /// Its number.
    pub(crate) id: u32,
    /// Its columns, key and indexes.
    pub(crate) schema: Schema,
    /// The next value of a hidden `_row`.
    pub(crate) next_row: i64,
    /// The number of the next index; numbers are never used again.
    pub(crate) next_index: u32,
    /// The same of the next column.
    pub(crate) next_column: u32,
    /// The segment with its rows; none if it has none.
    pub(crate) segment: Option<String>,
    /// How many rows the segment holds.
    pub(crate) rows: u64,
    /// Its cold segments, and which of their rows are there.
    pub(crate) cold: Vec<ColdState>,
}

/// The same of a store without cold rows.
#[derive(Encode, Decode)]
struct HotEntry {
    id: u32,
    schema: Schema,
    next_row: i64,
    next_index: u32,
    next_column: u32,
    segment: Option<String>,
    rows: u64,
}

impl From<HotEntry> for TableEntry {
    fn from(hot: HotEntry) -> Self {
        let HotEntry { id, schema, next_row, next_index, next_column, segment, rows } = hot;
        Self { id, schema, next_row, next_index, next_column, segment, rows, cold: Vec::new() }
    }
}

impl From<&TableEntry> for HotEntry {
    fn from(entry: &TableEntry) -> Self {
        let TableEntry { id, schema, next_row, next_index, next_column, segment, rows, .. } =
            entry.clone();
        Self { id, schema, next_row, next_index, next_column, segment, rows }
    }
}

/// Reads the manifest; `None` if the store has none yet.
pub(crate) fn load(device: &dyn Device) -> Result<Option<ManifestBody>> {
    let file = match device.open(MANIFEST_NAME, OpenMode::Read) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        outcome => outcome.map_err(io_error)?,
    };
    let len = file.len().map_err(io_error)?;
    if !(HEADER_BYTES as u64..=MANIFEST_BYTES_MAX).contains(&len) {
        return Err(damaged(0, &format!("a length of {len} bytes")));
    }
    let mut bytes = vec![0; len as usize];
    let count = read_full_at(&*file, &mut bytes, 0).map_err(io_error)?;
    bytes.truncate(count);
    decode_file(&bytes).map(Some)
}

/// Replaces the manifest; durable when this returns.
///
/// After an error either the old or the new one is in force.
pub(crate) fn save(device: &dyn Device, body: &ManifestBody) -> Result<()> {
    let bytes = encode_file(body)?;
    // Never the file of an earlier try: if renaming that failed, it may have been renamed all the same.
    match device.remove(TEMPORARY_NAME) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(io_error(fault)),
        _ => {}
    }
    let file = device.open(TEMPORARY_NAME, OpenMode::CreateNew).map_err(io_error)?;
    file.write_all_at(&bytes, 0).map_err(io_error)?;
    if !planted::bug("manifest_renamed_before_sync") {
        file.sync_all().map_err(io_error)?;
    }
    device.rename(TEMPORARY_NAME, MANIFEST_NAME).map_err(io_error)?;
    if planted::bug("manifest_name_not_synced") {
        return Ok(());
    }
    device.sync_directory().map_err(io_error)
}

/// The name of a table's segment at a checkpoint.
pub(crate) fn segment_name(table: u32, timestamp: u64) -> String {
    format!("table-{table:08x}-{timestamp:016x}{SEGMENT_ENDING}")
}

/// The name of a cold segment of this table and number.
pub(crate) fn cold_name(table: u32, number: u64) -> String {
    format!("{COLD_BEGINNING}{table:08x}-{number:016x}{SEGMENT_ENDING}")
}

/// The checkpoint that a segment was written for; 0 of a name that none has.
pub(crate) fn timestamp_of(segment: &str) -> u64 {
    let digits = segment.strip_suffix(SEGMENT_ENDING).and_then(|name| name.rsplit('-').next());
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

/// The segments that are there and that the manifest does not name.
pub(crate) fn unnamed_segments(
    device: &dyn Device,
    manifest: &ManifestBody,
) -> Result<Vec<String>> {
    let names = device.list().map_err(|error| Error::io(device.describe(), error))?;
    let named = |name: &String| manifest.segments().any(|known| known == name);
    Ok(names.into_iter().filter(|name| is_checkpoints(name) && !named(name)).collect())
}

/// Removes the segments that the manifest does not name, where nobody follows.
pub(crate) fn remove_unnamed_segments(device: &dyn Device, manifest: &ManifestBody) -> Result<()> {
    let named = |name: &String| manifest.segments().any(|known| known == name);
    remove_files(device, |name| is_checkpoints(name) && !named(name))
}

/// True for the name of a checkpoint's segment.
fn is_checkpoints(name: &str) -> bool {
    name.ends_with(SEGMENT_ENDING) && !name.starts_with(COLD_BEGINNING)
}

/// Removes temporary files, which a crash left.
pub(crate) fn remove_temporary_files(device: &dyn Device) -> Result<()> {
    remove_files(device, |name| name.ends_with(TEMPORARY_ENDING))
}

fn remove_files(device: &dyn Device, unwanted: impl Fn(&String) -> bool) -> Result<()> {
    let names = device.list().map_err(|error| Error::io(device.describe(), error))?;
    for name in names.iter().filter(|name| unwanted(name)) {
        device.remove(name).map_err(|error| Error::io(format_args!("{name}: removing"), error))?;
    }
    Ok(())
}

fn encode_file(body: &ManifestBody) -> Result<Vec<u8>> {
    let mut bytes = vec![0; HEADER_BYTES];
    let ManifestBody { store_id, wal_start, checkpoint_timestamp, next_table, .. } = *body;
    let has_cold = body.tables.iter().any(|table| !table.cold.is_empty());
    if has_cold {
        let all = (store_id, wal_start, checkpoint_timestamp, next_table, &body.tables);
        codec::encode(&all, &mut bytes)?;
    } else {
        let tables: Vec<HotEntry> = body.tables.iter().map(HotEntry::from).collect();
        let all = (store_id, wal_start, checkpoint_timestamp, next_table, tables);
        codec::encode(&all, &mut bytes)?;
    }
    if bytes.len() as u64 > MANIFEST_BYTES_MAX {
        return Err(Error::invalid(format!("a manifest of {} bytes is too long", bytes.len())));
    }
    let length = (bytes.len() - HEADER_BYTES) as u64;
    bytes[..8].copy_from_slice(&MAGIC);
    let version = if has_cold { VERSION_COLD } else { VERSION };
    bytes[8..12].copy_from_slice(&version.to_le_bytes());
    let flags = if body.has_log { HAS_LOG } else { 0 };
    bytes[12..16].copy_from_slice(&flags.to_le_bytes());
    bytes[16..24].copy_from_slice(&length.to_le_bytes());
    let checksum = checksum(&bytes);
    bytes[CHECKED_BYTES..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

/// What the body of a manifest has.
type Body<T> = (u64, u64, u64, u32, Vec<T>);

fn decode_file(bytes: &[u8]) -> Result<ManifestBody> {
    if bytes.len() < HEADER_BYTES || bytes[..8] != MAGIC {
        return Err(damaged(0, "not a manifest"));
    }
    let body = &bytes[HEADER_BYTES..];
    if u64_at(bytes, 16) != body.len() as u64 {
        return Err(damaged(
            16,
            &format!("{} bytes follow, not {}", body.len(), u64_at(bytes, 16)),
        ));
    }
    if u64_at(bytes, CHECKED_BYTES) != checksum(bytes) {
        return Err(damaged(CHECKED_BYTES, "the checksum does not hold"));
    }
    let (version, flags) = (u64_at(bytes, 8) as u32, (u64_at(bytes, 8) >> 32) as u32);
    if ![VERSION, VERSION_COLD].contains(&version) || flags & !HAS_LOG != 0 {
        return Err(Error::unsupported(format!(
            "{MANIFEST_NAME}: format {version} with flags {flags}, this program reads {VERSION} and \
             {VERSION_COLD}"
        )));
    }
    let at_place = |fault: Error| fault.at(MANIFEST_NAME);
    let (decoded, used): (Body<TableEntry>, usize) = if version == VERSION_COLD {
        codec::decode(body).map_err(at_place)?
    } else {
        let (decoded, used) = codec::decode::<Body<HotEntry>>(body).map_err(at_place)?;
        let (id, start, timestamp, next, tables) = decoded;
        ((id, start, timestamp, next, tables.into_iter().map(TableEntry::from).collect()), used)
    };
    let (store_id, wal_start, checkpoint_timestamp, next_table, tables) = decoded;
    if used != body.len() {
        return Err(damaged(HEADER_BYTES + used, "bytes are left over"));
    }
    let has_log = flags & HAS_LOG != 0;
    Ok(ManifestBody { store_id, wal_start, checkpoint_timestamp, next_table, has_log, tables })
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&bytes[..CHECKED_BYTES]);
    hash.update(&bytes[HEADER_BYTES..]);
    hash.digest()
}

fn damaged(offset: usize, reason: &str) -> Error {
    Error::corrupt(format!("{MANIFEST_NAME}: damaged at offset {offset}: {reason}"))
        .detail(MANIFEST_NAME)
        .detail(offset.to_string())
}

fn io_error(fault: io::Error) -> Error {
    Error::io(MANIFEST_NAME, fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::sim_device::SimDevice;
    use crate::value::Type;

    fn body(tables: u32) -> ManifestBody {
        let schema = Schema::builder("flights")
            .column("id", Type::Text)
            .key()
            .column("altitude", Type::Int32)
            .index()
            .default(7)
            .build()
            .unwrap();
        let cold_state = |nth| ColdState {
            table: 7,
            number: u64::from(nth),
            born: vec![0, 3],
            gone: vec![nth, 5],
        };
        let entry = |id| TableEntry {
            id,
            schema: schema.clone(),
            next_row: -1,
            next_index: 3,
            next_column: 4,
            segment: (id % 2 == 0).then(|| format!("checkpoint-{id}.seg")),
            rows: u64::MAX,
            cold: (0..id % 3).map(cold_state).collect(),
        };
        ManifestBody {
            store_id: 0xfeed,
            wal_start: 4711,
            checkpoint_timestamp: 99,
            next_table: tables,
            has_log: tables > 0,
            tables: (0..tables).map(entry).collect(),
        }
    }

    #[test]
    fn a_manifest_comes_back() {
        let device = SimDevice::new();
        assert_eq!(load(&device).unwrap(), None);
        for tables in [0, 1, 500] {
            save(&device, &body(tables)).unwrap();
            assert_eq!(load(&device).unwrap(), Some(body(tables)));
        }
    }

    #[test]
    fn any_wrong_byte_or_length_is_corrupt() {
        let good = encode_file(&body(2)).unwrap();
        let device = SimDevice::new();
        let file = device.open(MANIFEST_NAME, OpenMode::Truncate).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            file.write_all_at(&bad, 0).unwrap();
            let fault = load(&device).unwrap_err();
            assert_eq!((fault.kind(), &*fault.details()[0]), (Kind::Corrupt, "manifest"), "{at}");
        }
        file.write_all_at(&good, 0).unwrap();
        for len in 0..good.len() as u64 {
            file.set_len(len).unwrap();
            assert_eq!(load(&device).unwrap_err().kind(), Kind::Corrupt, "length {len}");
            file.write_all_at(&good, 0).unwrap();
        }
        file.set_len(good.len() as u64 + 1).unwrap();
        assert_eq!(load(&device).unwrap_err().kind(), Kind::Corrupt);
    }

    #[test]
    fn a_crash_anywhere_leaves_the_old_or_the_new() {
        for stop in 0.. {
            let device = SimDevice::new();
            save(&device, &body(1)).unwrap();
            device.stop_at(device.operations() + stop);
            let outcome = save(&device, &body(2));
            for seed in 0..8 {
                let found = load(&device.crash(seed)).unwrap().unwrap();
                assert!(found == body(2) || (outcome.is_err() && found == body(1)), "at {stop}");
            }
            if outcome.is_ok() {
                return;
            }
        }
    }
}
