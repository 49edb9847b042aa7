//! Which loads and stores of a kernel in Rust are meant to be atomic, from its debug information.

use std::path::Path;

use addr2line::Loader;
use emu::symbols::accesses;

/// Returns the addresses of the instructions that come from the functions of `core::sync::atomic`,
/// or from volatile accesses; none for a kernel without debug information.
pub fn addresses(path: &Path, kernel: &[u8]) -> Vec<u64> {
    let Ok(loader) = Loader::new(path) else {
        return Vec::new();
    };
    accesses(kernel)
        .into_iter()
        .filter(|&address| is_meant(&loader, address))
        .collect()
}

/// Returns whether the source means the instruction to be atomic. Its innermost function decides,
/// for an atomic operation calls nobody.
fn is_meant(loader: &Loader, address: u64) -> bool {
    let Ok(mut frames) = loader.find_frames(address) else {
        return false;
    };
    let Ok(Some(frame)) = frames.next() else {
        return false;
    };
    let file = frame.location.and_then(|place| place.file).unwrap_or("");
    if file.ends_with("core/src/sync/atomic.rs") {
        return true;
    }
    let name = frame
        .function
        .as_ref()
        .and_then(|name| name.raw_name().ok());
    name.is_some_and(|name| name.contains("read_volatile") || name.contains("write_volatile"))
}
