//! Values in a few bits: numbers that never compare the other way round than the values do.
//!
//! Unlike an encoded value's first bytes they tell apart what mostly occurs: small integers, and texts
//! of letters and digits.

/// Bits of a character.
const CHARACTER_BITS: u32 = 6;
/// Bits of an integer that say how large it is.
const SIZE_BITS: u32 = 6;

/// An integer in so many bits, 8 at least: its sign, its size, and its first bits.
pub(crate) fn squeeze_integer(value: i64, bits: u32) -> u64 {
    let middle = 1 << (bits - 1);
    if value < 0 { middle - 1 - size(!value, bits - 1) } else { middle + size(value, bits - 1) }
}

/// A number that is not negative: how many bits it takes, and as many of them as there is room for,
/// without the first one, which is set.
fn size(value: i64, bits: u32) -> u64 {
    let value = value.cast_unsigned();
    let taken = u64::BITS - value.leading_zeros();
    let room = bits - SIZE_BITS;
    let rest = if taken == 0 { 0 } else { value & !(1 << (taken - 1)) };
    let rest = match taken.saturating_sub(1) {
        more if more > room => rest >> (more - room),
        fewer => rest << (room - fewer),
    };
    u64::from(taken) << room | rest
}

/// The beginning of a text in so many bits, six a character: letters but y and z, and digits, each
/// have a number of their own; what follows another character does not count.
pub(crate) fn squeeze_text(text: &[u8], bits: u32) -> u64 {
    let (mut squeezed, mut left) = (0, bits);
    for byte in text {
        let Some(rest) = left.checked_sub(CHARACTER_BITS) else { break };
        let (number, single) = character(*byte);
        squeezed |= number << rest;
        left = rest;
        if !single {
            break;
        }
    }
    squeezed
}

/// A character's number, and whether no other one has it.
fn character(byte: u8) -> (u64, bool) {
    let (number, single) = match byte {
        ..b'0' => (0, false), // as the end of a text, which nothing follows
        b'0'..=b'9' => (byte - b'0' + 1, true),
        b':'..b'A' => (11, false),
        b'A'..=b'Z' => (byte - b'A' + 12, true),
        b'['..b'a' => (38, false),
        b'a'..=b'x' => (byte - b'a' + 39, true),
        b'y'.. => (63, false),
    };
    (number.into(), single)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squeezed_integers_never_compare_the_other_way_round() {
        let mut values = vec![i64::MIN, i64::MAX, 0, -1];
        for bit in 0..63 {
            let power = 1_i64 << bit;
            values.extend([power - 1, power, power + 1, power + power / 3]);
            values.extend([-power, 1 - power, -power - power / 5]);
        }
        values.sort_unstable();
        for bits in [8, 16, 24, 32, 40, 48, 56] {
            let squeezed: Vec<u64> =
                values.iter().map(|value| squeeze_integer(*value, bits)).collect();
            assert!(squeezed.is_sorted(), "{bits} bits");
            assert!(squeezed.iter().all(|number| *number < 1 << bits), "{bits} bits");
        }
        let small = |number| squeeze_integer(number, 24);
        assert!((0..100_000).all(|number| small(number) < small(number + 1)));
    }

    #[test]
    fn squeezed_texts_never_compare_the_other_way_round() {
        let mut texts: Vec<Vec<u8>> = vec![Vec::new()];
        for first in 0..=255 {
            texts.extend([vec![first], vec![first, b'0'], vec![first, b'z', 1], vec![b'A', first]]);
            texts.extend([
                vec![b'-', first, b'9'],
                vec![b'K', b'z', first],
                vec![b'y', first, b'b'],
            ]);
        }
        texts.sort_unstable();
        for bits in [8, 16, 24, 32, 40, 48, 56] {
            let squeezed: Vec<u64> = texts.iter().map(|text| squeeze_text(text, bits)).collect();
            assert!(squeezed.is_sorted(), "{bits} bits");
            assert!(squeezed.iter().all(|number| *number < 1 << bits), "{bits} bits");
        }
        let ids = [&b"AAL1"[..], b"AAL2", b"DAL1", b"SWA9"];
        assert!(ids.is_sorted_by_key(|id| squeeze_text(id, 24)));
        assert_ne!(squeeze_text(ids[0], 24), squeeze_text(ids[1], 24));
    }
}
