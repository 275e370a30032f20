//! Sums and moments that depend little on the order of their parts.

use crate::value::{Decimal, power_of_ten};

/// A sum of floats with what rounding has taken from it (Neumaier 1974).
///
/// ```
/// use store_core::query::FloatSum;
/// let mut sum = FloatSum::default();
/// [1e16, 1.0, -1e16].into_iter().for_each(|value| sum.add(value));
/// assert_eq!(sum.total(), 1.0);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct FloatSum {
    /// The sum as rounding left it.
    pub sum: f64,
    /// What rounding took.
    pub lost: f64,
}

impl FloatSum {
    /// Adds a value.
    #[inline(always)]
    pub fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        // Of the larger one nothing is lost.
        let large = if self.sum.abs() >= value.abs() { self.sum } else { value };
        let small = if self.sum.abs() >= value.abs() { value } else { self.sum };
        self.lost += (large - sum) + small;
        self.sum = sum;
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        self.add(other.sum);
        self.lost += other.lost;
    }

    /// The sum.
    pub fn total(self) -> f64 {
        // Of an infinite sum, or NaN, nothing meaningful was lost.
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }
}

/// Count, mean and the sum of squared distances from it.
///
/// ```
/// use store_core::query::Moments;
/// let mut all = Moments::default();
/// [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0].into_iter().for_each(|value| all.add(value));
/// assert_eq!((all.count, all.mean, all.variance(1)), (4, 1e9 + 10.0, Some(30.0)));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Moments {
    /// How many values.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// The sum of the squares of their distances from it.
    pub squares: f64,
}

impl Moments {
    /// Adds a value (Welford 1962).
    #[inline(always)]
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        let apart = value - self.mean;
        self.mean += apart / self.count as f64;
        self.squares += apart * (value - self.mean);
    }

    /// Those of one value; the distance of an infinite one from itself is NaN.
    pub(super) fn of(value: f64) -> Self {
        Self { count: 1, mean: value, squares: value * 0.0 }
    }

    /// Those of some values: twice over them, without a division each.
    pub(super) fn of_all(values: impl Iterator<Item = f64> + Clone) -> Self {
        let (mut sum, mut count) = (FloatSum::default(), 0);
        values.clone().for_each(|value| {
            sum.add(value);
            count += 1;
        });
        if count == 0 {
            return Self::default();
        }
        let mean = sum.total() / count as f64;
        let squares = values.map(|value| (value - mean) * (value - mean)).sum();
        Self { count, mean, squares }
    }

    /// Both together (Chan, Golub, `LeVeque` 1983).
    pub fn merge(&mut self, other: Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = other;
            return;
        }
        let count = self.count + other.count;
        let (all, part) = (count as f64, other.count as f64);
        let apart = other.mean - self.mean;
        self.squares += other.squares + apart * apart * (self.count as f64 * part / all);
        self.mean += apart * part / all;
        self.count = count;
    }

    /// The variance; `None` if there are too few values. `taken` is 1 for a sample's.
    pub fn variance(self, taken: u64) -> Option<f64> {
        let divisor = self.count.checked_sub(taken).filter(|divisor| *divisor > 0)?;
        Some(self.squares / divisor as f64)
    }
}

/// A quotient of whole numbers as a float. Where the sum is no float itself, the whole part and the
/// rest are divided by themselves.
pub fn quotient(sum: i128, count: u64) -> f64 {
    const EXACT: u128 = 1 << f64::MANTISSA_DIGITS;
    if sum.unsigned_abs() <= EXACT {
        return sum as f64 / count as f64;
    }
    let count = i128::from(count);
    let (whole, rest) = (sum / count, sum % count);
    whole as f64 + rest as f64 / count as f64
}

/// The mean of decimals of this scale with so many more digits, rounded half away from zero: `whole`
/// and `rest` are what dividing the sum of their units by the count has left. `None` if it has more
/// than 38 digits. `more` is at most 18.
pub fn decimal_mean(whole: i128, rest: i128, count: u64, scale: u8, more: u8) -> Option<Decimal> {
    let (count, power) = (i128::from(count), power_of_ten(more));
    let (part, left) = (rest * power / count, rest * power % count);
    let up = if left.abs() * 2 >= count { left.signum() } else { 0 };
    let units = whole.checked_mul(power)?.checked_add(part + up)?;
    Decimal::new(units, scale + more).ok()
}
