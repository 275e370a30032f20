//! Decimals at the ends of their range, across scales, from floats and text.

use super::*;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

const MOST: i128 = BEYOND - 1;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// xorshift64*: enough chance for a property, and the same in every run.
fn chance(seed: &mut u64) -> u64 {
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    seed.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

#[test]
fn the_ends_of_the_range_are_written_and_read() {
    let nines = "9".repeat(38);
    for (units, scale, text) in [
        (MOST, 0, nines.clone()),
        (-MOST, 0, format!("-{nines}")),
        (MOST, 38, format!("0.{nines}")),
        (-MOST, 38, format!("-0.{nines}")),
        (MOST, 1, format!("{}.9", &nines[1..])),
        (1, 38, format!("0.{}1", "0".repeat(37))),
        (-1, 38, format!("-0.{}1", "0".repeat(37))),
        (0, 38, format!("0.{}", "0".repeat(38))),
        (-5, 2, "-0.05".to_owned()),
        (0, 0, "0".to_owned()),
    ] {
        let value = Decimal::new(units, scale).unwrap();
        assert_eq!(value.to_string(), text);
        let back = decimal(&text);
        assert_eq!((back.units(), back.scale()), (units, scale), "{text}");
    }
    for (units, scale) in [(BEYOND, 0), (-BEYOND, 38), (i128::MIN, 0), (0, 39)] {
        assert!(Decimal::new(units, scale).is_err(), "{units} {scale}");
    }
}

#[test]
fn text_is_exact_or_refused() {
    for (text, units, scale) in [
        ("1.50", 150, 2),
        ("+7", 7, 0),
        (".5", 5, 1),
        ("5.", 5, 0),
        ("-0", 0, 0),
        ("1e3", 1000, 0),
        ("12.5E-2", 125, 3),
        ("0e99999999999999999999", 0, 0),
        ("000000000000000000000000000000000000000000001", 1, 0),
    ] {
        let value = decimal(text);
        assert_eq!((value.units(), value.scale()), (units, scale), "{text}");
    }
    // Forty digits after the point, but only zeros beyond the 38th.
    assert_eq!(decimal(&format!("0.5{}", "0".repeat(39))), decimal("0.5"));
    for text in ["1e38", "1e-39", "0.000000000000000000000000000000000000001", "-1e99999999999"] {
        let error = text.parse::<Decimal>().unwrap_err().to_string();
        assert!(error.ends_with("has more than the 38 digits of a decimal"), "{error}");
    }
    for text in ["", "-", ".", "1,5", "1.2.3", " 1", "1 ", "e5", "nan", "inf", "0x1", "1_0", "１"]
    {
        let error = text.parse::<Decimal>().unwrap_err().to_string();
        assert_eq!(error, format!("\"{text}\" is not a decimal"));
    }
}

#[test]
fn a_column_takes_what_it_can_hold_exactly() {
    let fit = |text: &str, precision, scale| {
        let fitted = decimal(text).fit(precision, scale);
        let parsed = Decimal::parse(text.as_bytes(), precision, scale).unwrap();
        assert_eq!(fitted, parsed, "{text}");
        fitted.map(Decimal::units)
    };
    assert_eq!(fit("1.005", 10, 2), Err(Misfit::Scale));
    assert_eq!(fit("1.5000", 10, 2), Ok(150));
    assert_eq!(fit("-99999999.99", 10, 2), Ok(-9_999_999_999));
    assert_eq!(fit("99999999.995", 10, 2), Err(Misfit::Scale));
    assert_eq!(fit("100000000", 10, 2), Err(Misfit::Range));
    assert_eq!(fit("0.1", 1, 1), Ok(1));
    assert_eq!(fit("1", 1, 1), Err(Misfit::Range));
    assert_eq!(fit(&"9".repeat(38), 38, 0), Ok(MOST));
    assert_eq!(fit(&"9".repeat(38), 38, 1), Err(Misfit::Range));
    assert_eq!(fit(&"9".repeat(38), 38, 38), Err(Misfit::Range));
    assert_eq!(decimal("2.50").rescaled(1), Some(decimal("2.5")));
    assert_eq!(decimal("2.55").rescaled(1), None);
    assert_eq!(decimal("0").rescaled(39), None);
}

#[test]
fn sums_are_exact_or_none() {
    let sum = |a: &str, b: &str| decimal(a).checked_add(decimal(b)).map(|sum| sum.to_string());
    assert_eq!(sum("1.5", "-0.25").as_deref(), Some("1.25"));
    let nines = "9".repeat(38);
    assert_eq!(sum(&nines, "1"), None);
    assert_eq!(sum(&format!("-{nines}"), "-1"), None);
    assert_eq!(sum(&nines, "-1"), Some(format!("{}8", "9".repeat(37))));
    assert_eq!(sum(&nines, "0.1"), None, "the sum has 39 digits");
}

#[test]
fn numbers_compare_and_hash_across_scales() {
    let hasher = RandomState::new();
    let list = [
        "-1e37",
        "-100.5",
        "-100.05",
        "-1",
        "-0.5",
        "-0.05",
        "0",
        "0.000",
        "0.05",
        "0.5",
        "1.0",
        "1",
        "1.00000000000000000000000000000000001",
        "1.5",
        "10",
        "1e37",
    ];
    for (nth, a) in list.iter().enumerate() {
        for (other, b) in list.iter().enumerate() {
            let equal = matches!((nth, other), (6, 7) | (7, 6) | (10, 11) | (11, 10));
            let expected = if equal { Ordering::Equal } else { nth.cmp(&other) };
            let (a, b) = (decimal(a), decimal(b));
            assert_eq!(a.cmp(&b), expected, "{a} against {b}");
            assert_eq!(a == b, hasher.hash_one(a) == hasher.hash_one(b), "{a} and {b}");
        }
    }
    let ends = [Decimal::of(MOST, 0), Decimal::of(MOST, 38), Decimal::of(-MOST, 38)];
    assert!(ends[0] > ends[1] && ends[1] > ends[2]);
    assert_eq!(HashSet::from([decimal("2"), decimal("2.0"), decimal("20e-1")]).len(), 1);
}

#[test]
fn order_is_that_of_the_numbers_at_one_scale() {
    let mut seed = 11;
    for _ in 0..20_000 {
        let mut random = || {
            let units = i128::from(chance(&mut seed) as i64) >> (chance(&mut seed) % 64);
            Decimal::of(units, (chance(&mut seed) % 19) as u8)
        };
        let (a, b) = (random(), random());
        let (wide_a, wide_b) = (a.rescaled(18), b.rescaled(18));
        let (Some(wide_a), Some(wide_b)) = (wide_a, wide_b) else { continue };
        assert_eq!(a.cmp(&b), wide_a.units().cmp(&wide_b.units()), "{a} against {b}");
        assert_eq!((a, b), (wide_a, wide_b));
    }
}

#[test]
fn a_float_is_taken_if_it_is_a_decimal() {
    let take = |value: f64| Decimal::from_float(value, 20, 4).map(|taken| taken.to_string());
    for (value, text) in [
        (0.5, "0.5000"),
        (-1.0625, "-1.0625"),
        (3.0, "3.0000"),
        (-0.0, "0.0000"),
        (9_007_199_254_740_992.0, "9007199254740992.0000"),
    ] {
        assert_eq!(take(value).as_deref(), Ok(text));
    }
    assert_eq!(take(0.1), Err(Misfit::Scale));
    assert_eq!(take(0.031_25), Err(Misfit::Scale));
    assert_eq!(take(5e-324), Err(Misfit::Scale));
    for value in [1e16, 1e300, f64::MAX, f64::NAN, f64::NEG_INFINITY] {
        assert_eq!(take(value), Err(Misfit::Range), "{value}");
    }
    let mut seed = 3;
    for _ in 0..10_000 {
        let (units, scale) = (chance(&mut seed) as i64 >> 20, chance(&mut seed) % 20);
        let value = units as f64 / 2_f64.powi(scale as i32);
        let taken = Decimal::from_float(value, 38, 20).unwrap();
        assert_eq!(taken.to_string().parse::<f64>().unwrap().to_bits(), value.to_bits());
    }
}

#[test]
fn the_nearest_float_is_that_of_the_text() {
    let mut seed = 9;
    for _ in 0..20_000 {
        let units = i128::from(chance(&mut seed) as i64) << 60 >> (chance(&mut seed) % 124);
        let value = Decimal::of(units, (chance(&mut seed) % 39) as u8);
        let nearest: f64 = value.to_string().parse().unwrap();
        assert_eq!(value.to_f64().to_bits(), (nearest + 0.0).to_bits(), "{value}");
    }
}
