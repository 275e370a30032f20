//! The different texts of a chunk, each once.

use xxhash_rust::xxh3::xxh3_64;

const EMPTY: u32 = u32::MAX;
/// First number of places; a power of two.
const SLOTS_MIN: usize = 256;

/// Texts by their numbers, and numbers by their texts.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Numbers, by the hash of their texts; twice as many places as texts at least.
    slots: Vec<u32>,
    hashes: Vec<u32>,
}

impl Dictionary {
    /// Bytes in memory for so many bytes of texts with their lengths, at most: an entry counts for eight.
    pub const fn bytes_for(bytes: usize) -> usize {
        // Vectors grow by doubling, and are copied when they do.
        const PER_BYTE: usize = 6;
        PER_BYTE * bytes + SLOTS_MIN * size_of::<u32>()
    }

    /// What it counts for: the bytes, and eight for each.
    pub fn held(&self) -> usize {
        self.bytes.len() + 8 * self.ends.len()
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, nth: usize) -> &[u8] {
        let from = if nth == 0 { 0 } else { self.ends[nth - 1] as usize };
        &self.bytes[from..self.ends[nth] as usize]
    }

    /// The number of a text; a new one if it was not there.
    #[inline]
    pub fn number(&mut self, text: &[u8]) -> u32 {
        if self.ends.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let hash = xxh3_64(text) as u32;
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.slots[at] {
                EMPTY => break,
                nth if self.hashes[nth as usize] == hash && self.get(nth as usize) == text => {
                    return nth;
                }
                _ => at = (at + 1) & mask,
            }
        }
        let nth = self.ends.len() as u32;
        self.slots[at] = nth;
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as u32);
        self.hashes.push(hash);
        nth
    }

    #[cold]
    fn grow(&mut self) {
        let count = (self.slots.len() * 2).max(SLOTS_MIN);
        self.slots.clear();
        self.slots.resize(count, EMPTY);
        for (nth, hash) in self.hashes.iter().enumerate() {
            let mut at = *hash as usize & (count - 1);
            while self.slots[at] != EMPTY {
                at = (at + 1) & (count - 1);
            }
            self.slots[at] = nth as u32;
        }
    }

    /// Forgets the texts and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.hashes.clear();
        self.slots.fill(EMPTY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_number() {
        let mut dictionary = Dictionary::default();
        for round in 0..3 {
            for nth in 0..2000_u32 {
                let text = format!("{}", nth % 500);
                assert_eq!(dictionary.number(text.as_bytes()), nth % 500, "round {round}");
            }
        }
        assert_eq!((dictionary.len(), dictionary.get(17)), (500, &b"17"[..]));
        assert_eq!(dictionary.number(b""), 500);
        dictionary.clear();
        assert_eq!(dictionary.number(b"17"), 0);
    }
}
