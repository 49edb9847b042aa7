//! The core-local interruptor: software interrupts and machine timers.
//!
//! SiFive FU540-C000 Manual, chapter 9: `msip` at 0, `mtimecmp` at 0x4000, `mtime` at 0xbff8.

use super::CLINT;
use crate::HARTS_MAX;
use crate::stored::stored;

const MTIMECMP: u64 = 0x4000;
const MTIME: u64 = 0xbff8;

/// The registers but `mtime`, which is the machine's clock.
#[derive(Clone)]
pub struct Clint {
    /// Software interrupts asked for.
    pub msip: [bool; HARTS_MAX],
    /// When each hart's timer is due.
    pub mtimecmp: [u64; HARTS_MAX],
}

stored!(Clint { msip, mtimecmp });

impl Default for Clint {
    fn default() -> Self {
        Self {
            msip: [false; HARTS_MAX],
            mtimecmp: [u64::MAX; HARTS_MAX],
        }
    }
}

/// The hart that a store of `value` at a physical address interrupts, if it is one to `msip`.
pub(crate) fn interrupted(address: u64, value: u64) -> Option<usize> {
    let hart = (address.checked_sub(CLINT)? / 4) as usize;
    (hart < HARTS_MAX && value & 1 != 0).then_some(hart)
}

impl Clint {
    /// Reads `size` bytes.
    pub fn read(&self, offset: u64, size: usize, time: u64) -> u64 {
        let whole = match offset & !7 {
            MTIME => time,
            at if at >= MTIMECMP => {
                let hart = ((at - MTIMECMP) / 8) as usize;
                self.mtimecmp.get(hart).copied().unwrap_or(0)
            }
            _ => {
                let hart = (offset / 4) as usize;
                return self.msip.get(hart).is_some_and(|&set| set).into();
            }
        };
        let part = whole >> (8 * (offset & 7));
        if size == 8 { part } else { part & 0xffff_ffff }
    }

    /// Writes `size` bytes. `mtime` cannot be written: it is what makes a run repeatable.
    pub fn write(&mut self, offset: u64, size: usize, value: u64) {
        if offset < MTIMECMP {
            if let Some(slot) = self.msip.get_mut((offset / 4) as usize) {
                *slot = value & 1 != 0;
            }
            return;
        }
        if let Some(slot) = self.mtimecmp.get_mut(((offset - MTIMECMP) / 8) as usize) {
            *slot = match (size, offset & 4) {
                (8, _) => value,
                (_, 0) => *slot & !0xffff_ffff | value & 0xffff_ffff,
                _ => *slot & 0xffff_ffff | value << 32,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_reached_whole_and_in_halves() {
        let mut clint = Clint::default();
        clint.write(MTIMECMP + 8, 8, 0x1_0000_0002);
        clint.write(MTIMECMP + 12, 4, 7);
        assert_eq!(clint.mtimecmp[1], 0x7_0000_0002);
        assert_eq!(clint.read(MTIMECMP + 12, 4, 0), 7);
        assert_eq!(clint.read(MTIME, 8, 99), 99);
        clint.write(8, 4, 1);
        assert!(clint.msip[2] && clint.read(8, 4, 0) == 1);
        clint.write(0x3ffc, 4, 1);
        clint.write(0xfff0, 8, 1);
    }
}
