//! The border: no panic crosses it, every error becomes a status and a `store_error`.

use crate::error::{new_error, store_error};
use crate::status::store_status;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use store_core::{Error, Kind, Result};

/// Runs a fallible call: sets `*err` to NULL or to a new error, and returns the status.
pub(crate) fn guard(err: *mut *mut store_error, work: impl FnOnce() -> Result<()>) -> store_status {
    if !err.is_null() && !err.is_aligned() {
        return store_status::STORE_INVALID; // nowhere to say more
    }
    if !err.is_null() {
        // SAFETY: not NULL and aligned; the caller owns the place.
        unsafe { err.write(std::ptr::null_mut()) };
    }
    let Err(error) = caught(work) else { return store_status::STORE_OK };
    let status = store_status::from(error.kind());
    if !err.is_null() {
        let handle = catch_unwind(AssertUnwindSafe(|| new_error(&error)));
        // SAFETY: as above.
        unsafe { err.write(handle.unwrap_or(std::ptr::null_mut())) };
    }
    status
}

/// Runs a call that has no place for an error, only a status.
pub(crate) fn guard_status(work: impl FnOnce() -> Result<()>) -> store_status {
    guard(std::ptr::null_mut(), work)
}

/// Runs a call that cannot fail; `otherwise` is for a bug.
pub(crate) fn quiet<T>(otherwise: T, work: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(otherwise)
}

/// Handles whose use panicked are poisoned by their guards, so that nobody sees a half-done state.
fn caught(work: impl FnOnce() -> Result<()>) -> Result<()> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let what = message(&*panic);
        // A payload may panic when it is dropped; there are only two kinds in practice.
        std::mem::forget(panic);
        Err(Error::new(Kind::Panic, format!("a bug in store, please report it: {what}")))
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{store_error_code, store_error_free, store_error_message};
    use std::ffi::CStr;

    #[test]
    fn a_panic_becomes_a_status_with_its_message() {
        let mut err = std::ptr::null_mut();
        let status = guard(&raw mut err, || panic!("row {} went missing", 7));
        assert_eq!(status, store_status::STORE_PANIC);
        // SAFETY: `err` was filled by the call.
        let text = unsafe { CStr::from_ptr(store_error_message(err)) };
        assert!(text.to_str().unwrap().ends_with("row 7 went missing"));
        // SAFETY: as above.
        assert_eq!(unsafe { store_error_code(err) }, store_status::STORE_PANIC);
        // SAFETY: as above.
        assert_eq!(unsafe { store_error_free(&raw mut err) }, store_status::STORE_OK);
        assert!(err.is_null());
    }

    #[test]
    fn success_clears_the_error() {
        let mut err = std::ptr::dangling_mut();
        assert_eq!(guard(&raw mut err, || Ok(())), store_status::STORE_OK);
        assert!(err.is_null());
    }
}
