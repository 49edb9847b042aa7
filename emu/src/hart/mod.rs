//! One hart: its registers, its privilege, and the caches that belong to it alone.
//!
//! Invariant: `x[0]` is 0; results for `x0` go to `x[32]`. Neighbours: [`csr`] and [`trap`] are the
//! privileged half; [`crate::exec`] runs instructions; [`crate::mmu`] translates for it.

pub mod csr;
pub mod trap;

use alloc::vec::Vec;

use crate::code::Code;
use crate::early::Early;
use crate::mmu::{Fast, Tlb};
use crate::store_buffer::StoreBuffer;
use crate::stored::{stored, stored_choice};
use csr::Csrs;

/// A privilege mode (Volume II, section 1.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Mode {
    /// Programs.
    User = 0,
    /// Kernels.
    Supervisor = 1,
    /// Firmware.
    Machine = 3,
}

stored_choice!(Mode: [Mode::User, Mode::Supervisor, Mode::Machine]);

impl Mode {
    /// The mode that two bits name; the reserved value is read as user mode.
    pub fn from_bits(bits: u64) -> Self {
        match bits & 3 {
            3 => Self::Machine,
            1 => Self::Supervisor,
            _ => Self::User,
        }
    }
}

/// Whether a hart runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activity {
    /// It executes instructions.
    Running,
    /// It executed `wfi` and no interrupt has come yet.
    Waiting,
    /// The firmware has not started it, or stopped it (SBI, hart state management).
    Stopped,
}

stored_choice!(Activity: [Activity::Running, Activity::Waiting, Activity::Stopped]);

/// A place in a run, for reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// The hart.
    pub hart: u8,
    /// The instruction.
    pub pc: u64,
    /// The caller, as the return-address register had it.
    pub ra: u64,
    /// The frame pointer.
    pub fp: u64,
    /// How many instructions the machine had run.
    pub step: u64,
    /// Whether it was a program's instruction.
    pub user: bool,
}

stored!(Place {
    hart,
    pc,
    ra,
    fp,
    step,
    user
});

/// One hart.
#[derive(Clone)]
pub struct Hart {
    /// Its number.
    pub id: usize,
    /// Integer registers; index 32 swallows what is written to `x0`.
    pub x: [u64; 64],
    /// Floating-point registers; single precision is boxed in ones.
    pub f: [u64; 32],
    /// The program counter.
    pub pc: u64,
    /// The privilege mode.
    pub mode: Mode,
    /// Whether it runs.
    pub activity: Activity,
    /// Control and status registers.
    pub csr: Csrs,
    /// The physical address that `lr` reserved.
    pub(crate) reservation: Option<u64>,
    /// Instructions this hart has run.
    pub retired: u64,
    pub(crate) fast: Fast,
    pub(crate) tlb: Tlb,
    pub(crate) code: Code,
    pub(crate) stores: StoreBuffer,
    pub(crate) early: Early,
    /// The loop is left after this many instructions.
    pub(crate) limit: u64,
    /// The turn is over.
    pub(crate) yields: bool,
    /// An `ecall` waits for the firmware's answer.
    pub(crate) calls: bool,
    /// The machine's count of instructions when the loop was entered.
    pub(crate) loop_began: u64,
    /// `satp` when the hart last ran in user mode: whose system call this is.
    pub(crate) user_root: u64,
    pub(crate) flags_seen: u64,
}

stored!(Hart {
    id,
    x,
    f,
    pc,
    mode,
    activity,
    csr,
    reservation,
    retired,
    tlb,
    code,
    stores,
    early,
    limit,
    yields,
    calls,
    user_root,
} with { fast: Fast::new(), loop_began: 0, flags_seen: 0 });

impl Hart {
    /// A hart after reset, in machine mode at `pc`.
    pub fn new(id: usize, pc: u64) -> Self {
        Self {
            id,
            x: [0; 64],
            f: [0; 32],
            pc,
            mode: Mode::Machine,
            activity: Activity::Running,
            csr: Csrs::new(id),
            reservation: None,
            retired: 0,
            fast: Fast::new(),
            tlb: Tlb::new(),
            code: Code::new(),
            stores: StoreBuffer::default(),
            early: Early::default(),
            limit: 0,
            yields: false,
            calls: false,
            loop_began: 0,
            user_root: 0,
            flags_seen: 0,
        }
    }

    /// The 32 integer registers.
    pub fn registers(&self) -> Vec<u64> {
        self.x[..32].to_vec()
    }

    /// Writes an integer register.
    pub(crate) fn set(&mut self, register: usize, value: u64) {
        if register != 0 {
            self.x[register & 31] = value;
        }
    }

    /// Leaves the loop after the present instruction, so that interrupts are looked for.
    #[inline]
    pub(crate) fn end_turn(&mut self) {
        self.limit = 0;
    }

    /// Leaves the loop and lets another hart run.
    #[inline]
    pub(crate) fn yield_turn(&mut self) {
        self.limit = 0;
        self.yields = true;
    }

    /// Where the hart is, for reports.
    pub(crate) fn place(&self, step: u64) -> Place {
        Place {
            hart: self.id as u8,
            pc: self.pc,
            ra: self.x[1],
            fp: self.x[8],
            step,
            user: self.mode == Mode::User,
        }
    }
}
