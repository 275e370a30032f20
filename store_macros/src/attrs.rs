//! The `#[record(…)]` options of a struct and of its fields.

use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, Ident, LitInt, LitStr, Path, Result, Token, parenthesized};

/// Most digits of a decimal, as in `store_core`.
const DIGITS_MAX: u8 = 38;

/// What `#[record(…)]` on the struct says.
#[derive(Default)]
pub struct StructOptions {
    /// The table's name, if it is not made from the struct's.
    pub table: Option<LitStr>,
    /// Where `store_core` is, if not at `::store_core`.
    pub core: Option<Path>,
    /// The fields of the key, if they are named here.
    pub key: Option<Vec<Ident>>,
    /// Indexes over several fields.
    pub indexes: Vec<IndexOption>,
}

/// `index(a, b)` or `unique(a, b)`.
pub struct IndexOption {
    pub fields: Vec<Ident>,
    pub unique: bool,
}

/// What `#[record(…)]` on a field says.
#[derive(Default)]
pub struct FieldOptions {
    pub key: Option<()>,
    pub index: Option<()>,
    pub unique: Option<()>,
    /// Precision and scale of the column.
    pub decimal: Option<(u8, u8)>,
    /// The index ignores case.
    pub nocase: Option<()>,
    pub default: Option<Expr>,
    /// The column's name, if it is not the field's.
    pub rename: Option<LitStr>,
    /// The name of the column's constant, if it is not made from the field's.
    pub constant: Option<Ident>,
}

impl StructOptions {
    /// Reads the options; one that is unknown or comes twice is an error at its place.
    pub fn parse(attrs: &[Attribute]) -> Result<Self> {
        let mut options = Self::default();
        each_option(attrs, |meta| match name(meta).as_str() {
            "table" => set(&mut options.table, meta, |meta| not_empty(meta.value()?.parse()?)),
            "crate" => set(&mut options.core, meta, |meta| {
                meta.value()?.parse::<LitStr>()?.parse_with(Path::parse_mod_style)
            }),
            "key" => set(&mut options.key, meta, fields),
            "index" | "unique" => {
                let unique = meta.path.is_ident("unique");
                options.indexes.push(IndexOption { fields: fields(meta)?, unique });
                Ok(())
            }
            other => Err(unknown(meta, other, "table, crate, key, index or unique")),
        })?;
        Ok(options)
    }
}

impl FieldOptions {
    /// Reads the options; one that is unknown or comes twice is an error at its place.
    pub fn parse(attrs: &[Attribute]) -> Result<Self> {
        let mut options = Self::default();
        each_option(attrs, |meta| match name(meta).as_str() {
            "key" => set(&mut options.key, meta, alone),
            "index" => set(&mut options.index, meta, alone),
            "unique" => set(&mut options.unique, meta, alone),
            "nocase" => set(&mut options.nocase, meta, alone),
            "decimal" => set(&mut options.decimal, meta, digits),
            "default" => set(&mut options.default, meta, |meta| meta.value()?.parse()),
            "rename" => set(&mut options.rename, meta, |meta| not_empty(meta.value()?.parse()?)),
            "constant" => set(&mut options.constant, meta, |meta| meta.value()?.parse()),
            other => Err(unknown(
                meta,
                other,
                "key, index, unique, nocase, decimal, default, rename or constant",
            )),
        })?;
        if let (Some(()), None, None) = (options.nocase, options.index, options.unique) {
            let attr = attrs.iter().find(|attr| attr.path().is_ident("record"));
            let message = "`nocase` says what `index` or `unique` is: give one of them";
            return Err(syn::Error::new_spanned(attr, message));
        }
        Ok(options)
    }
}

/// Reads `(precision)` or `(precision, scale)`, which a decimal can have.
fn digits(meta: &ParseNestedMeta<'_>) -> Result<(u8, u8)> {
    let list;
    syn::parenthesized!(list in meta.input);
    let precision: LitInt = list.parse()?;
    let scale = if list.is_empty() {
        0
    } else {
        list.parse::<Token![,]>()?;
        list.parse::<LitInt>()?.base10_parse()?
    };
    let digits = precision.base10_parse()?;
    if !list.is_empty() || !(1..=DIGITS_MAX).contains(&digits) || scale > digits {
        let message = format!(
            "must be decimal(PRECISION, SCALE), 1 to {DIGITS_MAX} digits and how many of them stand \
             after the point"
        );
        return Err(syn::Error::new_spanned(precision, message));
    }
    Ok((digits, scale))
}

fn each_option(
    attrs: &[Attribute],
    mut read: impl FnMut(&ParseNestedMeta<'_>) -> Result<()>,
) -> Result<()> {
    let records = attrs.iter().filter(|attr| attr.path().is_ident("record"));
    records.into_iter().try_for_each(|attr| attr.parse_nested_meta(|meta| read(&meta)))
}

fn name(meta: &ParseNestedMeta<'_>) -> String {
    let words: Vec<String> =
        meta.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    words.join("::")
}

fn set<T>(
    option: &mut Option<T>,
    meta: &ParseNestedMeta<'_>,
    read: impl FnOnce(&ParseNestedMeta<'_>) -> Result<T>,
) -> Result<()> {
    if option.is_some() {
        return Err(meta.error(format_args!("`{}` is given twice", name(meta))));
    }
    *option = Some(read(meta)?);
    Ok(())
}

/// The fields in the parentheses after `key`, `index` or `unique` on the struct.
fn fields(meta: &ParseNestedMeta<'_>) -> Result<Vec<Ident>> {
    let word = name(meta);
    if !meta.input.peek(syn::token::Paren) {
        return Err(meta.error(format_args!(
            "`{word}` on the struct names its fields: `{word}(a, b)`; on a field it stands alone"
        )));
    }
    let list;
    let parentheses = parenthesized!(list in meta.input);
    let named = Punctuated::<Ident, Token![,]>::parse_terminated(&list)?;
    if named.is_empty() {
        let message = format!("`{word}` names no field");
        return Err(Error::new(parentheses.span.join(), message));
    }
    Ok(named.into_iter().collect())
}

/// A word on a field, which has no list after it.
fn alone(meta: &ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.peek(syn::token::Paren) {
        let word = name(meta);
        return Err(meta.error(format_args!("`{word}` over several fields stands on the struct")));
    }
    Ok(())
}

fn not_empty(name: LitStr) -> Result<LitStr> {
    if name.value().is_empty() {
        return Err(Error::new(name.span(), "a name cannot be empty"));
    }
    Ok(name)
}

fn unknown(meta: &ParseNestedMeta<'_>, option: &str, known: &str) -> Error {
    Error::new(meta.path.span(), format!("unknown option `{option}`: must be {known}"))
}
