//! The saved registers of a program, while the kernel runs for it.

use super::descriptors::{USER_CODE, USER_DATA};

/// How the program came into the kernel, which is how it goes back: by `syscall`, whose number no
/// interrupt has.
pub(super) const BY_SYSCALL: u64 = 0x100;

/// The flags a program begins with: interrupts on, and a bit that is always 1.
const FLAGS: u64 = 1 << 9 | 1 << 1;

/// What the trap entry saves and restores, at the top of the thread's kernel stack when a program
/// was interrupted, below the interrupted frame when the kernel was. The processor pushes the last
/// five.
#[repr(C, align(16))]
#[derive(Clone, Debug)]
pub struct UserRegisters {
    r15: u64,
    r14: u64,
    r13: u64,
    r12: u64,
    r11: u64,
    r10: u64,
    r9: u64,
    r8: u64,
    rbp: u64,
    rdi: u64,
    rsi: u64,
    rdx: u64,
    rcx: u64,
    rbx: u64,
    rax: u64,
    /// The interrupt's number, or [`BY_SYSCALL`].
    pub(super) vector: u64,
    /// What the processor says of an exception; 0 where it says nothing.
    pub(super) error: u64,
    pub(super) pc: u64,
    pub(super) code: u64,
    pub(super) flags: u64,
    pub(super) sp: u64,
    stack: u64,
}

impl Default for UserRegisters {
    fn default() -> Self {
        Self::new()
    }
}

impl UserRegisters {
    /// Returns registers that are all zero, for user mode.
    pub const fn new() -> Self {
        Self {
            r15: 0,
            r14: 0,
            r13: 0,
            r12: 0,
            r11: 0,
            r10: 0,
            r9: 0,
            r8: 0,
            rbp: 0,
            rdi: 0,
            rsi: 0,
            rdx: 0,
            rcx: 0,
            rbx: 0,
            rax: 0,
            vector: BY_SYSCALL,
            error: 0,
            pc: 0,
            code: USER_CODE as u64,
            flags: FLAGS,
            sp: 0,
            stack: USER_DATA as u64,
        }
    }

    /// Returns the number of the requested system call.
    #[inline]
    pub fn syscall_number(&self) -> u64 {
        self.rax
    }

    /// Returns argument `index` (0 to 5) of the system call.
    #[inline]
    pub fn argument(&self, index: usize) -> u64 {
        match index {
            0 => self.rdi,
            1 => self.rsi,
            2 => self.rdx,
            3 => self.r10,
            4 => self.r8,
            _ => self.r9,
        }
    }

    /// Sets the result of the system call.
    #[inline]
    pub fn set_result(&mut self, result: u64) {
        self.rax = result;
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

    /// Sets the stack pointer to the value that a call made with `address` would leave. Compiled
    /// functions expect a return address below an address aligned to 16.
    pub fn set_stack_pointer(&mut self, address: u64) {
        self.sp = address.wrapping_sub(size_of::<u64>() as u64);
    }

    /// Sets the two arguments of the program's entry point.
    pub fn set_arguments(&mut self, argc: u64, argv: u64) {
        self.rdi = argc;
        self.rsi = argv;
    }

    /// Returns all general registers, to find the likely cause of an exception.
    pub(super) fn general(&self) -> [u64; 16] {
        [
            self.rax, self.rbx, self.rcx, self.rdx, self.rsi, self.rdi, self.rbp, self.sp, self.r8,
            self.r9, self.r10, self.r11, self.r12, self.r13, self.r14, self.r15,
        ]
    }
}
