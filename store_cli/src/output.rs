//! Where words go: data to standard output, talk to standard error.

use crate::failure::Failure;
use std::io::{BufWriter, IsTerminal, StdoutLock, Write};
use store_core::Error;

/// Bytes written to standard output at once.
const OUTPUT_BYTES: usize = 64 << 10;

/// Says a line on standard error; if nobody listens there, there is nobody to tell.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Standard output with a buffer. What is left in it is written when it is dropped.
pub fn data() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(OUTPUT_BYTES, std::io::stdout().lock())
}

/// True if people read standard output.
pub fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Prints text as it is.
pub fn print(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut out = data();
    let written = out.write_all(text.as_ref()).and_then(|()| out.flush());
    written.map_err(|error| Failure::of_output(Error::io("output", error)))
}

/// Prints a line.
pub fn print_line(text: &str) -> Result<(), Failure> {
    print(format!("{text}\n"))
}

/// Prints a value as JSON that people can read too.
pub fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    print_line(&format!("{value:#}"))
}
