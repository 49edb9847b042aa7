//! Loops that only read: the instructions ahead of a hart are tried out on a copy of its registers.
//! If they lead back to where they began, with the same registers and without a store, the hart
//! goes round until memory changes.

use alloc::vec::Vec;

use crate::board::Board;
use crate::decode::{self, Kind, Op};
use crate::exec::integer;
use crate::hart::{Hart, Mode};
use crate::mmu::walk::peek_physical;

/// Longest loop that is recognised, in instructions.
const LONGEST: usize = 64;

/// Returns the places of RAM that the hart reads in a loop that does nothing else, each once and in
/// their order; `None` if it is in no such loop.
pub(super) fn reads(hart: &Hart, board: &Board) -> Option<Vec<usize>> {
    let mut trial = Trial {
        hart,
        board,
        satp: if hart.mode == Mode::Machine {
            0
        } else {
            hart.csr.satp
        },
        x: hart.x,
        pc: hart.pc,
        reads: Vec::new(),
    };
    // The hart may have entered the loop just now: the first time round sets the registers.
    trial.round()?;
    let (pc, x) = (trial.pc, trial.x);
    trial.reads.clear();
    trial.round()?;
    if (trial.pc, trial.x) != (pc, x) {
        return None;
    }
    trial.reads.sort_unstable();
    trial.reads.dedup();
    Some(trial.reads)
}

struct Trial<'a> {
    hart: &'a Hart,
    board: &'a Board,
    satp: u64,
    x: [u64; 64],
    pc: u64,
    reads: Vec<usize>,
}

impl Trial<'_> {
    /// Goes on until control is back where it is now.
    fn round(&mut self) -> Option<()> {
        let begin = self.pc;
        for _ in 0..LONGEST {
            self.step()?;
            if self.pc == begin {
                return Some(());
            }
        }
        None
    }

    /// Executes an instruction of registers, or a load; `None` at any other.
    fn step(&mut self) -> Option<()> {
        let low = self.read(self.pc, 2)? as u32;
        let word = if decode::is_short(low as u16) {
            low
        } else {
            low | (self.read(self.pc.wrapping_add(2), 2)? as u32) << 16
        };
        let op = decode::decode(word);
        let (a, b) = (
            self.x[usize::from(op.rs1 & 31)],
            self.x[usize::from(op.rs2 & 31)],
        );
        let mut next = self.pc.wrapping_add(op.size());
        let value = match op.kind {
            Kind::Fence => None,
            Kind::Lb | Kind::Lh | Kind::Lw | Kind::Ld | Kind::Lbu | Kind::Lhu | Kind::Lwu => {
                Some(self.load(op, a)?)
            }
            kind if integer::is_control(kind) => {
                let (to, link) = integer::control(op, self.pc, a, b);
                next = to;
                link
            }
            kind if kind.is_plain() => Some(integer::compute(op, self.pc, a, b)),
            _ => return None,
        };
        if let Some(value) = value {
            self.x[usize::from(op.rd & 63)] = value;
        }
        self.pc = next;
        Some(())
    }

    fn load(&mut self, op: Op, base: u64) -> Option<u64> {
        let (size, signed) = integer::load_shape(op.kind);
        let address = base.wrapping_add(op.imm as i64 as u64);
        let offset = self.offset(address, size)?;
        self.reads.push(offset);
        let raw = self.board.ram.read(offset, size);
        let raw = self.hart.stores.forward(offset, size, raw);
        Some(integer::widen(raw, size, signed))
    }

    fn read(&self, address: u64, size: usize) -> Option<u64> {
        Some(self.board.ram.read(self.offset(address, size)?, size))
    }

    /// The place of aligned bytes in RAM.
    fn offset(&self, address: u64, size: usize) -> Option<usize> {
        if !address.is_multiple_of(size as u64) {
            return None;
        }
        let physical = peek_physical(self.board, self.satp, address)?;
        self.board.ram.offset(physical, size)
    }
}
