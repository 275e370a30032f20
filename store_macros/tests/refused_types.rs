//! What does not fit a column's type does not compile, and the compiler points at it.
//!
//! A case marks each line that must be refused with `//~` and words of the message; no other line
//! may be. The compiler's own words around ours change with its version, so they are not compared.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The cases by name.
fn cases() -> BTreeMap<String, PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/refused_types");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), path)).collect()
}

/// Makes a package whose programs are the cases, and gives what the compiler said of each.
fn compiled(cases: &BTreeMap<String, PathBuf>) -> BTreeMap<String, Vec<Value>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("refused_types");
    let mut manifest =
        String::from("[workspace]\n[package]\nname = \"cases\"\nedition = \"2024\"\n");
    let core = workspace.join("store_core").display().to_string();
    writeln!(manifest, "[dependencies]\nstore_core.path = {core:?}").unwrap();
    for (name, path) in cases {
        let path = path.display().to_string();
        writeln!(manifest, "[[bin]]\nname = {name:?}\npath = {path:?}").unwrap();
    }
    std::fs::create_dir_all(&package).unwrap();
    std::fs::write(package.join("Cargo.toml"), manifest).unwrap();
    std::fs::copy(workspace.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["check", "--bins", "--keep-going", "--offline", "--message-format=json"])
        .current_dir(&package)
        .env("CARGO_TARGET_DIR", package.join("target"))
        .output()
        .unwrap();
    let mut said: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let target = line["target"]["name"].as_str().unwrap_or_default();
        if line["reason"] == "compiler-message" && cases.contains_key(target) {
            said.entry(target.to_owned()).or_default().push(line["message"].clone());
        }
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.len(), cases.len(), "not every case was compiled and refused:\n{stderr}");
    said
}

/// The lines that the errors of a case point at, with what they say.
fn refusals(messages: &[Value]) -> Vec<(u64, String)> {
    let errors = messages.iter().filter(|message| message["level"] == "error");
    let places = errors.flat_map(|message| {
        let spans = message["spans"].as_array().cloned().unwrap_or_default();
        let places = spans.into_iter().filter(|span| span["is_primary"] == true);
        let said = message["rendered"].as_str().unwrap().to_owned();
        places.map(move |span| (span["line_start"].as_u64().unwrap(), said.clone()))
    });
    places.collect()
}

#[test]
fn what_does_not_fit_a_columns_type_is_refused_where_it_stands() {
    let cases = cases();
    assert!(cases.len() >= 10, "{cases:?}");
    for (name, messages) in compiled(&cases) {
        let refusals = refusals(&messages);
        let text = std::fs::read_to_string(&cases[&name]).unwrap();
        let mut marked = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let Some((_, words)) = text.split_once("//~ ") else { continue };
            marked.push(line);
            let is_said = |said: &(u64, String)| said.0 == line && said.1.contains(words);
            assert!(refusals.iter().any(is_said), "{name}:{line}: not refused so: {refusals:#?}");
        }
        assert!(!marked.is_empty(), "{name} marks no line");
        let stray = refusals.iter().find(|(line, _)| !marked.contains(line));
        assert!(stray.is_none(), "{name}: refused elsewhere: {stray:#?}");
    }
}
