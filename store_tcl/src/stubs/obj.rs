//! Tcl values, counted.

use super::bindings::Tcl_Obj;
use super::table::call;
use crate::text::{decode, decode_bytes, encode};
use core::ffi::{c_char, c_int};
use core::ptr::{NonNull, null_mut};
use std::borrow::Cow;
use store_core::{Error, Result};

/// Most characters of a value that a message repeats.
const SHOWN_CHARS_MAX: usize = 40;

/// A Tcl value, held by one reference of its own; of one thread.
///
/// Its string does not change while it is held: Tcl changes only values that nobody shares, and
/// whoever else could reach this one shares it with us.
pub struct Obj(NonNull<Tcl_Obj>);

impl Obj {
    /// Takes a reference to a value.
    ///
    /// # Safety
    /// `raw` is a live value of this thread's.
    pub(super) unsafe fn share(raw: *mut Tcl_Obj) -> Self {
        let raw = NonNull::new(raw).expect("Tcl gives a value, never NULL, here");
        // SAFETY: the value is live, says the caller; file and line are for Tcl's debugging only.
        unsafe { call!(tcl_DbIncrRefCount(raw.as_ptr(), c"store_tcl".as_ptr(), 0)) };
        Self(raw)
    }

    pub(super) fn raw(&self) -> *mut Tcl_Obj {
        self.0.as_ptr()
    }

    // ---- making

    /// A string.
    pub fn from_text(text: &str) -> Self {
        let bytes = encode(text);
        // SAFETY: Tcl copies the bytes, which are a Tcl string of this length.
        unsafe {
            Self::share(call!(tcl_NewStringObj(
                bytes.as_ptr().cast::<c_char>(),
                bytes.len() as isize
            )))
        }
    }

    /// A byte array.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        // SAFETY: Tcl copies the bytes.
        unsafe { Self::share(call!(tcl_NewByteArrayObj(bytes.as_ptr(), bytes.len() as isize))) }
    }

    /// An integer.
    pub fn from_int(value: i64) -> Self {
        // SAFETY: makes a value of a number.
        unsafe { Self::share(call!(tcl_NewWideIntObj(value))) }
    }

    /// A double.
    pub fn from_float(value: f64) -> Self {
        // SAFETY: makes a value of a number.
        unsafe { Self::share(call!(tcl_NewDoubleObj(value))) }
    }

    /// A list of these, which also is a dict if names and values take turns.
    pub fn from_list(elements: &[Self]) -> Self {
        // `Obj` is one pointer that is never null, so a slice of them is an array of pointers.
        const { assert!(size_of::<Obj>() == size_of::<*mut Tcl_Obj>()) };
        let pointers = elements.as_ptr().cast::<*mut Tcl_Obj>();
        // SAFETY: Tcl copies the array and takes references of its own.
        unsafe { Self::share(call!(tcl_NewListObj(elements.len() as isize, pointers))) }
    }

    // ---- reading

    /// The string as Tcl keeps it.
    pub(super) fn tcl_string(&self) -> &[u8] {
        let mut len: c_int = 0;
        // SAFETY: the value is live; the string stays while we hold it (see the type).
        unsafe {
            let start = call!(tcl_GetStringFromObj(self.raw(), &raw mut len));
            core::slice::from_raw_parts(start.cast::<u8>(), len as usize)
        }
    }

    /// The string; borrowed unless it holds NUL or, in 8.6, characters beyond U+FFFF. A lone
    /// surrogate is an error.
    pub fn text(&self) -> Result<Cow<'_, str>> {
        decode(self.tcl_string()).ok_or_else(|| {
            Error::type_mismatch("the string has a lone surrogate, which is no Unicode text")
        })
    }

    /// The string for messages, whatever it holds.
    pub fn shown(&self) -> String {
        let text =
            decode(self.tcl_string()).unwrap_or_else(|| String::from_utf8_lossy(self.tcl_string()));
        let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
        if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
            shown.push('…');
        }
        shown
    }

    /// The bytes whose values are the string's characters, as in a byte array.
    ///
    /// A character beyond U+00FF is an error; Tcl 8.6's own conversion would cut it to a byte.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        decode_bytes(self.tcl_string()).ok_or_else(|| {
            let message = format!("\"{}\" has characters that are no bytes", self.shown());
            Error::type_mismatch(message)
        })
    }

    /// True if the string is this one; options and subcommands are matched so.
    pub fn is(&self, word: &str) -> bool {
        self.tcl_string() == word.as_bytes()
    }

    /// The elements of the list.
    pub fn list(&self) -> Result<Vec<Self>> {
        let (mut len, mut elements): (c_int, *mut *mut Tcl_Obj) = (0, null_mut());
        // SAFETY: the value is live, the places for the answer too; without an interpreter Tcl
        // reports nothing.
        let code = unsafe {
            call!(tcl_ListObjGetElements(null_mut(), self.raw(), &raw mut len, &raw mut elements))
        };
        if code != 0 {
            return Err(Error::invalid(format!("expected a list but got \"{}\"", self.shown())));
        }
        if len == 0 {
            return Ok(Vec::new());
        }
        // SAFETY: Tcl gave an array of this length, which stays until the value changes: not
        // before the references are taken.
        let elements = unsafe { core::slice::from_raw_parts(elements, len as usize) };
        // SAFETY: elements of a live list are live.
        Ok(elements.iter().map(|raw| unsafe { Self::share(*raw) }).collect())
    }
}

impl Clone for Obj {
    fn clone(&self) -> Self {
        // SAFETY: the value is live while we hold it.
        unsafe { Self::share(self.raw()) }
    }
}

impl Drop for Obj {
    fn drop(&mut self) {
        // SAFETY: gives back the reference that `share` took.
        unsafe { call!(tcl_DbDecrRefCount(self.raw(), c"store_tcl".as_ptr(), 0)) };
    }
}

impl std::fmt::Debug for Obj {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.shown())
    }
}
