//! The committed header is what the sources say.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

/// The sources in the header's order, each with the noun above its functions.
const SOURCES: [(&str, &str); 18] = [
    ("version", "version"),
    ("status", "status"),
    ("error", "errors"),
    ("text", "texts"),
    ("value", "values"),
    ("options", "options of a store"),
    ("db", "stores"),
    ("txn", "transactions"),
    ("table", "tables"),
    ("get", "reading a row"),
    ("row", "rows"),
    ("write", "writing rows"),
    ("write_rows", "many rows at once"),
    ("query", "queries"),
    ("write_where", "writing rows by what they hold"),
    ("cold", "rows out of memory and back"),
    ("cursor", "cursors"),
    ("stats", "numbers and checks"),
];
/// After those above.
const INGEST_SOURCES: [(&str, &str); 4] = [
    ("ingest_options", "options of an ingest"),
    ("ingest", "loading text"),
    ("job_options", "options of a job"),
    ("job", "jobs"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> impl Iterator<Item = (&'static str, &'static str)> {
    SOURCES.into_iter().chain(INGEST_SOURCES)
}

fn source_text(name: &str) -> String {
    std::fs::read_to_string(root().join(format!("src/{name}.rs"))).unwrap()
}

/// The names of the functions that a source exports, in order.
fn functions(name: &str) -> Vec<String> {
    let text = source_text(name);
    let exported = text.split("#[unsafe(no_mangle)]").skip(1);
    let name = |part: &str| {
        let after = part.split_once(" fn ").unwrap().1;
        after.split('(').next().unwrap().to_owned()
    };
    exported.map(name).collect()
}

fn generate() -> String {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for (name, _) in sources() {
        builder = builder.with_src(root().join(format!("src/{name}.rs")));
    }
    let mut bytes = Vec::new();
    builder.generate().unwrap().write(&mut bytes);
    let mut header = String::from_utf8(bytes).unwrap();
    for (name, noun) in sources() {
        header = with_heading(&header, &functions(name)[0], noun);
    }
    header
}

/// Puts a heading above the comment of a function.
fn with_heading(header: &str, function: &str, noun: &str) -> String {
    let functions = header.find("\nSTORE_API ").expect("functions come last");
    let at = functions + header[functions..].find(&format!("{function}(")).expect("declared");
    let comment = header[..at].rfind("\n/*").expect("it has a comment") + 1;
    format!("{}/* ---- {noun} ---- */\n\n{}", &header[..comment], &header[comment..])
}

fn header_path() -> PathBuf {
    root().join("../include/store.h")
}

#[test]
fn the_header_is_up_to_date() {
    let wanted = generate();
    if std::env::var_os("STORE_UPDATE_HEADER").is_some() {
        std::fs::create_dir_all(root().join("../include")).unwrap();
        std::fs::write(header_path(), &wanted).unwrap();
    }
    let found = std::fs::read_to_string(header_path()).unwrap_or_default();
    assert!(
        found == wanted,
        "include/store.h has drifted: STORE_UPDATE_HEADER=1 cargo test -p store_ffi --test header"
    );
}

#[test]
fn every_source_is_in_the_header() {
    let inner = ["lib", "args", "cell", "handle", "panic"];
    for entry in std::fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = Path::new(path.file_stem().unwrap()).to_str().unwrap().to_owned();
        assert!(
            inner.contains(&name.as_str()) || sources().any(|source| source.0 == name),
            "{name}.rs is not named in this test"
        );
    }
}

#[test]
fn every_function_says_its_thread_rule_and_since() {
    for (name, _) in sources() {
        let text = source_text(name);
        let parts: Vec<&str> = text.split("#[unsafe(no_mangle)]").collect();
        for (part, function) in parts.iter().zip(functions(name)) {
            let doc: Vec<&str> =
                part.lines().rev().take_while(|line| line.starts_with("///")).collect();
            let doc: Vec<&str> = doc.iter().rev().map(|line| line[3..].trim()).collect();
            let doc = doc.join(" ");
            assert!(doc.ends_with("Since 0.1."), "{function}: {doc}");
            assert!(
                doc.contains("hread-safe") || doc.contains("One thread at a time"),
                "{function} has no thread rule"
            );
        }
    }
}

#[test]
fn the_test_of_nulls_calls_every_function() {
    let test = std::fs::read_to_string(root().join("tests/c/nulls.c")).unwrap();
    for (name, _) in sources() {
        for function in functions(name) {
            assert!(test.contains(&format!("{function}(")), "{function} is not called with NULL");
        }
    }
}
