//! One bit a row, the first in the lowest bit, as Arrow has them.

const BITS: usize = u64::BITS as usize;

/// A list of bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bitmap {
    /// Bits beyond `len` are zero.
    words: Vec<u64>,
    len: usize,
}

impl Bitmap {
    /// No bits.
    pub const fn new() -> Self {
        Self { words: Vec::new(), len: 0 }
    }

    /// So many equal bits.
    pub fn filled(len: usize, bit: bool) -> Self {
        let mut map = Self { words: vec![if bit { u64::MAX } else { 0 }; len.div_ceil(BITS)], len };
        map.clear_beyond();
        map
    }

    /// Bits that a function says.
    pub fn from_fn(len: usize, mut bit: impl FnMut(usize) -> bool) -> Self {
        let mut words = Vec::with_capacity(len.div_ceil(BITS));
        let mut at = 0;
        while at < len {
            let end = len.min(at + BITS);
            let mut word = 0;
            for row in at..end {
                word |= u64::from(bit(row)) << (row - at);
            }
            words.push(word);
            at = end;
        }
        Self { words, len }
    }

    /// How many bits there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True if there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bits in words; those beyond the last are zero.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The words, with their memory.
    pub(crate) fn into_words(self) -> Vec<u64> {
        self.words
    }

    /// One bit.
    #[inline]
    pub fn get(&self, nth: usize) -> bool {
        debug_assert!(nth < self.len);
        self.words[nth / BITS] >> (nth % BITS) & 1 == 1
    }

    /// Adds a bit.
    #[inline]
    pub fn push(&mut self, bit: bool) {
        if self.len.is_multiple_of(BITS) {
            self.words.push(0);
        }
        self.words[self.len / BITS] |= u64::from(bit) << (self.len % BITS);
        self.len += 1;
    }

    /// Sets a bit.
    pub fn set(&mut self, nth: usize) {
        debug_assert!(nth < self.len);
        self.words[nth / BITS] |= 1 << (nth % BITS);
    }

    /// Adds equal bits.
    pub fn extend_with(&mut self, bit: bool, count: usize) {
        (0..count).for_each(|_| self.push(bit));
    }

    /// Forgets the bits and keeps the memory.
    pub fn clear(&mut self) {
        self.words.clear();
        self.len = 0;
    }

    /// Forgets the bits from this one on.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.len = len;
            self.words.truncate(len.div_ceil(BITS));
            self.clear_beyond();
        }
    }

    /// How many bits are set.
    pub fn count_ones(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// True if every bit is set.
    pub fn is_full(&self) -> bool {
        self.count_ones() == self.len
    }

    /// True if no bit is set.
    pub fn is_zero(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Bits set in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a & b)
    }

    /// Bits set in one of both.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a | b)
    }

    /// Bits set here and not there.
    #[must_use]
    pub fn and_not(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a & !b)
    }

    /// The opposite bits.
    #[must_use]
    pub fn not(&self) -> Self {
        let mut map = Self { words: self.words.iter().map(|word| !word).collect(), len: self.len };
        map.clear_beyond();
        map
    }

    fn zip(&self, other: &Self, op: impl Fn(u64, u64) -> u64) -> Self {
        debug_assert_eq!(self.len, other.len);
        let words = self.words.iter().zip(&other.words).map(|(a, b)| op(*a, *b)).collect();
        Self { words, len: self.len }
    }

    /// The places of set bits, ascending.
    pub fn ones(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(nth, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(nth * BITS + bit)
            })
        })
    }

    /// Bytes in memory.
    pub fn held_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }

    fn clear_beyond(&mut self) {
        let used = self.len % BITS;
        if let Some(last) = self.words.last_mut().filter(|_| used > 0) {
            *last &= (1 << used) - 1;
        }
    }
}
