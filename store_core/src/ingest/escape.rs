//! Backslash escapes.

/// Appends what a field with backslash escapes stands for, as far as they are right; else says what is wrong.
///
/// `\t`, `\n`, `\r`, `\\` and a backslash before the delimiter are escapes. `\N` alone, the mark for NULL, stands for
/// nothing.
///
/// ```
/// use store_core::ingest::unescape;
/// let mut value = Vec::new();
/// unescape(br"one\ttwo\\", b'\t', &mut value)?;
/// assert_eq!(value, b"one\ttwo\\");
/// assert_eq!(unescape(br"\x", b'\t', &mut value).unwrap_err(), r"unknown escape \x");
/// # Ok::<_, String>(())
/// ```
pub fn unescape(field: &[u8], delimiter: u8, out: &mut Vec<u8>) -> Result<(), String> {
    let mut bytes = field.iter();
    while let Some(byte) = bytes.next() {
        let value = match byte {
            b'\\' => match bytes.next() {
                Some(b't') => b'\t',
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b'\\') => b'\\',
                Some(next) if *next == delimiter => delimiter,
                _ if field == b"\\N" => break, // it only stands alone
                Some(next) => return Err(format!("unknown escape \\{}", next.escape_ascii())),
                None => return Err("a backslash at the end of the record".to_owned()),
            },
            byte => *byte,
        };
        out.push(value);
    }
    Ok(())
}
