//! The `#[record(…)]` options of a struct and of its fields.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, LitStr, Path, Result};

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
    /// The index ignores case.
    pub nocase: Option<()>,
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
            "nocase" => set(&mut options.nocase, meta, |_| Ok(())),
            "default" => set(&mut options.default, meta, |meta| meta.value()?.parse()),
            "rename" => set(&mut options.rename, meta, |meta| meta.value()?.parse()),
            other => Err(unknown(meta, other, "key, index, unique, nocase, default or rename")),
        })?;
        if let (Some(()), None, None) = (options.nocase, options.index, options.unique) {
            let attr = attrs.iter().find(|attr| attr.path().is_ident("record"));
            let message = "`nocase` says what `index` or `unique` is: give one of them";
            return Err(syn::Error::new_spanned(attr, message));
        }
        Ok(options)
    }
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
