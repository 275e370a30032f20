//! A record as bytes: key and payload behind their lengths, the same in memory and in a run.
//!
//! ```text
//!  │length of the key│length of the payload│key│payload│
//!  a length: one byte below 251; 251 and two bytes; 252 and four bytes
//! ```

/// Longest record: lengths have four bytes, and blocks count in them.
pub(crate) const RECORD_BYTES_MAX: usize = 1 << 29;

const SHORT_MAX: usize = 250;
const TWO: u8 = 251;
const FOUR: u8 = 252;

/// Where the parts of a record are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecordAt {
    pub(crate) start: usize,
    /// Where the key begins; the payload begins where it ends.
    pub(crate) key: usize,
    pub(crate) payload: usize,
    /// Where the record ends.
    pub(crate) end: usize,
}

impl RecordAt {
    #[inline(always)]
    pub(crate) fn key_of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.key..self.payload]
    }

    #[inline(always)]
    pub(crate) fn payload_of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.payload..self.end]
    }
}

/// Bytes a record of such parts takes.
#[inline(always)]
pub(crate) fn record_bytes(key: usize, payload: usize) -> usize {
    length_bytes(key) + length_bytes(payload) + key + payload
}

#[inline(always)]
fn length_bytes(len: usize) -> usize {
    match len {
        0..=SHORT_MAX => 1,
        0..=0xFFFF => 3,
        _ => 5,
    }
}

/// Writes a record at the beginning of the room; returns how many bytes it took.
///
/// The room must have [`record_bytes`], and that is at most [`RECORD_BYTES_MAX`].
#[inline(always)]
pub(crate) fn write_record(room: &mut [u8], key: &[u8], payload: &[u8]) -> usize {
    let mut at = write_length(room, 0, key.len());
    at = write_length(room, at, payload.len());
    room[at..at + key.len()].copy_from_slice(key);
    at += key.len();
    room[at..at + payload.len()].copy_from_slice(payload);
    at + payload.len()
}

#[inline(always)]
fn write_length(room: &mut [u8], at: usize, len: usize) -> usize {
    match len {
        0..=SHORT_MAX => {
            room[at] = len as u8;
            at + 1
        }
        0..=0xFFFF => {
            room[at] = TWO;
            room[at + 1..at + 3].copy_from_slice(&(len as u16).to_le_bytes());
            at + 3
        }
        _ => {
            room[at] = FOUR;
            room[at + 1..at + 5].copy_from_slice(&(len as u32).to_le_bytes());
            at + 5
        }
    }
}

/// The record that begins at `at` and ends at `end` or before; `None` if the bytes are none.
#[inline(always)]
pub(crate) fn read_record(bytes: &[u8], at: usize, end: usize) -> Option<RecordAt> {
    let bytes = bytes.get(..end)?;
    let start = at;
    let (key_len, at) = read_length(bytes, start)?;
    let (payload_len, key) = read_length(bytes, at)?;
    let payload = key + key_len;
    let record_end = payload + payload_len;
    (record_end <= end).then_some(RecordAt { start, key, payload, end: record_end })
}

#[inline(always)]
fn read_length(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    match *bytes.get(at)? {
        short if usize::from(short) <= SHORT_MAX => Some((usize::from(short), at + 1)),
        TWO => {
            let len = u16::from_le_bytes(bytes.get(at + 1..at + 3)?.try_into().ok()?);
            Some((usize::from(len), at + 3))
        }
        FOUR => {
            let len = u32::from_le_bytes(bytes.get(at + 1..at + 5)?.try_into().ok()?);
            Some((len as usize, at + 5))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_and_no_cut_one_does() {
        for (key, payload) in [(0, 0), (1, 250), (250, 251), (251, 65_535), (70_000, 3)] {
            let (key, payload) = (vec![7; key], vec![9; payload]);
            let mut room = vec![0; record_bytes(key.len(), payload.len()) + 1];
            let len = write_record(&mut room, &key, &payload);
            assert_eq!(len, room.len() - 1);
            let record = read_record(&room, 0, len).unwrap();
            assert_eq!((record.key_of(&room), record.payload_of(&room)), (&*key, &*payload));
            assert_eq!(record.end, len);
            for end in (0..len).step_by(1 + len / 300) {
                assert_eq!(read_record(&room, 0, end), None);
            }
        }
        assert_eq!(read_record(&[253, 0, 0, 0], 0, 4), None);
        assert_eq!(read_record(&[252, 255, 255, 255, 255, 252, 255, 255, 255, 255], 0, 10), None);
    }
}
