//! The saved registers of a program, while the kernel runs for it.

/// The registers that the trap entry saves at the top of the thread's kernel stack, and restores on
/// the way back.
#[repr(C, align(16))]
#[derive(Clone, Debug)]
pub struct UserRegisters {
    /// x1 to x31.
    general: [u64; 31],
    pub(super) pc: u64,
    /// The kernel's `tp` for the next trap of this thread, written on the way to user mode.
    pub(super) kernel_hart: u64,
}

/// Indices into `general`: the register's number less 1.
const SP: usize = 1;
const A0: usize = 9;
const A1: usize = 10;
const A7: usize = 16;

/// The size of an `ecall` instruction, which has no compressed form.
const ECALL: u64 = 4;

impl Default for UserRegisters {
    fn default() -> Self {
        Self::new()
    }
}

impl UserRegisters {
    /// Returns registers that are all zero.
    pub const fn new() -> Self {
        Self {
            general: [0; 31],
            pc: 0,
            kernel_hart: 0,
        }
    }

    /// Returns the number of the requested system call.
    #[inline]
    pub fn syscall_number(&self) -> u64 {
        self.general[A7]
    }

    /// Returns argument `index` (0 to 5) of the system call.
    #[inline]
    pub fn argument(&self, index: usize) -> u64 {
        self.general[A0 + index]
    }

    /// Sets the result of the system call.
    #[inline]
    pub fn set_result(&mut self, result: u64) {
        self.general[A0] = result;
    }

    /// Returns the address at which the program continues.
    #[inline]
    pub fn pc(&self) -> u64 {
        self.pc
    }

    /// Sets the address at which the program continues.
    pub fn set_pc(&mut self, pc: u64) {
        self.pc = pc;
    }

    /// Sets the stack pointer.
    pub fn set_stack_pointer(&mut self, address: u64) {
        self.general[SP] = address;
    }

    /// Sets the two arguments of the program's entry point.
    pub fn set_arguments(&mut self, argc: u64, argv: u64) {
        self.general[A0] = argc;
        self.general[A1] = argv;
    }

    /// Steps over the `ecall`, so that the program continues after it.
    #[inline]
    pub fn skip_ecall(&mut self) {
        self.pc = self.pc.wrapping_add(ECALL);
    }
}
