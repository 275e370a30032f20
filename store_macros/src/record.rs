//! The code of `#[derive(Record)]`: the schema, a struct's cells, a struct from a row.
//!
//! Types are never matched by name: a field's type answers through `store_core::Field`, so an
//! alias works, and a type that is no column is an error where it is written.

use crate::attrs::{FieldOptions, StructOptions};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, Ident, Path, Result, Type, parse_quote};

/// One field and its column.
struct Column<'a> {
    field: &'a Ident,
    ty: &'a Type,
    name: String,
    options: FieldOptions,
}

/// The implementation of `Record` for this struct.
pub fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let options = StructOptions::parse(&input.attrs)?;
    let core = options.core.unwrap_or_else(|| parse_quote!(::store_core));
    let table = options
        .table
        .map_or_else(|| snake_case(&input.ident.unraw().to_string()), |table| table.value());
    let columns = columns(input)?;

    let name = &input.ident;
    let fields: Vec<&Ident> = columns.iter().map(|column| column.field).collect();
    let types: Vec<&Type> = columns.iter().map(|column| column.ty).collect();
    let positions = 0..columns.len();
    let declared = columns.iter().map(Column::declaration);
    let key_checks = columns.iter().filter_map(|column| column.key_check(&core));
    Ok(quote! {
        #[automatically_derived]
        impl #core::Record for #name {
            fn schema() -> #core::Result<#core::Schema> {
                #core::Schema::builder(#table) #(#declared)* .build()
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
        #(#key_checks)*
    })
}

impl Column<'_> {
    /// The calls on the schema's builder that declare the column.
    fn declaration(&self) -> TokenStream {
        let Self { ty, name, options, .. } = self;
        let key = options.key.map(|()| quote!(.key()));
        let nocase = options.nocase.is_some();
        let index =
            options.index.map(|()| if nocase { quote!(.index_nocase()) } else { quote!(.index()) });
        let unique = options
            .unique
            .map(|()| if nocase { quote!(.unique_nocase()) } else { quote!(.unique()) });
        // Spanned as the value, so that one of a wrong type is an error there.
        let default =
            options.default.as_ref().map(|value| quote_spanned!(value.span()=> .default(#value)));
        quote!(.field::<#ty>(#name) #key #index #unique #default)
    }

    /// A key that may be NULL does not compile.
    fn key_check(&self, core: &Path) -> Option<TokenStream> {
        let (key, ty) = (self.options.key, self.ty);
        let message = format!("`{}` is a key column, which cannot be an `Option`", self.name);
        key.map(|()| {
            quote_spanned! {ty.span()=>
                const _: () = ::core::assert!(!<#ty as #core::Field>::NULLABLE, #message);
            }
        })
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
    let name = match &options.rename {
        Some(name) => name.value(),
        None => ident.unraw().to_string(),
    };
    Ok(Column { field: ident, ty: &field.ty, name, options })
}

fn not_a_record(name: &Ident, fault: &str) -> Error {
    let message = format!("a record is a struct with named fields, `{name}` {fault}");
    Error::new(name.span(), message)
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

    /// The message of a struct that is refused.
    fn refusal(input: &DeriveInput) -> String {
        expand(input).expect_err("must be refused").to_string()
    }

    #[test]
    fn table_names_are_snake_case() {
        let names = ["Flight", "FlightPlan", "HTTPLog", "Leg2Go", "already_snake", "A"];
        let snake = ["flight", "flight_plan", "http_log", "leg2_go", "already_snake", "a"];
        assert_eq!(names.map(snake_case), snake);
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
        assert_eq!(on_struct, "unknown option `name`: must be table or crate");
        let on_field = refusal(&parse_quote!(
            struct X {
                #[record(key, indexed)]
                a: i32,
            }
        ));
        let known = "must be key, index, unique, nocase, default or rename";
        assert_eq!(on_field, format!("unknown option `indexed`: {known}"));
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
