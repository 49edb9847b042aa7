//! System calls as the kernel sees them: one stub for each row of `abi::for_each_syscall!`.
//!
//! The stubs take raw words. Programs use the wrappers in [`crate::file`], [`crate::process`] and
//! [`crate::memory`] instead. Only tests that pass bad arguments on purpose use the stubs.

use crate::arch;
use abi::{FAILURE, Syscall};

/// The kernel refused; the contract has one error and no number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// The result of a call, or its failure.
pub type Result<T> = core::result::Result<T, Failed>;

/// Converts the raw result of a call.
pub(crate) fn check(result: u64) -> Result<u64> {
    if result == FAILURE {
        Err(Failed)
    } else {
        Ok(result)
    }
}

/// An argument of a system call. In its register a 32-bit number is sign-extended.
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
