//! The interrupt flag of this hart. One file for each architecture has one set of functions;
//! another serves the host, where a test thread has no interrupts.

#[cfg(not(target_os = "none"))]
mod host;
#[cfg(all(target_os = "none", target_arch = "riscv64"))]
mod riscv64;
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
mod x86_64;

#[cfg(not(target_os = "none"))]
pub use host::*;
#[cfg(all(target_os = "none", target_arch = "riscv64"))]
pub use riscv64::*;
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
pub use x86_64::*;
