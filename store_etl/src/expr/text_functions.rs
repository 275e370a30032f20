//! Functions of text. Positions and lengths count characters, as SQL's do.

use super::eval::{Active, Evaluated, Evaluation, asked};
use super::function::{Ends, Function};
use super::numeric::null_column;
use super::vector::Vector;
use crate::batch::{Bitmap, Column, Texts, Values};
use std::borrow::Cow;
use store_core::{Type, ValueRef};

pub(super) fn call(
    run: &mut Evaluation,
    function: &Function,
    ty: Type,
    given: &[Vector<'_>],
    rows: usize,
    active: Active<'_>,
) -> Evaluated<Column> {
    if matches!(function, Function::Concat) {
        return concat(run, given, rows);
    }
    let null = |vector: &Vector<'_>| matches!(vector, Vector::Constant(_, value) if value.as_ref().is_null());
    if given.iter().any(null) {
        return null_column(ty, rows);
    }
    let mut valid: Option<Bitmap> = None;
    for vector in given {
        valid = super::vector::both_valid(valid.as_ref(), vector.valid());
    }
    match function {
        Function::Length => {
            let length = |row| match given[0].get(row) {
                ValueRef::Text(text) => text.chars().count(),
                ValueRef::Bytes(bytes) => bytes.len(),
                _ => 0,
            };
            let values = (0..rows).map(|row| length(row) as i64).collect();
            Ok(Column::made(ty, Values::Int64(values), valid))
        }
        Function::Regexp(matcher) => {
            let hit =
                |row| asked(row, valid.as_ref(), active) && matcher.matches(given[0].text(row));
            let bits = Bitmap::from_fn(rows, hit);
            Ok(Column::made(ty, Values::Bool(bits), valid))
        }
        Function::RegexpExtract(regex, group) => {
            let mut column = Column::new(ty);
            for row in 0..rows {
                let text = given[0].text(row);
                let asked = asked(row, valid.as_ref(), active);
                let found = if asked { regex.captures(text) } else { None };
                match found.and_then(|captures| captures.get(*group)) {
                    Some(found) => {
                        run.charge(found.len())?;
                        column.push(ValueRef::Text(found.as_str()))?;
                    }
                    None => column.push_null()?,
                }
            }
            Ok(column)
        }
        _ => each_text(run, function, given, rows, valid, active),
    }
}

/// The functions from text to text.
fn each_text(
    run: &mut Evaluation,
    function: &Function,
    given: &[Vector<'_>],
    rows: usize,
    valid: Option<Bitmap>,
    active: Active<'_>,
) -> Evaluated<Column> {
    let mut texts = Texts::<String>::default();
    let number = |nth: usize, row| match given[nth].get(row) {
        ValueRef::Int(value) => value,
        _ => 0,
    };
    for row in 0..rows {
        if !asked(row, valid.as_ref(), active) {
            texts.push("")?;
            continue;
        }
        let text = given[0].text(row);
        let made: Cow<'_, str> = match function {
            Function::Lower => text.to_lowercase().into(),
            Function::Upper => text.to_uppercase().into(),
            Function::Trim(ends) => trim(text, given.get(1).map(|v| v.text(row)), *ends).into(),
            Function::Substr => {
                let length = (given.len() > 2).then(|| number(2, row));
                substr(text, number(1, row), length).into()
            }
            Function::SplitPart => split_part(text, given[1].text(row), number(2, row)).into(),
            Function::Replace => {
                let (from, to) = (given[1].text(row), given[2].text(row));
                if from.is_empty() {
                    text.into()
                } else {
                    // Counted before it is made: the result may be much longer.
                    let found = text.matches(from).count();
                    run.charge((found * to.len()).saturating_sub(found * from.len()))?;
                    text.replace(from, to).into()
                }
            }
            Function::RegexpReplace(regex) => {
                let with = given[1].text(row);
                run.charge(regex.find_iter(text).count() * with.len())?;
                regex.replace_all(text, with)
            }
            _ => text.into(),
        };
        run.charge(made.len())?;
        texts.push(&made)?;
    }
    Ok(Column::made(Type::Text, Values::Text(texts), valid))
}

fn concat(run: &mut Evaluation, given: &[Vector<'_>], rows: usize) -> Evaluated<Column> {
    let mut texts = Texts::<String>::default();
    for row in 0..rows {
        let parts = || given.iter().filter(|vector| !vector.is_null(row)).map(|v| v.text(row));
        run.charge(parts().map(str::len).sum())?;
        texts.push_with(|out| parts().for_each(|part| out.push_str(part)))?;
    }
    Ok(Column::made(Type::Text, Values::Text(texts), None))
}

fn trim<'t>(text: &'t str, characters: Option<&str>, ends: Ends) -> &'t str {
    let cut = |c: char| characters.map_or(c == ' ', |characters| characters.contains(c));
    match ends {
        Ends::Both => text.trim_matches(cut),
        Ends::Left => text.trim_start_matches(cut),
        Ends::Right => text.trim_end_matches(cut),
    }
}

/// Characters from `start` on, which counts from 1, or from the end if it is negative.
fn substr(text: &str, start: i64, length: Option<i64>) -> &str {
    let first = match start {
        // The place before the first character takes one of the length.
        0 => -1,
        1.. => start - 1,
        _ => {
            let count = text.chars().count() as i64;
            count.saturating_add(start)
        }
    };
    let end = length.map(|length| first.saturating_add(length.max(0)));
    let begin = byte_at(text, first.max(0));
    let end = end.map_or(text.len(), |end| byte_at(text, end.max(0)));
    text.get(begin..end).unwrap_or_default()
}

/// Where the character of this number begins.
fn byte_at(text: &str, nth: i64) -> usize {
    if text.is_ascii() {
        return text.len().min(usize::try_from(nth).unwrap_or(usize::MAX));
    }
    let nth = usize::try_from(nth).unwrap_or(usize::MAX);
    text.char_indices().nth(nth).map_or(text.len(), |(at, _)| at)
}

/// The part of this number between separators, from the end if it is negative.
fn split_part<'t>(text: &'t str, separator: &str, nth: i64) -> &'t str {
    let Ok(place) = usize::try_from(nth.unsigned_abs()) else { return "" };
    if separator.is_empty() {
        return if place == 1 { text } else { "" };
    }
    let found = match (nth, place.checked_sub(1)) {
        (_, None) => None,
        (1.., Some(place)) => text.split(separator).nth(place),
        (_, Some(place)) => text.rsplit(separator).nth(place),
    };
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_either_end() {
        for (start, length, expected) in [
            (1, Some(2), "sü"),
            (3, None, "ß!"),
            (0, Some(2), "s"),
            (-2, None, "ß!"),
            (-9, Some(6), "s"),
            (2, Some(0), ""),
            (2, Some(-1), ""),
            (9, Some(1), ""),
            (i64::MIN, Some(i64::MAX), "süß"),
            (i64::MAX, None, ""),
            (2, Some(i64::MAX), "üß!"),
        ] {
            assert_eq!(substr("süß!", start, length), expected, "{start} {length:?}");
        }
        assert_eq!(substr("abc", -2, Some(1)), "b");
    }

    #[test]
    fn parts_count_from_either_end() {
        let part = |nth| split_part("a::b::", "::", nth);
        assert_eq!([1, 2, 3, 4, -1, -3, -4, 0].map(part), ["a", "b", "", "", "", "a", "", ""]);
        assert_eq!((split_part("a", "", 1), split_part("a", "", 2)), ("a", ""));
    }
}
