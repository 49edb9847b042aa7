//! Which loads and stores of a kernel in Rust are meant to be atomic, from its debug information.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use addr2line::{Loader, Location};
use emu::symbols::accesses;

/// Returns the addresses of the instructions that come from the functions of `core::sync::atomic`,
/// or from volatile accesses; none for a kernel without debug information.
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

/// Returns whether the source means the instruction to be atomic. Its innermost function decides,
/// for an atomic operation calls nobody.
fn is_meant(loader: &Loader, sources: &mut Sources, address: u64) -> bool {
    let Ok(mut frames) = loader.find_frames(address) else {
        return false;
    };
    let Ok(Some(frame)) = frames.next() else {
        return false;
    };
    let file = file(frame.location.as_ref());
    if file.ends_with("core/src/sync/atomic.rs") {
        return true;
    }
    if file.ends_with("core/src/convert/num.rs") {
        // One instruction loads and widens; the compiler gives it the place of the widening.
        let caller = frames.next().ok().flatten();
        let place = caller.and_then(|caller| caller.location);
        return place.is_some_and(|place| sources.line(&place).contains(".load("));
    }
    let name = frame
        .function
        .as_ref()
        .and_then(|name| name.raw_name().ok());
    name.is_some_and(|name| name.contains("read_volatile") || name.contains("write_volatile"))
}

fn file<'a>(place: Option<&Location<'a>>) -> &'a str {
    place.and_then(|place| place.file).unwrap_or("")
}

/// Source files that were read.
#[derive(Default)]
struct Sources(HashMap<String, Vec<String>>);

impl Sources {
    /// Returns the text of a line, empty if it cannot be read.
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
