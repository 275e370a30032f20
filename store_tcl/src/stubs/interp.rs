//! Interpreters: results, variables, scripts.

use super::bindings::Tcl_Interp;
use super::obj::Obj;
use super::table::call;
use core::ffi::{c_char, c_int};
use core::ops::Deref;
use core::ptr::{NonNull, null, null_mut};

const LEAVE_ERROR_MESSAGE: c_int = 0x200;

/// How a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub(super) c_int);

impl Code {
    /// To its end.
    pub const OK: Self = Self(0);
    /// With an error.
    pub const ERROR: Self = Self(1);
    /// With `break`.
    pub const BREAK: Self = Self(3);
    /// With `continue`.
    pub const CONTINUE: Self = Self(4);
}

/// An interpreter, for the length of a call from it.
pub struct Interp(pub(super) NonNull<Tcl_Interp>);

impl Interp {
    /// Sets the result.
    pub fn set_result(&self, value: &Obj) {
        // SAFETY: both are live; the interpreter takes a reference of its own.
        unsafe { call!(tcl_SetObjResult(self.raw(), value.raw())) };
    }

    /// Empties the result and forgets an error.
    pub fn reset_result(&self) {
        // SAFETY: the interpreter is live.
        unsafe { call!(tcl_ResetResult(self.raw())) };
    }

    /// Sets the error code that goes with an error result.
    pub fn set_error_code(&self, code: &Obj) {
        // SAFETY: both are live.
        unsafe { call!(tcl_SetObjErrorCode(self.raw(), code.raw())) };
    }

    /// Adds a line to the trace of the error at hand.
    pub fn add_error_info(&self, line: &str) {
        let line = Obj::from_text(line);
        // SAFETY: both are live.
        unsafe { call!(tcl_AppendObjToErrorInfo(self.raw(), line.raw())) };
    }

    /// What `return -options` would say of the result that came with this code: names and values.
    pub fn return_options(&self, code: Code) -> Obj {
        // SAFETY: the interpreter is live; the answer is a new value.
        unsafe { Obj::share(call!(tcl_GetReturnOptions(self.raw(), code.0))) }
    }

    /// Runs a script where the caller stands. It may do anything: delete commands, handles, the
    /// interpreter; so nobody evaluates while holding a lock or a borrow.
    pub fn eval(&self, script: &Obj) -> Code {
        // SAFETY: Tcl keeps an interpreter that is evaluating; the script is held by us.
        Code(unsafe { call!(tcl_EvalObjEx(self.raw(), script.raw(), 0)) })
    }

    /// Sets a variable, or an element of an array; false leaves Tcl's error in the result.
    #[must_use]
    pub fn set_variable(&self, name: &Obj, element: Option<&Obj>, value: &Obj) -> bool {
        let element = element.map_or(null_mut(), Obj::raw);
        // SAFETY: all are live.
        let set = unsafe {
            call!(tcl_ObjSetVar2(self.raw(), name.raw(), element, value.raw(), LEAVE_ERROR_MESSAGE))
        };
        !set.is_null()
    }

    /// Unsets a variable, if there is one.
    pub fn unset_variable(&self, name: &Obj) {
        let start = name.tcl_string().as_ptr().cast::<c_char>();
        // SAFETY: Tcl's strings end with NUL; the name is held by us.
        unsafe { call!(tcl_UnsetVar2(self.raw(), start, null(), 0)) };
    }

    /// True in a safe interpreter.
    pub fn is_safe(&self) -> bool {
        // SAFETY: the interpreter is live.
        unsafe { call!(tcl_IsSafe(self.raw())) != 0 }
    }

    /// A handle that keeps the interpreter's memory, for callbacks.
    pub fn preserve(&self) -> PreservedInterp {
        // SAFETY: the interpreter is live.
        unsafe { call!(tcl_Preserve(self.0.as_ptr().cast())) };
        PreservedInterp(Self(self.0))
    }

    pub(super) fn raw(&self) -> *mut Tcl_Interp {
        self.0.as_ptr()
    }
}

/// An interpreter whose memory is kept; deleted, it refuses to evaluate.
pub struct PreservedInterp(Interp);

impl Deref for PreservedInterp {
    type Target = Interp;

    fn deref(&self) -> &Interp {
        &self.0
    }
}

impl Drop for PreservedInterp {
    fn drop(&mut self) {
        // SAFETY: ends what `preserve` began.
        unsafe { call!(tcl_Release(self.0.0.as_ptr().cast())) };
    }
}
