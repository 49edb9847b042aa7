//! What can be seen of a machine from outside. Looking changes nothing.

use alloc::vec::Vec;

use super::{Machine, Start};
use crate::board::Board;
use crate::hart::{Hart, Mode};
use crate::sanitize::Report;
use crate::symbols::Symbols;

impl Machine {
    /// What the kernel printed so far.
    pub fn console(&self) -> &[u8] {
        &self.board.state.uart.output
    }

    /// How many steps all harts together have made.
    pub fn steps(&self) -> u64 {
        self.board.state.steps
    }

    /// The harts.
    pub fn harts(&self) -> &[Hart] {
        &self.harts
    }

    /// A hart, to change its registers.
    pub fn hart_mut(&mut self, index: usize) -> Option<&mut Hart> {
        self.harts.get_mut(index)
    }

    /// The hart whose turn it is.
    pub fn current(&self) -> usize {
        self.schedule.hart
    }

    /// What the harts share.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// What the watchers found so far.
    pub fn reports(&self) -> &[Report] {
        &self.board.state.sanitizer.reports
    }

    /// How the kernel began.
    pub fn start(&self) -> Start {
        self.start
    }

    /// The kernel's functions.
    pub fn symbols(&self) -> &Symbols {
        &self.board.symbols
    }

    /// Reads memory as a hart sees it now; `None` where nothing is mapped.
    pub fn peek(&self, hart: usize, address: u64, into: &mut [u8]) -> Option<()> {
        let hart = self.harts.get(hart)?;
        let satp = if hart.mode == Mode::Machine {
            0
        } else {
            hart.csr.satp
        };
        for (index, byte) in into.iter_mut().enumerate() {
            let at = address.wrapping_add(index as u64);
            let physical = crate::mmu::walk::peek_physical(&self.board, satp, at)?;
            *byte = self.board.ram.read(self.board.ram.offset(physical, 1)?, 1) as u8;
        }
        Some(())
    }

    /// The functions a hart is in, innermost first, as addresses.
    pub fn stack(&self, hart: usize) -> Vec<u64> {
        self.harts
            .get(hart)
            .map(|hart| crate::sanitize::stack::walk(&self.board, hart))
            .unwrap_or_default()
    }
}
