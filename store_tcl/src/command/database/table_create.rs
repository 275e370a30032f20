//! `db table create NAME COLUMNS ?-index LIST? ?-unique LIST? ?-index_nocase LIST?
//! ?-unique_nocase LIST?`
//!
//! COLUMNS is a list of `{name type ?-key? ?-index? ?-unique? ?-nocase? ?-notnull? ?-default
//! VALUE?}`; the columns with `-key` are the key, in their order. `-nocase` makes the column's index
//! one in which upper and lower case are equal. The options give indexes over several columns and
//! may be repeated. Returns the table's command. Not inside a transaction.

use crate::args::{Call, Opt, Options, Subcommand, flag, option};
use crate::cell::read_cell;
use crate::failure::Outcome;
use crate::handle::Database;
use crate::stubs::Obj;
use store_core::{Error, Result, Schema, SchemaBuilder, Type};

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> = Subcommand {
    name: "table create",
    words: "NAME COLUMNS",
    count: 2..=2,
    options: &[
        option("-index", "LIST"),
        option("-unique", "LIST"),
        option("-index_nocase", "LIST"),
        option("-unique_nocase", "LIST"),
    ],
    options_first: false,
    run,
};

/// The options of a column.
static COLUMN_OPTIONS: &[Opt] = &[
    flag("-key"),
    flag("-index"),
    flag("-unique"),
    flag("-nocase"),
    flag("-notnull"),
    option("-default", "VALUE"),
];

/// What the bare words among them do, without `-nocase` and with it.
const FLAGS: [(&str, Apply, Apply); 4] = [
    ("-key", SchemaBuilder::key, SchemaBuilder::key),
    ("-index", SchemaBuilder::index, SchemaBuilder::index_nocase),
    ("-unique", SchemaBuilder::unique, SchemaBuilder::unique_nocase),
    ("-notnull", SchemaBuilder::notnull, SchemaBuilder::notnull),
];

type Apply = fn(SchemaBuilder) -> SchemaBuilder;

/// The options that give an index over several columns.
const LISTS: [(&str, AddIndex); 4] = [
    ("-index", |builder, names| builder.index_of(names, false)),
    ("-unique", |builder, names| builder.index_of(names, true)),
    ("-index_nocase", |builder, names| builder.index_of_nocase(names, false)),
    ("-unique_nocase", |builder, names| builder.index_of_nocase(names, true)),
];

type AddIndex = fn(SchemaBuilder, &[&str]) -> SchemaBuilder;

fn run(call: &Call<'_, Database>) -> Outcome {
    call.handle.refuse_in_transaction("making a table")?;
    let name = call.words[0].text()?;
    let mut builder = Schema::builder(name);
    for column in call.words[1].list()? {
        builder = add_column(builder, &column)?;
    }
    for (word, add) in LISTS {
        for list in call.options.all(word) {
            builder = add_index(builder, list, add)?;
        }
    }
    let table = call.handle.store()?.create_table(builder.build()?)?;
    Ok(call.handle.add_table(call.interp, table).into())
}

fn add_column(builder: SchemaBuilder, column: &Obj) -> Result<SchemaBuilder> {
    let words = column.list()?;
    let [name, ty, options @ ..] = words.as_slice() else {
        let shown = column.shown();
        return Err(Error::invalid(format!(
            "bad column \"{shown}\": must be {{name type ?option ...?}}"
        )));
    };
    let (name, ty) = (name.text()?, Type::from_name(&ty.text()?)?);
    let options = Options::parse(COLUMN_OPTIONS, options)?;
    let mut builder = builder.column(&*name, ty);
    let nocase = options.has("-nocase");
    if nocase && !options.has("-index") && !options.has("-unique") {
        let message = format!("column \"{name}\": -nocase belongs to -index or -unique");
        return Err(Error::invalid(message).detail("-nocase"));
    }
    for (word, plain, folded) in FLAGS {
        if options.has(word) {
            builder = if nocase { folded(builder) } else { plain(builder) };
        }
    }
    if let Some(value) = options.get("-default") {
        let value = read_cell(value, ty)
            .map_err(|error| error.at(format!("default of \"{name}\"")).detail(&*name))?;
        builder = builder.default(value.into_value());
    }
    Ok(builder)
}

fn add_index(builder: SchemaBuilder, list: &Obj, add: AddIndex) -> Result<SchemaBuilder> {
    let names = list.list()?;
    let names =
        names.iter().map(|name| Ok(name.text()?.into_owned())).collect::<Result<Vec<_>>>()?;
    if names.is_empty() {
        return Err(Error::invalid("an index needs at least one column"));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(add(builder, &names))
}
