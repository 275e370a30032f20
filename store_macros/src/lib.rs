//! `#[derive(Record)]`: makes a Rust struct a row of a store table.
//!
//! Use it through `store_core::Record`, whose page has the example and the meaning of every
//! option. `attrs` reads the `#[record(…)]` options, `model` makes sense of them and the struct,
//! `record` writes the code.

#![forbid(unsafe_code)]

mod attrs;
mod model;
mod record;

use proc_macro::TokenStream;

/// Implements `store_core::Record` for a struct with named fields, `store_core::Keyed` if it has a
/// key, and gives it a constant for each column.
///
/// On the struct: `table = "name"` (by default the struct's name in `snake_case`), `key(a, b)`,
/// `index(a, b)`, `unique(a, b)`, and `crate = "path"` for a `store_core` under another name. On a
/// field: `key`, `index`, `unique`, `nocase` with one of these two, `decimal(p, s)`, `default = EXPR`,
/// `rename = "name"` and `constant = NAME`.
#[proc_macro_derive(Record, attributes(record))]
pub fn derive_record(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    record::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
