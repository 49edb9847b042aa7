//! The boundary to the hardware. Each architecture has a folder with one set of file names and
//! functions, and the rest of the kernel uses them only through this module.

#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "riscv64")]
pub use riscv64::*;
#[cfg(target_arch = "x86_64")]
pub use x86_64::*;
