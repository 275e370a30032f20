//! The code of `#[derive(Record)]`: the schema, a struct's cells, a struct from a row, its key, and
//! a constant for each column.
//!
//! Types are never matched by name: a field's type answers through `store_core::Field`, so an
//! alias works, and a type that is no column is an error where it is written.

use crate::model::{Column, Index, Model};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Path, Result, Type};

/// The implementations for this struct.
pub fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let model = Model::of(input)?;
    let (record, keyed, constants) = (record(&model), keyed(&model), constants(&model));
    Ok(quote!(#record #keyed #constants))
}

/// `impl Record`.
fn record(model: &Model<'_>) -> TokenStream {
    let Model { name, core, table, columns, .. } = model;
    let fields: Vec<&Ident> = columns.iter().map(|column| column.field).collect();
    let types: Vec<&Type> = columns.iter().map(|column| column.ty).collect();
    let positions = 0..columns.len();
    let declared = columns.iter().map(|column| column.declaration(core));
    let key = (!model.key.is_empty()).then(|| {
        let names = model.key.iter().map(|at| &columns[*at].name);
        quote!(.key_of(&[#(#names),*]))
    });
    let indexes = model.indexes.iter().map(|Index { columns: of, unique }| {
        let names = of.iter().map(|at| &columns[*at].name);
        quote!(.index_of(&[#(#names),*], #unique))
    });
    let decimal_checks = columns.iter().filter_map(|column| column.decimal_check(core));
    quote! {
        #[automatically_derived]
        impl #core::Record for #name {
            fn schema() -> #core::Result<#core::Schema> {
                #core::Schema::builder(#table) #(#declared)* #key #(#indexes)* .build()
            }

            fn cells<'record>(
                &'record self,
                out: &mut ::std::vec::Vec<#core::ValueRef<'record>>,
            ) {
                #( out.push(<#types as #core::Field>::as_value(&self.#fields)); )*
            }

            fn from_row(row: &#core::RowRef<'_>) -> #core::Result<Self> {
                ::core::result::Result::Ok(Self {
                    #( #fields: row.field::<#types>(#positions)?, )*
                })
            }
        }
        #(#decimal_checks)*
    }
}

impl Column<'_> {
    /// The calls on the schema's builder that declare the column.
    fn declaration(&self, core: &Path) -> TokenStream {
        let Self { ty, name, options, .. } = self;
        let nocase = options.nocase.is_some();
        let index =
            options.index.map(|()| if nocase { quote!(.index_nocase()) } else { quote!(.index()) });
        let unique = options
            .unique
            .map(|()| if nocase { quote!(.unique_nocase()) } else { quote!(.unique()) });
        // Spanned as the value, so that one of a wrong type is an error there.
        let default = options.default.as_ref().map(
            |value| quote_spanned!(value.span()=> .default(#core::Operand::<#ty>::into_value(#value))),
        );
        let field = if let Some((precision, scale)) = options.decimal {
            let digits = quote!(#core::Type::Decimal { precision: #precision, scale: #scale });
            quote!(.field_of::<#ty>(#name, #digits))
        } else {
            quote!(.field::<#ty>(#name))
        };
        quote!(#field #index #unique #default)
    }

    /// Digits for a field that holds no decimal do not compile.
    fn decimal_check(&self, core: &Path) -> Option<TokenStream> {
        let (decimal, ty) = (self.options.decimal, self.ty);
        let message = format!("`{}` has the digits of a decimal, but is none", self.name);
        decimal.map(|_| {
            quote_spanned! {ty.span()=>
                const _: () = ::core::assert!(
                    ::core::matches!(
                        <#ty as #core::Field>::TYPE,
                        #core::Type::Decimal { .. }
                    ),
                    #message
                );
            }
        })
    }
}

/// `impl Keyed`, if there is a key.
fn keyed(model: &Model<'_>) -> Option<TokenStream> {
    let Model { name, core, columns, key, .. } = model;
    let count = key.len();
    let borrowed = key.iter().map(|at| {
        let ty = columns[*at].ty;
        quote_spanned!(ty.span()=> <#ty as #core::Scalar>::Borrowed<'key>)
    });
    let values = key.iter().map(|at| {
        let Column { field, ty, .. } = &columns[*at];
        quote_spanned!(ty.span()=> <#ty as #core::Scalar>::borrowed(&self.#field))
    });
    let parts: Vec<Ident> = (0..count).map(|nth| format_ident!("part_{nth}")).collect();
    let (ty, value, pattern) = match count {
        0 => return None,
        1 => (quote!(#(#borrowed)*), quote!(#(#values)*), quote!(#(#parts)*)),
        _ => (quote!((#(#borrowed),*)), quote!((#(#values),*)), quote!((#(#parts),*))),
    };
    Some(quote! {
        #[automatically_derived]
        impl #core::Keyed for #name {
            type Key<'key> = #ty;
            type KeyCells<'key> = [#core::ValueRef<'key>; #count];

            fn key(&self) -> Self::Key<'_> {
                #value
            }

            fn key_cells(key: Self::Key<'_>) -> Self::KeyCells<'_> {
                let #pattern = key;
                [#( ::core::convert::Into::into(#parts) ),*]
            }
        }
    })
}

/// A constant for each column, as visible as the struct.
fn constants(model: &Model<'_>) -> TokenStream {
    let Model { name, visibility, core, columns, .. } = model;
    let constants = columns.iter().map(|Column { ty, name, constant, .. }| {
        let doc = format!("The column `{name}`.");
        quote! {
            #[doc = #doc]
            #visibility const #constant: #core::TypedColumn<Self, #ty> = #core::TypedColumn::new(#name);
        }
    });
    // Not every program asks for every column; a field's type may be less visible than the struct.
    quote! {
        #[automatically_derived]
        #[allow(dead_code, private_interfaces)]
        impl #name {
            #(#constants)*
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    /// The message of a struct that is refused.
    fn refusal(input: &DeriveInput) -> String {
        expand(input).expect_err("must be refused").to_string()
    }

    #[test]
    fn only_structs_with_named_fields_are_records() {
        let message = "a record is a struct with named fields, `X`";
        assert_eq!(
            refusal(&parse_quote!(
                enum X {
                    A,
                }
            )),
            format!("{message} is an enum")
        );
        assert_eq!(refusal(&parse_quote!(union X { a: i32 })), format!("{message} is a union"));
        assert_eq!(
            refusal(&parse_quote!(
                struct X(i32);
            )),
            format!("{message} is a tuple struct")
        );
        assert_eq!(
            refusal(&parse_quote!(
                struct X;
            )),
            format!("{message} has no fields")
        );
        assert_eq!(
            refusal(&parse_quote!(
                struct X {}
            )),
            format!("{message} has no fields")
        );
        let generic = refusal(&parse_quote!(
            struct X<T> {
                a: T,
            }
        ));
        assert!(generic.starts_with("a record has no type parameters"), "{generic}");
    }

    #[test]
    fn unknown_and_repeated_options_are_refused() {
        let on_struct = refusal(&parse_quote!(
            #[record(name = "x")]
            struct X {
                a: i32,
            }
        ));
        assert_eq!(on_struct, "unknown option `name`: must be table, crate, key, index or unique");
        let on_field = refusal(&parse_quote!(
            struct X {
                #[record(key, indexed)]
                a: i32,
            }
        ));
        let known = "must be key, index, unique, nocase, decimal, default, rename or constant";
        assert_eq!(on_field, format!("unknown option `indexed`: {known}"));
        let digits = refusal(&parse_quote!(
            struct X {
                #[record(decimal(10, 11))]
                a: Decimal,
            }
        ));
        assert!(
            digits.starts_with("must be decimal(PRECISION, SCALE), 1 to 38 digits"),
            "{digits}"
        );
        let twice = refusal(&parse_quote!(
            struct X {
                #[record(key)]
                #[record(key)]
                a: i32,
            }
        ));
        assert_eq!(twice, "`key` is given twice");
        let alone = refusal(&parse_quote!(
            struct X {
                #[record(nocase)]
                a: String,
            }
        ));
        assert_eq!(alone, "`nocase` says what `index` or `unique` is: give one of them");
        assert!(
            expand(&parse_quote!(
                struct X {
                    #[record(key = true)]
                    a: i32,
                }
            ))
            .is_err()
        );
        assert!(
            expand(&parse_quote!(
                struct X {
                    #[record]
                    a: i32,
                }
            ))
            .is_err()
        );
    }

    #[test]
    fn paths_start_at_the_crate_that_is_named() {
        let own = expand(&parse_quote!(
            struct X {
                a: i32,
            }
        ))
        .unwrap()
        .to_string();
        assert!(own.contains("impl :: store_core :: Record for X"), "{own}");
        let named = parse_quote!(
            #[record(crate = "my::store")]
            struct X {
                a: i32,
            }
        );
        let named = expand(&named).unwrap().to_string();
        assert!(named.contains("impl my :: store :: Record for X"), "{named}");
        assert!(!named.contains("store_core"), "{named}");
    }

    #[test]
    fn attributes_of_others_are_left_alone() {
        let input = parse_quote!(
            #[serde(x)]
            struct X {
                #[doc = "text"]
                r#type: i32,
            }
        );
        let code = expand(&input).unwrap().to_string();
        assert!(code.contains("\"type\""), "{code}");
    }
}
