//! Reading and writing registers: who may, and which values they take (Volume II, section 2.3,
//! WARL).

use super::{ADUE, Absent, CBZE, Csrs, DELEGABLE, Effect, Mode, STCE, interrupt, status};

impl Csrs {
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
}

/// A trap vector: direct or vectored.
fn vector(value: u64, old: u64) -> u64 {
    if value & 2 != 0 { old } else { value }
}
