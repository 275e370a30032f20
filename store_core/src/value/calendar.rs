//! Dates and timestamps as ISO 8601 text, always UTC: jiff's grammar, calendar and printing.
//!
//! ```text
//! date        2013-01-31    -000044-03-15
//! timestamp   2013-01-31T10:00:00Z
//!             date [ (T|space) hh:mm [ :ss [ (.|,)f{1,6} ] ] [ Z | ±hh | ±hhmm | ±hh:mm ] ]
//! ```
//!
//! Text covers the years −9999 to 9999; a year with a sign has six digits. Of what jiff reads, the
//! dense forms (`20130131`), which look like numbers, and all that it would drop or bend are
//! refused: brackets (`[Europe/Berlin]`), leap seconds, digits beyond the microsecond.
//!
//! Values are counted in [`DateTime`], whose last day is the 31st of December 9999, a favourite
//! mark for "never"; `jiff::Timestamp` ends the day before.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time, date};
use jiff::fmt::temporal::{DateTimeParser, DateTimePrinter};
use std::io::Write;

const PARSER: DateTimeParser = DateTimeParser::new();
const PRINTER: DateTimePrinter = DateTimePrinter::new();
const EPOCH: Date = date(1970, 1, 1);
const DAY_SECONDS: i64 = 86_400;
const DAY_US: i64 = DAY_SECONDS * 1_000_000;
/// The calendar repeats after 400 years.
const ERA_DAYS: i64 = 146_097;
/// The longest text, `+002013-01-31T10:00:00.000000000+00:00`: jiff's errors copy what they refuse.
const TEXT_BYTES_MAX: usize = 38;
/// The longest offset, `+hh:mm`; a longer one has seconds.
const OFFSET_BYTES_MAX: usize = 6;

/// Why a text is not a date or timestamp; empty if it is none for jiff either.
pub(super) type Fault = &'static str;

/// Reads a date as days since 1970.
pub(super) fn parse_date(text: &[u8]) -> Result<i32, Fault> {
    if date_bytes(text)? != text.len() {
        return Err("");
    }
    let date = PARSER.parse_date(text).map_err(|_| "")?;
    Ok((micros_of(date.into()) / DAY_US) as i32) // the years -9999 to 9999 fit
}

/// Reads a timestamp as microseconds since 1970 UTC; a bare date is its midnight.
pub(super) fn parse_timestamp(text: &[u8]) -> Result<i64, Fault> {
    parse_plain(text).map_or_else(|| parse_by_grammar(text), Ok)
}

fn parse_by_grammar(text: &[u8]) -> Result<i64, Fault> {
    if let Some((_separator, clock)) = text[date_bytes(text)?.min(text.len())..].split_first() {
        check_clock(clock)?;
    }
    let pieces = PARSER.parse_pieces(text).map_err(|_| "")?;
    let time = pieces.time().unwrap_or_default();
    if time.subsec_nanosecond() % 1000 != 0 {
        return Err("more than 6 digits of a second");
    }
    let local = pieces.date().to_datetime(time);
    let east_seconds = pieces.to_numeric_offset().map_or(0, |offset| i64::from(offset.seconds()));
    match east_seconds.abs() {
        0 => return Ok(micros_of(local)),
        DAY_SECONDS.. => return Err("there is no such offset"),
        _ => {}
    }
    let utc = local.checked_sub(SignedDuration::from_secs(east_seconds));
    utc.map(micros_of).map_err(|_| "the offset moves it beyond the years -9999 to 9999")
}

