//! Where the device files are that `init` makes.
//!
//! The console is where xv6 has it, in the root. Cowslip's own devices are in a directory, so that
//! programs can have their names.

use core::ffi::CStr;

/// The terminal, `abi::CONSOLE_MAJOR`.
pub const CONSOLE: &CStr = c"/console";
/// The directory of the others.
pub const DIRECTORY: &CStr = c"/dev";
/// The kernel's audit, `abi::AUDIT_MAJOR`.
pub const AUDIT: &CStr = c"/dev/audit";
/// What makes allocations fail, `abi::FAIL_NTH_MAJOR`.
pub const FAIL_NTH: &CStr = c"/dev/failnth";
/// What measures stretches without pre-emption, `abi::STRETCH_MAJOR`.
pub const STRETCH: &CStr = c"/dev/stretch";
