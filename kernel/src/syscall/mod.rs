//! System calls: decoding of the registers, dispatch, and the result.
//!
//! The table of `abi` is the only list of calls, and [`dispatch`] is generated from it. Each row
//! needs a function with the row's name and arguments in one of the modules below, so a call
//! without an implementation does not compile.
//!
//! Invariant: arguments are untrusted words. Numbers are cut to the width that the table states;
//! addresses become [`UserSlice`](crate::user_memory::UserSlice)s and are never followed here.
//! Neighbours: `arch` calls [`syscall`] with interrupts on, on the caller's kernel stack, with no
//! lock held.

mod failed;
mod file;
mod measure;
mod memory;
mod node;
mod process;

use core::ops::Range;

use abi::{FAILURE, Syscall, for_each_syscall};

pub use failed::Failed;

use crate::arch::UserRegisters;
use crate::process::Caller;
use file::{close, dup, fstat, open, pipe, read, write};
use measure::{memstat, pageinfo, procstat};
use memory::{mmap, mprotect, msync, munmap, sbrk};
use node::{chdir, link, mkdir, mknod, unlink};
use process::{exec, exit, fork, forkmode, getpid, kill, shutdown, sleep, uptime, wait};

/// The result of a call.
type Answer = Result<u64, Failed>;

/// A call: the calling thread and its registers.
struct Call<'a> {
    caller: Caller,
    registers: &'a mut UserRegisters,
}

impl Call<'_> {
    /// Returns the next argument.
    #[inline]
    fn argument<A: Argument>(&self, index: &mut Range<usize>) -> A {
        A::from_word(
            index
                .next()
                .map_or(0, |index| self.registers.argument(index)),
        )
    }
}

/// The number of registers that hold arguments.
const ARGUMENTS: usize = 6;

/// An argument, in the width that the table states.
trait Argument {
    fn from_word(word: u64) -> Self;
}

impl Argument for u64 {
    fn from_word(word: u64) -> Self {
        word
    }
}

impl Argument for i32 {
    /// Returns the low half of the register, as the psABI passes an `int`.
    fn from_word(word: u64) -> Self {
        word as Self
    }
}

/// Runs the system call in `registers` and stores its result there.
pub fn syscall(registers: &mut UserRegisters) {
    let caller = Caller::at_start();
    let number = Syscall::from_number(registers.syscall_number());
    let mut call = Call { caller, registers };
    let answer = match number {
        Some(number) => dispatch(number, &mut call),
        None => Err(Failed),
    };
    call.registers.set_result(answer.unwrap_or(FAILURE));
}

macro_rules! dispatcher {
    ($($number:literal $variant:ident $name:ident($($argument:ident: $kind:ty),*) = $meaning:literal;)*) => {
        fn dispatch(number: Syscall, call: &mut Call) -> Answer {
            match number {
                $(Syscall::$variant => {
                    // Calls without arguments need none.
                    #[allow(unused)]
                    let mut index = 0..ARGUMENTS;
                    $(let $argument = call.argument::<$kind>(&mut index);)*
                    $name(call, $($argument),*)
                })*
            }
        }
    };
}

for_each_syscall!(dispatcher);
