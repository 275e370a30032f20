//! Handles: what C holds instead of a Rust value.
//!
//! ```text
//! store_txn * ──► Shell { magic, busy, poisoned, value }
//!                          │     └ a call is inside: one thread at a time
//!                          └ which type this is; DEAD once closed
//! ```
//!
//! Closing drops the value at once but keeps the shell of the last few handles, so that a stale
//! copy of the pointer meets a dead magic word and not somebody else's memory.

use std::any::Any;
use std::cell::{RefCell, UnsafeCell};
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use store_core::{Error, Kind, Result};

/// Closed shells kept by each thread: enough for the mistakes of one function, a few KiB.
const CLOSED_KEPT_MAX: usize = 64;
/// The magic word of a closed handle.
const DEAD: u64 = u64::from_be_bytes(*b"st_dead\0");

/// An opaque type of the header and what is behind it.
pub(crate) trait Opaque {
    /// The Rust value.
    type Inner: Send + 'static;
    /// Tells this type's shells from others.
    const MAGIC: u64;
    /// The type's name in messages.
    const NAME: &'static str;
}

/// Ties an opaque type to its value.
macro_rules! opaque {
    ($name:ident, $inner:ty, $magic:literal) => {
        impl $crate::handle::Opaque for $name {
            type Inner = $inner;
            const MAGIC: u64 = u64::from_be_bytes(*$magic);
            const NAME: &'static str = stringify!($name);
        }
    };
}
pub(crate) use opaque;

#[repr(C)]
struct Shell<T> {
    magic: AtomicU64,
    busy: AtomicBool,
    poisoned: AtomicBool,
    value: UnsafeCell<Option<T>>,
}

/// Makes a handle; `close` takes it back.
pub(crate) fn new<H: Opaque>(inner: H::Inner) -> *mut H {
    let shell = Shell {
        magic: AtomicU64::new(H::MAGIC),
        busy: AtomicBool::new(false),
        poisoned: AtomicBool::new(false),
        value: UnsafeCell::new(Some(inner)),
    };
    Box::into_raw(Box::new(shell)).cast()
}

/// A handle that several threads may use, for the length of a call.
pub(crate) struct Shared<'h, H: Opaque> {
    shell: &'h Shell<H::Inner>,
}

/// A handle for this call alone.
pub(crate) struct Exclusive<'h, H: Opaque> {
    shell: &'h Shell<H::Inner>,
}

/// Checks a handle that is thread-safe.
pub(crate) fn shared<'h, H>(handle: *const H) -> Result<Shared<'h, H>>
where
    H: Opaque,
    H::Inner: Sync,
{
    let shell = shell(handle)?;
    check_poison::<H>(shell)?;
    Ok(Shared { shell })
}

/// Checks a handle and keeps other threads, and its own callbacks, out of it.
pub(crate) fn exclusive<'h, H: Opaque>(handle: *const H) -> Result<Exclusive<'h, H>> {
    let shell = shell(handle)?;
    enter::<H>(shell)?;
    let guard = Exclusive { shell };
    check_poison::<H>(shell)?;
    Ok(guard)
}

/// [`exclusive`], with NULL for none.
pub(crate) fn optional<'h, H: Opaque>(handle: *const H) -> Result<Option<Exclusive<'h, H>>> {
    if handle.is_null() { Ok(None) } else { exclusive(handle).map(Some) }
}

/// Takes the value out of a handle and sets the pointer to NULL, unless a call is inside.
///
/// `None` if there was nothing to close.
pub(crate) fn close<H: Opaque>(place: *mut *mut H) -> Result<Option<H::Inner>> {
    if place.is_null() {
        return Ok(None);
    }
    if !place.is_aligned() {
        return Err(Error::invalid(format!("the pointer to a {} is misaligned", H::NAME)));
    }
    // SAFETY: not NULL and aligned; the caller owns the place.
    let handle = unsafe { place.read() };
    if handle.is_null() {
        return Ok(None);
    }
    let found = shell(handle.cast_const());
    if let Ok(shell) = &found {
        enter::<H>(shell)?;
    }
    // SAFETY: as above.
    unsafe { place.write(std::ptr::null_mut()) };
    let shell = found?;
    // Pairs with Acquire in `shell`; of two closers one finds the word dead.
    shell.magic.compare_exchange(H::MAGIC, DEAD, AcqRel, Acquire).map_err(|_| stale::<H>())?;
    // SAFETY: `busy` is ours and the word is dead, so nobody else is or comes inside.
    let value = unsafe { &mut *shell.value.get() }.take();
    // SAFETY: `new` made the shell by a box, and only the closer that killed the word is here.
    bury(unsafe { Box::from_raw(handle.cast::<Shell<H::Inner>>()) });
    Ok(value)
}

fn shell<'h, H: Opaque>(handle: *const H) -> Result<&'h Shell<H::Inner>> {
    let pointer = handle.cast::<Shell<H::Inner>>();
    if pointer.is_null() {
        return Err(Error::invalid(format!("the {} is NULL", H::NAME)));
    }
    if !pointer.is_aligned() {
        return Err(Error::invalid(format!("the {} is misaligned", H::NAME)));
    }
    // SAFETY: the caller passes a handle; a closed one is kept for a while, see above. Only the
    // first word is looked at until it has the right value.
    let magic = unsafe { &*pointer.cast::<AtomicU64>() };
    if magic.load(Acquire) != H::MAGIC {
        return Err(stale::<H>());
    }
    // SAFETY: the magic word says that this is a live shell of this type.
    Ok(unsafe { &*pointer })
}

