//! The `#[record(…)]` options of a struct and of its fields.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, LitInt, LitStr, Path, Result, Token};

/// Most digits of a decimal, as in `store_core`.
const DIGITS_MAX: u8 = 38;

/// What `#[record(…)]` on the struct says.
#[derive(Default)]
pub struct StructOptions {
    /// The table's name, if it is not made from the struct's.
    pub table: Option<LitStr>,
    /// Where `store_core` is, if not at `::store_core`.
    pub core: Option<Path>,
}

/// What `#[record(…)]` on a field says.
#[derive(Default)]
pub struct FieldOptions {
    pub key: Option<()>,
    pub index: Option<()>,
    pub unique: Option<()>,
    /// Precision and scale of the column.
    pub decimal: Option<(u8, u8)>,
    pub default: Option<Expr>,
    /// The column's name, if it is not the field's.
    pub rename: Option<LitStr>,
}

impl StructOptions {
    /// Reads the options; one that is unknown or comes twice is an error at its place.
    pub fn parse(attrs: &[Attribute]) -> Result<Self> {
        let mut options = Self::default();
        each_option(attrs, |meta| match name(meta).as_str() {
            "table" => set(&mut options.table, meta, |meta| meta.value()?.parse()),
            "crate" => set(&mut options.core, meta, |meta| {
                meta.value()?.parse::<LitStr>()?.parse_with(Path::parse_mod_style)
            }),
            other => Err(unknown(meta, other, "table or crate")),
        })?;
        Ok(options)
    }
}

impl FieldOptions {
    /// Reads the options; one that is unknown or comes twice is an error at its place.
    pub fn parse(attrs: &[Attribute]) -> Result<Self> {
        let mut options = Self::default();
        each_option(attrs, |meta| match name(meta).as_str() {
            "key" => set(&mut options.key, meta, |_| Ok(())),
            "index" => set(&mut options.index, meta, |_| Ok(())),
            "unique" => set(&mut options.unique, meta, |_| Ok(())),
            "decimal" => set(&mut options.decimal, meta, digits),
            "default" => set(&mut options.default, meta, |meta| meta.value()?.parse()),
            "rename" => set(&mut options.rename, meta, |meta| meta.value()?.parse()),
            other => Err(unknown(meta, other, "key, index, unique, decimal, default or rename")),
        })?;
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

fn unknown(meta: &ParseNestedMeta<'_>, option: &str, known: &str) -> syn::Error {
    meta.error(format_args!("unknown option `{option}`: must be {known}"))
}
