//! The museum's tests: one for each known mistake, which passes on the code and fails on the
//! mistake. `cargo xtask museum` runs both, with the patches of the folder `museum/`.
//!
//! A test's name says which mistake it is for (`mistake_07_...`). The command finds the test by
//! that name, in any module: one is beside the frame's record. Mistake 19 is in the kernel, and
//! `cowtest kill` is its test.

mod costs;
mod mapped;
mod promises;
mod rights;
mod stale;
mod swapped;
mod tables;

use super::*;
