//! The paths of the device files that `init` makes.
//!
//! The console is in the root, as in xv6. Cowslip's own devices are in a directory, so that their
//! names stay free for programs.

use core::ffi::CStr;

/// The terminal, `abi::CONSOLE_MAJOR`.
pub const CONSOLE: &CStr = c"/console";
/// The directory of all device files but the console's.
pub const DIRECTORY: &CStr = c"/dev";
/// The kernel's audit, `abi::AUDIT_MAJOR`.
pub const AUDIT: &CStr = c"/dev/audit";
/// The device that makes allocations fail, `abi::FAIL_NTH_MAJOR`.
pub const FAIL_NTH: &CStr = c"/dev/failnth";
/// The device that measures stretches without pre-emption, `abi::STRETCH_MAJOR`.
pub const STRETCH: &CStr = c"/dev/stretch";
