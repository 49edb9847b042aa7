//! Control and status registers: which there are, which bits can be written, who may.
//!
//! Volume II, chapters 2 (list), 3 (machine level) and 10 (supervisor level). Registers of
//! extensions the machine lacks do not exist, so touching them is an illegal instruction.
//! Invariant: fields hold legal values only (WARL is applied when they are written).

mod access;
mod bits;

use super::Mode;
use crate::stored::stored;
pub use bits::{interrupt, status};

/// `menvcfg.STCE`: the supervisor has its own timer compare register (Sstc).
const STCE: u64 = 1 << 63;
/// `menvcfg.ADUE`: the hardware updates accessed and dirty bits (Svadu).
pub const ADUE: u64 = 1 << 61;
/// `menvcfg.CBZE`: less privileged modes may zero cache blocks.
pub const CBZE: u64 = 1 << 7;
/// Exceptions that can be delegated: all but the machine's own calls.
const DELEGABLE: u64 = 0xb3ff;
const PMP_ENTRIES: usize = 16;

/// The registers.
#[derive(Clone)]
pub struct Csrs {
    hart: u64,
    /// Machine status.
    pub mstatus: u64,
    /// Exceptions that go to the supervisor.
    pub medeleg: u64,
    /// Interrupts that go to the supervisor.
    pub mideleg: u64,
    /// Interrupts that are enabled.
    pub mie: u64,
    /// Interrupts that software made pending.
    pub mip: u64,
    /// Where traps to the machine go.
    pub mtvec: u64,
    /// Counters that the supervisor may read.
    pub mcounteren: u64,
    /// Counters that stand still.
    pub mcountinhibit: u64,
    /// A word of the machine's.
    pub mscratch: u64,
    /// Where the machine returns to.
    pub mepc: u64,
    /// Why the last trap to the machine came.
    pub mcause: u64,
    /// What the last trap to the machine was about.
    pub mtval: u64,
    /// What the supervisor's environment has.
    pub menvcfg: u64,
    /// What the programs' environment has.
    pub senvcfg: u64,
    /// What physical memory protection allows, entry by entry.
    pub pmpcfg: [u8; PMP_ENTRIES],
    /// Where the entries of physical memory protection end.
    pub pmpaddr: [u64; PMP_ENTRIES],
    /// Where traps to the supervisor go.
    pub stvec: u64,
    /// Counters that programs may read.
    pub scounteren: u64,
    /// A word of the supervisor's.
    pub sscratch: u64,
    /// Where the supervisor returns to.
    pub sepc: u64,
    /// Why the last trap to the supervisor came.
    pub scause: u64,
    /// What the last trap to the supervisor was about.
    pub stval: u64,
    /// The root of the page tables and the identifier.
    pub satp: u64,
    /// When the supervisor's own timer is due.
    pub stimecmp: u64,
    /// Floating-point rounding mode and flags.
    pub fcsr: u64,
    /// Added to the instruction count to give `minstret` and `mcycle`.
    instret_offset: u64,
    cycle_offset: u64,
    /// Whether Sv48 may be chosen in `satp`.
    pub sv48: bool,
    /// Whether the machine has `stimecmp`.
    pub sstc: bool,
    /// Whether there are PMP entries. Without any, every access is allowed (section 3.7.1).
    pub pmp: bool,
}

stored!(Csrs {
    hart,
    mstatus,
    medeleg,
    mideleg,
    mie,
    mip,
    mtvec,
    mcounteren,
    mcountinhibit,
    mscratch,
    mepc,
    mcause,
    mtval,
    menvcfg,
    senvcfg,
    pmpcfg,
    pmpaddr,
    stvec,
    scounteren,
    sscratch,
    sepc,
    scause,
    stval,
    satp,
    stimecmp,
    fcsr,
    instret_offset,
    cycle_offset,
    sv48,
    sstc,
    pmp,
});

/// What a write to a register changes beyond the register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nothing.
    None,
    /// Which interrupts are taken.
    Interrupts,
    /// What translations give.
    Translation,
    /// The root of the page tables, or the identifier.
    Root,
}

/// There is no such register, or not for this mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Absent;

impl Csrs {
    /// After reset.
    pub fn new(hart: usize) -> Self {
        Self {
            hart: hart as u64,
            mstatus: 2 << 32 | 2 << 34,
            medeleg: 0,
            mideleg: 0,
            mie: 0,
            mip: 0,
            mtvec: 0,
            mcounteren: 0,
            mcountinhibit: 0,
            mscratch: 0,
            mepc: 0,
            mcause: 0,
            mtval: 0,
            menvcfg: ADUE,
            senvcfg: 0,
            pmpcfg: [0; PMP_ENTRIES],
            pmpaddr: [0; PMP_ENTRIES],
            stvec: 0,
            scounteren: 0,
            sscratch: 0,
            sepc: 0,
            scause: 0,
            stval: 0,
            satp: 0,
            stimecmp: u64::MAX,
            fcsr: 0,
            instret_offset: 0,
            cycle_offset: 0,
            sv48: false,
            sstc: true,
            pmp: true,
        }
    }

