//! Errors as C sees them.

use crate::handle::{self, opaque};
use crate::panic::{guard_status, quiet};
use crate::status::store_status;
use std::ffi::{CString, c_char};
use store_core::Error;

/// Why a call failed: a status, a sentence, and words for programs.
///
/// Read by any thread, freed by store_error_free. Thread-safe. Since 0.1.
pub struct store_error {
    _opaque: [u8; 0],
}

/// An error, ready to be read.
pub(crate) struct Failure {
    status: store_status,
    message: CString,
    retryable: bool,
    details: Vec<CString>,
}

opaque!(store_error, Failure, b"st_error");

pub(crate) fn new_error(error: &Error) -> *mut store_error {
    handle::new(Failure {
        status: error.kind().into(),
        message: c_string(error.to_string()),
        retryable: error.is_retryable(),
        details: error.details().iter().cloned().map(c_string).collect(),
    })
}

/// NUL ends a string of C, so that one inside is shown instead.
pub(crate) fn c_string(text: String) -> CString {
    CString::new(text).unwrap_or_else(|error| {
        let text = error.into_vec();
        let text = String::from_utf8_lossy(&text).replace('\0', "\\0");
        CString::new(text).expect("every NUL was replaced")
    })
}

fn with<T>(error: *const store_error, otherwise: T, read: impl FnOnce(&Failure) -> T) -> T {
    let failure = handle::shared(error);
    match failure {
        Ok(failure) => quiet(otherwise, || read(&failure)),
        Err(_) => otherwise,
    }
}

/// Returns the status of the call that failed; STORE_OK for NULL.
///
/// Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_error_code(error: *const store_error) -> store_status {
    let otherwise =
        if error.is_null() { store_status::STORE_OK } else { store_status::STORE_INVALID };
    with(error, otherwise, |failure| failure.status)
}

/// Returns a sentence for people, NUL-terminated, valid until the error is freed; "" for NULL.
///
/// Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_error_message(error: *const store_error) -> *const c_char {
    with(error, c"".as_ptr(), |failure| failure.message.as_ptr())
}

/// Returns true if the same work may succeed in a new transaction; false for NULL.
///
/// Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_error_retryable(error: *const store_error) -> bool {
    with(error, false, |failure| failure.retryable)
}

/// Returns how many words for programs there are; 0 for NULL.
///
/// Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_error_detail_count(error: *const store_error) -> usize {
    with(error, 0, |failure| failure.details.len())
}

/// Returns a word for programs (table, key, line ...), NUL-terminated, valid until the error is
/// freed; NULL beyond the last one.
///
/// Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_error_detail(
    error: *const store_error,
    index: usize,
) -> *const c_char {
    with(error, std::ptr::null(), |failure| {
        failure.details.get(index).map_or(std::ptr::null(), |word| word.as_ptr())
    })
}

/// Frees an error and sets *error to NULL; NULL is a no-op.
///
/// STORE_INVALID: it was freed before. One thread at a time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_error_free(error: *mut *mut store_error) -> store_status {
    guard_status(|| handle::close(error).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_inside_a_message_is_shown() {
        assert_eq!(c_string("a\0b".to_owned()).to_str(), Ok("a\\0b"));
    }
}
