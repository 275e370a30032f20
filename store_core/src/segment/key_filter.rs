//! A filter of keys: says of most keys that are not there that they are not.
//!
//! A split block Bloom filter (Putze, Sanders and Singler, WEA 2007), as Parquet has it: a key has one
//! bit in each of the eight words of one block of 32 bytes, so a look costs one line of the cache. At
//! [`BITS_A_KEY`] bits about one absent key in a hundred passes.

use crate::codec::{Reader, put_u64};
use crate::error::{Error, Result};
use crate::planted;

const WORDS: usize = 8;
const BLOCK_BYTES: usize = WORDS * size_of::<u32>();
const BITS_A_KEY: usize = 11;

/// Odd numbers that draw different bits of one hash.
const SALTS: [u32; WORDS] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

/// Bits of the hashes of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyFilter {
    blocks: Vec<[u32; WORDS]>,
}

impl KeyFilter {
    /// Bytes of a filter for so many keys.
    pub(crate) const fn bytes_for(keys: usize) -> usize {
        let blocks = (keys * BITS_A_KEY).div_ceil(BLOCK_BYTES * 8);
        if blocks == 0 { BLOCK_BYTES } else { blocks * BLOCK_BYTES }
    }

    /// A filter without keys, with room for so many.
    pub(crate) fn new(keys: usize) -> Self {
        Self { blocks: vec![[0; WORDS]; Self::bytes_for(keys) / BLOCK_BYTES] }
    }

    /// Adds the key of this hash.
    pub(crate) fn add(&mut self, hash: u64) {
        let at = self.place(hash);
        for (word, bit) in self.blocks[at].iter_mut().zip(bits(hash)) {
            *word |= bit;
        }
    }

    /// False if no key of this hash was added.
    #[inline]
    pub(crate) fn may_have(&self, hash: u64) -> bool {
        if planted::bug("filter_bit_ignored") && hash.is_multiple_of(8) {
            return false;
        }
        let block = &self.blocks[self.place(hash)];
        block.iter().zip(bits(hash)).all(|(word, bit)| word & bit != 0)
    }

    /// Appends its bytes.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_u64(out, self.blocks.len() as u64);
        for word in self.blocks.iter().flatten() {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    /// Takes a filter.
    pub(super) fn get(reader: &mut Reader<'_>) -> Result<Self> {
        let blocks = usize::try_from(reader.u64()?).unwrap_or(usize::MAX);
        let bytes = reader.take(blocks.saturating_mul(BLOCK_BYTES))?;
        if blocks == 0 || blocks > u32::MAX as usize {
            return Err(Error::corrupt("a filter of no or too many keys"));
        }
        let word = |word: &[u8]| u32::from_le_bytes(word.try_into().expect("four bytes"));
        let block = |block: &[u8]| {
            let mut words = block.chunks_exact(size_of::<u32>()).map(word);
            std::array::from_fn(|_| words.next().expect("eight words"))
        };
        Ok(Self { blocks: bytes.chunks_exact(BLOCK_BYTES).map(block).collect() })
    }

    fn place(&self, hash: u64) -> usize {
        (((hash >> 32) * self.blocks.len() as u64) >> 32) as usize
    }
}

#[inline]
fn bits(hash: u64) -> [u32; WORDS] {
    SALTS.map(|salt| 1 << ((hash as u32).wrapping_mul(salt) >> 27))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    #[test]
    fn every_key_that_was_added_is_found_and_few_others() {
        let hash = |key: u32| xxh3_64(&key.to_le_bytes());
        let mut filter = KeyFilter::new(10_000);
        (0..10_000).for_each(|key| filter.add(hash(key)));
        assert!((0..10_000).all(|key| filter.may_have(hash(key))));
        let others = (10_000..110_000).filter(|key| filter.may_have(hash(*key))).count();
        assert!(others < 2_000, "{others} of 100,000");
        let mut bytes = Vec::new();
        filter.put(&mut bytes);
        assert_eq!(KeyFilter::get(&mut Reader::new(&bytes)).unwrap(), filter);
        assert!(KeyFilter::get(&mut Reader::new(&bytes[..bytes.len() - 1])).is_err());
        assert!(KeyFilter::get(&mut Reader::new(&[0])).is_err());
        assert!(!KeyFilter::new(0).may_have(hash(1)));
    }
}
