//! A schema guessed from the start of the input, never from one row.
//!
//! Every column starts with all types possible; each value strikes out those it cannot be. The
//! first of bool, int64, float64, date, timestamp that is left wins, else it is text. The guess is
//! careful where a wrong one would lose something: only `true` and `false` make a bool, a number
//! with a leading zero or plus sign (a postcode, a telephone number) or too many digits makes text.

use super::header::{read_header, unique_names};
use super::options::IngestOptions;
use super::scanner::Scanner;
use super::source::Source;
use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::value::{Type, parse_value};

const CANDIDATES: [Type; 5] = [Type::Bool, Type::Int64, Type::Float64, Type::Date, Type::Timestamp];

/// Guesses a schema without a key from the first block of the source, which loses nothing.
///
/// With a header the columns have its names, made unique, otherwise `c1`, `c2` …. NULL marks and
/// empty fields say nothing; a column of nothing else is text. Records with another number of
/// fields than the first say nothing either: the load will report them.
pub fn infer_schema(source: &mut Source, table: &str, options: &IngestOptions) -> Result<Schema> {
    let columns = infer_columns(source, options)?;
    let builder = columns
        .into_iter()
        .fold(Schema::builder(table), |builder, (name, ty)| builder.column(name, ty));
    builder.build()
}

/// The names and types [`infer_schema`] would use, for a caller who adds a key or indexes.
pub fn infer_columns(source: &mut Source, options: &IngestOptions) -> Result<Vec<(String, Type)>> {
    let (written, types) = infer_written(source, options)?.into_iter().unzip();
    let written: Vec<String> = written;
    let types: Vec<Type> = types;
    Ok(unique_names(&written).into_iter().zip(types).collect())
}

/// The same with the names as they are written: empty without a header, and perhaps not all different.
pub fn infer_written(source: &mut Source, options: &IngestOptions) -> Result<Vec<(String, Type)>> {
    let mut block_bytes = options.infer_bytes.max(1);
    loop {
        let whole = source.read_ahead(block_bytes, options.memory.as_ref())?;
        if let Some(columns) = guess(source, whole, options)? {
            return Ok(columns);
        }
        if whole {
            let name = source.name();
            let message = format!("{name}: is empty, so it has no columns to infer");
            return Err(Error::invalid(message).detail(name));
        }
        if block_bytes > options.row_bytes_max {
            let (name, most) = (source.name(), options.row_bytes_max);
            let message =
                format!("{name}:1: the record is longer than {most} bytes (row_bytes_max)");
            return Err(Error::invalid(message).detail(name).detail("1"));
        }
        block_bytes *= 2; // not one whole row yet
    }
}

/// Looks at what was read ahead; `None` if it does not hold a whole header and row.
fn guess(
    source: &Source,
    whole: bool,
    options: &IngestOptions,
) -> Result<Option<Vec<(String, Type)>>> {
    let mut scanner = Scanner::new(source.ahead(), source.name(), options)?;
    let nulls = options.null_marks();
    let mut header = None;
    let mut columns: Option<Vec<Guess>> = None;
    let mut rows = 0;
    while rows < options.infer_rows.max(1) {
        match scanner.next() {
            Ok(true) if whole || scanner.is_terminated() => {}
            Err(error) if whole => return Err(error),
            _ => break, // the end, or a record that the block cuts off
        }
        if options.header && header.is_none() {
            header = Some(read_header(&scanner).map_err(|error| scanner.at_line(error))?);
            continue;
        }
        rows += 1;
        let count = scanner.fields().count();
        let width = header.as_ref().map_or(count.min(options.columns_max), Vec::len);
        let columns = columns.get_or_insert_with(|| vec![Guess::default(); width]);
        if count != columns.len() || scanner.fields().fault().is_some() {
            continue;
        }
        for (nth, column) in columns.iter_mut().enumerate() {
            let (fields, record) = (scanner.fields(), scanner.record());
            if !nulls.contains(fields.raw(record, nth)) {
                column.see(fields.value(record, nth));
            }
        }
    }
    let columns = match (&header, columns) {
        (_, Some(columns)) => columns,
        (Some(header), None) if whole => vec![Guess::default(); header.len()],
        _ => return Ok(None),
    };
    let written = header.unwrap_or_else(|| vec![String::new(); columns.len()]);
    let types = columns.iter().copied().map(Guess::ty);
    Ok(Some(written.into_iter().zip(types).collect()))
}

/// Which candidates a column's values have left.
#[derive(Clone, Copy)]
struct Guess {
    left: [bool; CANDIDATES.len()],
    seen: bool,
}

impl Default for Guess {
    fn default() -> Self {
        Self { left: [true; CANDIDATES.len()], seen: false }
    }
}

impl Guess {
    fn see(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        self.seen = true;
        for (left, ty) in self.left.iter_mut().zip(CANDIDATES) {
            *left = *left && could_be(text, ty);
        }
    }

    fn ty(self) -> Type {
        let found = CANDIDATES.iter().zip(self.left).find(|(_, left)| *left);
        found.map_or(Type::Text, |(ty, _)| if self.seen { *ty } else { Type::Text })
    }
}

fn could_be(text: &[u8], ty: Type) -> bool {
    match ty {
        Type::Bool => text.eq_ignore_ascii_case(b"true") || text.eq_ignore_ascii_case(b"false"),
        Type::Int64 => keeps_its_digits(text) && parse_value(text, ty).is_ok(),
        Type::Float64 => {
            // An integer beyond 64 bits would lose digits as a float.
            let integer = text.strip_prefix(b"-").unwrap_or(text).iter().all(u8::is_ascii_digit);
            let fits = !integer || parse_value(text, Type::Int64).is_ok();
            fits && keeps_its_digits(text) && parse_value(text, ty).is_ok()
        }
        _ => parse_value(text, ty).is_ok(),
    }
}

/// False for `007` and `+1`, which would come back as other text.
fn keeps_its_digits(text: &[u8]) -> bool {
    match text.strip_prefix(b"-").unwrap_or(text) {
        [b'0', second, ..] => !second.is_ascii_digit(),
        [b'+', ..] => false,
        _ => true,
    }
}
