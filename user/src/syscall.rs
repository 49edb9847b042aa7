//! System calls as the kernel sees them: one stub per row of `abi::for_each_syscall!`.
//!
//! The stubs take raw words; programs call the wrappers in [`crate::file`], [`crate::process`]
//! and [`crate::memory`] instead, and only tests that lie to the kernel on purpose come here.

use crate::arch;
use abi::{FAILURE, Syscall};

/// The kernel refused; the contract has one error and no number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// What a call gave, or that it failed.
pub type Result<T> = core::result::Result<T, Failed>;

/// Sorts a raw result into value and failure.
pub(crate) fn check(result: u64) -> Result<u64> {
    if result == FAILURE {
        Err(Failed)
    } else {
        Ok(result)
    }
}

/// An argument as the register holds it: 32-bit numbers are sign-extended.
trait Word {
    fn word(self) -> u64;
}

impl Word for u64 {
    fn word(self) -> u64 {
        self
    }
}

impl Word for i32 {
    fn word(self) -> u64 {
        i64::from(self) as u64
    }
}

macro_rules! stubs {
    ($($number:literal $variant:ident $name:ident($($argument:ident: $kind:ty),*) = $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            ///
            /// # Safety
            ///
            /// Memory that the kernel writes, moves or unmaps for this call must be memory that
            /// no Rust object relies on. Arguments that the kernel must refuse are harmless.
            #[inline]
            pub unsafe fn $name($($argument: $kind),*) -> u64 {
                // SAFETY: the caller's promise is the one `system_call` asks for.
                unsafe { arch::system_call(Syscall::$variant as u64, [$($argument.word()),*]) }
            }
        )*
    };
}

abi::for_each_syscall!(stubs);
