//! Dates and timestamps as ISO 8601 text, in the proleptic Gregorian calendar, always UTC.
//!
//! ```text
//! date        2013-01-31    -0044-03-15
//! timestamp   2013-01-31T10:00:00Z
//!             date [ (T|space) hh:mm [ :ss [ .f{1,6} ] ] [ Z | ±hh | ±hhmm | ±hh:mm ] ]
//! ```
//!
//! Text covers the years −9999 to 9999; a leap second is refused, as no count of microseconds
//! stands for it. Days are converted in eras of 400 years (Hinnant, "chrono-compatible low-level
//! date algorithms"): the year is taken to begin in March, so that the leap day comes last.

const DAY_US: i64 = 86_400_000_000;
const DAYS_MIN: i64 = days_of(-9999, 1, 1);
const DAYS_MAX: i64 = days_of(9999, 12, 31);
/// Days from 0000-03-01, where the eras begin, to 1970-01-01.
const ERA_TO_1970: i64 = 719_468;
const ERA_DAYS: i64 = 146_097;

/// Why a text is not a date or timestamp; empty if it does not even look like one.
pub(super) type Fault = &'static str;

/// Reads a date as days since 1970.
pub(super) fn parse_date(text: &[u8]) -> Result<i32, Fault> {
    match split_date(text)? {
        (days, []) => Ok(days as i32), // within DAYS_MIN..=DAYS_MAX: four digits of year
        _ => Err(""),
    }
}

/// Reads a timestamp as microseconds since 1970 UTC; a bare date is its midnight.
pub(super) fn parse_timestamp(text: &[u8]) -> Result<i64, Fault> {
    let (days, rest) = split_date(text)?;
    let (clock_us, offset) = match rest {
        [] => return Ok(days * DAY_US),
        [b'T' | b't' | b' ', clock @ ..] => split_clock(clock)?,
        _ => return Err(""),
    };
    let stamp = days * DAY_US + clock_us - parse_offset(offset)?;
    if (DAYS_MIN * DAY_US..(DAYS_MAX + 1) * DAY_US).contains(&stamp) {
        Ok(stamp)
    } else {
        Err("the offset moves it beyond the years -9999 to 9999")
    }
}

fn split_date(text: &[u8]) -> Result<(i64, &[u8]), Fault> {
    let (sign, unsigned) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, text),
    };
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, rest @ ..] = unsigned else { return Err("") };
    let year = sign * number([*y0, *y1, *y2, *y3])?;
    let (month, day) = (number([*m0, *m1])?, number([*d0, *d1])?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return Err("there is no such day");
    }
    Ok((days_of(year, month, day), rest))
}

/// Reads `hh:mm[:ss[.f]]` and gives the microseconds and what follows.
fn split_clock(text: &[u8]) -> Result<(i64, &[u8]), Fault> {
    let [h0, h1, b':', m0, m1, rest @ ..] = text else { return Err("") };
    let (hour, minute) = (number([*h0, *h1])?, number([*m0, *m1])?);
    let (second, rest) = match rest {
        [b':', s0, s1, rest @ ..] => (number([*s0, *s1])?, rest),
        _ => (0, rest),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return Err("there is no such time of day");
    }
    let (fraction_us, rest) = match rest {
        [b'.', rest @ ..] => split_fraction(rest)?,
        _ => (0, rest),
    };
    Ok((((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction_us, rest))
}

fn split_fraction(text: &[u8]) -> Result<(i64, &[u8]), Fault> {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(len);
    if digits.is_empty() {
        return Err("");
    }
    if digits.iter().skip(6).any(|digit| *digit != b'0') {
        return Err("more than 6 digits of a second");
    }
    let micros = (0..6)
        .fold(0, |sum, at| sum * 10 + digits.get(at).map_or(0, |digit| i64::from(digit - b'0')));
    Ok((micros, rest))
}

/// Reads what follows the time of day: nothing, `Z` or an offset, in microseconds.
fn parse_offset(text: &[u8]) -> Result<i64, Fault> {
    let (sign, hours, minutes) = match text {
        [] | [b'Z' | b'z'] => return Ok(0),
        [sign @ (b'+' | b'-'), h0, h1] => (sign, [*h0, *h1], [b'0', b'0']),
        [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] | [sign @ (b'+' | b'-'), h0, h1, m0, m1] => {
            (sign, [*h0, *h1], [*m0, *m1])
        }
        _ => return Err(""),
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 23 || minutes > 59 {
        return Err("there is no such offset");
    }
    let micros = (hours * 60 + minutes) * 60_000_000;
    Ok(if *sign == b'-' { -micros } else { micros })
}

fn number<const N: usize>(digits: [u8; N]) -> Result<i64, Fault> {
    let mut value = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err("");
        }
        value = value * 10 + i64::from(digit);
    }
    Ok(value)
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + is_leap(year) as i64,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let march_year = if month <= 2 { year - 1 } else { year };
    let era = march_year.div_euclid(400);
    let year_of_era = march_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * ERA_DAYS + day_of_era - ERA_TO_1970
}

/// The year, month and day of a count of days since 1970.
const fn civil_of(days: i64) -> (i64, u32, u32) {
    let shifted = days + ERA_TO_1970;
    let era = shifted.div_euclid(ERA_DAYS);
    let day_of_era = shifted.rem_euclid(ERA_DAYS);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year, month as u32, day as u32)
}

