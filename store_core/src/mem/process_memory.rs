//! What the system says this process holds.

/// Resident memory of this process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessMemory {
    /// Now.
    pub resident: u64,
    /// The most so far; it never falls.
    pub peak: u64,
}

/// Asks the system; `None` where it does not say (`/proc` is not there).
///
/// ```
/// let memory = store_core::mem::process_memory().expect("Linux says");
/// assert!(memory.resident > 0 && memory.peak >= memory.resident / 2);
/// ```
pub fn process_memory() -> Option<ProcessMemory> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kilobytes * 1024)
    };
    Some(ProcessMemory { resident: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
}
