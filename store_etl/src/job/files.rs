//! Which files a scan means.

use std::fs;
use std::path::{Path, PathBuf};
use store_core::query::{Case, Pattern};
use store_core::{Error, Result};

/// Most files of one scan: their names are in memory.
const FILES_MAX: usize = 100_000;

/// A file to read, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InputFile {
    pub path: PathBuf,
    /// Its size, if it is a plain file.
    pub bytes: Option<u64>,
}

impl InputFile {
    /// What messages call it.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub fn is_stdin(&self) -> bool {
        self.path == Path::new("-")
    }

    /// True if it can be read once only: standard input, a pipe.
    pub const fn is_stream(&self) -> bool {
        self.bytes.is_none()
    }
}

/// The files of a name, or of a pattern in the order of their names; none is an error.
pub(super) fn find(source: &str) -> Result<Vec<InputFile>> {
    if source == "-" {
        return Ok(vec![InputFile { path: "-".into(), bytes: None }]);
    }
    if source.contains("://") {
        return Err(Error::unsupported(format!("{source}: only files are read, no object stores")));
    }
    let path = Path::new(source);
    if !source.contains(['*', '?', '[']) || path.exists() {
        return Ok(vec![file(path)?]);
    }
    let mut found = vec![if path.is_absolute() { PathBuf::from("/") } else { PathBuf::new() }];
    for part in source.split('/').filter(|part| !part.is_empty()) {
        found = step(&found, part)?;
    }
    if found.is_empty() {
        return Err(Error::not_found(format!("{source}: no file matches")).detail(source));
    }
    found.iter().map(|path| file(path)).collect()
}

/// The entries of directories that match one part of a pattern.
fn step(below: &[PathBuf], part: &str) -> Result<Vec<PathBuf>> {
    if !part.contains(['*', '?', '[']) {
        let joined = below.iter().map(|path| path.join(part));
        return Ok(joined.filter(|path| path.exists()).collect());
    }
    let matcher = Pattern::glob(part, Case::Sensitive).compile()?;
    let mut found = Vec::new();
    for directory in below {
        let listed = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let Ok(entries) = fs::read_dir(listed) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            // As in a shell, hidden files have to be named.
            if matcher.matches(name) && (!name.starts_with('.') || part.starts_with('.')) {
                found.push(directory.join(name));
            }
        }
        if found.len() > FILES_MAX {
            return Err(Error::invalid(format!("more than {FILES_MAX} files match")));
        }
    }
    found.sort();
    Ok(found)
}

fn file(path: &Path) -> Result<InputFile> {
    let name = path.display();
    let known = fs::metadata(path).map_err(|error| Error::io(name, error))?;
    if known.is_dir() {
        return Err(Error::invalid(format!("{}: is a directory, not a file", path.display())));
    }
    Ok(InputFile { path: path.to_owned(), bytes: known.is_file().then_some(known.len()) })
}
