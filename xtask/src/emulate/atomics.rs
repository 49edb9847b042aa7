//! The loads and stores of a Rust kernel that are meant to be atomic, from its debug information.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use addr2line::{Loader, Location};
use emu::symbols::accesses;

/// Returns the addresses of the instructions that come from atomic or volatile accesses. Returns
/// none for a kernel without debug information.
pub fn addresses(path: &Path, kernel: &[u8]) -> Vec<u64> {
    let Ok(loader) = Loader::new(path) else {
        return Vec::new();
    };
    let mut sources = Sources::default();
    accesses(kernel)
        .into_iter()
        .filter(|&address| is_meant(&loader, &mut sources, address))
        .collect()
}

/// Returns whether the source means the instruction to be atomic, as far as that can be found out.
///
/// The compiler attributes a merged access to the other operation: a load that also widens or
/// compares has that operation's location, and one that was merged from several has none. Therefore
/// the line of the source decides, in the innermost function that is not of the language's library.
/// An access without a line counts as atomic, so that it is not reported.
fn is_meant(loader: &Loader, sources: &mut Sources, address: u64) -> bool {
    let Ok(mut frames) = loader.find_frames(address) else {
        return false;
    };
    while let Ok(Some(frame)) = frames.next() {
        let place = frame.location.as_ref();
        let file = file(place);
        let name = frame
            .function
            .as_ref()
            .and_then(|name| name.raw_name().ok());
        let volatile = name
            .is_some_and(|name| name.contains("read_volatile") || name.contains("write_volatile"));
        if volatile || file.ends_with("core/src/sync/atomic.rs") {
            return true;
        }
        if !file.contains("/library/") {
            return place.is_some_and(|place| {
                place.line.unwrap_or(0) == 0 || is_atomic(sources.line(place))
            });
        }
    }
    false
}

/// Returns whether a line of source contains an atomic operation.
fn is_atomic(line: &str) -> bool {
    const OPERATIONS: [&str; 6] = [
        ".load(",
        ".store(",
        ".swap(",
        ".compare_exchange",
        ".fetch_",
        "Ordering::",
    ];
    OPERATIONS.iter().any(|operation| line.contains(operation))
}

fn file<'a>(place: Option<&Location<'a>>) -> &'a str {
    place.and_then(|place| place.file).unwrap_or("")
}

/// The source files that were read.
#[derive(Default)]
struct Sources(HashMap<String, Vec<String>>);

impl Sources {
    /// Returns the text of a line. It is empty if it cannot be read.
    fn line(&mut self, place: &Location<'_>) -> &str {
        let path = file(Some(place));
        let lines = self.0.entry(path.to_owned()).or_insert_with(|| {
            let text = fs::read_to_string(path).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        });
        let number = place.line.unwrap_or(0) as usize;
        number
            .checked_sub(1)
            .and_then(|at| lines.get(at))
            .map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atomic_operations_are_known_by_their_names() {
        assert!(is_atomic(
            "let low = u64::from(self.low.load(Ordering::Relaxed));"
        ));
        assert!(is_atomic("        .store(value, Ordering::Release)"));
        assert!(!is_atomic("self.count += 1;"));
        assert!(!is_atomic(""));
    }

    #[test]
    fn a_file_without_debug_information_has_no_atomics() {
        let nothing = addresses(Path::new("/no/such/file"), b"no ELF");
        assert!(nothing.is_empty());
    }
}
