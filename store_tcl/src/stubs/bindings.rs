//! The part of Tcl's stub table that the extension calls, from tcl.h of Tcl 8.6.
//!
//! Made by bindgen through `tests/bindings.rs`; not edited by hand. Every slot used has the same
//! place and meaning in Tcl 9.0.

use core::ffi::{c_char, c_int, c_longlong, c_uchar, c_void};

/// A slot that nobody calls.
pub type Unused = Option<unsafe extern "C" fn()>;

/// An interpreter, opaque.
#[repr(C)]
pub struct Tcl_Interp(c_int);

/// A value, opaque: its fields differ between Tcl 8 and 9.
#[repr(C)]
pub struct Tcl_Obj(c_int);

/// A namespace, opaque.
#[repr(C)]
pub struct Tcl_Namespace(c_int);

/// `Tcl_Command`.
pub type Tcl_Command = *mut c_void;

/// `Tcl_WideInt`.
pub type Tcl_WideInt = c_longlong;

/// `ClientData`.
pub type ClientData = *mut c_void;

/// `Tcl_ObjCmdProc`.
pub type Tcl_ObjCmdProc = Option<
    unsafe extern "C" fn(
        clientData: ClientData,
        interp: *mut Tcl_Interp,
        objc: c_int,
        objv: *const *mut Tcl_Obj,
    ) -> c_int,
>;

/// `Tcl_CmdDeleteProc`.
pub type Tcl_CmdDeleteProc = Option<unsafe extern "C" fn(clientData: ClientData)>;

/// `Tcl_ExitProc`.
pub type Tcl_ExitProc = Option<unsafe extern "C" fn(clientData: ClientData)>;

/// `Tcl_NRPostProc`.
pub type Tcl_NRPostProc = Option<
    unsafe extern "C" fn(data: *mut ClientData, interp: *mut Tcl_Interp, result: c_int) -> c_int,
>;

