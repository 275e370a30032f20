//! `store query DB TABLE …`: rows out, streamed.

use super::open;
use crate::args::{Common, Escape, QueryArgs, QueryFormat};
use crate::failure::{Done, Exit, Failure};
use crate::output::{data, is_terminal, print_json, print_line};
use crate::table_view::TableWriter;
use serde_json::json;
use store_core::query::{Aggregate, Predicate};
use store_core::{Query, Schema, Snapshot, Table, Value, ValueRef, ingest};
use store_etl::format::{Format, RowWriter, WriteOptions, row_writer};

/// Prints rows, or how many there are, or the way to them.
pub fn run(common: &Common, args: &QueryArgs) -> Done {
    let format = chosen_format(common, args)?;
    let filter = chosen_filter(args)?;
    let store = open(common, &args.db)?;
    let table = store.open_table(&args.table)?;
    let snapshot = store.snapshot()?;
    let columns = chosen_columns(table.schema(), args)?;
    let query = build(&table, &snapshot, filter, args)?;
    if args.agg.is_some() || args.group_by.is_some() {
        let threads = common.threads.unwrap_or(1);
        write_groups(query.threads(threads), args, &mut *writer(format, args))?;
    } else if args.explain {
        print_line(&query.explain()?)?;
    } else if args.analyze {
        print_line(&query.analyze()?.to_string())?;
    } else if args.count {
        print_count(common, query.count()?)?;
    } else {
        write_rows(query, table.schema(), &columns, &mut *writer(format, args))?;
    }
    Ok(Exit::Done)
}

fn chosen_format(common: &Common, args: &QueryArgs) -> Result<QueryFormat, Failure> {
    match (args.format, common.json) {
        (Some(format), true) if format != QueryFormat::Json => {
            Err(Failure::usage("--json and --format name two different formats"))
        }
        (Some(format), _) => Ok(format),
        (None, true) => Ok(QueryFormat::Json),
        (None, false) if is_terminal() => Ok(QueryFormat::Table),
        (None, false) => Ok(QueryFormat::Tsv),
    }
}

/// An expression that does not parse is a usage error, whatever the store holds.
fn chosen_filter(args: &QueryArgs) -> Result<Predicate, Failure> {
    let text = args.filter.as_deref();
    text.map_or_else(|| Ok(Predicate::all()), Predicate::parse)
        .map_err(|error| Failure::usage(format!("--where: {error}")))
}

fn chosen_columns(schema: &Schema, args: &QueryArgs) -> Result<Vec<usize>, Failure> {
    let Some(names) = &args.select else {
        return Ok((0..schema.visible_len()).collect());
    };
    let position = |name: &str| Ok(schema.column_position(name.trim())?);
    names.split(',').map(position).collect()
}

fn build<'s>(
    table: &Table,
    snapshot: &'s Snapshot,
    filter: Predicate,
    args: &QueryArgs,
) -> Result<Query<'s>, Failure> {
    let mut query = table.query(snapshot).filter(filter).offset(args.offset);
    if let Some(sort) = &args.sort {
        query = query
            .sort(&words(Some(sort)))
            .map_err(|error| Failure::usage(format!("--sort: {error}")))?;
    }
    if let Some(name) = &args.index {
        query = query.index(name);
    }
    if let Some(rows) = args.limit {
        query = query.limit(rows);
    }
    Ok(query)
}

/// Splits a list at its commas.
fn words(list: Option<&str>) -> Vec<&str> {
    list.map_or(Vec::new(), |list| list.split(',').map(str::trim).collect())
}

fn write_groups(
    query: Query<'_>,
    args: &QueryArgs,
    writer: &mut dyn RowWriter,
) -> Result<(), Failure> {
    let aggregates = args.agg.as_deref().map_or(Ok(Vec::new()), Aggregate::parse_list);
    let aggregates = aggregates.map_err(|error| Failure::usage(format!("--agg: {error}")))?;
    let groups = query.aggregate(&words(args.group_by.as_deref()), &aggregates)?;
    let names: Vec<&str> = groups.names().iter().map(String::as_str).collect();
    writer.header(&names).map_err(Failure::of_output)?;
    for row in groups.rows() {
        let cells: Vec<ValueRef<'_>> = row.iter().map(Value::as_ref).collect();
        writer.row(&cells).map_err(Failure::of_output)?;
    }
    writer.finish().map_err(Failure::of_output)
}

fn print_count(common: &Common, count: u64) -> Result<(), Failure> {
    if common.json {
        print_json(&json!({ "count": count }))
    } else {
        print_line(&count.to_string())
    }
}

fn writer(format: QueryFormat, args: &QueryArgs) -> Box<dyn RowWriter> {
    let format = match format {
        QueryFormat::Table => return Box::new(TableWriter::new(data(), args.null.as_deref())),
        QueryFormat::Tsv => Format::Tsv,
        QueryFormat::Csv => Format::Csv,
        QueryFormat::Json => Format::Json,
        QueryFormat::Jsonl => Format::JsonLines,
        QueryFormat::Markdown => Format::Markdown,
    };
    let escape = match args.escape {
        Escape::None => ingest::Escape::None,
        Escape::Backslash => ingest::Escape::Backslash,
    };
    let options = WriteOptions { header: !args.no_header, null: args.null.clone(), escape };
    row_writer(format, &options, data())
}

fn write_rows(
    query: Query<'_>,
    schema: &Schema,
    columns: &[usize],
    writer: &mut dyn RowWriter,
) -> Result<(), Failure> {
    // A query that cannot run writes nothing, not even a header.
    let mut cursor = query.run()?;
    let names: Vec<&str> = columns.iter().map(|at| schema.columns[*at].name.as_str()).collect();
    writer.header(&names).map_err(Failure::of_output)?;
    while let Some(row) = cursor.next()? {
        let cells: Vec<ValueRef<'_>> = columns.iter().map(|at| row.get(*at)).collect();
        writer.row(&cells).map_err(Failure::of_output)?;
    }
    writer.finish().map_err(Failure::of_output)
}
