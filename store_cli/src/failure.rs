//! How a command ends: exit codes, and errors on their way to `main`.

use std::fmt;
use std::process::ExitCode;
use store_core::Error;

/// The exit code of a command line that makes no sense.
pub const USAGE: u8 = 2;

/// What a command returns.
pub type Done = Result<Exit, Failure>;

/// How a command that ran to its end went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done.
    Done,
    /// A check found faults.
    Faults,
    /// Rows were rejected, as the caller allowed.
    Rejected,
}

impl Exit {
    /// The promised exit code.
    pub fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Done => 0,
            Self::Faults => 5,
            Self::Rejected => 6,
        })
    }
}

/// Why a command ended early.
#[derive(Debug)]
pub enum Failure {
    /// Its words make no sense, whatever the store holds.
    Usage(String),
    /// The store refused.
    Store(Error),
    /// Nobody reads the output any more.
    ClosedPipe,
}

impl Failure {
    /// A usage error with a sentence.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// What an error of standard output means: a closed pipe is not worth a word.
    pub fn of_output(error: Error) -> Self {
        let source = std::error::Error::source(&error);
        let io = source.and_then(|source| source.downcast_ref::<std::io::Error>());
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe) {
            return Self::ClosedPipe;
        }
        Self::Store(error)
    }

    /// The promised exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => USAGE,
            Self::Store(error) => error.kind().exit_code(),
            Self::ClosedPipe => 0,
        })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => write!(f, "{message}\n\nFor more information, try '--help'."),
            Self::Store(error) => error.fmt(f),
            Self::ClosedPipe => f.write_str("the output is closed"),
        }
    }
}
