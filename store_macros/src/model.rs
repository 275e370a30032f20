//! What a struct and its options declare, checked as far as it can be without types.

use crate::attrs::{FieldOptions, IndexOption, StructOptions};
use proc_macro2::Span;
use std::collections::HashMap;
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Error, Fields, Ident, Path, Result, Type, Visibility, parse_quote};

/// A struct, as a table.
pub struct Model<'a> {
    pub name: &'a Ident,
    pub visibility: &'a Visibility,
    /// Where `store_core` is.
    pub core: Path,
    pub table: String,
    pub columns: Vec<Column<'a>>,
    /// Positions of the key columns, in the key's order; none if the key is hidden.
    pub key: Vec<usize>,
    /// Indexes declared on the struct.
    pub indexes: Vec<Index>,
}

/// One field and its column.
pub struct Column<'a> {
    pub field: &'a Ident,
    pub ty: &'a Type,
    pub name: String,
    /// The name of its constant.
    pub constant: Ident,
    pub options: FieldOptions,
}

/// An index over the columns at these positions.
pub struct Index {
    pub columns: Vec<usize>,
    pub unique: bool,
}

impl<'a> Model<'a> {
    pub fn of(input: &'a DeriveInput) -> Result<Self> {
        let options = StructOptions::parse(&input.attrs)?;
        let table = match options.table {
            Some(table) => table.value(),
            None => snake_case(&input.ident.unraw().to_string()),
        };
        let mut model = Self {
            name: &input.ident,
            visibility: &input.vis,
            core: options.core.unwrap_or_else(|| parse_quote!(::store_core)),
            table,
            columns: columns(input)?,
            key: Vec::new(),
            indexes: Vec::new(),
        };
        model.refuse_shared_names()?;
        model.key = model.key_columns(options.key)?;
        model.indexes = model.index_columns(&options.indexes)?;
        Ok(model)
    }

    /// Two columns of one name, two constants of one name.
    fn refuse_shared_names(&self) -> Result<()> {
        let (mut columns, mut constants) = (HashMap::new(), HashMap::new());
        for column in &self.columns {
            if let Some(other) = columns.insert(&column.name, column.field) {
                let place =
                    column.options.rename.as_ref().map_or(column.field.span(), syn::LitStr::span);
                let message = format!("field `{other}` is column \"{}\" already", column.name);
                return Err(Error::new(place, message));
            }
            if let Some(other) = constants.insert(column.constant.to_string(), column.field) {
                let message = format!(
                    "the constant of field `{other}` is `{}` already: give this one another with \
                     `constant = NAME`",
                    column.constant
                );
                return Err(Error::new(column.constant.span(), message));
            }
        }
        Ok(())
    }

    fn key_columns(&self, on_struct: Option<Vec<Ident>>) -> Result<Vec<usize>> {
        let on_fields =
            (0..self.columns.len()).filter(|at| self.columns[*at].options.key.is_some());
        let on_fields: Vec<usize> = on_fields.collect();
        match (on_struct, on_fields.first()) {
            (Some(fields), Some(at)) => {
                let field = self.columns[*at].field;
                let message = format!("the key is named twice: here and at field `{field}`");
                Err(Error::new(fields[0].span(), message))
            }
            (Some(fields), None) => self.positions(&fields),
            (None, _) => Ok(on_fields),
        }
    }

    fn index_columns(&self, options: &[IndexOption]) -> Result<Vec<Index>> {
        let has_own = |at: &usize| {
            let options = &self.columns[*at].options;
            options.index.or(options.unique).is_some()
        };
        let own = (0..self.columns.len()).filter(has_own).map(|at| vec![at]);
        let mut known: Vec<Vec<usize>> = own.collect();
        let mut indexes = Vec::with_capacity(options.len());
        for option in options {
            let columns = self.positions(&option.fields)?;
            if known.contains(&columns) {
                let message = "there is an index over these fields already";
                return Err(Error::new(option.fields[0].span(), message));
            }
            known.push(columns.clone());
            indexes.push(Index { columns, unique: option.unique });
        }
        Ok(indexes)
    }

    /// The positions of fields that a list on the struct names.
    fn positions(&self, fields: &[Ident]) -> Result<Vec<usize>> {
        let mut positions = Vec::with_capacity(fields.len());
        for field in fields {
            let place = self.columns.iter().position(|column| column.field == field);
            let Some(at) = place else {
                let message = format!("`{}` has no field `{field}`", self.name);
                return Err(Error::new(field.span(), message));
            };
            if positions.contains(&at) {
                return Err(Error::new(field.span(), format!("`{field}` is named twice")));
            }
            positions.push(at);
        }
        Ok(positions)
    }
}

fn columns(input: &DeriveInput) -> Result<Vec<Column<'_>>> {
    if !input.generics.params.is_empty() {
        let message = "a record has no type parameters or lifetimes: one table, one type";
        return Err(Error::new_spanned(&input.generics, message));
    }
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) if !fields.named.is_empty() => &fields.named,
            Fields::Unnamed(_) => return Err(not_a_record(&input.ident, "is a tuple struct")),
            Fields::Named(_) | Fields::Unit => {
                return Err(not_a_record(&input.ident, "has no fields"));
            }
        },
        Data::Enum(_) => return Err(not_a_record(&input.ident, "is an enum")),
        Data::Union(_) => return Err(not_a_record(&input.ident, "is a union")),
    };
    fields.iter().map(column).collect()
}

fn column(field: &syn::Field) -> Result<Column<'_>> {
    let options = FieldOptions::parse(&field.attrs)?;
    let ident = field.ident.as_ref().expect("a named field has a name");
    let plain = ident.unraw().to_string();
    let constant = match &options.constant {
        Some(name) => name.clone(),
        None => constant_name(&plain, ident.span()),
    };
    let name = options.rename.as_ref().map_or(plain, syn::LitStr::value);
    Ok(Column { field: ident, ty: &field.ty, name, constant, options })
}

fn not_a_record(name: &Ident, fault: &str) -> Error {
    let message = format!("a record is a struct with named fields, `{name}` {fault}");
    Error::new(name.span(), message)
}

/// `flight_id` as `FLIGHT_ID`.
fn constant_name(field: &str, span: Span) -> Ident {
    // No word of the language is in upper case, so it needs no `r#`.
    Ident::new(&snake_case(field).to_uppercase(), span)
}

/// `FlightPlan` as `flight_plan`, `HTTPLog` as `http_log`.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let starts_word = letter.is_uppercase()
            && before.is_some_and(|before| {
                let ends_capitals = letters.get(at + 1).is_some_and(|after| after.is_lowercase());
                before != '_' && (!before.is_uppercase() || ends_capitals)
            });
        if starts_word {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_names_are_snake_case() {
        let names = ["Flight", "FlightPlan", "HTTPLog", "Leg2Go", "already_snake", "A"];
        let snake = ["flight", "flight_plan", "http_log", "leg2_go", "already_snake", "a"];
        assert_eq!(names.map(snake_case), snake);
    }

    #[test]
    fn constants_are_the_fields_in_upper_case() {
        let fields = ["lat", "flight_id", "_row", "flightId", "x2", "größe"];
        let constants = ["LAT", "FLIGHT_ID", "_ROW", "FLIGHT_ID", "X2", "GRÖSSE"];
        let name = |field| constant_name(field, Span::call_site()).to_string();
        assert_eq!(fields.map(name), constants);
    }
}
