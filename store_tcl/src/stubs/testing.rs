//! Tcl's library loaded into a test, so that tests can hold both ends of the commands.

use super::bindings::Tcl_Interp;
use super::entry::Store_Init;
use super::interp::Interp;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr::{NonNull, null};
use std::sync::OnceLock;

/// Libraries looked for, newest Tcl last.
const LIBRARIES: [&CStr; 3] = [c"libtcl8.6.so", c"libtcl8.6.so.0", c"libtcl9.0.so"];
const RTLD_NOW: c_int = 2;
const RTLD_GLOBAL: c_int = 0x100;

unsafe extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

type CreateInterp = unsafe extern "C" fn() -> *mut Tcl_Interp;
type DeleteInterp = unsafe extern "C" fn(*mut Tcl_Interp);
type FindExecutable = unsafe extern "C" fn(*const c_char);

/// The functions that no stub table has.
#[derive(Clone, Copy)]
struct Library {
    create: CreateInterp,
    delete: DeleteInterp,
}

fn library() -> Option<Library> {
    static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();
    *LIBRARY.get_or_init(|| {
        // SAFETY: the names end with NUL; Tcl's library does nothing when it is loaded.
        let open = |name: &&CStr| unsafe { dlopen(name.as_ptr(), RTLD_NOW | RTLD_GLOBAL) };
        let library = LIBRARIES.iter().map(open).find(|found| !found.is_null())?;
        // SAFETY: the library was opened and is never closed; the name ends with NUL.
        let find = |name: &CStr| NonNull::new(unsafe { dlsym(library, name.as_ptr()) });
        let executable = find(c"Tcl_FindExecutable")?.as_ptr();
        // SAFETY: the function of this name has this type.
        let executable = unsafe { core::mem::transmute::<*mut c_void, FindExecutable>(executable) };
        // SAFETY: NULL is allowed; it must come before the first interpreter.
        unsafe { executable(null()) };
        let (create, delete) = (find(c"Tcl_CreateInterp")?, find(c"Tcl_DeleteInterp")?);
        // SAFETY: the functions of these names have these types.
        Some(unsafe {
            Library {
                create: core::mem::transmute::<*mut c_void, CreateInterp>(create.as_ptr()),
                delete: core::mem::transmute::<*mut c_void, DeleteInterp>(delete.as_ptr()),
            }
        })
    })
}

/// True if this machine has Tcl's library.
pub fn has_tcl() -> bool {
    library().is_some()
}

/// Runs `work` with a new interpreter of this thread that has the package.
pub fn with_interp<T>(work: impl FnOnce(&Interp) -> T) -> T {
    let library = library().expect("the caller has asked `has_tcl`");
    // SAFETY: the library was set up by `library`.
    let raw = unsafe { (library.create)() };
    // SAFETY: the interpreter is new and of this thread.
    assert_eq!(unsafe { Store_Init(raw) }, 0, "the package loads");
    let interp = Interp(NonNull::new(raw).expect("Tcl makes an interpreter or ends"));
    let result = work(&interp);
    // SAFETY: the interpreter is live, and nothing is evaluated in it any more.
    unsafe { (library.delete)(raw) };
    result
}
