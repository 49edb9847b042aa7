//! The museum's tests: one for each known mistake, which passes on the code and fails on the
//! mistake. `cargo xtask museum` runs both ways, with the patches of the folder `museum/`.
//!
//! A test says by its name which mistake it is for (`mistake_07_...`) and the command finds it by
//! that, wherever it is: one is with the frame's record. Mistake 19 is the kernel's, and
//! `cowtest kill` its test.

mod costs;
mod mapped;
mod promises;
mod rights;
mod stale;
mod swapped;

use super::*;
