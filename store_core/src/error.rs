//! One error type for the whole workspace, with kinds whose codes are frozen.

use std::error::Error as StdError;
use std::fmt;

/// The result of every fallible call of the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in a form a program can match on.
///
/// Codes and names are frozen: C sees `STORE_CONFLICT` (2), Tcl `{STORE CONFLICT …}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum Kind {
    /// Anything that has no kind of its own.
    Error = 1,
    /// Another transaction wrote the same row first: retry in a new transaction.
    Conflict = 2,
    /// No such row, table, column or file.
    NotFound = 3,
    /// A key or unique value exists already.
    Duplicate = 4,
    /// A call or its arguments make no sense.
    Invalid = 5,
    /// A value does not fit its column's type.
    Type = 6,
    /// NULL in a column that is `notnull`.
    NotNull = 7,
    /// The memory budget is used up.
    OverBudget = 8,
    /// The disk is full.
    NoSpace = 9,
    /// The limit for spilled bytes is used up.
    DiskLimit = 10,
    /// Another process, or too many transactions, hold what is asked for.
    Busy = 11,
    /// A sync failed earlier: no more commits, reads go on.
    Poisoned = 12,
    /// A write on something opened for reading.
    ReadOnly = 13,
    /// The handle was closed.
    Closed = 14,
    /// The snapshot held back too much and was given up.
    SnapshotTooOld = 15,
    /// The operating system refused a read or write.
    Io = 16,
    /// Bytes on disk are damaged.
    Corrupt = 17,
    /// Known, but not supported here.
    Unsupported = 18,
    /// The caller cancelled the call.
    Cancelled = 19,
    /// A bug: a panic was caught at the border.
    Panic = 20,
}

impl Kind {
    /// Every kind, in the order of its code.
    pub const ALL: [Self; 20] = [
        Self::Error,
        Self::Conflict,
        Self::NotFound,
        Self::Duplicate,
        Self::Invalid,
        Self::Type,
        Self::NotNull,
        Self::OverBudget,
        Self::NoSpace,
        Self::DiskLimit,
        Self::Busy,
        Self::Poisoned,
        Self::ReadOnly,
        Self::Closed,
        Self::SnapshotTooOld,
        Self::Io,
        Self::Corrupt,
        Self::Unsupported,
        Self::Cancelled,
        Self::Panic,
    ];

    /// The frozen number, 1 to 20; 0 means success in C.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The frozen word, as in `STORE_CONFLICT` and `{STORE CONFLICT}`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Conflict => "CONFLICT",
            Self::NotFound => "NOT_FOUND",
            Self::Duplicate => "DUPLICATE",
            Self::Invalid => "INVALID",
            Self::Type => "TYPE",
            Self::NotNull => "NOT_NULL",
            Self::OverBudget => "OVER_BUDGET",
            Self::NoSpace => "NO_SPACE",
            Self::DiskLimit => "DISK_LIMIT",
            Self::Busy => "BUSY",
            Self::Poisoned => "POISONED",
            Self::ReadOnly => "READ_ONLY",
            Self::Closed => "CLOSED",
            Self::SnapshotTooOld => "SNAPSHOT_TOO_OLD",
            Self::Io => "IO",
            Self::Corrupt => "CORRUPT",
            Self::Unsupported => "UNSUPPORTED",
            Self::Cancelled => "CANCELLED",
            Self::Panic => "PANIC",
        }
    }

    /// The exit code of the command line for this kind.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Conflict => 3,
            Self::OverBudget => 4,
            Self::Corrupt => 5,
            Self::Busy => 7,
            Self::NoSpace | Self::DiskLimit => 8,
            _ => 1,
        }
    }
}