    /// Whether the supervisor's own timer is on.
    pub fn own_timer(&self) -> bool {
        self.sstc && self.menvcfg & STCE != 0
    }

    /// `mstatus` with its summary bit.
    pub fn full_status(&self) -> u64 {
        let dirty = self.mstatus & status::FS == status::FS;
        self.mstatus | if dirty { status::SD } else { 0 }
    }

    /// What physical memory protection allows a mode in the page at `address`: bits 0 read, 1
    /// write, 2 execute (section 3.7).
    pub fn protection(&self, address: u64, mode: Mode) -> u8 {
        if !self.pmp {
            return 7;
        }
        let page = address >> 12 << 10;
        let mut below = 0;
        for (&config, &bound) in self.pmpcfg.iter().zip(&self.pmpaddr) {
            let matches = match config >> 3 & 3 {
                1 => (below..bound & !0x3ff).contains(&page),
                3 => {
                    let mask = (bound | 0x1ff) ^ (bound | 0x1ff).wrapping_add(1);
                    page & !mask == bound & !mask
                }
                _ => false,
            };
            below = bound & !0x3ff;
            if matches {
                let locked = config & 0x80 != 0;
                return if mode == Mode::Machine && !locked {
                    7
                } else {
                    config & 7
                };
            }
        }
        if mode == Mode::Machine { 7 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protection_without_entries_is_for_the_machine_alone() {
        let mut csrs = Csrs::new(0);
        assert_eq!(csrs.protection(0x8000_0000, Mode::Machine), 7);
        assert_eq!(csrs.protection(0x8000_0000, Mode::Supervisor), 0);
        csrs.pmp = false;
        assert_eq!(
            csrs.protection(0x8000_0000, Mode::Supervisor),
            7,
            "no entries at all"
        );
        csrs.write(0x3b0, 1, Mode::Machine, 0).unwrap();
        assert_eq!(csrs.read(0x3b0, Mode::Machine, 0, 0, 0), Ok(0));
        csrs.pmp = true;
        // What xv6 sets: one entry over everything.
        csrs.write(0x3b0, 0x3f_ffff_ffff_ffff, Mode::Machine, 0)
            .unwrap();
        csrs.write(0x3a0, 0xf, Mode::Machine, 0).unwrap();
        assert_eq!(csrs.protection(0x8000_0000, Mode::User), 7);
        // A naturally aligned 8 KiB region, read only, before it.
        let mut csrs = Csrs::new(0);
        csrs.write(0x3b0, 0x8000_0000 >> 2 | 0x3ff, Mode::Machine, 0)
            .unwrap();
        csrs.write(0x3a0, 0x19, Mode::Machine, 0).unwrap();
        assert_eq!(csrs.protection(0x8000_1000, Mode::User), 1);
        assert_eq!(csrs.protection(0x8000_2000, Mode::User), 0);
    }

    #[test]
    fn a_mode_sees_only_its_registers() {
        let mut csrs = Csrs::new(3);
        assert_eq!(csrs.read(0xf14, Mode::Machine, 0, 0, 0), Ok(3));
        assert_eq!(csrs.read(0xf14, Mode::Supervisor, 0, 0, 0), Err(Absent));
        assert_eq!(
            csrs.write(0xf14, 0, Mode::Machine, 0),
            Err(Absent),
            "read only"
        );
        assert_eq!(
            csrs.read(0xc01, Mode::User, 9, 0, 0),
            Err(Absent),
            "not enabled"
        );
        csrs.write(0x306, 7, Mode::Machine, 0).unwrap();
        csrs.write(0x106, 7, Mode::Machine, 0).unwrap();
        assert_eq!(csrs.read(0xc01, Mode::User, 9, 0, 0), Ok(9));
        assert_eq!(
            csrs.read(0x003, Mode::User, 0, 0, 0),
            Err(Absent),
            "unit off"
        );
    }

    #[test]
    fn a_mode_of_translation_the_machine_lacks_is_not_taken() {
        let mut csrs = Csrs::new(0);
        csrs.write(0x180, 8 << 60 | 1, Mode::Supervisor, 0).unwrap();
        csrs.write(0x180, 9 << 60 | 2, Mode::Supervisor, 0).unwrap();
        assert_eq!(csrs.satp, 8 << 60 | 1);
    }
}
