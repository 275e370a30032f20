//! `store schema DB [TABLE] [--json]`: columns, keys and indexes.

use super::open_to_read;
use crate::args::{Common, SchemaArgs};
use crate::failure::{Done, Exit};
use crate::output::{print, print_json, print_line};
use serde_json::{Value, json};
use store_core::{Column, Result, Schema, Store};

/// Prints one schema, or a line for each table.
pub fn run(common: &Common, args: &SchemaArgs) -> Done {
    let store = open_to_read(common, &args.db)?;
    match &args.table {
        Some(name) => {
            let schema = store.open_table(name)?.schema().clone();
            if common.json {
                print_json(&schema_json(&schema))?;
            } else {
                print_line(&schema.to_string())?;
            }
        }
        None => print_all(common, &schemas(&store)?)?,
    }
    Ok(Exit::Done)
}

fn schemas(store: &Store) -> Result<Vec<Schema>> {
    let names = store.tables();
    names.iter().map(|name| Ok(store.open_table(name)?.schema().clone())).collect()
}

fn print_all(common: &Common, schemas: &[Schema]) -> Result<(), crate::failure::Failure> {
    if common.json {
        return print_json(&schemas.iter().map(schema_json).collect());
    }
    let line = |schema: &Schema| format!("{}\t{schema}\n", schema.table);
    print(schemas.iter().map(line).collect::<String>())
}

fn schema_json(schema: &Schema) -> Value {
    let names = |positions: &[usize]| -> Vec<&str> {
        positions.iter().map(|at| schema.columns[*at].name.as_str()).collect()
    };
    let column = |column: &Column| {
        let default = column.default.as_ref().map(|value| value.as_ref().to_string());
        json!({
            "name": column.name,
            "type": column.ty.to_string(),
            "notnull": column.notnull,
            "default": default,
        })
    };
    let index = |index: &store_core::Index| json!({ "name": index.name, "columns": names(&index.columns), "unique": index.unique, "nocase": index.nocase });
    json!({
        "table": schema.table,
        "columns": schema.visible_columns().map(column).collect::<Vec<_>>(),
        "key": if schema.has_hidden_key() { Vec::new() } else { names(&schema.key) },
        "indexes": schema.indexes.iter().map(index).collect::<Vec<_>>(),
    })
}