/// The form that files are full of, `2013-01-31T10:00:00Z`, read without a detour.
/// Whatever is not exactly that is left to the grammar.
#[inline]
fn parse_plain(text: &[u8]) -> Option<i64> {
    let plain: &[u8; 19] = match text {
        [plain @ .., b'Z'] if plain.len() == 19 => plain.try_into().ok()?,
        _ => text.try_into().ok()?,
    };
    let marks = [plain[4], plain[7], plain[13], plain[16]] == *b"--::";
    if !marks || !matches!(plain[10], b'T' | b' ') {
        return None;
    }
    let mut wrong = 0_u8;
    let mut two = |at: usize| {
        let (tens, ones) = (plain[at].wrapping_sub(b'0'), plain[at + 1].wrapping_sub(b'0'));
        wrong |= u8::from(tens > 9) | u8::from(ones > 9);
        u32::from(tens) * 10 + u32::from(ones)
    };
    let (century, of_century, month, day) = (two(0), two(2), two(5), two(8));
    let (hour, minute, second) = (two(11), two(14), two(17));
    let year = century * 100 + of_century;
    if wrong != 0 || year == 0 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_of(year, month, day)?;
    let seconds = i64::from(hour * 3600 + minute * 60 + second);
    Some((days * DAY_SECONDS + seconds) * 1_000_000)
}

