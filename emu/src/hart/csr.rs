//! Control and status registers: which there are, which bits can be written, who may.
//!
//! Volume II, chapters 2 (list), 3 (machine level) and 10 (supervisor level). Registers of
//! extensions the machine lacks do not exist, so touching them is an illegal instruction.
//! Invariant: fields hold legal values only (WARL is applied when they are written).

use super::Mode;
use crate::stored::stored;

/// Bits of `mstatus`.
#[allow(missing_docs)]
pub mod status {
    pub const SIE: u64 = 1 << 1;
    pub const MIE: u64 = 1 << 3;
    pub const SPIE: u64 = 1 << 5;
    pub const MPIE: u64 = 1 << 7;
    pub const SPP: u64 = 1 << 8;
    pub const MPP: u64 = 3 << 11;
    pub const FS: u64 = 3 << 13;
    pub const MPRV: u64 = 1 << 17;
    pub const SUM: u64 = 1 << 18;
    pub const MXR: u64 = 1 << 19;
    pub const TVM: u64 = 1 << 20;
    pub const TW: u64 = 1 << 21;
    pub const TSR: u64 = 1 << 22;
    pub const UXL: u64 = 3 << 32;
    pub const SXL: u64 = 3 << 34;
    pub const SD: u64 = 1 << 63;
    pub const SUPERVISOR: u64 = SIE | SPIE | SPP | FS | SUM | MXR;
    pub const MACHINE: u64 = SUPERVISOR | MIE | MPIE | MPP | MPRV | TVM | TW | TSR;
}

/// Bits of `mip` and `mie`.
#[allow(missing_docs)]
pub mod interrupt {
    pub const SSI: u64 = 1 << 1;
    pub const MSI: u64 = 1 << 3;
    pub const STI: u64 = 1 << 5;
    pub const MTI: u64 = 1 << 7;
    pub const SEI: u64 = 1 << 9;
    pub const MEI: u64 = 1 << 11;
    pub const SUPERVISOR: u64 = SSI | STI | SEI;
    pub const ALL: u64 = SUPERVISOR | MSI | MTI | MEI;
}

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
#[allow(missing_docs)]
pub struct Csrs {
    hart: u64,
    pub mstatus: u64,
    pub medeleg: u64,
    pub mideleg: u64,
    pub mie: u64,
    pub mip: u64,
    pub mtvec: u64,
    pub mcounteren: u64,
    pub mcountinhibit: u64,
    pub mscratch: u64,
    pub mepc: u64,
    pub mcause: u64,
    pub mtval: u64,
    pub menvcfg: u64,
    pub senvcfg: u64,
    pub pmpcfg: [u8; PMP_ENTRIES],
    pub pmpaddr: [u64; PMP_ENTRIES],
    pub stvec: u64,
    pub scounteren: u64,
    pub sscratch: u64,
    pub sepc: u64,
    pub scause: u64,
    pub stval: u64,
    pub satp: u64,
    pub stimecmp: u64,
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

    /// Reads a register for a mode. `time` is the clock, `retired` this hart's instructions,
    /// `pending` the interrupt lines of devices.
    pub fn read(
        &self,
        number: u32,
        mode: Mode,
        time: u64,
        retired: u64,
        pending: u64,
    ) -> Result<u64, Absent> {
        self.permit(number, mode)?;
        Ok(match number {
            0x001 => self.fcsr & 0x1f,
            0x002 => self.fcsr >> 5 & 7,
            0x003 => self.fcsr,
            0xb00 | 0xc00 => retired.wrapping_add(self.cycle_offset),
            0xc01 => time,
            0xb02 | 0xc02 => retired.wrapping_add(self.instret_offset),
            0xb03..=0xb1f | 0xc03..=0xc1f | 0x323..=0x33f => 0,
            // The trigger module has no triggers.
            0x7a0..=0x7a3 => 0,
            0x100 => self.full_status() & (status::SUPERVISOR | status::UXL | status::SD),
            0x104 => self.mie & self.mideleg,
            0x105 => self.stvec,
            0x106 => self.scounteren,
            0x10a => self.senvcfg,
            0x140 => self.sscratch,
            0x141 => self.sepc,
            0x142 => self.scause,
            0x143 => self.stval,
            0x144 => (self.mip | pending) & self.mideleg,
            0x14d => self.stimecmp,
            0x180 => self.satp,
            0x300 => self.full_status(),
            0x301 => 2 << 62 | 0b1_0100_0001_0001_0010_1101,
            0x302 => self.medeleg,
            0x303 => self.mideleg,
            0x304 => self.mie,
            0x305 => self.mtvec,
            0x306 => self.mcounteren,
            0x30a => self.menvcfg,
            0x320 => self.mcountinhibit,
            0x340 => self.mscratch,
            0x341 => self.mepc,
            0x342 => self.mcause,
            0x343 => self.mtval,
            0x344 => self.mip | pending,
            0x3a0 | 0x3a2 => {
                let at = (number as usize - 0x3a0) * 4;
                let mut value = [0; 8];
                value.copy_from_slice(&self.pmpcfg[at..at + 8]);
                u64::from_le_bytes(value)
            }
            0x3b0..=0x3bf => self.pmpaddr[number as usize - 0x3b0],
            0xf11..=0xf13 | 0xf15 => 0,
            0xf14 => self.hart,
            _ => return Err(Absent),
        })
    }

