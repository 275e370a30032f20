//! What is known of a group: states of fixed width, side by side in its entry.
//!
//! Sums of whole numbers and decimals are exact whatever the order of the rows; those of floats and of squares
//! do not depend on it ([`super::exact`]). Aggregates of one column share what they can: the mean is the sum and the
//! count, deviations count themselves and have the sum of floats in them.

use super::exact::{self, MOMENTS_BYTES, SUM_BYTES};
use super::layout::{Arg, ArgKind, Layout, u64_at};

/// Where the sum is among the moments: behind the count.
pub(super) const SUM_IN_MOMENTS: usize = 8;
/// Bytes of a first or last value: position, NULL mark, value.
const END_BYTES: usize = 32;

/// What is kept of an argument, or of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StateKind {
    /// How many rows.
    Rows,
    /// In how many rows it is not NULL.
    Known(usize),
    /// The sum of whole numbers.
    IntSum(usize),
    /// The sum of decimals, in 192 bits: no order of the rows overflows.
    WideSum(usize),
    /// The sum of floats.
    FloatSum(usize),
    /// Count, and sums of values and squares as floats; of decimals with so many digits after the point.
    Moments(usize, u8),
    /// The least value.
    Least(usize),
    /// The greatest value.
    Greatest(usize),
    /// The first row's value.
    First(usize),
    /// The last row's value.
    Last(usize),
}

/// A state and where it is in an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub kind: StateKind,
    pub at: usize,
}

/// Some records and, for each, the place of its group's entry in units of 8 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grouped<'r> {
    pub bytes: &'r [u8],
    pub starts: &'r [u32],
    pub entries: &'r [u32],
}

/// The states of an aggregation.
#[derive(Clone, Debug, Default)]
pub(super) struct States {
    list: Vec<State>,
    bytes: usize,
}

impl States {
    /// The place of a state, which is added unless it is there.
    pub fn place(&mut self, kind: StateKind, args: &[Arg]) -> usize {
        if let Some(state) = self.list.iter().find(|state| state.kind == kind) {
            return state.at;
        }
        let at = self.bytes;
        self.bytes += kind.width(args);
        self.list.push(State { kind, at });
        at
    }

    /// The place of a state that is there.
    pub fn find(&self, kind: StateKind) -> Option<usize> {
        self.list.iter().find(|state| state.kind == kind).map(|state| state.at)
    }

    /// Bytes of all states of a group.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The states of no rows.
    pub fn initial(&self, args: &[Arg]) -> Vec<u8> {
        let mut bytes = vec![0; self.bytes];
        for state in &self.list {
            let room = &mut bytes[state.at..];
            let wide = |arg: usize| args[arg].kind == ArgKind::Wide;
            match state.kind {
                StateKind::Least(arg) if wide(arg) => put(room, i128::MAX.to_le_bytes()),
                StateKind::Greatest(arg) if wide(arg) => put(room, i128::MIN.to_le_bytes()),
                StateKind::Least(_) => put(room, i64::MAX.to_le_bytes()),
                StateKind::Greatest(_) => put(room, i64::MIN.to_le_bytes()),
                StateKind::First(_) => {
                    put(room, u64::MAX.to_le_bytes());
                    room[8] = 1;
                }
                StateKind::Last(_) => room[8] = 1,
                _ => {}
            }
        }
        bytes
    }

    /// Adds records to their groups' entries.
    pub fn add(&self, layout: &Layout, records: Grouped<'_>, table: &mut [u8]) {
        for state in &self.list {
            state.add(layout, records, table);
        }
    }
}

impl StateKind {
    fn width(self, args: &[Arg]) -> usize {
        match self {
            Self::Rows | Self::Known(_) => 8,
            Self::IntSum(_) => 16,
            Self::WideSum(_) => 24,
            Self::FloatSum(_) => SUM_BYTES,
            Self::Moments(..) => SUM_IN_MOMENTS + MOMENTS_BYTES,
            Self::Least(arg) | Self::Greatest(arg) => args[arg].kind.width(),
            Self::First(_) | Self::Last(_) => END_BYTES,
        }
    }
}

impl State {
    fn add(&self, layout: &Layout, records: Grouped<'_>, table: &mut [u8]) {
        let mut on = On { records, table, at: self.at };
        let args = &layout.args;
        let bytes = records.bytes;
        match self.kind {
            StateKind::Rows => on.each(None, |count, _| increment(count)),
            StateKind::Known(arg) => on.each(args[arg].null, |count, _| increment(count)),
            StateKind::IntSum(arg) => {
                let Arg { at, null, .. } = args[arg];
                on.each(null, |sum: &mut [u8; 16], start| {
                    let more = i128::from(int_at(bytes, start + at));
                    *sum = (i128::from_le_bytes(*sum) + more).to_le_bytes();
                });
            }
            StateKind::WideSum(arg) => {
                let Arg { at, null, .. } = args[arg];
                on.each(null, |sum, start| add_wide(sum, wide_at(bytes, start + at)));
            }
            StateKind::FloatSum(arg) => {
                let Arg { at, null, .. } = args[arg];
                on.each(null, |sum, start| exact::add(sum, float_at(bytes, start + at)));
            }
            StateKind::Moments(arg, scale) => match args[arg].kind {
                ArgKind::Int => on.moments(&args[arg], |at| int_at(bytes, at) as f64),
                ArgKind::Float => on.moments(&args[arg], |at| float_at(bytes, at)),
                _ => {
                    let power = 10_f64.powi(scale.into());
                    on.moments(&args[arg], |at| wide_at(bytes, at) as f64 / power);
                }
            },
            StateKind::Least(arg) => {
                on.best(&args[arg], |old, new| new < old, |old, new| new < old);
            }
            StateKind::Greatest(arg) => {
                on.best(&args[arg], |old, new| new > old, |old, new| new > old);
            }
            StateKind::First(arg) => on.end(layout, &args[arg], |old, new| new < old),
            // A group has a row before it has a last one; its place counts from 1.
            StateKind::Last(arg) => on.end(layout, &args[arg], |old, new| new >= old),
        }
    }
}

