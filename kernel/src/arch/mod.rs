//! The boundary to the hardware: each architecture has a folder with the same file names and the
//! same functions, and the rest of the kernel uses them through this module alone.

#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "riscv64")]
pub use riscv64::*;
#[cfg(target_arch = "x86_64")]
pub use x86_64::*;
