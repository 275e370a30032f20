//! Which version this is.

use std::ffi::{CStr, c_char};

/// Major version of this header. Since 0.1.
pub const STORE_VERSION_MAJOR: u32 = 0;
/// Minor version of this header. Since 0.1.
pub const STORE_VERSION_MINOR: u32 = 1;
/// Patch version of this header. Since 0.1.
pub const STORE_VERSION_PATCH: u32 = 0;

const VERSION: &CStr = c"0.1.0";

/// Returns the version of the library in use, as in "0.1.0": static, never freed.
///
/// Compare it with STORE_VERSION_MAJOR and the others, which say what you compiled against.
/// Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn store_version() -> *const c_char {
    VERSION.as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_versions_agree() {
        let header = format!("{STORE_VERSION_MAJOR}.{STORE_VERSION_MINOR}.{STORE_VERSION_PATCH}");
        assert_eq!(header, env!("CARGO_PKG_VERSION"));
        assert_eq!(VERSION.to_str(), Ok(header.as_str()));
    }
}
