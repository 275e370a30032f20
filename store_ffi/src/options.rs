//! How to open a store.

use crate::args::{Out, flag};
use crate::error::store_error;
use crate::handle::{self, opaque};
use crate::panic::{guard, guard_status};
use crate::status::store_status;
use store_core::{Options, Store};

/// How to open a store: made by store_options_new, changed by setters, freed by
/// store_options_free.
///
/// One thread at a time. Since 0.1.
pub struct store_options {
    _opaque: [u8; 0],
}

opaque!(store_options, Options, b"st_optns");

/// Makes options with every default.
///
/// *options_out is NULL on failure; free it with store_options_free. Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_options_new(
    options_out: *mut *mut store_options,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let out = Out::handle(options_out, "options_out")?;
        out.set(handle::new(Store::options()));
        Ok(())
    })
}

/// Sets the memory budget in bytes: everything the store holds.
///
/// By default it is half of what the machine or its container allows. A budget too small is
/// STORE_OVER_BUDGET when the store is opened. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_options_memory(
    options: *mut store_options,
    bytes: u64,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut options = handle::exclusive(options)?;
        *options = options.clone().memory(bytes);
        Ok(())
    })
}

/// Sets whether to make the store if there is none (1, the default) or to fail with
/// STORE_NOT_FOUND (0).
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_options_create(
    options: *mut store_options,
    create: i32,
    err: *mut *mut store_error,
) -> store_status {
    guard(err, || {
        let mut options = handle::exclusive(options)?;
        *options = options.clone().create(flag(create, "create")?);
        Ok(())
    })
}

/// Frees options and sets *options to NULL; NULL is a no-op.
///
/// STORE_INVALID: they were freed before. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_options_free(options: *mut *mut store_options) -> store_status {
    guard_status(|| handle::close(options).map(drop))
}