/// The stub table up to the last slot used.
#[repr(C)]
pub struct TclStubs {
    /// Tells Tcl 8 from Tcl 9.
    pub magic: c_int,
    _hooks: *const c_void,
    /// Slot 0.
    pub tcl_PkgProvideEx: Option<
        unsafe extern "C" fn(
            interp: *mut Tcl_Interp,
            name: *const c_char,
            version: *const c_char,
            clientData: *const c_void,
        ) -> c_int,
    >,
    /// Slot 1.
    pub tcl_PkgRequireEx: Option<
        unsafe extern "C" fn(
            interp: *mut Tcl_Interp,
            name: *const c_char,
            version: *const c_char,
            exact: c_int,
            clientDataPtr: *mut c_void,
        ) -> *const c_char,
    >,
    _gap2: [Unused; 17],
    /// Slot 19.
    pub tcl_DbDecrRefCount:
        Option<unsafe extern "C" fn(objPtr: *mut Tcl_Obj, file: *const c_char, line: c_int)>,
    /// Slot 20.
    pub tcl_DbIncrRefCount:
        Option<unsafe extern "C" fn(objPtr: *mut Tcl_Obj, file: *const c_char, line: c_int)>,
    _gap21: [Unused; 20],
    /// Slot 41.
    pub tcl_GetStringFromObj:
        Option<unsafe extern "C" fn(objPtr: *mut Tcl_Obj, lengthPtr: *mut c_int) -> *mut c_char>,
    _gap42: [Unused; 3],
    /// Slot 45.
    pub tcl_ListObjGetElements: Option<
        unsafe extern "C" fn(
            interp: *mut Tcl_Interp,
            listPtr: *mut Tcl_Obj,
            objcPtr: *mut c_int,
            objvPtr: *mut *mut *mut Tcl_Obj,
        ) -> c_int,
    >,
    _gap46: [Unused; 4],
    /// Slot 50.
    pub tcl_NewByteArrayObj:
        Option<unsafe extern "C" fn(bytes: *const c_uchar, length: isize) -> *mut Tcl_Obj>,
    /// Slot 51.
    pub tcl_NewDoubleObj: Option<unsafe extern "C" fn(doubleValue: f64) -> *mut Tcl_Obj>,
    _gap52: [Unused; 1],
    /// Slot 53.
    pub tcl_NewListObj:
        Option<unsafe extern "C" fn(objc: isize, objv: *const *mut Tcl_Obj) -> *mut Tcl_Obj>,
    _gap54: [Unused; 2],
    /// Slot 56.
    pub tcl_NewStringObj:
        Option<unsafe extern "C" fn(bytes: *const c_char, length: isize) -> *mut Tcl_Obj>,
    _gap57: [Unused; 36],
    /// Slot 93.
    pub tcl_CreateExitHandler:
        Option<unsafe extern "C" fn(proc_: Tcl_ExitProc, clientData: ClientData)>,
    _gap94: [Unused; 10],
    /// Slot 104.
    pub tcl_DeleteCommandFromToken:
        Option<unsafe extern "C" fn(interp: *mut Tcl_Interp, command: Tcl_Command) -> c_int>,
    _gap105: [Unused; 80],
    /// Slot 185.
    pub tcl_IsSafe: Option<unsafe extern "C" fn(interp: *mut Tcl_Interp) -> c_int>,
    _gap186: [Unused; 10],
    /// Slot 196.
    pub tcl_ObjSetVar2: Option<
        unsafe extern "C" fn(
            interp: *mut Tcl_Interp,
            part1Ptr: *mut Tcl_Obj,
            part2Ptr: *mut Tcl_Obj,
            newValuePtr: *mut Tcl_Obj,
            flags: c_int,
        ) -> *mut Tcl_Obj,
    >,
    _gap197: [Unused; 4],
    /// Slot 201.
    pub tcl_Preserve: Option<unsafe extern "C" fn(data: ClientData)>,
    _gap202: [Unused; 14],
    /// Slot 216.
    pub tcl_Release: Option<unsafe extern "C" fn(clientData: ClientData)>,
    /// Slot 217.
    pub tcl_ResetResult: Option<unsafe extern "C" fn(interp: *mut Tcl_Interp)>,
    _gap218: [Unused; 16],
    /// Slot 234.
    pub tcl_SetObjErrorCode:
        Option<unsafe extern "C" fn(interp: *mut Tcl_Interp, errorObjPtr: *mut Tcl_Obj)>,
    /// Slot 235.
    pub tcl_SetObjResult:
        Option<unsafe extern "C" fn(interp: *mut Tcl_Interp, resultObjPtr: *mut Tcl_Obj)>,
    _gap236: [Unused; 18],
    /// Slot 254.
    pub tcl_UnsetVar2: Option<
        unsafe extern "C" fn(
            interp: *mut Tcl_Interp,
            part1: *const c_char,
            part2: *const c_char,
            flags: c_int,
        ) -> c_int,
    >,
    _gap255: [Unused; 38],
    /// Slot 293.
    pub tcl_EvalObjEx: Option<
        unsafe extern "C" fn(interp: *mut Tcl_Interp, objPtr: *mut Tcl_Obj, flags: c_int) -> c_int,
    >,
    _gap294: [Unused; 194],
    /// Slot 488.
    pub tcl_NewWideIntObj: Option<unsafe extern "C" fn(wideValue: Tcl_WideInt) -> *mut Tcl_Obj>,
    _gap489: [Unused; 26],
    /// Slot 515.
    pub tcl_FindCommand: Option<
        unsafe extern "C" fn(
            interp: *mut Tcl_Interp,
            name: *const c_char,
            contextNsPtr: *mut Tcl_Namespace,
            flags: c_int,
        ) -> Tcl_Command,
    >,
    _gap516: [Unused; 23],
    /// Slot 539.
    pub tcl_GetReturnOptions:
        Option<unsafe extern "C" fn(interp: *mut Tcl_Interp, result: c_int) -> *mut Tcl_Obj>,
    _gap540: [Unused; 34],
    /// Slot 574.
    pub tcl_AppendObjToErrorInfo:
        Option<unsafe extern "C" fn(interp: *mut Tcl_Interp, objPtr: *mut Tcl_Obj)>,
    _gap575: [Unused; 8],
    /// Slot 583.
    pub tcl_NRCreateCommand: Option<
        unsafe extern "C" fn(
            interp: *mut Tcl_Interp,
            cmdName: *const c_char,
            proc_: Tcl_ObjCmdProc,
            nreProc: Tcl_ObjCmdProc,
            clientData: ClientData,
            deleteProc: Tcl_CmdDeleteProc,
        ) -> Tcl_Command,
    >,
    /// Slot 584.
    pub tcl_NREvalObj: Option<
        unsafe extern "C" fn(interp: *mut Tcl_Interp, objPtr: *mut Tcl_Obj, flags: c_int) -> c_int,
    >,
    _gap585: [Unused; 2],
    /// Slot 587.
    pub tcl_NRAddCallback: Option<
        unsafe extern "C" fn(
            interp: *mut Tcl_Interp,
            postProcPtr: Tcl_NRPostProc,
            data0: ClientData,
            data1: ClientData,
            data2: ClientData,
            data3: ClientData,
        ),
    >,
    /// Slot 588.
    pub tcl_NRCallObjProc: Option<
        unsafe extern "C" fn(
            interp: *mut Tcl_Interp,
            objProc: Tcl_ObjCmdProc,
            clientData: ClientData,
            objc: isize,
            objv: *const *mut Tcl_Obj,
        ) -> c_int,
    >,
}
