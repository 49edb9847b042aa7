//! Traps: exceptions and interrupts into machine or supervisor mode, and the ways back.
//!
//! Volume II, sections 3.1.6 (status), 3.1.8 (delegation), 3.1.9 (interrupts), 3.3.2 (returns).

use super::csr::{interrupt, status};
use super::{Hart, Mode};

/// An exception.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trap {
    /// The code for `mcause` or `scause`.
    pub cause: u64,
    /// What `mtval` or `stval` shall say.
    pub value: u64,
}

/// Exception codes (Volume II, table "Machine cause register values after trap").
pub mod cause {
    /// The target of a jump is misaligned.
    pub const FETCH_MISALIGNED: u64 = 0;
    /// A fetch met no memory, or protected memory.
    pub const FETCH_ACCESS: u64 = 1;
    /// The instruction does not exist, or not in this mode.
    pub const ILLEGAL: u64 = 2;
    /// `ebreak`.
    pub const BREAKPOINT: u64 = 3;
    /// An atomic load is misaligned.
    pub const LOAD_MISALIGNED: u64 = 4;
    /// A load met no memory, or protected memory.
    pub const LOAD_ACCESS: u64 = 5;
    /// An atomic store is misaligned.
    pub const STORE_MISALIGNED: u64 = 6;
    /// A store met no memory, or protected memory.
    pub const STORE_ACCESS: u64 = 7;
    /// `ecall` of a program.
    pub const CALL_FROM_USER: u64 = 8;
    /// `ecall` of a kernel.
    pub const CALL_FROM_SUPERVISOR: u64 = 9;
    /// `ecall` of firmware.
    pub const CALL_FROM_MACHINE: u64 = 11;
    /// A fetch has no translation with the right.
    pub const FETCH_PAGE: u64 = 12;
    /// A load has no translation with the right.
    pub const LOAD_PAGE: u64 = 13;
    /// A store has no translation with the right.
    pub const STORE_PAGE: u64 = 15;
}

const INTERRUPT: u64 = 1 << 63;

impl Trap {
    /// An exception with a value.
    pub fn new(cause: u64, value: u64) -> Self {
        Self { cause, value }
    }

    /// An instruction that does not exist, or not here.
    pub fn illegal(word: u32) -> Self {
        Self::new(cause::ILLEGAL, word.into())
    }
}

impl Hart {
    /// The interrupt that the hart must take now, of those pending.
    pub fn due_interrupt(&self, pending: u64) -> Option<u64> {
        let ready = pending & self.csr.mie;
        if ready == 0 {
            return None;
        }
        let to_machine = ready & !self.csr.mideleg;
        let machine_on = self.mode < Mode::Machine || self.csr.mstatus & status::MIE != 0;
        if to_machine != 0 && machine_on {
            return first(to_machine);
        }
        let to_supervisor = ready & self.csr.mideleg;
        let supervisor_on = self.mode < Mode::Supervisor
            || self.mode == Mode::Supervisor && self.csr.mstatus & status::SIE != 0;
        if to_supervisor != 0 && supervisor_on {
            return first(to_supervisor);
        }
        None
    }

    /// Takes an interrupt.
    pub fn take_interrupt(&mut self, number: u64) {
        self.enter(INTERRUPT | number, 0);
    }

    /// Takes an exception at the present instruction.
    pub fn take_exception(&mut self, trap: Trap) {
        self.enter(trap.cause, trap.value);
    }