/// An error: a [`Kind`], a sentence for people, words for programs, and a cause.
///
/// One word wide, so that `Result<u32>` stays small.
///
/// ```
/// use store_core::{Error, Kind};
/// let error = Error::new(Kind::NotFound, "no row UAL123 in `flights`").detail("flights");
/// assert_eq!(error.kind(), Kind::NotFound);
/// assert_eq!(error.to_string(), "no row UAL123 in `flights`");
/// assert!(!error.is_retryable());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    details: Vec<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    awaited: Option<Awaited>,
}

/// What a conflict is about, or a refusal: once it is decided, the work may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// A commit that is not published yet.
    Commit(u64),
    /// A row that another transaction owns.
    Row { table: u32, row: u32 },
    /// So many bytes of memory, which freezing may free.
    Room(u64),
}

impl Error {
    /// An error of this kind with a sentence that says what, where and what to do.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            details: Vec::new(),
            source: None,
            awaited: None,
        }))
    }

    /// Adds a word for programs (table, key, line …), in order; Tcl appends them to `errorCode`.
    #[must_use]
    pub fn detail(mut self, word: impl Into<String>) -> Self {
        self.0.details.push(word.into());
        self
    }

    /// Names the cause, shown by `source()`.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Puts `place: ` before the message, as in `flights.tsv:17: …`.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }

    /// An I/O error of the system on a named file; a full disk becomes [`Kind::NoSpace`].
    pub fn io(what: impl fmt::Display, source: std::io::Error) -> Self {
        let kind = match source.kind() {
            std::io::ErrorKind::NotFound => Kind::NotFound,
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Kind::NoSpace,
            _ => Kind::Io,
        };
        Self::new(kind, format!("{what}: {source}")).caused_by(source)
    }

    /// The same error once more, without its cause.
    pub(crate) fn again(&self) -> Self {
        Self(Box::new(Inner {
            kind: self.0.kind,
            message: self.0.message.clone(),
            details: self.0.details.clone(),
            source: None,
            awaited: self.0.awaited,
        }))
    }

    /// Says what to wait for before another try.
    #[must_use]
    pub(crate) fn awaiting(mut self, what: Awaited) -> Self {
        self.0.awaited = Some(what);
        self
    }

    /// How many bytes were asked for, if it is a refusal that knows.
    pub(crate) fn bytes_refused(&self) -> u64 {
        match self.0.awaited {
            Some(Awaited::Room(bytes)) => bytes,
            _ => 0,
        }
    }

    pub(crate) fn awaited(&self) -> Option<Awaited> {
        self.0.awaited
    }

    /// What went wrong.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The words for programs, in order.
    pub fn details(&self) -> &[String] {
        &self.0.details
    }

    /// True if the same work may succeed in a new transaction.
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, Kind::Conflict | Kind::Busy | Kind::SnapshotTooOld)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({}, {:?})", self.0.kind.name(), self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

macro_rules! error_constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => { $(
        $(#[$doc])*
        pub fn $name(message: impl Into<String>) -> Self {
            Self::new(Kind::$kind, message)
        }
    )* };
}

impl Error {
    error_constructors! {
        /// [`Kind::Conflict`].
        conflict => Conflict;
        /// [`Kind::NotFound`].
        not_found => NotFound;
        /// [`Kind::Duplicate`].
        duplicate => Duplicate;
        /// [`Kind::Invalid`].
        invalid => Invalid;
        /// [`Kind::Type`].
        type_mismatch => Type;
        /// [`Kind::Corrupt`].
        corrupt => Corrupt;
        /// [`Kind::Unsupported`].
        unsupported => Unsupported;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_frozen() {
        for (position, kind) in Kind::ALL.iter().enumerate() {
            assert_eq!(kind.code() as usize, position + 1);
        }
        assert_eq!(Kind::Conflict.name(), "CONFLICT");
        assert_eq!(Kind::Corrupt.exit_code(), 5);
    }

    #[test]
    fn an_error_is_one_word_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<u32>>(), 2 * size_of::<usize>());
    }

    #[test]
    fn a_full_disk_is_no_space() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(Error::io("wal", full).kind(), Kind::NoSpace);
    }
}
