//! Keys as bytes, and the few of their bytes that tell them apart.
//!
//! A sort wants keys in one machine word. The first eight bytes of an encoded key are a poor one: tags
//! and the upper bytes of integers are the same in all of them. So all keys are looked at: of the
//! first 32 bytes those positions count at which they are not all the same, and the first eight of
//! these make the *prefix*.
//!
//! ```text
//! account 01 80 00 00 00 00 0a bb cc   time 01 80 06 47 d3 5a 11 22 40
//!                           └──┴──┴── vary ─────────┴──┴──┴──┴──┴──┘
//! prefix                    0a bb cc                47 d3 5a 11 22
//! ```
//!
//! Leaving out bytes that all keys share does not change an order, so prefixes compare as the keys do,
//! or are equal; a key that ends is followed by zeros. Equal prefixes say nothing.

/// Bytes of a key that a prefix is made of.
pub(crate) const KEY_WINDOW_BYTES: usize = 32;
const WORDS: usize = KEY_WINDOW_BYTES / 8;
/// Bytes of a prefix.
const PREFIX_BYTES: usize = 8;

/// What is known of a set of keys: which of their bytes differ.
///
/// ```
/// use store_core::segment::KeySpan;
/// let mut span = KeySpan::new();
/// [b"ab17", b"ab23"].iter().for_each(|key| span.add(*key));
/// let prefix = span.prefix();
/// assert!(prefix.of(b"ab17") < prefix.of(b"ab23") && prefix.tells_all_apart());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpan {
    and: [u64; WORDS],
    or: [u64; WORDS],
    shortest: u32,
    longest: u32,
}

/// How prefixes are made; see [`KeySpan::prefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPrefix {
    /// Word and shift of each byte; those left over read a byte that all keys share.
    bytes: [(u8, u8); PREFIX_BYTES],
    tells_all_apart: bool,
}

impl Default for KeySpan {
    fn default() -> Self {
        Self::new()
    }
}

impl KeySpan {
    /// No keys yet.
    pub const fn new() -> Self {
        Self { and: [u64::MAX; WORDS], or: [0; WORDS], shortest: u32::MAX, longest: 0 }
    }

    /// Takes a key in.
    #[inline]
    pub fn add(&mut self, key: &[u8]) {
        let words = words_of(key);
        for (at, word) in words.iter().enumerate() {
            self.and[at] &= word;
            self.or[at] |= word;
        }
        self.shortest = self.shortest.min(key.len() as u32);
        self.longest = self.longest.max(key.len() as u32);
    }

    /// Takes all keys of another set in.
    pub fn merge(&mut self, other: &Self) {
        for at in 0..WORDS {
            self.and[at] &= other.and[at];
            self.or[at] |= other.or[at];
        }
        self.shortest = self.shortest.min(other.shortest);
        self.longest = self.longest.max(other.longest);
    }

    /// How to make the prefixes of these keys.
    pub fn prefix(&self) -> KeyPrefix {
        let mut bytes = [(0, 0); PREFIX_BYTES];
        let mut varied = 0;
        for position in 0..KEY_WINDOW_BYTES {
            let (word, shift) = (position / 8, 56 - 8 * (position % 8));
            if ((self.and[word] ^ self.or[word]) >> shift) as u8 == 0 || self.longest == 0 {
                continue;
            }
            if varied < PREFIX_BYTES {
                bytes[varied] = (word as u8, shift as u8);
            }
            varied += 1;
        }
        // A byte that was not needed must be one that adds nothing: the first one again does.
        let spare = bytes[0];
        bytes.iter_mut().skip(varied).for_each(|byte| *byte = spare);
        let tells_all_apart = varied <= PREFIX_BYTES
            && self.longest as usize <= KEY_WINDOW_BYTES
            && self.shortest >= self.longest;
        KeyPrefix { bytes, tells_all_apart }
    }

    /// True if some keys go on behind the bytes that were looked at.
    pub(super) fn goes_on(&self) -> bool {
        self.longest as usize > KEY_WINDOW_BYTES
    }

    /// True if all keys have one length.
    pub(super) fn is_even(&self) -> bool {
        self.shortest >= self.longest
    }

    /// True if two keys differ in the bytes that were looked at.
    pub(super) fn varies(&self) -> bool {
        self.longest > 0 && self.and != self.or
    }
}

impl KeyPrefix {
    /// The prefix of a key of the set.
    #[inline]
    pub fn of(&self, key: &[u8]) -> u64 {
        let words = words_of(key);
        let mut prefix = 0;
        for (word, shift) in self.bytes {
            prefix = prefix << 8 | (words[usize::from(word) % WORDS] >> (shift & 63)) & 0xFF;
        }
        prefix
    }

    /// True if equal prefixes mean equal keys.
    pub fn tells_all_apart(&self) -> bool {
        self.tells_all_apart
    }
}

/// The first bytes of a key as numbers that compare as they do, zeros behind its end.
#[inline(always)]
fn words_of(key: &[u8]) -> [u64; WORDS] {
    std::array::from_fn(|nth| word_at(key, 8 * nth))
}

#[inline(always)]
fn word_at(key: &[u8], at: usize) -> u64 {
    if let Some(bytes) = key.get(at..at + 8) {
        return u64::from_be_bytes(bytes.try_into().expect("eight bytes"));
    }
    let left = key.len().saturating_sub(at);
    if left == 0 {
        return 0;
    }
    if let Some(last) = key.last_chunk::<8>() {
        // The end of the key without what stands before `at`.
        return u64::from_be_bytes(*last) << (64 - 8 * left);
    }
    let mut word = 0;
    for byte in &key[at..] {
        word = word << 8 | u64::from(*byte);
    }
    word << (64 - 8 * left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    fn random_keys(seed: u64, count: usize) -> Vec<Vec<u8>> {
        let mut state = seed;
        let mut draw = move |below: u64| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            (state >> 33) % below
        };
        let (longest, letters) = (1 + draw(44), 1 + draw(5));
        (0..count).map(|_| (0..draw(longest)).map(|_| draw(letters) as u8).collect()).collect()
    }

    #[test]
    fn prefixes_compare_as_the_keys_or_are_equal() {
        let mut told_apart = 0;
        for seed in 0..3000 {
            let keys = random_keys(seed, 12);
            let mut span = KeySpan::new();
            keys.iter().for_each(|key| span.add(key));
            let prefix = span.prefix();
            told_apart += usize::from(prefix.tells_all_apart());
            for a in &keys {
                for b in &keys {
                    let order = prefix.of(a).cmp(&prefix.of(b));
                    assert!(order == Ordering::Equal || order == a.cmp(b), "{a:?} {b:?}");
                    if prefix.tells_all_apart() {
                        assert_eq!(order, a.cmp(b), "{a:?} {b:?}");
                    }
                }
            }
        }
        assert!(told_apart > 10, "{told_apart}");
    }

    #[test]
    fn sets_merge_as_if_they_had_been_one() {
        let keys = random_keys(77, 40);
        let span_of = |keys: &[Vec<u8>]| {
            let mut span = KeySpan::new();
            keys.iter().for_each(|key| span.add(key));
            span
        };
        let mut merged = span_of(&keys[..13]);
        merged.merge(&span_of(&keys[13..]));
        merged.merge(&KeySpan::new());
        assert_eq!(merged, span_of(&keys));
    }
}
