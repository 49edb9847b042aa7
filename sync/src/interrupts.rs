//! Switching the interrupts of this hart off for a while.

use crate::arch;

/// Interrupts are off while this lives. Dropping it restores their previous state.
///
/// Values nest: each must be dropped before those that were made earlier.
pub struct InterruptsOff {
    were_on: bool,
    _this_hart: core::marker::PhantomData<*mut ()>,
}

impl InterruptsOff {
    /// Switches interrupts off.
    #[inline]
    #[must_use]
    pub fn new() -> Self {
        Self {
            were_on: arch::disable(),
            _this_hart: core::marker::PhantomData,
        }
    }
}

impl Default for InterruptsOff {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for InterruptsOff {
    #[inline]
    fn drop(&mut self) {
        if self.were_on {
            arch::enable();
        }
    }
}
