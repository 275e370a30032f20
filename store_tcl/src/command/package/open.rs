//! `store open NAME PATH ?-memory SIZE? ?-durability sync|async|none? ?-async_delay MS?
//! ?-async_bytes SIZE? ?-checkpoint_bytes SIZE? ?-checkpoint_age SECONDS? ?-threads N?
//! ?-readonly BOOL? ?-follower_bytes SIZE? ?-freeze BOOL?`
//!
//! Opens or makes the store in the directory PATH, or an empty one without files for `:memory:`,
//! and makes the command NAME for it; `#auto` makes a name up. Returns the command's name. A safe
//! interpreter may only name `:memory:`. With `-readonly 1` the store must be there; it is read, and
//! followed while another process owns it.

use super::Package;
use crate::args::{Call, Options, Subcommand, option};
use crate::failure::Outcome;
use crate::handle::{Database, free_name};
use crate::stubs::Obj;
use std::rc::Rc;
use std::time::Duration;
use store_core::{Durability, Error, Kind, Options as StoreOptions, Result, Store};

/// See the module.
pub const SUBCOMMAND: Subcommand<Package> = Subcommand {
    name: "open",
    words: "NAME PATH",
    count: 2..=2,
    options: &[
        option("-memory", "SIZE"),
        option("-durability", "sync|async|none"),
        option("-async_delay", "MS"),
        option("-async_bytes", "SIZE"),
        option("-checkpoint_bytes", "SIZE"),
        option("-checkpoint_age", "SECONDS"),
        option("-threads", "N"),
        option("-readonly", "BOOL"),
        option("-follower_bytes", "SIZE"),
        option("-freeze", "BOOL"),
    ],
    options_first: false,
    run,
};

/// The path of stores without files.
const IN_MEMORY: &str = ":memory:";

fn run(call: &Call<'_, Package>) -> Outcome {
    let (interp, package) = (call.interp, call.handle);
    let (name, path) = (call.words[0].text()?, call.words[1].text()?);
    if interp.is_safe() && path != IN_MEMORY {
        return Err(files_refused("only :memory: stores can be opened").into());
    }
    if name != "#auto" && interp.has_command(&name) {
        let message = format!("cannot make command \"{name}\": it exists already");
        return Err(Error::new(Kind::Duplicate, message).detail(name).into());
    }
    let options = store_options(&call.options)?;
    let store = options.open(&*path)?;
    let name = match &*name {
        "#auto" => free_name(interp, "store_db", &package.next_database),
        name => name.to_owned(),
    };
    let database = Database::new(name.clone(), store, Rc::clone(&package.next_table));
    interp.create_command(&name, database);
    Ok(Obj::from_text(&name).into())
}

/// The error of a call in a safe interpreter that would name a file.
pub fn files_refused(what: &str) -> Error {
    Error::unsupported(format!("in a safe interpreter {what}"))
}

fn store_options(given: &Options<'_>) -> Result<StoreOptions> {
    let mut options = Store::options();
    if let Some(bytes) = given.size("-memory")? {
        options = options.memory(bytes);
    }
    if let Some(level) = given.choice("-durability", &Durability::NAMES)? {
        options = options.durability(level);
    }
    if let Some(delay) = given.number("-async_delay")? {
        options = options.async_delay(Duration::from_millis(delay));
    }
    if let Some(bytes) = given.size("-async_bytes")? {
        options = options.async_bytes(bytes);
    }
    if let Some(bytes) = given.size("-checkpoint_bytes")? {
        options = options.checkpoint_bytes(bytes);
    }
    if let Some(age) = given.number("-checkpoint_age")? {
        options = options.checkpoint_age(Duration::from_secs(age));
    }
    if let Some(threads) = given.number("-threads")? {
        options = options.threads(u32::try_from(threads).unwrap_or(u32::MAX));
    }
    if given.boolean("-readonly")? {
        options = options.read_only();
    }
    if let Some(bytes) = given.size("-follower_bytes")? {
        options = options.follower_bytes(bytes);
    }
    Ok(options.freeze(given.boolean("-freeze")?))
}
