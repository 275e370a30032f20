//! Days and civil dates, for every count of days that a column can hold.
//!
//! The arithmetic is Howard Hinnant's ("chrono-Compatible Low-Level Date Algorithms"): years begin in
//! March, so that the day added in leap years is the last one.

pub(super) const DAY_US: i64 = 86_400_000_000;
/// From 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;
const ERA_DAYS: i64 = 146_097;

/// A date's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
}

/// The date so many days after 1970-01-01.
#[inline]
pub(super) const fn civil(days: i64) -> Civil {
    let days = days + EPOCH_DAYS;
    let era = days.div_euclid(ERA_DAYS);
    let of_era = days.rem_euclid(ERA_DAYS);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153; // months since March
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    Civil { year, month, day: of_year - (153 * shifted + 2) / 5 + 1 }
}

/// Days from 1970-01-01 to a date.
#[inline]
pub(super) const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - (month <= 2) as i64;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = (month + 9) % 12;
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * ERA_DAYS + of_era - EPOCH_DAYS
}

/// The day of the week, Monday being 0.
#[inline]
pub(super) const fn weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) // 1970-01-01 was a Thursday
}

/// The week of ISO 8601 and its year: the one that the week's Thursday lies in.
pub(super) const fn iso_week(of: i64) -> (i64, i64) {
    let thursday = of - weekday(of) + 3;
    let year = civil(thursday).year;
    (year, (thursday - days(year, 1, 1)) / 7 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days_are_each_others_inverse() {
        assert_eq!(civil(0), Civil { year: 1970, month: 1, day: 1 });
        assert_eq!(civil(-1), Civil { year: 1969, month: 12, day: 31 });
        assert_eq!(days(2000, 2, 29), 11_016);
        let mut before = civil(-800_000);
        for at in -799_999..800_000 {
            let now = civil(at);
            assert_eq!(days(now.year, now.month, now.day), at);
            assert!((now.year, now.month, now.day) > (before.year, before.month, before.day));
            before = now;
        }
        for at in [i64::from(i32::MIN), i64::from(i32::MAX), i64::MAX / DAY_US, i64::MIN / DAY_US] {
            let now = civil(at);
            assert_eq!(days(now.year, now.month, now.day), at);
        }
    }

    #[test]
    fn weeks_begin_on_monday() {
        assert_eq!(weekday(days(2024, 1, 1)), 0);
        assert_eq!(weekday(days(1969, 12, 28)), 6);
        assert_eq!(iso_week(days(2021, 1, 3)), (2020, 53));
        assert_eq!(iso_week(days(2018, 12, 31)), (2019, 1));
        assert_eq!(iso_week(days(2024, 12, 29)), (2024, 52));
    }
}