    /// Writes a register for a mode.
    pub fn write(
        &mut self,
        number: u32,
        value: u64,
        mode: Mode,
        retired: u64,
    ) -> Result<Effect, Absent> {
        if number >> 10 == 3 {
            return Err(Absent);
        }
        self.permit(number, mode)?;
        match number {
            0x001 => self.set_float(self.fcsr & 0xe0 | value & 0x1f),
            0x002 => self.set_float(self.fcsr & 0x1f | (value & 7) << 5),
            0x003 => self.set_float(value & 0xff),
            0x100 => return Ok(self.set_status(value, status::SUPERVISOR)),
            0x104 => {
                self.mie = self.mie & !self.mideleg | value & self.mideleg & interrupt::ALL;
                return Ok(Effect::Interrupts);
            }
            0x105 => self.stvec = vector(value, self.stvec),
            0x106 => self.scounteren = value & 0xffff_ffff,
            0x10a => self.senvcfg = value & CBZE,
            0x140 => self.sscratch = value,
            0x141 => self.sepc = value & !1,
            0x142 => self.scause = value,
            0x143 => self.stval = value,
            0x144 => {
                let mask = self.mideleg & interrupt::SSI;
                self.mip = self.mip & !mask | value & mask;
                return Ok(Effect::Interrupts);
            }
            0x14d => {
                self.stimecmp = value;
                return Ok(Effect::Interrupts);
            }
            0x180 => return Ok(self.set_satp(value)),
            0x300 => return Ok(self.set_status(value, status::MACHINE)),
            0x301 => {}
            0x302 => self.medeleg = value & DELEGABLE,
            0x303 => {
                self.mideleg = value & interrupt::SUPERVISOR;
                return Ok(Effect::Interrupts);
            }
            0x304 => {
                self.mie = value & interrupt::ALL;
                return Ok(Effect::Interrupts);
            }
            0x305 => self.mtvec = vector(value, self.mtvec),
            0x306 => self.mcounteren = value & 0xffff_ffff,
            0x30a => {
                let sstc = if self.sstc { STCE } else { 0 };
                self.menvcfg = value & (sstc | ADUE | CBZE);
                return Ok(Effect::Translation);
            }
            0x320 => self.mcountinhibit = value & 0b101,
            0x340 => self.mscratch = value,
            0x341 => self.mepc = value & !1,
            0x342 => self.mcause = value,
            0x343 => self.mtval = value,
            0x344 => {
                self.mip = value & interrupt::SUPERVISOR;
                return Ok(Effect::Interrupts);
            }
            0x3a0 | 0x3a2 | 0x3b0..=0x3bf if !self.pmp => {}
            0x3a0 | 0x3a2 => return Ok(self.set_pmp((number as usize - 0x3a0) * 4, value)),
            0x3b0..=0x3bf => {
                let at = number as usize - 0x3b0;
                // The grain is a page, so that a translated page has one answer (section 3.7.1).
                if self.pmpcfg[at] & 0x80 == 0 {
                    self.pmpaddr[at] = value & ((1 << 54) - 1);
                }
                return Ok(Effect::Translation);
            }
            0xb00 => self.cycle_offset = value.wrapping_sub(retired),
            // The write itself is not counted (section 3.1.10).
            0xb02 => self.instret_offset = value.wrapping_sub(retired + 1),
            0xb03..=0xb1f | 0x323..=0x33f | 0x7a0..=0x7a3 => {}
            _ => return Err(Absent),
        }
        Ok(Effect::None)
    }

    /// Whether the mode, the counter enables and the state of the unit allow the access at all.
    fn permit(&self, number: u32, mode: Mode) -> Result<(), Absent> {
        let needed = number >> 8 & 3;
        let floating = (1..=3).contains(&number) && self.mstatus & status::FS == 0;
        if (mode as u32) < needed || floating {
            return Err(Absent);
        }
        let refused = match number {
            0xc00..=0xc1f => {
                let bit = 1 << (number & 31);
                mode < Mode::Machine && self.mcounteren & bit == 0
                    || mode == Mode::User && self.scounteren & bit == 0
            }
            0x180 => mode == Mode::Supervisor && self.mstatus & status::TVM != 0,
            0x14d => {
                !self.sstc
                    || mode == Mode::Supervisor && (self.mcounteren & 2 == 0 || !self.own_timer())
            }
            _ => false,
        };
        if refused { Err(Absent) } else { Ok(()) }
    }

    fn set_float(&mut self, value: u64) {
        self.fcsr = value;
        self.mstatus |= status::FS;
    }

    fn set_status(&mut self, value: u64, mask: u64) -> Effect {
        let old = self.mstatus;
        let mut new = old & !mask | value & mask;
        if new & status::MPP == 2 << 11 {
            new = new & !status::MPP | old & status::MPP;
        }
        self.mstatus = new;
        if (old ^ new) & status::MXR != 0 {
            Effect::Translation
        } else {
            Effect::Interrupts
        }
    }

    fn set_satp(&mut self, value: u64) -> Effect {
        // A mode the machine lacks leaves the register as it was (section 10.1.11).
        match value >> 60 {
            0 => self.satp = 0,
            8 => self.satp = value,
            9 if self.sv48 => self.satp = value,
            _ => return Effect::None,
        }
        Effect::Root
    }

    fn set_pmp(&mut self, first: usize, value: u64) -> Effect {
        for (slot, byte) in self.pmpcfg[first..first + 8]
            .iter_mut()
            .zip(value.to_le_bytes())
        {
            let byte = byte & 0x9f;
            // NA4 is finer than the grain; writable without readable is reserved.
            let reserved = byte & 0x18 == 0x10 || byte & 3 == 2;
            if *slot & 0x80 == 0 && !reserved {
                *slot = byte;
            }
        }
        Effect::Translation
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

/// A trap vector: direct or vectored.
fn vector(value: u64, old: u64) -> u64 {
    if value & 2 != 0 { old } else { value }
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
