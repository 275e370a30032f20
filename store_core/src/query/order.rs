//! Sort orders: the words users write, their columns, and how two rows compare.

use super::filter::Cells;
use crate::error::{Error, Result};
use crate::schema::Schema;
use std::cmp::Ordering;

/// Where NULLs stand, whichever way the values run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NullsOrder {
    /// Before every value.
    First,
    /// After every value.
    #[default]
    Last,
}

/// One column of a sort order, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortName {
    /// The column's name.
    pub name: String,
    /// Greatest first.
    pub descending: bool,
    /// Where NULLs stand.
    pub nulls: NullsOrder,
}

/// One column of a sort order, by position.
///
/// ```
/// # use store_core::{Schema, Type};
/// # use store_core::query::{bind_sort, parse_sort};
/// # let schema = Schema::builder("t").column("a", Type::Int64).column("b", Type::Text).build()?;
/// let keys = bind_sort(&parse_sort(&["b", "-a"])?, &schema)?;
/// assert_eq!((keys[1].column, keys[1].descending), (0, true));
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SortKey {
    /// The column's position in the schema.
    pub column: usize,
    /// Greatest first.
    pub descending: bool,
    /// Where NULLs stand.
    pub nulls: NullsOrder,
}

impl SortKey {
    /// Ascending, NULL last.
    pub const fn ascending(column: usize) -> Self {
        Self { column, descending: false, nulls: NullsOrder::Last }
    }

    /// Descending, NULL last.
    pub const fn descending(column: usize) -> Self {
        Self { column, descending: true, nulls: NullsOrder::Last }
    }
}

/// Reads sort words: `origin`, `-altitude`, or SQL's `altitude desc nulls first`.
pub fn parse_sort<W: AsRef<str>>(words: &[W]) -> Result<Vec<SortName>> {
    let mut sort = Vec::with_capacity(words.len());
    for word in words {
        sort.push(parse_word(word.as_ref())?);
    }
    Ok(sort)
}

fn parse_word(word: &str) -> Result<SortName> {
    // Most words are names alone.
    let name = word.strip_prefix('-').unwrap_or(word);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !name.is_empty() && name.bytes().all(is_plain) {
        let descending = name.len() < word.len();
        return Ok(SortName { name: name.to_owned(), descending, nulls: NullsOrder::Last });
    }
    let mut rest = word.trim();
    let mut nulls = NullsOrder::Last;
    for (ending, order) in [("nulls first", NullsOrder::First), ("nulls last", NullsOrder::Last)] {
        if let Some(name) = strip_words(rest, ending) {
            (rest, nulls) = (name, order);
            break;
        }
    }
    let mut descending = false;
    for (ending, down) in [("asc", false), ("desc", true)] {
        if let Some(name) = strip_words(rest, ending) {
            (rest, descending) = (name, down);
            break;
        }
    }
    if let Some(name) = rest.strip_prefix('-') {
        (rest, descending) = (name, !descending);
    }
    if rest.is_empty() {
        return Err(Error::invalid(format!(
            "bad sort \"{word}\": must be column or -column, then optionally nulls first or last"
        )));
    }
    Ok(SortName { name: rest.to_owned(), descending, nulls })
}

/// What stands before these words at the end, in any case; `None` if they are not there.
fn strip_words<'t>(text: &'t str, ending: &str) -> Option<&'t str> {
    let mut rest = text;
    for word in ending.rsplit(' ') {
        let at = rest.len().checked_sub(word.len())?;
        let (name, last) = (rest.get(..at)?, rest.get(at..)?);
        if !last.eq_ignore_ascii_case(word) || !name.ends_with(char::is_whitespace) {
            return None;
        }
        rest = name.trim_end();
    }
    Some(rest)
}

/// Finds the columns; an unknown one is an error.
pub fn bind_sort(names: &[SortName], schema: &Schema) -> Result<Vec<SortKey>> {
    let mut keys = Vec::with_capacity(names.len());
    for SortName { name, descending, nulls } in names {
        let column = schema.column_position(name)?;
        keys.push(SortKey { column, descending: *descending, nulls: *nulls });
    }
    Ok(keys)
}

/// The order completed by the primary key, ascending, so that no two rows are equal in it.
pub fn complete_sort(sort: &[SortKey], key: &[usize]) -> Vec<SortKey> {
    let mut complete: Vec<SortKey> = Vec::with_capacity(sort.len() + key.len());
    let rest = key.iter().map(|column| SortKey::ascending(*column));
    for sort_key in sort.iter().copied().chain(rest) {
        if complete.iter().all(|known| known.column != sort_key.column) {
            complete.push(sort_key);
        }
    }
    complete
}

/// Compares two rows in a sort order.
pub fn compare_rows<R: Cells + ?Sized>(sort: &[SortKey], a: &R, b: &R) -> Ordering {
    let orders = sort.iter().map(|key| compare_cells(*key, a, b));
    orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Compares their cells in one column of it.
pub(super) fn compare_cells<R: Cells + ?Sized>(key: SortKey, a: &R, b: &R) -> Ordering {
    let (a, b) = (a.cell(key.column), b.cell(key.column));
    let nulls = match key.nulls {
        NullsOrder::Last => a.is_null().cmp(&b.is_null()),
        NullsOrder::First => b.is_null().cmp(&a.is_null()),
    };
    nulls.then_with(|| if key.descending { b.order(a) } else { a.order(b) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::ValueRef;

    #[test]
    fn sort_words_are_read() {
        let read = |word| {
            let found = parse_sort(&[word]).unwrap().remove(0);
            (found.name, found.descending, found.nulls == NullsOrder::First)
        };
        assert_eq!(read("origin"), ("origin".to_owned(), false, false));
        assert_eq!(read("-a_1"), ("a_1".to_owned(), true, false));
        assert_eq!(read(" -- strange"), ("- strange".to_owned(), true, false));
        assert_eq!(read("-altitude"), ("altitude".to_owned(), true, false));
        assert_eq!(read("x DESC  Nulls FIRST"), ("x".to_owned(), true, true));
        assert_eq!(read("desc nulls last"), ("desc".to_owned(), false, false));
        assert_eq!(read("adesc"), ("adesc".to_owned(), false, false));
        assert!(parse_sort(&["-"]).is_err());
        assert!(parse_sort(&[" "]).is_err());
    }

    #[test]
    fn null_is_last_both_ways_unless_first_is_asked() {
        let rows = [[ValueRef::Int(1)], [ValueRef::Null], [ValueRef::Int(2)]];
        let sorted = |key: SortKey| {
            let mut order = vec![0, 1, 2];
            order
                .sort_by(|a: &usize, b: &usize| compare_rows(&[key], &rows[*a][..], &rows[*b][..]));
            order
        };
        assert_eq!(sorted(SortKey::ascending(0)), [0, 2, 1]);
        assert_eq!(sorted(SortKey::descending(0)), [2, 0, 1]);
        assert_eq!(
            sorted(SortKey { nulls: NullsOrder::First, ..SortKey::descending(0) }),
            [1, 2, 0]
        );
    }

    #[test]
    fn the_key_completes_the_order_once() {
        let complete = complete_sort(&[SortKey::descending(2), SortKey::ascending(2)], &[0, 2, 1]);
        let expected = [SortKey::descending(2), SortKey::ascending(0), SortKey::ascending(1)];
        assert_eq!(complete, expected);
    }
}