/// One state of all groups.
struct On<'r, 't> {
    records: Grouped<'r>,
    table: &'t mut [u8],
    at: usize,
}

impl On<'_, '_> {
    /// Calls with the state and the record's place, for each record that is not marked NULL.
    #[inline(always)]
    fn each<const N: usize>(
        &mut self,
        null: Option<(usize, u8)>,
        mut add: impl FnMut(&mut [u8; N], usize),
    ) {
        let Grouped { bytes, starts, entries } = self.records;
        for (start, entry) in starts.iter().zip(entries) {
            let start = *start as usize;
            if null.is_some_and(|(byte, bit)| bytes[start + byte] & bit != 0) {
                continue;
            }
            let state = &mut self.table[*entry as usize * 8 + self.at..];
            add(state.first_chunk_mut().expect("an entry has all states"), start);
        }
    }

    #[inline(always)]
    fn moments(&mut self, arg: &Arg, value: impl Fn(usize) -> f64) {
        self.each(arg.null, |state: &mut [u8; SUM_IN_MOMENTS + MOMENTS_BYTES], start| {
            let (count, sums) = state.split_first_chunk_mut().expect("the count is the first word");
            increment(count);
            exact::add_moments(sums.try_into().expect("sums behind it"), value(start + arg.at));
        });
    }

    #[inline(always)]
    fn best(
        &mut self,
        arg: &Arg,
        better: impl Fn(i64, i64) -> bool,
        better_wide: impl Fn(i128, i128) -> bool,
    ) {
        let bytes = self.records.bytes;
        match arg.kind {
            ArgKind::Wide => self.each(arg.null, |best: &mut [u8; 16], start| {
                let new = wide_at(bytes, start + arg.at);
                if better_wide(i128::from_le_bytes(*best), new) {
                    *best = new.to_le_bytes();
                }
            }),
            kind => self.each(arg.null, |best: &mut [u8; 8], start| {
                let raw = int_at(bytes, start + arg.at);
                let new = if kind == ArgKind::Float { float_rank(raw) } else { raw };
                if better(i64::from_le_bytes(*best), new) {
                    *best = new.to_le_bytes();
                }
            }),
        }
    }

    #[inline(always)]
    fn end(&mut self, layout: &Layout, arg: &Arg, further: impl Fn(u64, u64) -> bool) {
        let Some(position) = layout.position else { return };
        let bytes = self.records.bytes;
        self.each(None, |state: &mut [u8; END_BYTES], start| {
            let place = u64_at(bytes, start + position);
            if further(u64_at(&state[..], 0), place) {
                put(state, place.to_le_bytes());
                let is_null = arg.null.is_some_and(|(byte, bit)| bytes[start + byte] & bit != 0);
                state[8] = u8::from(is_null);
                let value = &bytes[start + arg.at..start + arg.at + arg.kind.width()];
                state[16..16 + value.len()].copy_from_slice(value);
            }
        });
    }
}

#[inline(always)]
fn put<const N: usize>(room: &mut [u8], bytes: [u8; N]) {
    room[..N].copy_from_slice(&bytes);
}

#[inline(always)]
fn increment(count: &mut [u8; 8]) {
    *count = (u64::from_le_bytes(*count) + 1).to_le_bytes();
}

#[inline(always)]
pub(super) fn int_at(bytes: &[u8], at: usize) -> i64 {
    u64_at(bytes, at).cast_signed()
}

#[inline(always)]
pub(super) fn float_at(bytes: &[u8], at: usize) -> f64 {
    f64::from_bits(u64_at(bytes, at))
}

#[inline(always)]
pub(super) fn wide_at(bytes: &[u8], at: usize) -> i128 {
    i128::from_le_bytes(*bytes[at..].first_chunk().expect("sixteen bytes"))
}

/// A float's bits as a number that compares as it does: NaN above all, −0.0 as 0.0.
#[inline(always)]
fn float_rank(bits: i64) -> i64 {
    let value = f64::from_bits(bits.cast_unsigned());
    let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
    flip(value.to_bits().cast_signed())
}

/// The float of a rank.
pub(super) fn float_of_rank(rank: i64) -> f64 {
    f64::from_bits(flip(rank).cast_unsigned())
}

/// Turns the order of negative floats round; done twice it changes nothing.
#[inline(always)]
const fn flip(bits: i64) -> i64 {
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// Adds to a sum of 192 bits, its low word first.
#[inline(always)]
fn add_wide(sum: &mut [u8; 24], value: i128) {
    let low = u128::from_le_bytes(*sum.first_chunk().expect("24 bytes"));
    let (low, carry) = low.overflowing_add(value.cast_unsigned());
    let high = int_at(&sum[..], 16) + i64::from(carry) + (value >> 127) as i64;
    put(sum, low.to_le_bytes());
    put(&mut sum[16..], high.to_le_bytes());
}
