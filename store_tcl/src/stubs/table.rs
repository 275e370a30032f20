//! Finding Tcl's functions: the stub table, taken from the interpreter that loads us.

use super::bindings::{Tcl_Interp, TclStubs};
use core::ffi::{c_char, c_int, c_void};
use core::ptr::NonNull;
use std::sync::OnceLock;

/// The magic of tables of Tcl 8.
const MAGIC_8: c_int = 0xFCA3_BACF_u32 as c_int;
/// The magic of tables of Tcl 9 on 64-bit platforms.
const MAGIC_9: c_int = 0xFCA3_BACB_u32 as c_int + 8;

/// How an interpreter begins, in 8.6 and 9.0: the part that stubs rely on.
#[repr(C)]
struct InterpHead {
    _result: *mut c_char,
    _free: Option<unsafe extern "C" fn()>,
    _error_line: c_int,
    table: *const TclStubs,
}

/// The process's one Tcl.
struct Table {
    slots: NonNull<TclStubs>,
    is_9: bool,
}

// SAFETY: the table is Tcl's constant data, only ever read.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

static TABLE: OnceLock<Table> = OnceLock::new();

/// Takes the stub table from the interpreter; false if it is neither Tcl 8 nor Tcl 9.
///
/// # Safety
/// `interp` is a live interpreter of this thread.
pub(super) unsafe fn init(interp: NonNull<Tcl_Interp>) -> bool {
    // SAFETY: every interpreter that loads extensions begins with these fields.
    let table = unsafe { interp.cast::<InterpHead>().as_ref() }.table;
    let Some(slots) = NonNull::new(table.cast_mut()) else { return false };
    // SAFETY: a table that is not null begins with its magic.
    let magic = unsafe { (*slots.as_ptr()).magic };
    if magic != MAGIC_8 && magic != MAGIC_9 {
        return false;
    }
    TABLE.get_or_init(|| Table { slots, is_9: magic == MAGIC_9 });
    let mut data: *mut c_void = core::ptr::null_mut();
    // SAFETY: the slot exists in both versions, the strings end with NUL, `data` outlives the call.
    let version = unsafe {
        super::table::call!(tcl_PkgRequireEx(
            interp.as_ptr(),
            c"Tcl".as_ptr(),
            c"8.6-".as_ptr(),
            0,
            (&raw mut data).cast()
        ))
    };
    !version.is_null()
}

/// The table, which every value and interpreter in safe code proves to be there.
pub(super) fn slots() -> &'static TclStubs {
    let table = TABLE.get().expect("the stub table is taken before anything else happens");
    // SAFETY: Tcl's table lives as long as the process.
    unsafe { table.slots.as_ref() }
}

/// True in Tcl 9, whose strings hold characters beyond U+FFFF as UTF-8 does.
pub fn is_tcl9() -> bool {
    TABLE.get().is_some_and(|table| table.is_9)
}

/// Calls a function of the stub table. An empty slot is a panic, which the border catches.
macro_rules! call {
    ($slot:ident ( $($argument:expr),* $(,)? )) => {
        ($crate::stubs::table::slots().$slot.expect(concat!("Tcl has no ", stringify!($slot))))(
            $($argument),*
        )
    };
}
pub(super) use call;
