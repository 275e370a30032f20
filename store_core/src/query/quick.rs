//! The part of a filter that tests of bits decide, without making values of cells first.

use super::filter::{Filter, Node};
use super::predicate::Op;
use crate::mem::layout::{CellTest, Layout, Sides};
use crate::value::{Decimal, Mac, ValueRef};

/// Tests that every matching row passes.
#[derive(Debug)]
pub(crate) struct Quick {
    tests: Vec<CellTest>,
    decides: bool,
}

impl Quick {
    /// The quick part of a filter over rows of this layout: comparisons with whole numbers, floats,
    /// dates, timestamps, decimals of a word and addresses of cards, and equality with short text,
    /// longer decimals and internet addresses.
    pub(crate) fn new(filter: &Filter, layout: &Layout) -> Self {
        let conjuncts = filter.conjuncts();
        let tests: Vec<_> = conjuncts.iter().filter_map(|node| cell_test(node, layout)).collect();
        Self { decides: tests.len() == conjuncts.len(), tests }
    }

    /// True if a row with these words passes every test.
    #[inline(always)]
    pub(crate) fn holds(&self, word: impl Fn(usize) -> u64) -> bool {
        self.tests.iter().all(|test| test.holds(&word))
    }

    /// The tests.
    pub(crate) fn into_tests(self) -> Vec<CellTest> {
        self.tests
    }

    /// True if every row that passes matches; else the filter has to be asked as well.
    #[inline(always)]
    pub(crate) fn decides(&self) -> bool {
        self.decides
    }
}

fn cell_test(node: &Node, layout: &Layout) -> Option<CellTest> {
    let Node::Compare { column, op, value } = node else { return None };
    let value = value.as_ref();
    if matches!(value, ValueRef::Float32(_) | ValueRef::Float64(_)) {
        return layout.float_test(*column, value, sides(*op));
    }
    let (low, high) = match op {
        Op::Eq => (Some(value), Some(value)),
        Op::Ge => (Some(value), None),
        Op::Gt => (Some(neighbour(value, 1)?), None),
        Op::Le => (None, Some(value)),
        Op::Lt => (None, Some(neighbour(value, -1)?)),
        Op::Ne => return None,
    };
    layout.range_test(*column, low, high)
}

/// On which sides of the value cells lie for which the operator holds.
fn sides(op: Op) -> Sides {
    Sides {
        less: matches!(op, Op::Lt | Op::Le | Op::Ne),
        equal: matches!(op, Op::Le | Op::Ge | Op::Eq),
        greater: matches!(op, Op::Gt | Op::Ge | Op::Ne),
    }
}

/// The next value up or down, if there is one.
fn neighbour(value: ValueRef<'_>, step: i8) -> Option<ValueRef<'_>> {
    match value {
        ValueRef::Int(value) => value.checked_add(step.into()).map(ValueRef::Int),
        ValueRef::Timestamp(value) => value.checked_add(step.into()).map(ValueRef::Timestamp),
        ValueRef::Date(value) => value.checked_add(step.into()).map(ValueRef::Date),
        ValueRef::Decimal(units, scale) => {
            let units = units.get().checked_add(step.into())?;
            Some(Decimal::of(units, scale).into())
        }
        ValueRef::Mac(value) => {
            let bits = value.to_bits().checked_add_signed(step.into())?;
            (bits >> 48 == 0).then(|| ValueRef::Mac(Mac::from_bits(bits)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Predicate;
    use crate::schema::Schema;

    #[test]
    fn tests_of_decimals_and_addresses_agree_with_the_filter() {
        let schema = "k int64 key, a decimal(6,2), b decimal(38,4), c inet, d mac";
        let schema = Schema::parse("t", schema).unwrap();
        let layout = Layout::new(&schema);
        let texts: [&[&str]; 4] = [
            &["-9999.99", "-1", "-0.01", "0", "0.01", "1.5", "9999.99"],
            &["-9999999999999999999999999999999999.9999", "-1", "0", "0.0001", "1", "1e33"],
            &["::", "10.0.0.1", "10.0.0.2", "2001:db8::1", "ffff::"],
            &["00:00:00:00:00:00", "00:00:00:00:00:01", "80:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"],
        ];
        let (mut decided, mut asked) = (0, 0);
        for (nth, texts) in texts.iter().enumerate() {
            let (name, ty) = (["a", "b", "c", "d"][nth], schema.columns[nth + 1].ty);
            for (op, bound) in ["<", "<=", "=", "!=", ">", ">="]
                .iter()
                .flat_map(|op| texts.iter().map(move |bound| (*op, *bound)))
            {
                let predicate = Predicate::parse(&format!("{name} {op} '{bound}'")).unwrap();
                let filter = predicate.bind(&schema).unwrap();
                let quick = Quick::new(&filter, &layout);
                for text in *texts {
                    let value = crate::value::parse_value(text.as_bytes(), ty).unwrap();
                    let mut words = vec![u64::MAX; layout.words()];
                    layout.set(&mut words, nth + 1, value, |_| unreachable!()).unwrap();
                    let mut row = [ValueRef::Null; 5];
                    row[nth + 1] = value;
                    let (holds, matches) = (quick.holds(|at| words[at]), filter.matches(&row[..]));
                    assert!(holds || !matches, "{text} {op} {bound}");
                    assert!(!quick.decides() || holds == matches, "{text} {op} {bound}");
                    asked += 1;
                    decided += usize::from(quick.decides());
                }
            }
        }
        assert!(decided * 3 > asked, "{decided} of {asked}");
    }

    #[test]
    fn tests_of_bits_agree_with_the_filter() {
        let schema = "k int64 key, a int16, b date, c text, d float64";
        let schema = Schema::parse("t", schema).unwrap();
        let layout = Layout::new(&schema);
        let quick = |text: &str| {
            let filter = Predicate::parse(text).unwrap().bind(&schema).unwrap();
            let quick = Quick::new(&filter, &layout);
            (filter, quick)
        };
        for text in
            ["a < 3 and a >= -3", "b = '2000-01-01'", "c = 'short'", "a > 3 and c = ''", "d != 1.5"]
        {
            assert!(quick(text).1.decides, "{text}");
        }
        for text in ["a < 3 and d is null", "c = 'longer than a cell'", "a != 3", "c < 'b'"] {
            assert!(!quick(text).1.decides, "{text}");
        }
        for op in ["<", "<=", "=", "!=", ">", ">="] {
            for bound in [-32_768, -3, 0, 32_767] {
                let (filter, quick) = quick(&format!("a {op} {bound} and d is null"));
                for a in [i64::from(i16::MIN), -4, -3, -2, -1, 0, 1, i64::from(i16::MAX)] {
                    let mut words = vec![0; layout.words()];
                    let null = |_: &[u8]| unreachable!();
                    layout.set(&mut words, 1, ValueRef::Int(a), null).unwrap();
                    for column in 2..5 {
                        layout.set(&mut words, column, ValueRef::Null, null).unwrap();
                    }
                    let row = [ValueRef::Int(0), ValueRef::Int(a)];
                    let row: Vec<_> = row.into_iter().chain([ValueRef::Null; 3]).collect();
                    assert!(
                        quick.holds(|at| words[at]) || !filter.matches(&row[..]),
                        "{a} {op} {bound}"
                    );
                    let single = op != "!=";
                    assert!(!single || quick.holds(|at| words[at]) == filter.matches(&row[..]));
                }
            }
        }
    }
}
