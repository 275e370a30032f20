//! `#[derive(Record)]`: makes a Rust struct a row of a store table.
//!
//! Use it through `store_core::Record`, whose page has the example and the meaning of every
//! option. `record` writes the code, `attrs` reads the `#[record(…)]` options.

#![forbid(unsafe_code)]

mod attrs;
mod record;

use proc_macro::TokenStream;

/// Implements `store_core::Record` for a struct with named fields.
///
/// On the struct: `table = "name"` (by default the struct's name in `snake_case`) and
/// `crate = "path"` for a `store_core` under another name. On a field: `key`, `index`, `unique`,
/// `nocase` with one of these, `default = EXPR` and `rename = "name"`.
#[proc_macro_derive(Record, attributes(record))]
pub fn derive_record(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    record::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
