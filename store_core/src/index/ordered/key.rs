//! Keys as the index compares them: eight bytes as a number, the rest as bytes, then the row.

use smallvec::SmallVec;
use std::cmp::Ordering;

/// Bytes of a key that are kept as one number.
pub(super) const HEAD_BYTES: usize = 8;

/// Above every row number: `(key, ROW_AFTER_ALL)` lies behind all entries of the key.
pub(super) const ROW_AFTER_ALL: u64 = 1 << 32;

/// What a key keeps beside its head, the same for all keys of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Nothing: keys have at most eight bytes.
    Short,
    /// This many more bytes.
    Fixed(u32),
    /// As many bytes as the key has.
    Variable,
}

/// An entry, or a place between entries: first 8 bytes of the key (padded with zeros), the other
/// bytes, and the row number or [`ROW_AFTER_ALL`].
#[derive(Clone, Copy, Debug, Eq)]
pub(super) struct Key<'a> {
    pub(super) head: u64,
    pub(super) tail: &'a [u8],
    pub(super) row: u64,
}

/// Room for the tail of a key that must be padded.
pub(super) type Padding = SmallVec<[u8; 32]>;

/// A [`Key`] that owns its bytes, kept by a scan between its calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut {
    head: u64,
    tail: Vec<u8>,
    row: u64,
}

impl Shape {
    pub(super) fn new(key_width: Option<usize>) -> Self {
        match key_width {
            Some(width) if width <= HEAD_BYTES => Self::Short,
            Some(width) => Self::Fixed((width - HEAD_BYTES) as u32),
            None => Self::Variable,
        }
    }

    /// Bytes of each tail, if all have as many.
    pub(super) const fn tail_width(self) -> Option<usize> {
        match self {
            Self::Short => Some(0),
            Self::Fixed(width) => Some(width as usize),
            Self::Variable => None,
        }
    }

    /// The key in the form that compares; `padding` holds the tail if it must be padded.
    #[inline]
    pub(super) fn key<'a>(self, key: &'a [u8], row: u64, padding: &'a mut Padding) -> Key<'a> {
        let (head, mut tail) = split(key);
        if let Self::Fixed(width) = self
            && tail.len() < width as usize
        {
            padding.extend_from_slice(tail);
            padding.resize(width as usize, 0);
            tail = padding;
        }
        Key { head, tail, row }
    }
}

/// Head and tail of encoded key bytes.
#[inline]
fn split(key: &[u8]) -> (u64, &[u8]) {
    if let Some((head, tail)) = key.split_first_chunk::<HEAD_BYTES>() {
        return (u64::from_be_bytes(*head), tail);
    }
    let mut head = [0; HEAD_BYTES];
    head[..key.len()].copy_from_slice(key);
    (u64::from_be_bytes(head), &[])
}

/// Four bytes as a number first: most tails are no longer. And without a call where there is nothing
/// to compare: an empty slice leads nowhere, and the C library's comparison with masks takes a
/// microsecond to notice.
#[inline]
fn tails(a: &[u8], b: &[u8]) -> Ordering {
    let (mut others_a, mut others_b) = (a, b);
    if let (Some((first_a, rest_a)), Some((first_b, rest_b))) =
        (a.split_first_chunk(), b.split_first_chunk())
    {
        match u32::from_be_bytes(*first_a).cmp(&u32::from_be_bytes(*first_b)) {
            Ordering::Equal => (others_a, others_b) = (rest_a, rest_b),
            unequal => return unequal,
        }
    }
    if others_a.is_empty() || others_b.is_empty() {
        return others_a.len().cmp(&others_b.len());
    }
    others_a.cmp(others_b)
}

impl PartialEq for Key<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.head == other.head && self.row == other.row && tails(self.tail, other.tail).is_eq()
    }
}

impl Ord for Key<'_> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.head
            .cmp(&other.head)
            .then_with(|| tails(self.tail, other.tail))
            .then_with(|| self.row.cmp(&other.row))
    }
}

impl PartialOrd for Key<'_> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Cut {
    pub(super) fn key(&self) -> Key<'_> {
        Key { head: self.head, tail: &self.tail, row: self.row }
    }
}

impl From<Key<'_>> for Cut {
    fn from(key: Key<'_>) -> Self {
        Self { head: key.head, tail: key.tail.to_vec(), row: key.row }
    }
}
