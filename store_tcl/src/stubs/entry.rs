//! What `load` calls.

use super::bindings::{ClientData, Tcl_Interp};
use super::interp::{Code, Interp};
use super::table::{self, call};
use crate::command::package::Package;
use crate::failure::guard;
use crate::handle::sync_all;
use core::ffi::c_int;
use core::ptr::{NonNull, null, null_mut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// The package's name and version.
const PACKAGE: (&core::ffi::CStr, &core::ffi::CStr) = (c"store", c"0.1.0");

static EXIT_HANDLER: Once = Once::new();

/// Makes the package's command in an interpreter.
///
/// # Safety
/// Called by Tcl's `load` with a live interpreter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Store_Init(interp: *mut Tcl_Interp) -> c_int {
    let Some(raw) = NonNull::new(interp) else { return Code::ERROR.0 };
    // SAFETY: `load` passes a live interpreter.
    if !unsafe { table::init(raw) } {
        return Code::ERROR.0; // Tcl below 8.6 left its own message
    }
    let interp = Interp(raw);
    let code = guard(&interp, || {
        Package::install(&interp);
        // SAFETY: the function has the type Tcl expects, and the library is never unloaded.
        EXIT_HANDLER
            .call_once(|| unsafe { call!(tcl_CreateExitHandler(Some(at_exit), null_mut())) });
        let (name, version) = PACKAGE;
        // SAFETY: the interpreter is live, the strings end with NUL.
        Code(unsafe {
            call!(tcl_PkgProvideEx(interp.raw(), name.as_ptr(), version.as_ptr(), null()))
        })
    });
    code.0
}

/// What Tcl calls when the process ends, in whichever thread ends it.
unsafe extern "C" fn at_exit(_data: ClientData) {
    // A panic has nowhere to be reported here.
    let _ = catch_unwind(AssertUnwindSafe(sync_all));
}

/// The same in a safe interpreter: each command asks at every call whether it may name files.
///
/// # Safety
/// As [`Store_Init`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Store_SafeInit(interp: *mut Tcl_Interp) -> c_int {
    // SAFETY: as this function's own.
    unsafe { Store_Init(interp) }
}
