//! `db etl run FILE ?options? ?-manifest FILE? ?-progress COMMAND?`
//!
//! Runs a job within the store's memory and returns its manifest as a dict: objects of the JSON as dicts,
//! lists as lists, null as the empty string, true and false as 1 and 0. Tables whose `db:` names the store's
//! directory are those of the store as it is open. Not inside a transaction, and not in a safe interpreter.
//!
//! The progress command is told `rows_in`, `rows_out`, `bytes`, `source_bytes`, `spill_bytes`, `memory`, `cap`
//! and, if it is known, `source_size`.

use crate::args::{Call, Opt, Subcommand, option};
use crate::cell::count_obj;
use crate::command::progress::{Count, Teller};
use crate::failure::{Failure, Outcome};
use crate::handle::Database;
use crate::stubs::Obj;
use serde_json::Value;
use store_etl::run::Progress;

/// The options of every job, and two more.
const RUN_OPTIONS: [Opt; super::OPTIONS.len() + 2] = {
    let mut options = super::with([option("-manifest", "FILE"); super::OPTIONS.len() + 2]);
    options[super::OPTIONS.len() + 1] = option("-progress", "COMMAND");
    options
};

/// See the module.
pub const SUBCOMMAND: Subcommand<Database> = Subcommand {
    name: "etl run",
    words: "FILE",
    count: 1..=1,
    options: &RUN_OPTIONS,
    options_first: false,
    run,
};

fn run(call: &Call<'_, Database>) -> Outcome {
    call.handle.refuse_in_transaction("a job")?;
    let (job, mut options) = super::read(call)?;
    if let Some(file) = call.options.get("-manifest") {
        options.manifest = Some(file.text()?.into_owned().into());
    }
    let mut failed = None;
    if let Some(command) = call.options.get("-progress") {
        let (teller, flag) = Teller::new(call.interp, command)?;
        options.progress = Some(Box::new(move |progress| teller.tell(counts(progress))));
        failed = Some(flag);
    }
    let ran = job.run(options);
    if failed.is_some_and(|flag| flag.get()) {
        return Err(Failure::Tcl);
    }
    Ok(value_of(ran?.to_json()).into())
}

fn counts(progress: &Progress) -> [Count; 8] {
    [
        ("rows_in", Some(progress.rows_in)),
        ("rows_out", Some(progress.rows_out)),
        ("bytes", Some(progress.bytes)),
        ("source_bytes", Some(progress.source_bytes)),
        ("source_size", progress.source_size),
        ("spill_bytes", Some(progress.spill_bytes)),
        ("memory", Some(progress.memory)),
        ("cap", Some(progress.cap)),
    ]
}

/// JSON as Tcl has it.
fn value_of(json: &Value) -> Obj {
    match json {
        Value::Null => Obj::from_text(""),
        Value::Bool(is) => Obj::from_int(i64::from(*is)),
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(count), _) => count_obj(count),
            (None, Some(value)) => Obj::from_float(value),
            _ => Obj::from_text(&number.to_string()),
        },
        Value::String(text) => Obj::from_text(text),
        Value::Array(list) => Obj::from_list(&list.iter().map(value_of).collect::<Vec<_>>()),
        Value::Object(pairs) => {
            let words =
                pairs.iter().flat_map(|(name, value)| [Obj::from_text(name), value_of(value)]);
            Obj::from_list(&words.collect::<Vec<_>>())
        }
    }
}
