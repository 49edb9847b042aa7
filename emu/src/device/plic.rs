//! The platform-level interrupt controller (RISC-V PLIC Specification 1.0.0).
//!
//! Context `2 n` is hart `n` in machine mode, `2 n + 1` in supervisor mode. The gateways (chapter
//! 4) are those of QEMU's board: a device that says anything while its line is high makes its
//! source pending, and completion alone does not. xv6 relies on it: it never reads why the serial
//! line interrupts.

use crate::HARTS_MAX;
use crate::stored::stored;

/// Sources, number 0 not among them.
const SOURCES: usize = 64;
const CONTEXTS: usize = 2 * HARTS_MAX;
const PENDING: u64 = 0x1000;
const ENABLE: u64 = 0x2000;
const ENABLE_STRIDE: u64 = 0x80;
const CONTEXT: u64 = 0x20_0000;
const CONTEXT_STRIDE: u64 = 0x1000;

/// The controller.
#[derive(Clone)]
pub struct Plic {
    priority: [u32; SOURCES],
    pending: u64,
    served: u64,
    enable: [u64; CONTEXTS],
    threshold: [u32; CONTEXTS],
}

stored!(Plic {
    priority,
    pending,
    served,
    enable,
    threshold
});

impl Default for Plic {
    fn default() -> Self {
        Self {
            priority: [0; SOURCES],
            pending: 0,
            served: 0,
            enable: [0; CONTEXTS],
            threshold: [0; CONTEXTS],
        }
    }
}

impl Plic {
    /// A device says what the level of its line is.
    pub fn set_line(&mut self, source: u32, high: bool) {
        if high {
            self.pending |= 1 << source;
        } else {
            self.pending &= !(1 << source);
        }
    }

    /// Whether a context has an interrupt to serve.
    pub fn interrupts(&self, context: usize) -> bool {
        self.best(context) != 0
    }

    fn best(&self, context: usize) -> usize {
        // What one hart serves is not offered to another.
        let ready = self.pending & !self.served & self.enable[context];
        if ready == 0 {
            return 0;
        }
        let mut best = 0;
        let mut level = self.threshold[context];
        for source in 1..SOURCES {
            if ready >> source & 1 != 0 && self.priority[source] > level {
                best = source;
                level = self.priority[source];
            }
        }
        best
    }

    /// Reads a register; reading a claim register takes the interrupt.
    pub fn read(&mut self, offset: u64) -> u64 {
        match offset {
            0..PENDING => word(&self.priority, offset / 4),
            PENDING..ENABLE => half(self.pending, offset - PENDING),
            ENABLE..CONTEXT => {
                let at = offset - ENABLE;
                let enabled = self.enable.get((at / ENABLE_STRIDE) as usize);
                enabled.map_or(0, |&bits| half(bits, at % ENABLE_STRIDE))
            }
            _ => {
                let at = offset - CONTEXT;
                let context = (at / CONTEXT_STRIDE) as usize;
                match at % CONTEXT_STRIDE {
                    0 => word(&self.threshold, context as u64),
                    4 if context < CONTEXTS => {
                        let source = self.best(context);
                        if source != 0 {
                            self.pending &= !(1 << source);
                            self.served |= 1 << source;
                        }
                        source as u64
                    }
                    _ => 0,
                }
            }
        }
    }

    /// Writes a register; writing a claim register ends the service of a source.
    pub fn write(&mut self, offset: u64, value: u64) {
        match offset {
            0..PENDING => {
                if let Some(slot) = self.priority.get_mut((offset / 4) as usize) {
                    *slot = value as u32 & 7;
                }
            }
            ENABLE..CONTEXT => {
                let at = offset - ENABLE;
                if let Some(slot) = self.enable.get_mut((at / ENABLE_STRIDE) as usize) {
                    match at % ENABLE_STRIDE {
                        0 => *slot = *slot & !0xffff_ffff | value & 0xffff_fffe,
                        4 => *slot = *slot & 0xffff_ffff | value << 32,
                        _ => {}
                    }
                }
            }
            CONTEXT.. => {
                let at = offset - CONTEXT;
                let context = (at / CONTEXT_STRIDE) as usize;
                match at % CONTEXT_STRIDE {
                    0 if context < CONTEXTS => self.threshold[context] = value as u32 & 7,
                    4 if value < SOURCES as u64 => self.served &= !(1 << value),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

fn word(registers: &[u32], index: u64) -> u64 {
    registers.get(index as usize).copied().unwrap_or(0).into()
}

fn half(bits: u64, offset: u64) -> u64 {
    match offset {
        0 => bits & 0xffff_ffff,
        4 => bits >> 32,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S0: u64 = CONTEXT + CONTEXT_STRIDE;

    fn ready() -> Plic {
        let mut plic = Plic::default();
        plic.write(4 * 10, 1);
        plic.write(4, 2);
        plic.write(ENABLE + ENABLE_STRIDE, 1 << 10 | 1 << 1);
        plic
    }

    #[test]
    fn claims_go_by_priority() {
        let mut plic = ready();
        assert!(!plic.interrupts(1));
        plic.set_line(10, true);
        plic.set_line(1, true);
        assert!(plic.interrupts(1) && !plic.interrupts(0));
        assert_eq!(plic.read(S0 + 4), 1, "the higher priority");
        assert_eq!(plic.read(S0 + 4), 10);
        assert_eq!(plic.read(S0 + 4), 0);
        plic.set_line(10, true);
        assert_eq!(plic.read(S0 + 4), 0, "it is still being served");
        plic.write(S0 + 4, 10);
        assert_eq!(plic.read(S0 + 4), 10, "the device spoke again");
    }

    #[test]
    fn a_threshold_hides_what_is_not_above_it() {
        let mut plic = ready();
        plic.set_line(10, true);
        plic.write(S0, 1);
        assert!(!plic.interrupts(1));
        plic.write(S0, 0);
        assert!(plic.interrupts(1));
    }

    #[test]
    fn registers_that_are_not_there_read_as_zero() {
        let mut plic = Plic::default();
        for offset in (0..0x60_0000).step_by(0xffc) {
            plic.write(offset, u64::MAX);
            plic.read(offset);
        }
    }
}
