//! Which instructions the source means to be atomic.
//!
//! Machine code does not tell a relaxed atomic load or store from a plain one; the debug
//! information does, because the functions of `core::sync::atomic` are inlined where they are used.
//! A host that reads it says so ([`crate::Machine::declare_atomic`]). Without it the race detector
//! goes by the fences around an access.

use alloc::vec;
use alloc::vec::Vec;

/// One bit for each halfword of the kernel's code.
#[derive(Clone, Default)]
pub(crate) struct Atomics {
    start: u64,
    bits: Vec<u64>,
}

/// More bytes than this are no kernel's code.
const SPAN_MAX: u64 = 64 << 20;

impl Atomics {
    /// The instructions at these addresses.
    pub fn new(addresses: &[u64]) -> Self {
        let (Some(&first), Some(&last)) = (addresses.iter().min(), addresses.iter().max()) else {
            return Self::default();
        };
        if last - first > SPAN_MAX {
            return Self::default();
        }
        let start = first & !127;
        let mut bits = vec![0; ((last - start) / 128 + 1) as usize];
        for address in addresses {
            let half = (address - start) / 2;
            bits[(half / 64) as usize] |= 1 << (half % 64);
        }
        Self { start, bits }
    }

    /// Whether the instruction at an address is one of them.
    #[inline]
    pub fn contains(&self, pc: u64) -> bool {
        let half = pc.wrapping_sub(self.start) / 2;
        self.bits
            .get((half / 64) as usize)
            .is_some_and(|word| word >> (half % 64) & 1 != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_declared_is_atomic() {
        let atomics = Atomics::new(&[0xffff_ffc0_8020_0002, 0xffff_ffc0_8020_0100]);
        assert!(atomics.contains(0xffff_ffc0_8020_0002));
        assert!(atomics.contains(0xffff_ffc0_8020_0100));
        for other in [0, 0xffff_ffc0_8020_0000, 0xffff_ffc0_8020_0102, u64::MAX] {
            assert!(!atomics.contains(other), "{other:#x}");
        }
        assert!(!Atomics::default().contains(0));
        assert!(!Atomics::new(&[0, u64::MAX]).contains(0));
    }
}
