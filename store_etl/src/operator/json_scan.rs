//! JSON lines into cells: an object a line, keys are columns.
//!
//! Values keep the text they are written with until their column's type is known, so integers and decimals
//! lose no digit. An array or object is text in a text column.

use super::scan::{Filled, Refusals, Rows};
use super::text::{named, text_options};
use crate::batch::{Batch, Field, Limits, fixed_bytes};
use crate::job::ScanPlan;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use store_core::ingest::{Format, IngestOptions, Records, Source};
use store_core::value::parse_value;
use store_core::{Error, Holder, Kind, Result, Type, ValueRef};

/// How much of a file tells its columns.
const INFER_BYTES: u64 = 256 << 10;
/// Longest line while columns are looked for.
const INFER_ROW_BYTES: usize = 1 << 20;
const CANDIDATES: [Type; 5] = [Type::Bool, Type::Int64, Type::Float64, Type::Date, Type::Timestamp];

type Object<'l> = BTreeMap<Cow<'l, str>, &'l RawValue>;

struct Target {
    name: String,
    ty: Type,
    nullable: bool,
}

pub(super) struct JsonRows {
    plan: Arc<ScanPlan>,
    targets: Vec<Target>,
    /// Bytes of a row's cells of fixed width, with its line.
    row_bytes: usize,
    row_bytes_max: usize,
    records: Option<Records>,
    holder: Holder,
}

impl JsonRows {
    pub fn new(plan: &Arc<ScanPlan>, limits: Limits, holder: &Holder) -> Self {
        let target = |at: &usize| {
            let Field { name, ty, nullable } = plan.columns[*at].clone();
            Target { name, ty, nullable }
        };
        let targets: Vec<Target> = plan.wanted.iter().map(target).collect();
        Self {
            row_bytes: targets.iter().map(|target| fixed_bytes(target.ty)).sum::<usize>() + 8,
            targets,
            plan: Arc::clone(plan),
            row_bytes_max: limits.row_bytes,
            records: None,
            holder: holder.clone(),
        }
    }

    /// Adds the cells of a line; after an error the columns may be of different lengths.
    fn push(&self, line: &[u8], batch: &mut Batch) -> Result<()> {
        let object = object(line)?;
        for key in object.keys() {
            if !self.plan.columns.iter().any(|field| field.name == **key) {
                return Err(Error::invalid(format!("\"{key}\" is no column of the schema")));
            }
        }
        for (target, column) in self.targets.iter().zip(batch.columns_mut()) {
            let raw = object.get(target.name.as_str()).map_or("null", |raw| raw.get());
            if raw == "null" {
                if !target.nullable {
                    let message = format!("column \"{}\": NULL where none may be", target.name);
                    return Err(Error::new(Kind::NotNull, message));
                }
                column.push_null()?;
                continue;
            }
            let text = text_of(raw).map_err(|error| named(&target.name, error))?;
            if target.ty == Type::Text {
                let checked = parse_value(text.as_bytes(), Type::Text);
                column.push(checked.map_err(|error| named(&target.name, error))?)?;
                continue;
            }
            let value = match target.ty {
                Type::Bytes => hex(&text, raw),
                ty => parse_value(text.as_bytes(), ty).map(ValueRef::to_owned),
            };
            column.push(value.map_err(|error| named(&target.name, error))?.as_ref())?;
        }
        Ok(())
    }
}

impl Rows for JsonRows {
    fn begin(&mut self, source: Source) -> Result<()> {
        let mut options = text_options(&self.plan, self.row_bytes_max);
        options.memory = Some(self.holder.clone());
        self.records = Some(Records::new(source, &options)?);
        Ok(())
    }

    fn fill(&mut self, batch: &mut Batch, room: Limits, refusals: &mut Refusals) -> Result<Filled> {
        let mut filled = Filled::default();
        let Some(mut records) = self.records.take() else { return Ok(filled) };
        let before = records.bytes();
        while filled.rows < room.rows && filled.bytes < room.bytes {
            if !records.next()? {
                filled.has_ended = true;
                break;
            }
            filled.taken += 1;
            match self.push(records.record(), batch) {
                Ok(()) => {
                    filled.rows += 1;
                    filled.bytes += self.row_bytes + records.record().len();
                    batch.places.push(records.line());
                }
                Err(error) => {
                    // What the row has added so far goes again.
                    batch.truncate_columns(filled.rows);
                    refusals.refuse(records.at_line(error), records.record())?;
                }
            }
        }
        batch.set_rows(filled.rows);
        filled.text_bytes = records.bytes() - before;
        self.records = Some(records);
        Ok(filled)
    }
}

