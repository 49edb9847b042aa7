//! From addresses of a kernel panic to functions and source lines.

use std::path::Path;

use addr2line::Loader;
use rustc_demangle::demangle;

use crate::workspace::Workspace;

/// Returns one line per frame, inlined functions included, for the addresses of a backtrace
/// (innermost first). An address without debug information is shown as a number.
pub fn backtrace(workspace: &Workspace, kernel: &Path, addresses: &[u64]) -> Vec<String> {
    let loader = match Loader::new(kernel) {
        Ok(loader) => loader,
        Err(error) => return vec![format!("    (no symbols in {}: {error})", kernel.display())],
    };
    addresses
        .iter()
        .enumerate()
        .flat_map(|(depth, &address)| {
            // A return address is one instruction past the call, and may belong to another line.
            let places = places(&loader, address.saturating_sub(1), workspace);
            if places.is_empty() {
                return vec![format!("{depth:4}: {address:#018x}")];
            }
            places
                .into_iter()
                .enumerate()
                .map(|(inner, place)| match inner {
                    0 => format!("{depth:4}: {place}"),
                    _ => format!("      {place}"),
                })
                .collect()
        })
        .collect()
}

/// Returns the functions at an address, the innermost inlined one first, with their source lines.
pub fn places(loader: &Loader, address: u64, workspace: &Workspace) -> Vec<String> {
    let mut places = Vec::new();
    let Ok(mut frames) = loader.find_frames(address) else {
        return places;
    };
    while let Ok(Some(frame)) = frames.next() {
        let mangled = frame
            .function
            .as_ref()
            .and_then(|function| function.raw_name().ok());
        let function = match mangled.as_deref().or_else(|| loader.find_symbol(address)) {
            Some(name) => format!("{:#}", demangle(name)),
            None => continue,
        };
        places.push(
            match frame
                .location
                .and_then(|place| Some((place.file?, place.line?)))
            {
                Some((file, line)) => format!("{function} at {}:{line}", workspace.relative(file)),
                None => function,
            },
        );
    }
    places
}
