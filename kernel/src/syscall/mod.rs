//! System calls: from the registers of a program to what does the work, and back.
//!
//! The table of `abi` is the only list of calls: [`dispatch`] is generated from it, and each row
//! needs a function of the row's name and arguments in one of the families below, so a call without
//! an implementation does not compile.
//!
//! Invariant: arguments are words from a program and mean nothing yet. Numbers are cut to the width
//! the table says; addresses become [`UserSlice`](crate::user_memory::UserSlice)s and are never
//! followed here. Neighbours: `arch` calls [`syscall`] with interrupts on, on the caller's kernel
//! stack, with no lock held.

mod failed;
mod file;
mod measure;
mod memory;
mod node;
mod process;

use core::ops::Range;

use abi::{FAILURE, Syscall, for_each_syscall};
use sync::Held;

pub use failed::Failed;

use crate::arch::UserRegisters;
use crate::process::{Caller, current};
use file::{close, dup, fstat, open, pipe, read, write};
use measure::{memstat, pageinfo, procstat};
use memory::{mmap, mprotect, msync, munmap, sbrk};
use node::{chdir, link, mkdir, mknod, unlink};
use process::{exec, exit, fork, forkmode, getpid, kill, shutdown, sleep, uptime, wait};

/// What a call answers.
type Answer = Result<u64, Failed>;

/// Who calls, and with which registers.
struct Call<'a> {
    caller: Caller,
    registers: &'a mut UserRegisters,
}

impl Call<'_> {
    /// Returns the argument at the next index.
    #[inline]
    fn argument<A: Argument>(&self, index: &mut Range<usize>) -> A {
        A::from_word(
            index
                .next()
                .map_or(0, |index| self.registers.argument(index)),
        )
    }
}

/// How many registers hold arguments.
const ARGUMENTS: usize = 6;

/// An argument in the width the table says.
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

/// Does what the program asks for in `registers` and leaves the answer there.
pub fn syscall(registers: &mut UserRegisters) {
    let Some(thread) = current() else {
        unreachable!("a system call where no thread runs");
    };
    // A thread of execution begins here: the trap from user mode.
    let caller = Caller {
        thread,
        held: Held::claim(),
    };
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
