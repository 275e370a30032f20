//! Commands: from Tcl's call to a Rust object and back, and loops over scripts.
//!
//! Commands are made for Tcl's trampoline (NRE): [`Interp::run_loop`] gives the script to Tcl and comes
//! back when it has ended, with nothing of ours on the C stack meanwhile. So it may yield.
//!
//! ```text
//! Tcl ─► nr_dispatch ─► handler ─► run_loop ─► Body::next ─► "run this, then call resume"
//!                                                   ▲                  │
//!  Tcl runs the script, or a coroutine yields ◄─────┼──────────────────┘
//!         └──────────────────────► resume ──────────┘  … until the body is done
//! ```

use super::bindings::{ClientData, Tcl_Interp, Tcl_Obj};
use super::interp::{Code, Interp};
use super::obj::Obj;
use super::table::call;
use crate::failure::guard;
use crate::text::encode;
use core::ffi::{c_int, c_void};
use core::ptr::{NonNull, null_mut};
use std::cell::Cell;
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// What stands behind a Tcl command. The command holds one reference; a call in progress holds
/// another, so that the script it runs may delete the command.
pub trait Handler: 'static {
    /// Its place to remember the command.
    fn own_command(&self) -> &OwnCommand;

    /// Carries out a call; `words[0]` is the command's name. Sets the interpreter's result.
    fn call(self: Rc<Self>, interp: &Interp, words: &[Obj]) -> Code;

    /// Told once the command is gone, by whatever means.
    fn deleted(&self);
}

/// The command of a handler, while it exists.
#[derive(Default)]
pub struct OwnCommand(Cell<Option<(NonNull<Tcl_Interp>, NonNull<c_void>)>>);

impl OwnCommand {
    /// Deletes the command, if it still exists.
    pub fn delete(&self) {
        if let Some((interp, token)) = self.0.take() {
            // SAFETY: Tcl tells us when a command or its interpreter goes, and we forget both, so
            // they are live here.
            unsafe { call!(tcl_DeleteCommandFromToken(interp.as_ptr(), token.as_ptr())) };
        }
    }
}

impl Interp {
    /// Makes the handler's command; a name without `::` is a global one, as all of Tcl's C
    /// commands are.
    pub fn create_command(&self, name: &str, handler: Rc<dyn Handler>) {
        let name = c_name(name);
        let kept = Rc::clone(&handler);
        let data: *mut Rc<dyn Handler> = Box::into_raw(Box::new(handler));
        // SAFETY: `data` lives until `delete` is told; both functions have the types Tcl expects.
        let token = unsafe {
            call!(tcl_NRCreateCommand(
                self.raw(),
                name.as_ptr(),
                Some(dispatch),
                Some(nr_dispatch),
                data.cast(),
                Some(delete)
            ))
        };
        kept.own_command().0.set(NonNull::new(token).map(|token| (self.0, token)));
    }

    /// Runs a loop whose body is a script. In a command's call, whose result this code is: the loop
    /// goes on when the call has returned to Tcl.
    pub fn run_loop(&self, mut body: Box<dyn Body>) -> Code {
        match body.next(self, None) {
            Turn::Done(code) => code,
            Turn::Run(script) => self.eval_then_resume(&script, Box::new(body)),
        }
    }

    fn eval_then_resume(&self, script: &Obj, body: Box<Box<dyn Body>>) -> Code {
        let data = Box::into_raw(body).cast();
        // SAFETY: the interpreter is live; Tcl calls `resume` once, with `data`, whatever becomes of
        // the script.
        unsafe {
            call!(tcl_NRAddCallback(
                self.raw(),
                Some(resume),
                data,
                null_mut(),
                null_mut(),
                null_mut()
            ));
        }
        // SAFETY: both are live; Tcl takes a reference to the script.
        Code(unsafe { call!(tcl_NREvalObj(self.raw(), script.raw(), 0)) })
    }

    /// True if there is a command of this name, seen from where the caller stands.
    pub fn has_command(&self, name: &str) -> bool {
        let name = c_name(name);
        // SAFETY: the interpreter is live and the name ends with NUL.
        let token = unsafe { call!(tcl_FindCommand(self.raw(), name.as_ptr(), null_mut(), 0)) };
        !token.is_null()
    }
}

fn c_name(name: &str) -> CString {
    CString::new(encode(name)).expect("Tcl's strings write NUL as two other bytes")
}

/// A loop whose body is a script.
pub trait Body: 'static {
    /// What comes next, after the script ended with this code; `None` before the first time.
    fn next(&mut self, interp: &Interp, ended: Option<Code>) -> Turn;
}

/// What a loop does next.
pub enum Turn {
    /// Runs the script.
    Run(Obj),
    /// Ends with this code; the result is in the interpreter.
    Done(Code),
}

/// What Tcl calls when the script of a loop has ended, also by the end of a coroutine.
unsafe extern "C" fn resume(
    data: *mut ClientData,
    interp: *mut Tcl_Interp,
    result: c_int,
) -> c_int {
    let interp = Interp(NonNull::new(interp).expect("Tcl calls from an interpreter"));
    let (mut script, mut kept) = (None, None);
    let code = guard(&interp, || {
        // SAFETY: the first word is what `eval_then_resume` gave, and Tcl tells us once.
        let mut body = unsafe { Box::from_raw((*data).cast::<Box<dyn Body>>()) };
        match body.next(&interp, Some(Code(result))) {
            Turn::Run(next) => {
                (script, kept) = (Some(next), Some(body));
                Code::OK
            }
            Turn::Done(code) => code,
        }
    });
    match script.zip(kept) {
        Some((script, body)) => interp.eval_then_resume(&script, body).0,
        None => code.0,
    }
}

/// What Tcl calls from C code that knows no trampoline.
unsafe extern "C" fn dispatch(
    data: ClientData,
    interp: *mut Tcl_Interp,
    count: c_int,
    words: *const *mut Tcl_Obj,
) -> c_int {
    // SAFETY: Tcl's own arguments, passed on; it runs what `nr_dispatch` leaves to be run.
    unsafe { call!(tcl_NRCallObjProc(interp, Some(nr_dispatch), data, count as isize, words)) }
}

/// What Tcl calls.
unsafe extern "C" fn nr_dispatch(
    data: ClientData,
    interp: *mut Tcl_Interp,
    count: c_int,
    words: *const *mut Tcl_Obj,
) -> c_int {
    let interp = Interp(NonNull::new(interp).expect("Tcl calls from an interpreter"));
    let code = guard(&interp, || {
        // SAFETY: `data` is what `create_command` gave and lives until the command is deleted,
        // which cannot happen before the handler is cloned.
        let handler = Rc::clone(unsafe { &*data.cast::<Rc<dyn Handler>>() });
        // SAFETY: Tcl passes this many values, which live for the length of the call.
        let words = unsafe { core::slice::from_raw_parts(words, count as usize) };
        // SAFETY: as above.
        let words: Vec<Obj> = words.iter().map(|raw| unsafe { Obj::share(*raw) }).collect();
        handler.call(&interp, &words)
    });
    code.0
}

/// What Tcl calls when the command is deleted or its interpreter is.
unsafe extern "C" fn delete(data: ClientData) {
    // A panic has nowhere to be reported here; the handler is dropped all the same.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: `data` is what `create_command` gave, and Tcl tells us once.
        let handler = unsafe { Box::from_raw(data.cast::<Rc<dyn Handler>>()) };
        handler.own_command().0.set(None);
        handler.deleted();
    }));
}