/// Days from 1970 to a day of the years 1 to 9999, or `None` if there is no such day.
///
/// Years begin in March here, so that the day that comes and goes is the last one.
fn days_of(year: u32, month: u32, day: u32) -> Option<i64> {
    const MONTH_DAYS: [u8; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let most = *MONTH_DAYS.get((month as usize).wrapping_sub(1))?;
    if day == 0 || day > u32::from(most) + u32::from(leap && month == 2) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    Some(i64::from(days) - 719_469)
}

/// Where a date with dashes would end.
fn date_bytes(text: &[u8]) -> Result<usize, Fault> {
    let year = if matches!(text, [b'+' | b'-', ..]) { 7 } else { 4 };
    let dashed = text.len() <= TEXT_BYTES_MAX && text.get(year) == Some(&b'-');
    if dashed { Ok(year + 6) } else { Err("") }
}

/// Refuses a time of day, with what follows it, that jiff would take for another.
fn check_clock(clock: &[u8]) -> Result<(), Fault> {
    if clock.get(2) != Some(&b':') {
        return Err("");
    }
    if clock.get(5..8) == Some(b":60") {
        return Err("no count of microseconds stands for a leap second");
    }
    if clock.ends_with(b"]") {
        return Err("time zones are offsets, not names in brackets");
    }
    let offset = clock.iter().position(|byte| matches!(byte, b'+' | b'-'));
    if offset.is_some_and(|at| clock.len() - at > OFFSET_BYTES_MAX) {
        return Err("there is no such offset");
    }
    Ok(())
}

fn micros_of(moment: DateTime) -> i64 {
    moment.duration_since(EPOCH.into()).as_micros() as i64 // the years -9999 to 9999 fit
}

/// Writes days since 1970 as `2013-01-31`; a year that is not of four digits has a sign.
pub(super) fn write_date(days: i64, out: &mut Vec<u8>) {
    let after = |days: i64| EPOCH.checked_add(SignedDuration::from_secs(days * DAY_SECONDS));
    let written = if let Ok(date) = after(days) {
        PRINTER.print_date(&date, out).is_ok()
    } else {
        let near = after(days.rem_euclid(ERA_DAYS)).expect("the era after 1970");
        let year = i64::from(near.year()) + 400 * days.div_euclid(ERA_DAYS);
        write!(out, "{year:+07}-{:02}-{:02}", near.month(), near.day()).is_ok()
    };
    assert!(written, "a vector takes every write");
}

/// Writes microseconds since 1970 as `2013-01-31T10:00:00Z`, with a fraction only if there is one.
pub(super) fn write_timestamp(micros: i64, out: &mut Vec<u8>) {
    write_date(micros.div_euclid(DAY_US), out);
    out.push(b'T');
    let time = Time::midnight() + SignedDuration::from_micros(micros.rem_euclid(DAY_US));
    PRINTER.print_time(&time, &mut *out).expect("a vector takes every write");
    out.push(b'Z');
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "2013-01-01 10:00:00,000", // as ISO 8601 allows and Python logs
            "+002013-01-01T10:00:00.000000000-00:00",
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
            "-009999-01-01T00:00:00+00:01",
            "2013-01-01x",
            "2013-01-01 ",
            "2013-01-01T10:00:00 Z",
            // What jiff reads and we do not.
            "2013-01-01T10:00:60Z",
            "-000044-03-15T10:00:60Z",
            "20130101T10:00:00Z",
            "2013-01-01T100000Z",
            "2013-01-01T10:00:00Z[UTC]",
            "2013-01-01T10:00:00+01:00[Europe/Berlin]",
            "2013-01-01T10:00:00[u-ca=hebrew]",
            "2013-01-01[Europe/Berlin]",
            "2013-01-01T10:00:00+05:30:15",
            "2013-01-01T10:00:00+00:00:00.4",
            "2013-W01-2",
            "P1D",
            "2013-01-01T10:00:00.0000000000Z",
            "2013-01-01T10:00:00+25:00",
            "10:00:00",
            // A year with a sign has six digits.
            "-0044-03-15",
            "+2013-01-01",
            "-000000-01-01",
            "+010000-01-01",
        ] {
            assert!(parse_timestamp(text.as_bytes()).is_err(), "{text}");
        }
        for text in ["2013-01-01T00:00:00Z", "20130101", "2013-01-01[u]", "2013-02-29", "2013-1-1"]
        {
            assert!(parse_date(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn the_plain_form_is_read_as_the_grammar_reads_it() {
        for year in (0..10_000).step_by(7).chain([1600, 1900, 2000, 2024]) {
            for month in 0..14 {
                for day in [0, 1, 27, 28, 29, 30, 31, 32] {
                    let text = format!("{year:04}-{month:02}-{day:02}T23:59:58Z");
                    let plain = parse_plain(text.as_bytes());
                    let expected = parse_by_grammar(text.as_bytes()).ok();
                    assert_eq!(plain, expected.filter(|_| year > 0), "{text}");
                }
            }
        }
        // Any byte in any place: what is read at all is read alike.
        let mut read = 0;
        for base in ["2013-01-31T10:00:00Z", "2000-02-29 23:59:59", "1969-12-31T00:00:00Z"] {
            for at in 0..base.len() {
                for byte in 0..=255 {
                    let mut text = base.as_bytes().to_vec();
                    text[at] = byte;
                    let plain = parse_plain(&text);
                    read += u32::from(plain.is_some());
                    assert!(plain.is_none() || plain == parse_by_grammar(&text).ok(), "{text:?}");
                }
            }
        }
        assert!(read > 200, "{read}");
    }

    #[test]
    fn text_covers_the_years_of_four_digits() {
        assert_eq!(parse_date(b"2012-02-29"), Ok(15_399));
        assert_eq!(parse_date(b"-000044-03-15"), Ok(-735_525));
        for (text, days) in [("-009999-01-01", -4_371_587), ("9999-12-31", 2_932_896)] {
            assert_eq!(parse_date(text.as_bytes()), Ok(days));
            let micros = parse_timestamp(text.as_bytes()).unwrap();
            assert_eq!(micros, i64::from(days) * DAY_US);
            let last = parse_timestamp(format!("{text}T23:59:59.999999Z").as_bytes());
            assert_eq!(last, Ok(micros + DAY_US - 1));
        }
    }

    #[test]
    fn days_beyond_jiff_continue_its_calendar() {
        let shown = |days| {
            let mut out = Vec::new();
            write_date(days, &mut out);
            String::from_utf8(out).unwrap()
        };
        for (days, text) in [
            (i64::from(i32::MIN), "-5877641-06-23"),
            (-4_371_588, "-010000-12-31"),
            (-4_371_587, "-009999-01-01"),
            (2_932_896, "9999-12-31"),
            (2_932_897, "+010000-01-01"),
            (i64::from(i32::MAX), "+5881580-07-11"),
        ] {
            assert_eq!(shown(days), text);
        }
    }
}