fn object(line: &[u8]) -> Result<Object<'_>> {
    serde_json::from_slice(line)
        .map_err(|error| Error::invalid(format!("is no JSON object: {error}")))
}

/// The characters of a string, or the text of anything else.
fn text_of(raw: &str) -> Result<Cow<'_, str>> {
    if !raw.starts_with('"') {
        return Ok(Cow::Borrowed(raw));
    }
    let inner = &raw[1..raw.len() - 1];
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    let text = serde_json::from_str::<String>(raw);
    text.map(Cow::Owned).map_err(|error| Error::invalid(error.to_string()))
}

/// Bytes as they are written: `\x` and hexadecimal digits, or the text's own bytes.
fn hex(text: &str, raw: &str) -> Result<store_core::Value> {
    let Some(digits) = text.strip_prefix("\\x") else {
        return Ok(store_core::Value::Bytes(text.as_bytes().to_vec()));
    };
    let pairs = digits.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    let bytes: Option<Vec<u8>> = pairs.collect();
    bytes.map(store_core::Value::Bytes).ok_or_else(|| {
        Error::type_mismatch(format!("{raw} is not \\x and pairs of hexadecimal digits"))
    })
}

/// What a column's values leave of the types it might be.
struct Guess {
    left: [bool; CANDIDATES.len()],
    seen: bool,
}

/// Columns in the order of their first use, with types that all values seen can be.
pub(crate) fn json_columns(source: Source) -> Result<Vec<Field>> {
    let name = source.name().to_owned();
    let mut options = IngestOptions::new(Format::Tsv);
    options.delimiter = 0;
    options.columns_max = 1;
    options.row_bytes_max = INFER_ROW_BYTES;
    options.buffer_bytes = 64 << 10;
    let mut records = Records::new(source, &options)?;
    let mut found: Vec<(String, Guess)> = Vec::new();
    while records.bytes() < INFER_BYTES && records.next()? {
        let Ok(object) = object(records.record()) else { continue }; // told when it is read
        let mut keys: Vec<(&Cow<'_, str>, &&RawValue)> = object.iter().collect();
        // In the order of the line, which the map has lost.
        keys.sort_by_key(|(_, raw)| raw.get().as_ptr());
        for (key, raw) in keys {
            let at = found.iter().position(|(known, _)| known == key).unwrap_or_else(|| {
                found.push((key.to_string(), Guess { left: [true; 5], seen: false }));
                found.len() - 1
            });
            found[at].1.see(raw.get());
        }
    }
    if found.is_empty() {
        let message = format!("{name}: has no object to tell columns from; give a schema");
        return Err(Error::invalid(message));
    }
    Ok(found.into_iter().map(|(name, guess)| Field::new(name, guess.ty())).collect())
}

impl Guess {
    fn see(&mut self, raw: &str) {
        if raw == "null" {
            return;
        }
        self.seen = true;
        let quoted = raw.starts_with('"');
        let text = text_of(raw).unwrap_or_default();
        for (left, ty) in self.left.iter_mut().zip(CANDIDATES) {
            let kind = match ty {
                Type::Bool => matches!(raw, "true" | "false"),
                Type::Int64 => !quoted,
                // A whole number beyond 64 bits would lose digits as a float.
                Type::Float64 => {
                    !quoted
                        && (raw.contains(['.', 'e', 'E'])
                            || parse_value(raw.as_bytes(), Type::Int64).is_ok())
                }
                _ => quoted,
            };
            *left = *left && kind && parse_value(text.as_bytes(), ty).is_ok();
        }
    }

    fn ty(&self) -> Type {
        let found = CANDIDATES.iter().zip(self.left).find(|(_, left)| *left && self.seen);
        found.map_or(Type::Text, |(ty, _)| *ty)
    }
}
