//! `$table aggregate ?-by COLUMNS? ?-compare CLAUSES? … {{function ?column? ?name?} …}`
//!
//! Returns a list of dicts, one for each group of rows with equal values in the columns `-by`, ordered
//! by these values: names and values, without NULLs. Without `-by` all rows are one group.
//!
//! ```text
//! $flights aggregate -by origin {{count} {avg altitude} {max altitude highest}}
//! {origin KAUS count 2 avg_altitude 21500.0 highest 35000} …
//! ```
//!
//! Functions are `count` (of rows, or of values that are not NULL), `count_distinct`, `sum`, `avg`,
//! `min`, `max`, `stddev`, `stddev_pop`, `variance` and `var_pop`. `-sort`, `-limit` and `-offset`
//! apply to the groups, by the names of the result.

use super::query::Question;
use crate::args::{Call, Opt, Subcommand, option};
use crate::cell::cell_obj;
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;
use store_core::query::{Aggregate, Function};
use store_core::{Error, Groups, Result};

const OPTIONS: &[Opt] = &[
    option("-by", "COLUMNS"),
    option("-compare", "CLAUSES"),
    option("-where", "EXPR"),
    option("-sort", "NAMES"),
    option("-limit", "N"),
    option("-offset", "N"),
    option("-threads", "N"),
];

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "aggregate",
    words: "AGGREGATES",
    count: 1..=1,
    options: OPTIONS,
    options_first: true,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let question = Question::of_groups(&call.options, table.schema())?;
    let by = call.options.get("-by").map_or(Ok(Vec::new()), Obj::list)?;
    let by: Vec<_> = by.iter().map(Obj::text).collect::<Result<_>>()?;
    let aggregates = call.words[0].list()?;
    let aggregates: Vec<Aggregate> =
        aggregates.iter().map(read_aggregate).collect::<Result<_>>()?;
    let threads = call.options.number("-threads")?.unwrap_or(1);
    let view = call.handle.database().view()?;
    let query = question.ask(view.query(&table))?;
    let query = query.threads(u32::try_from(threads).unwrap_or(u32::MAX));
    let groups = query.aggregate(&by, &aggregates)?;
    Ok(dicts(&groups).into())
}

/// `{function ?column? ?name?}`.
fn read_aggregate(words: &Obj) -> Result<Aggregate> {
    let list = words.list()?;
    let text = |word: &Obj| Ok(word.text()?.into_owned());
    let (function, column, name) = match list.as_slice() {
        [function] => (function, None, None),
        [function, column] => (function, Some(column), None),
        [function, column, name] => (function, Some(column), Some(name)),
        _ => {
            let form = "must be {function ?column? ?name?}, as in {avg altitude}";
            return Err(Error::invalid(format!("bad aggregate {{{}}}: {form}", words.shown())));
        }
    };
    // A count of rows that has a name.
    let column = column.filter(|column| !column.is("*")).map(text).transpose()?;
    let aggregate = Aggregate::new(Function::from_name(&function.text()?)?, column)?;
    Ok(match name {
        Some(name) => aggregate.named(name.text()?),
        None => aggregate,
    })
}

fn dicts(groups: &Groups) -> Obj {
    let names: Vec<Obj> = groups.names().iter().map(|name| Obj::from_text(name)).collect();
    let dict = |row: &Vec<store_core::Value>| {
        let known = names.iter().zip(row).filter(|(_, value)| !value.as_ref().is_null());
        let words: Vec<Obj> =
            known.flat_map(|(name, value)| [name.clone(), cell_obj(value.as_ref())]).collect();
        Obj::from_list(&words)
    };
    Obj::from_list(&groups.rows().iter().map(dict).collect::<Vec<_>>())
}
