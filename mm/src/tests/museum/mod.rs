//! The museum: for each mistake of the design's list a test of its own, which passes on the code and fails when the
//! mistake is put back ([`crate::mistake`]). `cargo xtask museum` runs both.
//!
//! A test says by its name which mistake it is for (`mistake_07_...`) and the command finds it by that, wherever it is: one
//! is with the frame's record. Mistake 19 is the kernel's, and `cowtest kill` its test.

mod costs;
mod mapped;
mod promises;
mod rights;
mod stale;
mod swapped;

use super::*;
