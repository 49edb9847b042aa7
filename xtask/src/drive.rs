//! The options that all drives of an emulated machine have. Neighbours: [`crate::qemu`] attaches
//! the file system's disk, [`crate::swap`] the disk to swap to.

use std::path::Path;

/// The options that make a disk report the host's errors to the guest. By default the emulator
/// silently stops the whole machine when the host's file system is full.
pub const REPORT_ERRORS: &str = "rerror=report,werror=report";

/// Returns a path as QEMU's option lists take it: a comma ends a value there unless it is doubled.
pub fn quoted(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}
