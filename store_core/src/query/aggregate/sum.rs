//! Sums and moments that depend little on the order of their parts.

/// A sum of floats with what rounding has taken from it (Neumaier 1974).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FloatSum {
    sum: f64,
    lost: f64,
}

impl FloatSum {
    #[inline(always)]
    pub(super) fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        // Of the larger one nothing is lost.
        let large = if self.sum.abs() >= value.abs() { self.sum } else { value };
        let small = if self.sum.abs() >= value.abs() { value } else { self.sum };
        self.lost += (large - sum) + small;
        self.sum = sum;
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.add(other.sum);
        self.lost += other.lost;
    }

    pub(super) fn total(self) -> f64 {
        // Of an infinite sum, or NaN, nothing meaningful was lost.
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }
}

/// Count, mean and the sum of squared distances from it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
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
    pub(super) fn merge(&mut self, other: Self) {
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
    pub(super) fn variance(self, taken: u64) -> Option<f64> {
        let divisor = self.count.checked_sub(taken).filter(|divisor| *divisor > 0)?;
        Some(self.squares / divisor as f64)
    }
}
