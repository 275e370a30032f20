//! What C passes in: pointers and lengths, checked before they are followed.

use store_core::{Error, Result};

/// A place for a result: not NULL, aligned.
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// Checks the place and fills it with what a failed call leaves there.
    pub(crate) fn new(place: *mut T, name: &str, empty: T) -> Result<Self> {
        if place.is_null() {
            return Err(Error::invalid(format!("`{name}` is NULL")));
        }
        if !place.is_aligned() {
            return Err(Error::invalid(format!("`{name}` is misaligned")));
        }
        let out = Self(place);
        out.set(empty);
        Ok(out)
    }

    /// [`Out::new`] for a place that may be NULL.
    pub(crate) fn optional(place: *mut T, name: &str, empty: T) -> Result<Option<Self>> {
        if place.is_null() { Ok(None) } else { Self::new(place, name, empty).map(Some) }
    }

    /// Writes the result.
    pub(crate) fn set(&self, value: T) {
        // SAFETY: checked when made; the caller owns the place for the length of the call.
        unsafe { self.0.write(value) }
    }
}

impl<H> Out<*mut H> {
    /// A place for a handle, NULL for now.
    pub(crate) fn handle(place: *mut *mut H, name: &str) -> Result<Self> {
        Self::new(place, name, std::ptr::null_mut())
    }
}

/// Two places for bytes that are lent.
pub(crate) struct BytesOut {
    data: Out<*const u8>,
    len: Out<usize>,
}

impl BytesOut {
    /// Checks the places and fills them with nothing.
    pub(crate) fn new(data_out: *mut *const u8, len_out: *mut usize) -> Result<Self> {
        let data = Out::new(data_out, "data_out", std::ptr::null())?;
        Ok(Self { data, len: Out::new(len_out, "len_out", 0)? })
    }

    /// Writes the result; whoever holds the bytes outlives the borrow.
    pub(crate) fn set(&self, bytes: &[u8]) {
        self.data.set(bytes.as_ptr());
        self.len.set(bytes.len());
    }
}

/// An array of the caller's; NULL only if it is empty.
pub(crate) fn slice<'a, T>(data: *const T, len: usize, name: &str) -> Result<&'a [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Error::invalid(format!("`{name}` is NULL, its length {len}")));
    }
    if !data.is_aligned() {
        return Err(Error::invalid(format!("`{name}` is misaligned")));
    }
    let bytes = len.checked_mul(size_of::<T>().max(1));
    if bytes.is_none_or(|bytes| bytes > isize::MAX as usize) {
        return Err(Error::invalid(format!("`{name}` has an impossible length: {len}")));
    }
    // SAFETY: not NULL, aligned, of a possible size; that it holds `len` elements until the call
    // returns is the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// UTF-8 of the caller's; NULL is refused.
pub(crate) fn text<'a>(data: *const u8, len: usize, name: &str) -> Result<&'a str> {
    if data.is_null() {
        return Err(Error::invalid(format!("`{name}` is NULL")));
    }
    let bytes = slice(data, len, name)?;
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Error::invalid(format!("`{name}` is not UTF-8: byte {at} is bad")).caused_by(error)
    })
}

/// A yes or no.
pub(crate) fn flag(value: i32, name: &str) -> Result<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Error::invalid(format!("`{name}` is {value}: must be 0 or 1"))),
    }
}

/// One of the values of an enum of the header.
pub(crate) fn choice<T: Copy>(value: i32, choices: &[(i32, T)], name: &str) -> Result<T> {
    let found = choices.iter().find(|choice| choice.0 == value);
    found.map(|choice| choice.1).ok_or_else(|| Error::invalid(format!("`{name}` is {value}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_pointers_and_lengths_are_errors() {
        let words = [1_u64, 2];
        assert_eq!(slice(words.as_ptr(), 2, "words").unwrap(), &words);
        assert!(slice(std::ptr::null::<u64>(), 0, "words").unwrap().is_empty());
        assert!(slice(std::ptr::null::<u64>(), 1, "words").is_err());
        assert!(slice(words.as_ptr(), usize::MAX / 4, "words").is_err());
        assert!(slice(words.as_ptr().cast::<u8>(), isize::MAX as usize + 1, "bytes").is_err());
        let crooked = std::ptr::without_provenance::<u64>(1);
        assert!(slice(crooked, 1, "words").unwrap_err().to_string().contains("misaligned"));
    }

    #[test]
    fn text_must_be_utf8() {
        assert_eq!(text(c"é".as_ptr().cast(), 2, "name").unwrap(), "é");
        assert!(text(c"é".as_ptr().cast(), 1, "name").unwrap_err().to_string().contains("byte 0"));
        assert!(text(std::ptr::null(), 0, "name").is_err());
    }
}
