//! Status codes: the core's kinds, as C sees them.

use crate::panic::quiet;
use std::ffi::{CStr, c_char};
use store_core::Kind;

/// What a call came to. The numbers never change. Since 0.1.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum store_status {
    /// Done.
    STORE_OK = 0,
    /// Anything that has no code of its own.
    STORE_ERROR = 1,
    /// Another transaction wrote the same row first: retry in a new transaction.
    STORE_CONFLICT = 2,
    /// No such row, table, column or file.
    STORE_NOT_FOUND = 3,
    /// A key or unique value exists already.
    STORE_DUPLICATE = 4,
    /// The call or its arguments make no sense: NULL, bad length, bad enum, not UTF-8, a handle
    /// that was closed, or one of another store.
    STORE_INVALID = 5,
    /// A value does not fit its column's type.
    STORE_TYPE = 6,
    /// NULL where a value must be.
    STORE_NOT_NULL = 7,
    /// The memory budget is used up.
    STORE_OVER_BUDGET = 8,
    /// The disk is full.
    STORE_NO_SPACE = 9,
    /// The limit for spilled bytes is used up.
    STORE_DISK_LIMIT = 10,
    /// Another process, thread, or too many transactions hold what is asked for.
    STORE_BUSY = 11,
    /// A sync failed earlier, so the store takes no more commits; or a panic broke this handle.
    STORE_POISONED = 12,
    /// A write on something opened for reading.
    STORE_READ_ONLY = 13,
    /// The store was closed.
    STORE_CLOSED = 14,
    /// The snapshot held back too much and was given up.
    STORE_SNAPSHOT_TOO_OLD = 15,
    /// The operating system refused a read or write.
    STORE_IO = 16,
    /// Bytes on disk are damaged.
    STORE_CORRUPT = 17,
    /// Known, but not supported here.
    STORE_UNSUPPORTED = 18,
    /// The caller cancelled the call.
    STORE_CANCELLED = 19,
    /// A bug in the library: it was caught, the handles of the call can only be closed.
    STORE_PANIC = 20,
}

/// Every status with its word, in the order of its number.
const STATUSES: [(store_status, &CStr); 21] = [
    (store_status::STORE_OK, c"STORE_OK"),
    (store_status::STORE_ERROR, c"STORE_ERROR"),
    (store_status::STORE_CONFLICT, c"STORE_CONFLICT"),
    (store_status::STORE_NOT_FOUND, c"STORE_NOT_FOUND"),
    (store_status::STORE_DUPLICATE, c"STORE_DUPLICATE"),
    (store_status::STORE_INVALID, c"STORE_INVALID"),
    (store_status::STORE_TYPE, c"STORE_TYPE"),
    (store_status::STORE_NOT_NULL, c"STORE_NOT_NULL"),
    (store_status::STORE_OVER_BUDGET, c"STORE_OVER_BUDGET"),
    (store_status::STORE_NO_SPACE, c"STORE_NO_SPACE"),
    (store_status::STORE_DISK_LIMIT, c"STORE_DISK_LIMIT"),
    (store_status::STORE_BUSY, c"STORE_BUSY"),
    (store_status::STORE_POISONED, c"STORE_POISONED"),
    (store_status::STORE_READ_ONLY, c"STORE_READ_ONLY"),
    (store_status::STORE_CLOSED, c"STORE_CLOSED"),
    (store_status::STORE_SNAPSHOT_TOO_OLD, c"STORE_SNAPSHOT_TOO_OLD"),
    (store_status::STORE_IO, c"STORE_IO"),
    (store_status::STORE_CORRUPT, c"STORE_CORRUPT"),
    (store_status::STORE_UNSUPPORTED, c"STORE_UNSUPPORTED"),
    (store_status::STORE_CANCELLED, c"STORE_CANCELLED"),
    (store_status::STORE_PANIC, c"STORE_PANIC"),
];

impl From<Kind> for store_status {
    fn from(kind: Kind) -> Self {
        STATUSES.get(kind.code() as usize).map_or(Self::STORE_ERROR, |entry| entry.0)
    }
}

/// Returns the word of a status, as in "STORE_CONFLICT": static, never freed; NULL for a number
/// that is no status.
///
/// Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn store_status_name(status: i32) -> *const c_char {
    quiet(std::ptr::null(), || {
        let entry = usize::try_from(status).ok().and_then(|at| STATUSES.get(at));
        entry.map_or(std::ptr::null(), |entry| entry.1.as_ptr())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_words_are_the_cores() {
        for (number, (status, word)) in STATUSES.iter().enumerate() {
            assert_eq!(*status as usize, number);
            assert_eq!(word.to_str().unwrap(), format!("{status:?}"));
        }
        for kind in Kind::ALL {
            let status = store_status::from(kind);
            assert_eq!(status as u32, kind.code());
            assert_eq!(format!("{status:?}"), format!("STORE_{}", kind.name()));
        }
    }
}
