//! `db table create NAME COLUMNS ?-index LIST? ?-unique LIST?`
//!
//! COLUMNS is a list of `{name type ?-key? ?-index? ?-unique? ?-notnull? ?-default VALUE?}`; the
//! columns with `-key` are the key, in their order. The options give indexes over several columns
//! and may be repeated. Returns the table's command. Not inside a transaction.

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
    options: &[option("-index", "LIST"), option("-unique", "LIST")],
    options_first: false,
    run,
};

/// The options of a column.
static COLUMN_OPTIONS: &[Opt] =
    &[flag("-key"), flag("-index"), flag("-unique"), flag("-notnull"), option("-default", "VALUE")];

/// What the bare words among them do.
const FLAGS: [(&str, Apply); 4] = [
    ("-key", SchemaBuilder::key),
    ("-index", SchemaBuilder::index),
    ("-unique", SchemaBuilder::unique),
    ("-notnull", SchemaBuilder::notnull),
];

type Apply = fn(SchemaBuilder) -> SchemaBuilder;

fn run(call: &Call<'_, Database>) -> Outcome {
    call.handle.refuse_in_transaction("making a table")?;
    let name = call.words[0].text()?;
    let mut builder = Schema::builder(name);
    for column in call.words[1].list()? {
        builder = add_column(builder, &column)?;
    }
    for (word, unique) in [("-index", false), ("-unique", true)] {
        for list in call.options.all(word) {
            builder = add_index(builder, list, unique)?;
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
    for (word, apply) in FLAGS {
        if options.has(word) {
            builder = apply(builder);
        }
    }
    if let Some(value) = options.get("-default") {
        let value = read_cell(value, ty)
            .map_err(|error| error.at(format!("default of \"{name}\"")).detail(&*name))?;
        builder = builder.default(value.into_value());
    }
    Ok(builder)
}

fn add_index(builder: SchemaBuilder, list: &Obj, unique: bool) -> Result<SchemaBuilder> {
    let names = list.list()?;
    let names =
        names.iter().map(|name| Ok(name.text()?.into_owned())).collect::<Result<Vec<_>>>()?;
    if names.is_empty() {
        return Err(Error::invalid("an index needs at least one column"));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(builder.index_of(&names, unique))
}
