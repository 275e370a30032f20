//! The hash of a key's words.
//!
//! Folded multiplications, as in wyhash (Wang Yi): both halves of a product count. The pairs of a
//! short key are multiplied independently of each other, so that they take the time of one.

const START: u64 = 0x9E37_79B9_7F4A_7C15;
const PAIR: u64 = 0xA076_1D64_78BD_642F;
/// One for each word of a short key.
const SECRETS: [u64; SHORT_WORDS] = [
    START,
    PAIR,
    0xE703_7ED1_A0B4_28DB,
    0x8EBC_6AF0_9C88_C6E3,
    0x5899_65CC_7537_4CC3,
    0x1D8E_4E27_C47D_124F,
    0xEB44_ACCA_B455_D165,
    0x2D35_8DCC_AA6C_78A5,
];
/// Words of a key whose pairs are multiplied at once.
pub(super) const SHORT_WORDS: usize = 8;
/// Words of a key that needs one multiplication.
pub(super) const SHORTEST_WORDS: usize = 2;

/// The hash of key words none of which points to long bytes.
#[inline(always)]
pub(crate) fn hash_words(key: &[u64]) -> u64 {
    if key.len() <= SHORTEST_WORDS {
        let word = |at: usize| key.get(at).copied().unwrap_or_default();
        return hash_shortest([word(0), word(1)]);
    }
    match key.len() {
        ..=SHORT_WORDS => {
            let mut words = [0; SHORT_WORDS];
            words[..key.len()].copy_from_slice(key);
            hash_short(&words)
        }
        _ => key.iter().fold(START, |hash, word| mix(hash, *word)),
    }
}

/// The hash of a key of at most two words, the rest zero.
#[inline(always)]
pub(super) fn hash_shortest([a, b]: [u64; SHORTEST_WORDS]) -> u64 {
    fold(a ^ SECRETS[0], b ^ SECRETS[1]).wrapping_mul(START)
}

/// The hash of a key of three to eight words, the rest zero.
#[inline(always)]
pub(super) fn hash_short(words: &[u64; SHORT_WORDS]) -> u64 {
    let pair = |at: usize| fold(words[at] ^ SECRETS[at], words[at + 1] ^ SECRETS[at + 1]);
    mix(pair(0) ^ pair(2) ^ pair(4) ^ pair(6), 0)
}

#[inline(always)]
pub(super) fn mix(hash: u64, word: u64) -> u64 {
    fold(hash ^ word, PAIR).wrapping_mul(START)
}

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// The primary index takes its places and its marks from the upper half.
    #[test]
    fn upper_halves_of_similar_keys_differ() {
        for words in [1, 2, 3, 5, 8, 11] {
            let mut seen = HashSet::new();
            for at in 0..words {
                for value in 0..4_000_u64 {
                    let mut key = vec![7; words];
                    key[at] = value << (value % 48);
                    seen.insert((hash_words(&key) >> 32, key));
                }
            }
            let halves: HashSet<u64> = seen.iter().map(|(half, _)| *half).collect();
            let keys: HashSet<&Vec<u64>> = seen.iter().map(|(_, key)| key).collect();
            // Of n keys in 2^32 places some n^2 / 2^33 meet by chance: less than one.
            assert!(
                halves.len() + 2 >= keys.len(),
                "{words} words: {} of {}",
                halves.len(),
                keys.len()
            );
        }
    }

    #[test]
    fn order_and_place_count() {
        let hashes =
            [[1, 2, 0], [2, 1, 0], [1, 0, 2], [0, 1, 2], [2, 0, 1]].map(|key| hash_words(&key));
        assert_eq!(HashSet::from(hashes).len(), hashes.len());
    }
}
