//! Sizes in bytes as people write them.

use store_core::{Error, Result};

/// Units with their bytes; a unit may be written in any case.
const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads a size such as `64MB` (10^6), `64MiB` (2^20) or `67108864`.
///
/// ```
/// use store_etl::job::parse_bytes;
/// assert_eq!(parse_bytes("64MB")?, 64_000_000);
/// assert_eq!(parse_bytes("1 gib")?, 1 << 30);
/// # Ok::<_, store_core::Error>(())
/// ```
pub fn parse_bytes(text: &str) -> Result<u64> {
    let fault = || {
        Error::invalid(format!(
            "\"{text}\" is not a size: write bytes, or a number with MB, GB, MiB or GiB"
        ))
    };
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| fault())?;
    let unit = unit.trim();
    let known = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let (_, bytes) = known.ok_or_else(fault)?;
    let large = || Error::invalid(format!("\"{text}\" is more than any machine has"));
    number.checked_mul(*bytes).ok_or_else(large)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_and_binary_units_differ() {
        for (text, bytes) in [
            ("64MB", 64_000_000),
            ("64MiB", 64 << 20),
            ("67108864", 67_108_864),
            ("1 gib", 1 << 30),
            ("5B", 5),
            ("3kb", 3000),
        ] {
            assert_eq!(parse_bytes(text).unwrap(), bytes, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_size_is_refused() {
        for text in ["", "MB", "64M", "-1", "1.5GB", "64 MB x", "99999999999TB", "0x10", "+4"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