fn stale<H: Opaque>() -> Error {
    Error::invalid(format!("this is no {}, or it was closed", H::NAME))
}

fn enter<H: Opaque>(shell: &Shell<H::Inner>) -> Result<()> {
    // Pairs with Release in the guard's drop.
    if shell.busy.swap(true, Acquire) {
        let message = format!("the {} is in use: one thread at a time", H::NAME);
        return Err(Error::new(Kind::Busy, message));
    }
    Ok(())
}

fn check_poison<H: Opaque>(shell: &Shell<H::Inner>) -> Result<()> {
    if shell.poisoned.load(Relaxed) {
        let message = format!("a call on this {} panicked: it can only be closed", H::NAME);
        return Err(Error::new(Kind::Poisoned, message));
    }
    Ok(())
}

/// Keeps a dead shell for a while.
fn bury<T: 'static>(shell: Box<Shell<T>>) {
    thread_local! {
        static CLOSED: RefCell<VecDeque<Box<dyn Any>>> = const { RefCell::new(VecDeque::new()) };
    }
    let shell: Box<dyn Any> = shell;
    let oldest = CLOSED.try_with(|closed| {
        let mut closed = closed.borrow_mut();
        closed.push_back(shell);
        (closed.len() > CLOSED_KEPT_MAX).then(|| closed.pop_front())
    });
    drop(oldest); // on an ending thread nothing is kept
}

impl<H: Opaque> Deref for Shared<'_, H> {
    type Target = H::Inner;

    fn deref(&self) -> &H::Inner {
        // SAFETY: the shell is live, and nobody writes a shared handle's value.
        unsafe { &*self.shell.value.get() }.as_ref().expect("a live shell has its value")
    }
}

impl<H: Opaque> Deref for Exclusive<'_, H> {
    type Target = H::Inner;

    fn deref(&self) -> &H::Inner {
        // SAFETY: the shell is live and `busy` is ours.
        unsafe { &*self.shell.value.get() }.as_ref().expect("a live shell has its value")
    }
}

impl<H: Opaque> DerefMut for Exclusive<'_, H> {
    fn deref_mut(&mut self) -> &mut H::Inner {
        // SAFETY: the shell is live and `busy` is ours.
        unsafe { &mut *self.shell.value.get() }.as_mut().expect("a live shell has its value")
    }
}

impl<H: Opaque> Drop for Shared<'_, H> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shell.poisoned.store(true, Relaxed);
        }
    }
}

impl<H: Opaque> Drop for Exclusive<'_, H> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shell.poisoned.store(true, Relaxed);
        }
        self.shell.busy.store(false, Release); // pairs with Acquire in `enter`
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct apple;
    struct pear;
    opaque!(apple, String, b"st_apple");
    opaque!(pear, u8, b"st_pear\0");

    #[test]
    fn a_closed_copy_is_refused() {
        let mut handle = new::<apple>("red".to_owned());
        let mut copy = handle;
        assert_eq!(close(&raw mut handle).unwrap().as_deref(), Some("red"));
        assert!(handle.is_null() && close(&raw mut handle).unwrap().is_none());
        assert_eq!(shared(copy).err().unwrap().kind(), Kind::Invalid);
        assert_eq!(close(&raw mut copy).unwrap_err().kind(), Kind::Invalid);
        assert!(copy.is_null());
    }

    #[test]
    fn another_type_is_refused() {
        let mut handle = new::<pear>(1);
        assert_eq!(shared(handle.cast::<apple>()).err().unwrap().kind(), Kind::Invalid);
        let crooked = handle.cast::<u8>().wrapping_add(1).cast::<pear>();
        assert!(shared(crooked).err().unwrap().to_string().contains("misaligned"));
        close(&raw mut handle).unwrap();
    }

    #[test]
    fn a_handle_in_use_is_busy_and_stays() {
        let mut handle = new::<apple>(String::new());
        let guard = exclusive(handle).unwrap();
        assert_eq!(exclusive(handle).err().unwrap().kind(), Kind::Busy);
        assert_eq!(close(&raw mut handle).unwrap_err().kind(), Kind::Busy);
        drop(guard);
        assert!(close(&raw mut handle).unwrap().is_some());
    }

    #[test]
    fn a_panic_poisons_the_handle() {
        let mut handle = new::<apple>(String::new());
        let status = crate::panic::guard_status(|| {
            let _guard = exclusive(handle)?;
            panic!("broken")
        });
        assert_eq!(status, crate::store_status::STORE_PANIC);
        assert_eq!(exclusive(handle).err().unwrap().kind(), Kind::Poisoned);
        assert_eq!(shared(handle).err().unwrap().kind(), Kind::Poisoned);
        assert!(close(&raw mut handle).unwrap().is_some());
    }
}
