//! A filter of keys: says of most keys that are not there that they are not.
//!
//! A split block Bloom filter (Putze, Sanders and Singler, WEA 2007), as Parquet has it: a key has one
//! bit in each of the eight words of one block of 32 bytes, so a look costs one line of the cache. At
//! [`BITS_A_KEY`] bits about one absent key in a hundred passes.

use crate::codec::Reader;
use crate::error::{Error, Result};
use crate::planted;

const WORDS: usize = 8;
const BLOCK_BYTES: usize = WORDS * size_of::<u32>();
const BITS_A_KEY: usize = 11;
/// Blocks of a piece: whoever reads or writes a filter holds one besides.
const PIECE_BLOCKS: usize = (32 << 10) / BLOCK_BYTES;
/// More are not for the rows of a segment.
const BLOCKS_MAX: u64 = u32::MAX as u64;

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
    /// How many blocks it has once it was read.
    wanted: usize,
}

impl KeyFilter {
    /// Bytes of a filter for so many keys.
    pub(crate) const fn bytes_for(keys: usize) -> usize {
        let blocks = (keys * BITS_A_KEY).div_ceil(BLOCK_BYTES * 8);
        if blocks == 0 { BLOCK_BYTES } else { blocks * BLOCK_BYTES }
    }

    /// A filter without keys, with room for so many.
    pub(crate) fn new(keys: usize) -> Self {
        let wanted = Self::bytes_for(keys) / BLOCK_BYTES;
        Self { blocks: vec![[0; WORDS]; wanted], wanted }
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

    /// Bytes it takes.
    pub(in crate::segment) fn bytes(&self) -> usize {
        self.wanted * BLOCK_BYTES
    }

    /// True if all its pieces were taken.
    pub(in crate::segment) fn is_whole(&self) -> bool {
        self.blocks.len() == self.wanted
    }

    /// How many pieces it is kept in.
    pub(in crate::segment) fn pieces(&self) -> usize {
        self.blocks.len().div_ceil(PIECE_BLOCKS)
    }

    /// Appends the bytes of the nth piece.
    pub(in crate::segment) fn put_piece(&self, nth: usize, out: &mut Vec<u8>) {
        let end = self.blocks.len().min((nth + 1) * PIECE_BLOCKS);
        for word in self.blocks[nth * PIECE_BLOCKS..end].iter().flatten() {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    /// A filter that is to have so many bytes, as [`Self::bytes`] said. It takes them with its first piece,
    /// for which they are reserved then.
    pub(in crate::segment) fn to_be_read(bytes: u64) -> Result<Self> {
        let blocks = bytes / BLOCK_BYTES as u64;
        if blocks == 0 || blocks > BLOCKS_MAX || !bytes.is_multiple_of(BLOCK_BYTES as u64) {
            return Err(Error::corrupt("a filter of no or too many keys"));
        }
        Ok(Self { blocks: Vec::new(), wanted: blocks as usize })
    }

    /// Takes the next piece.
    pub(in crate::segment) fn take_piece(&mut self, bytes: &[u8]) -> Result<()> {
        let blocks = bytes.len() / BLOCK_BYTES;
        let room = self.wanted - self.blocks.len();
        if !bytes.len().is_multiple_of(BLOCK_BYTES) || blocks > room {
            return Err(Error::corrupt("a piece of a filter of another length"));
        }
        self.blocks.reserve_exact(room);
        self.blocks.extend(bytes.chunks_exact(BLOCK_BYTES).map(block_of));
        Ok(())
    }

    /// Takes a filter as it stood in the index before it had pieces.
    pub(in crate::segment) fn get(blocks: u64, reader: &mut Reader<'_>) -> Result<Self> {
        let bytes = blocks.saturating_mul(BLOCK_BYTES as u64);
        let taken = reader.take(usize::try_from(bytes).unwrap_or(usize::MAX))?;
        let mut filter = Self::to_be_read(bytes)?;
        filter.take_piece(taken)?;
        Ok(filter)
    }

    fn place(&self, hash: u64) -> usize {
        (((hash >> 32) * self.blocks.len() as u64) >> 32) as usize
    }
}

fn block_of(bytes: &[u8]) -> [u32; WORDS] {
    let word = |word: &[u8]| u32::from_le_bytes(word.try_into().expect("four bytes"));
    let mut words = bytes.chunks_exact(size_of::<u32>()).map(word);
    std::array::from_fn(|_| words.next().expect("eight words"))
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
        let (mut whole, mut again) = (Vec::new(), KeyFilter::to_be_read(13_760).unwrap());
        assert_eq!((filter.bytes(), filter.pieces()), (13_760, 1));
        filter.put_piece(0, &mut whole);
        again.take_piece(&whole).unwrap();
        assert_eq!(again, filter);
        assert!(again.take_piece(&whole).is_err(), "more than it was to have");
        assert_eq!(KeyFilter::get(430, &mut Reader::new(&whole)).unwrap(), filter);
        assert!(KeyFilter::get(430, &mut Reader::new(&whole[1..])).is_err());
        assert!(KeyFilter::get(0, &mut Reader::new(&whole)).is_err());
        assert!(KeyFilter::get(u64::MAX, &mut Reader::new(&whole)).is_err());
        assert!(KeyFilter::to_be_read(33).is_err());
        assert!(!KeyFilter::new(0).may_have(hash(1)));
    }

    #[test]
    fn a_large_filter_is_kept_in_pieces() {
        let mut filter = KeyFilter::new(100_000);
        (0..100_000_u32).for_each(|key| filter.add(xxh3_64(&key.to_le_bytes())));
        let mut again = KeyFilter::to_be_read(filter.bytes() as u64).unwrap();
        assert!(filter.pieces() > 3);
        for nth in 0..filter.pieces() {
            let mut piece = Vec::new();
            filter.put_piece(nth, &mut piece);
            again.take_piece(&piece).unwrap();
        }
        assert_eq!(again, filter);
    }
}