    fn enter(&mut self, code: u64, value: u64) {
        if self.mode == Mode::User {
            self.user_root = self.csr.satp;
        }
        self.reservation = None;
        let delegated = if code & INTERRUPT != 0 {
            self.csr.mideleg >> (code & 63) & 1 != 0
        } else {
            self.csr.medeleg >> (code & 63) & 1 != 0
        };
        let status = self.csr.mstatus;
        let vector = if delegated && self.mode < Mode::Machine {
            let mut new = status & !(status::SPP | status::SPIE | status::SIE);
            if self.mode == Mode::Supervisor {
                new |= status::SPP;
            }
            if status & status::SIE != 0 {
                new |= status::SPIE;
            }
            self.csr.mstatus = new;
            self.csr.sepc = self.pc;
            self.csr.scause = code;
            self.csr.stval = value;
            self.mode = Mode::Supervisor;
            self.csr.stvec
        } else {
            let mut new = status & !(status::MPP | status::MPIE | status::MIE);
            new |= (self.mode as u64) << 11;
            if status & status::MIE != 0 {
                new |= status::MPIE;
            }
            self.csr.mstatus = new;
            self.csr.mepc = self.pc;
            self.csr.mcause = code;
            self.csr.mtval = value;
            self.mode = Mode::Machine;
            self.csr.mtvec
        };
        let vectored = vector & 1 != 0 && code & INTERRUPT != 0;
        let offset = if vectored { (code & 63) * 4 } else { 0 };
        self.pc = (vector & !3) + offset;
    }

    /// `mret`.
    pub fn return_from_machine(&mut self) {
        let status = self.csr.mstatus;
        let mode = Mode::from_bits(status >> 11);
        let mut new = status & !(status::MPP | status::MIE) | status::MPIE;
        if status & status::MPIE != 0 {
            new |= status::MIE;
        }
        if mode != Mode::Machine {
            new &= !status::MPRV;
        }
        self.csr.mstatus = new;
        self.mode = mode;
        self.pc = self.csr.mepc;
    }

    /// `sret`.
    pub fn return_from_supervisor(&mut self) {
        let status = self.csr.mstatus;
        let mut new = status & !(status::SPP | status::SIE | status::MPRV) | status::SPIE;
        if status & status::SPIE != 0 {
            new |= status::SIE;
        }
        self.csr.mstatus = new;
        self.mode = if status & status::SPP != 0 {
            Mode::Supervisor
        } else {
            Mode::User
        };
        self.pc = self.csr.sepc;
    }
}

/// The number of the interrupt that goes first (section 3.1.9: MEI, MSI, MTI, SEI, SSI, STI).
fn first(ready: u64) -> Option<u64> {
    use interrupt::*;
    [MEI, MSI, MTI, SEI, SSI, STI]
        .into_iter()
        .find(|bit| ready & bit != 0)
        .map(|bit| bit.trailing_zeros().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delegated_trap_and_its_return_restore_the_mode() {
        let mut hart = Hart::new(0, 0x1000);
        hart.mode = Mode::User;
        hart.csr.medeleg = 1 << cause::CALL_FROM_USER;
        hart.csr.stvec = 0x2000;
        hart.csr.mstatus |= status::SIE;
        hart.take_exception(Trap::new(cause::CALL_FROM_USER, 0));
        assert_eq!(
            (hart.mode, hart.pc, hart.csr.sepc),
            (Mode::Supervisor, 0x2000, 0x1000)
        );
        assert_eq!(
            hart.csr.mstatus & (status::SIE | status::SPIE),
            status::SPIE
        );
        hart.return_from_supervisor();
        assert_eq!((hart.mode, hart.pc), (Mode::User, 0x1000));
        assert_ne!(hart.csr.mstatus & status::SIE, 0);
    }

    #[test]
    fn an_interrupt_waits_for_its_enables() {
        let mut hart = Hart::new(0, 0);
        hart.mode = Mode::Supervisor;
        hart.csr.mideleg = interrupt::SUPERVISOR;
        hart.csr.mie = interrupt::STI;
        assert_eq!(hart.due_interrupt(interrupt::STI), None, "SIE is off");
        hart.csr.mstatus |= status::SIE;
        assert_eq!(hart.due_interrupt(interrupt::STI | interrupt::SSI), Some(5));
        hart.csr.mie |= interrupt::SSI;
        assert_eq!(hart.due_interrupt(interrupt::STI | interrupt::SSI), Some(1));
        hart.csr.mideleg = 0;
        hart.csr.mstatus = 0;
        assert_eq!(hart.due_interrupt(interrupt::STI), Some(5), "not delegated");
    }
}
