//! Header lines: names that a schema can hold, and the schema's columns by name.

use super::scanner::Scanner;
use super::source::Input;
use crate::error::{Error, Kind, Result};
use crate::schema::{NAME_BYTES_MAX, ROW_COLUMN, Schema};
use std::collections::{HashMap, HashSet};

/// Room left in a cut name for the `_2` that makes it unique.
const SUFFIX_BYTES: usize = 8;

/// The names in the record the scanner stands on, as they are written.
pub(super) fn read_header<I: Input>(scanner: &Scanner<I>) -> Result<Vec<String>> {
    let (fields, record) = (scanner.fields(), scanner.record());
    if let Some(fault) = fields.fault() {
        return Err(Error::invalid(format!("header: {}", fault.message)));
    }
    let most = scanner.columns_max() - 1;
    if fields.count() > most {
        let count = fields.count();
        return Err(Error::invalid(format!("header: {count} columns, at most {most}")));
    }
    let name = |nth| match std::str::from_utf8(fields.value(record, nth)) {
        Ok(name) => Ok(name.to_owned()),
        Err(_) => Err(Error::invalid(format!("header: name {} is not valid UTF-8", nth + 1))),
    };
    (0..fields.count()).map(name).collect()
}

/// Names a schema accepts, all different: an empty one becomes `c3` after its place, characters
/// that no name may hold become `_`, and a repeated one gets `_2`, `_3` ….
pub(super) fn unique_names(written: &[String]) -> Vec<String> {
    let mut seen: HashSet<String> = HashSet::from([ROW_COLUMN.to_owned()]);
    let mut names = Vec::with_capacity(written.len());
    for (nth, name) in written.iter().enumerate() {
        let base = clean(name, nth);
        let numbered = (2..).map(|number| format!("{base}_{number}"));
        let name = std::iter::once(base.clone())
            .chain(numbered)
            .find(|name| !seen.contains(name))
            .expect("numbers never end");
        seen.insert(name.clone());
        names.push(name);
    }
    names
}

fn clean(name: &str, nth: usize) -> String {
    let forbidden = |c: char| c.is_control() || matches!(c, '/' | '\\' | '"' | '`' | ',');
    let mut clean: String = name.chars().map(|c| if forbidden(c) { '_' } else { c }).collect();
    if clean.is_empty() {
        return format!("c{}", nth + 1);
    }
    if clean.starts_with(['.', '-']) {
        clean.insert(0, '_');
    }
    while clean.len() > NAME_BYTES_MAX - SUFFIX_BYTES {
        clean.pop();
    }
    clean
}

/// The position in the schema of each name of a header, in any order.
///
/// A name stands for the column of that name, or for the one inference would make of it.
pub(super) fn columns_by_name(schema: &Schema, written: &[String]) -> Result<Vec<usize>> {
    let known: HashMap<&str, usize> = schema
        .visible_columns()
        .enumerate()
        .map(|(at, column)| (column.name.as_str(), at))
        .collect();
    let mut taken = vec![false; schema.visible_len()];
    let mut positions = Vec::with_capacity(written.len());
    for (name, made) in written.iter().zip(unique_names(written)) {
        let free = |name: &str| known.get(name).copied().filter(|at| !taken[*at]);
        let Some(position) = free(name).or_else(|| free(&made)) else {
            return Err(unknown(schema, name, known.contains_key(name.as_str())));
        };
        taken[position] = true;
        positions.push(position);
    }
    Ok(positions)
}

fn unknown(schema: &Schema, name: &str, twice: bool) -> Error {
    let shown: String = name.chars().take(40).collect();
    if twice {
        return Error::invalid(format!("header names column \"{shown}\" twice"));
    }
    let columns: Vec<&str> = schema.visible_columns().map(|column| column.name.as_str()).collect();
    let (table, columns) = (&schema.table, columns.join(", "));
    let message = format!("header names an unknown column \"{shown}\": `{table}` has {columns}");
    Error::new(Kind::NotFound, message).detail(table).detail(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_header_becomes_names_a_schema_accepts() {
        let long = "é".repeat(100);
        let written = ["a", "", "a", "a_2", "x/y", "-n", "_row", "c2", &long, &long, "a\tb"];
        let names = unique_names(&written.map(str::to_owned));
        assert_eq!(names[..8], ["a", "c2", "a_2", "a_2_2", "x_y", "_-n", "_row_2", "c2_2"]);
        let schema = names.iter().fold(Schema::builder("t"), |builder, name| {
            builder.column(name, crate::value::Type::Text)
        });
        let schema = schema.build().unwrap();
        let positions = columns_by_name(&schema, &written.map(str::to_owned)).unwrap();
        assert_eq!(positions, (0..written.len()).collect::<Vec<_>>());
    }
}
