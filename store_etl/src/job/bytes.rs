//! Counts of bytes as people write them.

use store_core::{Error, Result};

const UNITS: [(&str, u64); 9] = [
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// Reads `64MB` (10^6), `64MiB` (2^20) or a plain number of bytes.
///
/// ```
/// assert_eq!(store_etl::job::parse_bytes("64MB")?, 64_000_000);
/// assert_eq!(store_etl::job::parse_bytes("1.5 GiB")?, 3 << 29);
/// # Ok::<_, store_core::Error>(())
/// ```
pub fn parse_bytes(text: &str) -> Result<u64> {
    let refused = || {
        Error::invalid(format!(
            "\"{text}\" is no size: must be bytes, or a number and a unit such as 64MB or 64MiB"
        ))
    };
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let factor = if unit.is_empty() {
        Some(1)
    } else {
        UNITS.iter().find(|(name, _)| *name == unit).map(|u| u.1)
    };
    let factor = factor.ok_or_else(refused)?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(refused);
    }
    let value = number.parse::<f64>().map_err(|_| refused())? * factor as f64;
    if value.is_finite() && value < u64::MAX as f64 { Ok(value as u64) } else { Err(refused()) }
}
