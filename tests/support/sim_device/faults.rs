//! What a device is asked to do, and how it fails.

/// The error number of a failed device.
pub const EIO: i32 = 5;
/// The error number of a full one.
pub const ENOSPC: i32 = 28;
/// The error number of a call that a signal cut short.
pub const EINTR: i32 = 4;

/// What a device is asked to do. Those that change it count as operations, see
/// [`Operation::is_change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A file was made or emptied by opening it.
    Create,
    /// Bytes were written.
    Write,
    /// A file's length was set.
    SetLen,
    /// A file was synced.
    Sync,
    /// A file got another name.
    Rename,
    /// A file was removed.
    Remove,
    /// The names were synced.
    SyncDirectory,
    /// A file that exists was opened.
    Open,
    /// Bytes were read.
    Read,
    /// A file's length was asked for.
    Length,
    /// The names were asked for.
    List,
    /// The owner's lock was asked for.
    Lock,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Create,
        Self::Write,
        Self::SetLen,
        Self::Sync,
        Self::Rename,
        Self::Remove,
        Self::SyncDirectory,
        Self::Open,
        Self::Read,
        Self::Length,
        Self::List,
        Self::Lock,
    ];

    /// True if it may leave the device as it was not before.
    pub const fn is_change(self) -> bool {
        !matches!(self, Self::Open | Self::Read | Self::Length | Self::List | Self::Lock)
    }
}

/// One operation that changed the device, as the trace has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it was.
    pub operation: Operation,
    /// The file: the name it was opened by.
    pub name: String,
    /// Where a write began; the new length; 0 otherwise.
    pub offset: u64,
    /// Bytes written.
    pub bytes: usize,
}

/// What a faulty operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Returns this error number.
    Errno(i32),
    /// Writes this many bytes at most and then returns the error number; reads give that many.
    Short(usize, i32),
    /// Panics, as a bug in a device would.
    Panic,
}

/// A fault to come.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The operations concerned; all that change the device if `None`.
    pub operation: Option<Operation>,
    /// How many of them still succeed.
    pub after: u64,
    /// Fails for ever from then on, not once.
    pub forever: bool,
    /// How.
    pub failure: Failure,
}

impl Fault {
    /// Fails one operation of this kind, after so many that succeed.
    pub const fn once(operation: Operation, after: u64, errno: i32) -> Self {
        let failure = Failure::Errno(errno);
        Self { operation: Some(operation), after, forever: false, failure }
    }

    /// The same, for ever.
    pub const fn forever(operation: Operation, after: u64, errno: i32) -> Self {
        Self { forever: true, ..Self::once(operation, after, errno) }
    }

    pub(super) fn concerns(&self, operation: Operation) -> bool {
        self.operation.map_or(operation.is_change(), |only| only == operation)
    }
}
