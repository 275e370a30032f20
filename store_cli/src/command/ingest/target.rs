//! The table that takes the rows: an existing one that fits the words, or a new one.

use crate::args::{Common, IngestArgs, IngestMode};
use crate::failure::Failure;
use crate::output::say;
use store_core::ingest::{IngestOptions, Source, infer_columns};
use store_core::{Error, Kind, Result, Schema, Store, Table};

/// Refuses a schema that makes no sense, before anything is opened.
pub fn check_words(args: &IngestArgs) -> Result<(), Failure> {
    named_schema(args).map_err(|error| Failure::usage(format!("--schema: {error}"))).map(drop)
}

/// The table, if it is there; it must agree with the words that describe it.
pub fn existing(store: &Store, args: &IngestArgs) -> Result<Option<Table>, Failure> {
    let table = match store.open_table(&args.table) {
        Err(error) if error.kind() == Kind::NotFound => return Ok(None),
        table => table?,
    };
    check_mode(table.schema(), args)?;
    check_agrees(table.schema(), args)?;
    Ok(Some(table))
}

/// Makes the table as `--schema` says, or as the source looks.
pub fn make(
    common: &Common,
    store: &Store,
    args: &IngestArgs,
    source: &mut Source,
    options: &IngestOptions,
) -> Result<Table, Failure> {
    let schema = match named_schema(args)? {
        Some(schema) => schema,
        None => infer(common, args, source, options)?,
    };
    if schema.has_hidden_key() {
        refuse_mode_without_key(args)?;
    }
    Ok(store.create_table(schema)?)
}

/// The schema of `--schema`, with the key and the indexes named beside it.
fn named_schema(args: &IngestArgs) -> Result<Option<Schema>> {
    let Some(text) = &args.schema else { return Ok(None) };
    let mut clauses = vec![text.clone()];
    for (word, list) in extra_lists(args) {
        clauses.push(format!("{word}(\"{}\")", list.join("\", \"")));
    }
    Schema::parse(&args.table, &clauses.join(", ")).map(Some)
}

/// `--key` and each `--index` with their column names.
fn extra_lists(args: &IngestArgs) -> Vec<(&'static str, Vec<&str>)> {
    let key = args.key.iter().map(|list| ("key", names(list)));
    let indexes = args.index.iter().map(|list| ("index", names(list)));
    key.chain(indexes).collect()
}

fn names(list: &str) -> Vec<&str> {
    list.split(',').map(str::trim).collect()
}

fn infer(
    common: &Common,
    args: &IngestArgs,
    source: &mut Source,
    options: &IngestOptions,
) -> Result<Schema> {
    let columns = infer_columns(source, options)?;
    let mut builder = Schema::builder(&args.table);
    for (name, ty) in columns {
        builder = builder.column(name, ty);
    }
    for (word, list) in extra_lists(args) {
        builder = match word {
            "key" => builder.key_of(&list),
            _ => builder.index_of(&list, false),
        };
    }
    let schema = builder.build()?;
    if !common.quiet {
        say(&format!("schema of `{}`: {schema}", args.table));
    }
    Ok(schema)
}

fn check_mode(schema: &Schema, args: &IngestArgs) -> Result<(), Failure> {
    if schema.has_hidden_key() {
        return refuse_mode_without_key(args);
    }
    if args.mode.is_some() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "table `{}` exists and has a key: name --mode insert, upsert, replace or ignore",
        schema.table
    )))
}

fn refuse_mode_without_key(args: &IngestArgs) -> Result<(), Failure> {
    match args.mode {
        None | Some(IngestMode::Insert) => Ok(()),
        Some(_) => Err(Failure::usage(format!(
            "table `{}` has no key, so --mode can only be insert",
            args.table
        ))),
    }
}

/// What `--schema`, `--key` and `--index` say must be so already.
fn check_agrees(schema: &Schema, args: &IngestArgs) -> Result<()> {
    let table = &schema.table;
    if let Some(named) = named_schema(args)? {
        if named != *schema {
            let message = format!("table `{table}` exists with another schema: {schema}");
            return Err(Error::invalid(message).detail(table));
        }
        return Ok(());
    }
    for (word, list) in extra_lists(args) {
        let positions: Vec<usize> =
            list.iter().map(|name| schema.column_position(name)).collect::<Result<_>>()?;
        let agrees = match word {
            "key" => schema.key == positions,
            _ => schema.indexes.iter().any(|index| index.columns == positions),
        };
        if !agrees {
            let list = list.join(", ");
            let message = format!(
                "table `{table}` exists without {word}({list}), which can be named only when a \
                 table is made: {schema}"
            );
            return Err(Error::invalid(message).detail(table));
        }
    }
    Ok(())
}
