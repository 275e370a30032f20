//! Regenerates `src/stubs/bindings.rs` from tcl.h with bindgen and compares.
//!
//! `STORE_BLESS=1 cargo test -p store_tcl --features bindgen --test bindings` writes the file.
//! tcl.h is looked for in `TCL_INCLUDE`, else in /usr/include/tcl8.6; bindgen needs libclang.

use quote::ToTokens;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// The functions the extension calls, by their names in the stub table.
const WANTED: [&str; 29] = [
    "tcl_PkgProvideEx",
    "tcl_PkgRequireEx",
    "tcl_DbDecrRefCount",
    "tcl_DbIncrRefCount",
    "tcl_GetStringFromObj",
    "tcl_ListObjGetElements",
    "tcl_NewByteArrayObj",
    "tcl_NewDoubleObj",
    "tcl_NewListObj",
    "tcl_NewStringObj",
    "tcl_CreateExitHandler",
    "tcl_DeleteCommandFromToken",
    "tcl_IsSafe",
    "tcl_ObjSetVar2",
    "tcl_Preserve",
    "tcl_Release",
    "tcl_ResetResult",
    "tcl_SetObjErrorCode",
    "tcl_SetObjResult",
    "tcl_UnsetVar2",
    "tcl_EvalObjEx",
    "tcl_NewWideIntObj",
    "tcl_FindCommand",
    "tcl_GetReturnOptions",
    "tcl_AppendObjToErrorInfo",
    "tcl_NRCreateCommand",
    "tcl_NREvalObj",
    "tcl_NRAddCallback",
    "tcl_NRCallObjProc",
];

/// Types beside the table, taken over as bindgen gives them.
const ALIASES: [&str; 7] = [
    "Tcl_Command",
    "Tcl_WideInt",
    "ClientData",
    "Tcl_ObjCmdProc",
    "Tcl_CmdDeleteProc",
    "Tcl_ExitProc",
    "Tcl_NRPostProc",
];

/// Lengths taken by value are `int` in 8.6 and pointer-sized in 9.0: passed pointer-sized, which
/// the calling conventions of the 64-bit platforms read rightly as `int` too.
const SIZES: [(&str, &str); 4] = [
    ("tcl_NewByteArrayObj", "length"),
    ("tcl_NewListObj", "objc"),
    ("tcl_NewStringObj", "length"),
    ("tcl_NRCallObjProc", "objc"),
];

const HEAD: &str = "\
//! The part of Tcl's stub table that the extension calls, from tcl.h of Tcl 8.6.
//!
//! Made by bindgen through `tests/bindings.rs`; not edited by hand. Every slot used has the same
//! place and meaning in Tcl 9.0.

use core::ffi::{c_char, c_int, c_longlong, c_uchar, c_void};

/// A slot that nobody calls.
pub type Unused = Option<unsafe extern \"C\" fn()>;

/// An interpreter, opaque.
#[repr(C)]
pub struct Tcl_Interp(c_int);

/// A value, opaque: its fields differ between Tcl 8 and 9.
#[repr(C)]
pub struct Tcl_Obj(c_int);

/// A namespace, opaque.
#[repr(C)]
pub struct Tcl_Namespace(c_int);
";

fn tidy(tokens: impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (from, to) in [
        (":: std :: os :: raw :: ", ""),
        (":: std :: option :: Option", "Option"),
        ("* mut Tcl_Command_", "*mut c_void"),
    ] {
        text = text.replace(from, to);
    }
    text
}

fn generate() -> String {
    let include = std::env::var("TCL_INCLUDE").unwrap_or("/usr/include/tcl8.6".to_owned());
    let bindings = bindgen::Builder::default()
        .header(format!("{include}/tcl.h"))
        .allowlist_type("TclStubs")
        .layout_tests(false)
        .generate_comments(false)
        .formatter(bindgen::Formatter::None)
        .generate()
        .expect("bindgen reads tcl.h");
    let file = syn::parse_file(&bindings.to_string()).expect("bindgen writes Rust");
    let mut out = HEAD.to_owned();
    for alias in ALIASES {
        let ty = file.items.iter().find_map(|item| match item {
            syn::Item::Type(item) if item.ident == alias => Some(tidy(&item.ty)),
            _ => None,
        });
        let ty = ty.unwrap_or_else(|| panic!("tcl.h has no type {alias}"));
        write!(out, "\n/// `{alias}`.\npub type {alias} = {ty};\n").expect("a string takes all");
    }
    let stubs = file.items.iter().find_map(|item| match item {
        syn::Item::Struct(item) if item.ident == "TclStubs" => Some(item),
        _ => None,
    });
    write_table(stubs.expect("tcl.h has the stub table"), &mut out);
    format(&out)
}

fn write_table(stubs: &syn::ItemStruct, out: &mut String) {
    out.push_str(
        "\n/// The stub table up to the last slot used.\n#[repr(C)]\npub struct TclStubs {\n",
    );
    out.push_str("/// Tells Tcl 8 from Tcl 9.\npub magic: c_int,\n_hooks: *const c_void,\n");
    let (mut gap, mut found) = (0, 0);
    for (slot, field) in stubs.fields.iter().skip(2).enumerate() {
        let name = field.ident.as_ref().expect("a field has a name").to_string();
        if !WANTED.contains(&name.as_str()) {
            gap += 1;
            continue;
        }
        if gap > 0 {
            writeln!(out, "_gap{}: [Unused; {gap}],", slot - gap).expect("a string takes all");
        }
        let mut ty = tidy(&field.ty);
        for (function, parameter) in SIZES {
            if function == name {
                let from = format!("{parameter} : c_int");
                assert!(ty.contains(&from), "{name} has no {from}");
                ty = ty.replace(&from, &format!("{parameter} : isize"));
            }
        }
        writeln!(out, "/// Slot {slot}.\npub {name}: {ty},").expect("a string takes all");
        (gap, found) = (0, found + 1);
    }
    assert_eq!(found, WANTED.len(), "a wanted function is not in tcl.h");
    out.push_str("}\n");
}

fn format(text: &str) -> String {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config", "max_width=100,use_small_heuristics=Max"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("rustfmt runs");
    let mut input = rustfmt.stdin.take().expect("it was piped");
    input.write_all(text.as_bytes()).expect("rustfmt reads");
    drop(input);
    let done = rustfmt.wait_with_output().expect("rustfmt ends");
    assert!(done.status.success(), "rustfmt refused the bindings");
    String::from_utf8(done.stdout).expect("rustfmt writes UTF-8")
}

#[test]
fn bindings_agree_with_the_header() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/stubs/bindings.rs");
    let fresh = generate();
    if std::env::var_os("STORE_BLESS").is_some() {
        std::fs::write(path, &fresh).expect("the file can be written");
    }
    let known = std::fs::read_to_string(path).unwrap_or_default();
    assert!(known == fresh, "src/stubs/bindings.rs is not what bindgen makes of tcl.h");
}
