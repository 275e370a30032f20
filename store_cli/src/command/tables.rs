//! `store tables DB [--json]`: the names of the tables.

use super::open_to_read;
use crate::args::{Common, StoreArgs};
use crate::failure::{Done, Exit};
use crate::output::{print_json, print_line};

/// Prints a name a line.
pub fn run(common: &Common, args: &StoreArgs) -> Done {
    let names = open_to_read(common, &args.db)?.tables();
    if common.json {
        print_json(&names.into())?;
    } else if !names.is_empty() {
        print_line(&names.join("\n"))?;
    }
    Ok(Exit::Done)
}
