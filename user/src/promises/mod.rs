//! Promises: a sequence of file-system calls that a seed determines, and what must be on the disk
//! after each of them.
//!
//! A call that has returned is a promise: whatever happens to the power afterwards, what it did is
//! on the disk. The program `promises` makes the calls and prints the number of each one that has
//! returned; `cargo xtask powercut` kills the machine, makes the same calls on the [`Model`], and
//! compares it with the disk.
//!
//! Invariant: which call comes next depends on the seed and the calls before it alone, so that
//! guest and host agree about all of them without exchanging a byte.

mod call;
mod model;
mod script;

pub use call::{ATOMIC_WRITE, Call, Way};
pub use model::{Model, Seen, Tree};
pub use script::Script;

use core::ffi::CStr;

/// The directory in which all calls happen. Their paths begin there.
pub const FOLDER: &CStr = c"/kept";
/// The text before the number of a call that has returned.
pub const DONE: &str = "did ";
/// The beginning of the line that is printed before the first call.
pub const STARTED: &str = "promises: seed ";