/// Writes days since 1970 as `2013-01-31`; a year beyond four digits gets a sign.
pub(super) fn write_date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_of(days);
    match year {
        ..0 => out.push(b'-'),
        10_000.. => out.push(b'+'),
        _ => {}
    }
    write_padded(year.unsigned_abs(), 4, out);
    out.push(b'-');
    write_padded(u64::from(month), 2, out);
    out.push(b'-');
    write_padded(u64::from(day), 2, out);
}

/// Writes microseconds since 1970 as `2013-01-31T10:00:00Z`, with a fraction only if there is one.
pub(super) fn write_timestamp(micros: i64, out: &mut Vec<u8>) {
    let in_day = micros.rem_euclid(DAY_US) as u64;
    write_date(micros.div_euclid(DAY_US), out);
    let seconds = in_day / 1_000_000;
    for (mark, part) in [(b'T', seconds / 3600), (b':', seconds / 60 % 60), (b':', seconds % 60)] {
        out.push(mark);
        write_padded(part, 2, out);
    }
    let fraction = in_day % 1_000_000;
    if fraction != 0 {
        out.push(b'.');
        write_padded(fraction, 6, out);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    out.push(b'Z');
}

fn write_padded(value: u64, width: usize, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value);
    out.extend(std::iter::repeat_n(b'0', width.saturating_sub(digits.len())));
    out.extend_from_slice(digits.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn every_day_agrees_with_jiff() {
        let epoch = date(1970, 1, 1);
        let mut day = date(-9999, 1, 1);
        for days in DAYS_MIN..=DAYS_MAX {
            let (year, month, dom) = civil_of(days);
            assert_eq!((year as i16, month as i8, dom as i8), (day.year(), day.month(), day.day()));
            assert_eq!(days_of(year, i64::from(month), i64::from(dom)), days);
            if days < DAYS_MAX {
                day = day.tomorrow().unwrap();
            }
        }
        assert_eq!(day, date(9999, 12, 31));
        assert_eq!(days_of(2000, 3, 1), i64::from((date(2000, 3, 1) - epoch).get_days()));
    }

    #[test]
    fn the_canonical_forms_and_their_relatives() {
        let ten = 1_357_034_400_000_000;
        for text in [
            "2013-01-01T10:00:00Z",
            "2013-01-01 10:00:00",
            "2013-01-01t10:00z",
            "2013-01-01T10:00",
            "2013-01-01T10:00:00.000000000Z",
            "2013-01-01T15:30:00+05:30",
            "2013-01-01T02:00:00-0800",
            "2013-01-01 11:00:00+01",
        ] {
            assert_eq!(parse_timestamp(text.as_bytes()), Ok(ten), "{text}");
        }
        assert_eq!(parse_timestamp(b"2013-01-01T10:00:00.5Z"), Ok(ten + 500_000));
        assert_eq!(parse_timestamp(b"2013-01-01T10:00:00.000001"), Ok(ten + 1));
        assert_eq!(parse_timestamp(b"2013-01-01"), Ok(ten - 36_000_000_000));
        assert_eq!(parse_timestamp(b"1969-12-31T23:59:59.999999Z"), Ok(-1));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2013",
            "2013-1-1",
            "20130101",
            "2013-01-01T",
            "2013-01-01T10",
            "2013-01-01T10:00:",
            "2013-01-01T10:00:00.Z",
            "2013-01-01T10:00:00Zx",
            "2013-02-29",
            "2013-00-01",
            "2013-13-01",
            "2013-01-00",
            "2013-01-01T24:00:00",
            "2013-01-01T23:60:00",
            "2016-12-31T23:59:60Z",
            "2013-01-01T10:00:00.0000001Z",
            "2013-01-01T10:00:00+24:00",
            "2013-01-01T10:00:00+5:30",
            "12013-01-01",
            "9999-12-31T23:59:59-01:00",
            "-",
            "-9999-01-01T00:00:00+00:01",
            "2013-01-01x",
            "2013-01-01 ",
            "2013-01-01T10:00:00 Z",
        ] {
            assert!(parse_timestamp(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse_date(b"2013-01-01T00:00:00Z").is_err());
        assert_eq!(parse_date(b"2012-02-29"), Ok(15_399));
        assert_eq!(parse_date(b"-0044-03-15").map(i64::from), Ok(days_of(-44, 3, 15)));
    }
}
