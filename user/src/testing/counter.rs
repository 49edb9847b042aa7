//! Guest instructions as a unit of cost.
//!
//! The counts are exact on one hart under `qemu -icount shift=0`, where every run gives equal
//! counts; otherwise they mean little. They include the kernel's instructions.

use crate::process::{self, Fork};
use crate::{Result, arch};

/// Instructions per tick of the `time` register under `-icount shift=0`: 1 ns each, 10 MHz.
const INSTRUCTIONS_PER_TICK: u64 = 1_000_000_000 / abi::TIME_HZ;

/// How instructions are counted.
#[derive(Clone, Copy)]
pub enum Counter {
    /// By the `instret` register.
    Instret,
    /// By the `time` register, in steps of [`INSTRUCTIONS_PER_TICK`].
    Time,
}

impl Counter {
    /// Returns the `instret` register if programs may read it, which a child tries.
    pub fn choose() -> Result<Self> {
        match process::fork()? {
            Fork::Child => {
                arch::instructions();
                process::exit(0)
            }
            Fork::Parent(pid) => Ok(match process::wait_for(pid)? {
                0 => Self::Instret,
                _ => Self::Time,
            }),
        }
    }

    /// Returns how many instructions have been executed.
    #[inline(always)]
    pub fn now(self) -> u64 {
        match self {
            Self::Instret => arch::instructions(),
            Self::Time => arch::time() * INSTRUCTIONS_PER_TICK,
        }
    }

    /// Returns the cost of `work`.
    #[inline(always)]
    pub fn cost(self, work: impl FnOnce()) -> u64 {
        let start = self.now();
        work();
        self.now() - start
    }
}
