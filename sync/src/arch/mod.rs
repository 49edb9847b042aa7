//! The interrupt flag of the hart one runs on: one file per architecture, with the same functions,
//! and one for the host, where a test thread has no interrupts.

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
