//! The house rules that a compiler does not check: the direction of imports, the length of files
//! and functions, where `unsafe` may stand, no paths of somebody's machine.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file of the workspace that Git would show, by these endings.
fn files(under: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(under) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().is_ok_and(|ty| ty.is_dir()) {
            if !name.starts_with('.') && !matches!(name.as_str(), "target" | "stage" | "data") {
                files(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

fn rust_files(under: &str) -> Vec<(String, String)> {
    let root = workspace();
    let mut found = Vec::new();
    files(&root.join(under), &[".rs"], &mut found);
    found.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        (name, std::fs::read_to_string(&path).unwrap())
    };
    found.into_iter().map(read).collect()
}

fn is_test(name: &str) -> bool {
    name.starts_with("tests/")
        || name.contains("/tests/")
        || name.ends_with("tests.rs")
        || name.contains("/testing")
}

/// The modules of each layer, highest first, as the core's own documentation lists them.
fn layers() -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(workspace().join("store_core/src/lib.rs")).unwrap();
    let list = text.split("Modules, imports downwards only:").nth(1).unwrap();
    let list = list.split("```").nth(1).unwrap();
    let modules = |line: &str| -> Vec<String> {
        let names =
            line.trim_start_matches("//!").split("   ").find(|part| !part.trim().is_empty());
        let words = names.unwrap_or_default().split_whitespace();
        words.filter(|word| *word != "text").map(str::to_owned).collect()
    };
    list.lines().map(modules).filter(|layer| !layer.is_empty()).collect()
}

#[test]
fn imports_go_down_only() {
    let layers = layers();
    assert!(layers.len() >= 6, "{layers:?}");
    let layer_of = |module: &str| layers.iter().position(|layer| layer.iter().any(|m| m == module));
    let mut upward = Vec::new();
    let mut seen = 0;
    for (name, text) in rust_files("store_core/src") {
        let module = name.trim_start_matches("store_core/src/").split(['/', '.']).next().unwrap();
        let Some(own) = layer_of(module) else { continue };
        if is_test(&name) {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for import in line.split("crate::").skip(1) {
                let target: String =
                    import.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let Some(theirs) = layer_of(&target) else { continue };
                seen += 1;
                if theirs < own {
                    upward.push(format!("{name}: {module} imports {target}"));
                }
            }
        }
    }
    assert!(seen > 100, "{seen} imports looked at");
    assert!(upward.is_empty(), "{upward:#?}");
}

#[test]
fn files_are_short() {
    let too_long = |(name, text): (String, String)| {
        let lines = text.lines().count();
        (lines > FILE_LINES_MAX && !is_test(&name)).then(|| format!("{name}: {lines} lines"))
    };
    let long: Vec<String> = rust_files("").into_iter().filter_map(too_long).collect();
    assert!(long.is_empty(), "{long:#?}");
}

/// Lengths of the functions of a file, counted in lines from `fn` to the brace that ends it at the
/// same depth; good enough for formatted code.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        let head = trimmed.split(" fn ").next().unwrap_or_default();
        let is_function = trimmed.starts_with("fn ")
            || (trimmed.contains(" fn ")
                && head.split_whitespace().all(|word| {
                    word.starts_with("pub")
                        || matches!(word, "const" | "unsafe" | "extern" | "\"C\"")
                }));
        // A declaration in a trait has no body.
        if !is_function || trimmed.ends_with(';') {
            continue;
        }
        let end = format!("{}}}", " ".repeat(indent));
        if let Some(len) = lines[start..].iter().position(|line| *line == end) {
            found.push((trimmed.to_owned(), len + 1));
        }
    }
    found
}

#[test]
fn functions_are_short() {
    let mut long = Vec::new();
    for (name, text) in rust_files("").into_iter().filter(|file| !is_test(&file.0)) {
        for (head, lines) in functions(&text) {
            if lines > FUNCTION_LINES_MAX {
                long.push(format!("{name}: {lines} lines: {head}"));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn unsafe_stands_where_it_may() {
    let allowed = |name: &str| {
        name.starts_with("store_core/src/mem/")
            || name.starts_with("store_core/src/mvcc/chain")
            || name == "store_core/src/mvcc/prune.rs"
            || name.starts_with("store_core/src/index/")
            // A question to the system about an open file.
            || name == "store_core/src/wal/removed.rs"
            // Plain memory that a model watches.
            || name.starts_with("store_core/src/models/")
            // Signals and an allocator.
            || name == "tests/isolation/stopped.rs"
            // A fork.
            || name == "tests/crash/processes.rs"
            // An allocator.
            || name == "tests/fuzz/memory.rs"
            || name.starts_with("store_ffi/")
            || name.starts_with("store_tcl/")
    };
    let mut strays = Vec::new();
    let mut counted = 0;
    for (name, text) in rust_files("") {
        let is_code = |line: &&str| {
            let line = line.trim_start();
            // Cut strings and comments that only speak of it, and the lints' names.
            !line.starts_with("//") && !line.contains("unsafe_code") && !line.contains("\"unsafe")
        };
        let word = |line: &str| {
            line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == "unsafe")
        };
        let uses = text.lines().filter(is_code).filter(|line| word(line)).count();
        counted += uses;
        if uses > 0 && !allowed(&name) && !name.starts_with("tests/tidy") {
            strays.push(format!("{name}: {uses}"));
        }
    }
    assert!(counted > 20, "{counted} uses counted");
    assert!(strays.is_empty(), "{strays:#?}");
}

#[test]
fn nothing_names_a_machine() {
    // Put together here, so that this file does not hold them.
    let needles =
        [["/wo", "rk/"], ["/ho", "me/"], ["/ro", "ot/"], ["/tm", "p/wt"], ["/Us", "ers/"]]
            .map(|parts| parts.concat());
    let mut found = Vec::new();
    let endings = [".rs", ".toml", ".md", ".sh", ".h", ".hpp", ".tcl", ".yml", ".yaml", "Makefile"];
    files(&workspace(), &endings, &mut found);
    let mut named = Vec::new();
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            if needles.iter().any(|needle| line.contains(needle.as_str())) {
                named.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert!(named.is_empty(), "{named:#?}");
}
