//! Texts that the library makes and the caller frees.

use crate::error::c_string;
use crate::panic::guard_status;
use crate::status::store_status;
use std::ffi::{CString, c_char};
use store_core::Error;

/// A text of the caller's from now on.
pub(crate) fn give(text: String) -> *mut c_char {
    c_string(text).into_raw()
}

/// Frees a text that a call returned through a char ** and sets *text to NULL; NULL is a no-op.
///
/// One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_text_free(text: *mut *mut c_char) -> store_status {
    guard_status(|| {
        if text.is_null() {
            return Ok(());
        }
        if !text.is_aligned() {
            return Err(Error::invalid("`text` is misaligned"));
        }
        // SAFETY: not NULL and aligned; the caller owns the place.
        let owned = unsafe { text.replace(std::ptr::null_mut()) };
        if !owned.is_null() {
            // SAFETY: the caller got it from `give`, and gives it back once: it is NULL now.
            drop(unsafe { CString::from_raw(owned) });
        }
        Ok(())
    })
}
