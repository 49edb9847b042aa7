//! The A extension (Volume I, chapter "A" Extension for Atomic Instructions).
//!
//! A reservation ends with the turn of its hart, so no other hart runs between `lr` and the `sc`
//! that succeeds. That is exact, and an early end is always allowed.

use super::memory::Use;
use super::{Cpu, Done};
use crate::decode::Fields;
use crate::hart::trap::{Trap, cause};
use crate::mmu::{Access, translate};
use crate::sanitize::race;

const ACQUIRE: u32 = 1 << 26;
const RELEASE: u32 = 1 << 25;
const LR: u32 = 2;
const SC: u32 = 3;
const ADD: u32 = 0;
/// How often `sc` fails for no reason.
const SPURIOUS: u64 = 16;

impl Cpu<'_> {
    /// Executes an atomic instruction.
    pub fn atomic<const WATCH: bool>(&mut self, word: u32) -> Done {
        let f = Fields(word);
        let size = 1 << f.funct3();
        let address = self.hart.x[f.rs1()];
        let operation = word >> 27;
        let access = if operation == LR {
            Access::Load
        } else {
            Access::Store
        };
        if !address.is_multiple_of(size as u64) {
            let code = if operation == LR {
                cause::LOAD_MISALIGNED
            } else {
                cause::STORE_MISALIGNED
            };
            return Err(Trap::new(code, address));
        }
        if operation == LR && f.rs2() != 0 {
            return Err(Trap::illegal(word));
        }
        let physical = translate(self.hart, self.board, address, access)?;
        let Some(offset) = self.board.ram.offset(physical, size) else {
            return Err(access.access_fault(address));
        };
        if WATCH {
            // An atomic that is no release may overtake waiting stores to other places.
            if word & RELEASE != 0 || self.hart.stores.overlaps(offset, size) {
                self.drain();
            }
            race::atomic(
                self.hart,
                self.board,
                offset,
                size,
                word & ACQUIRE != 0,
                word & RELEASE != 0,
            );
            let past = &self.board.state.past;
            self.hart.early.read_now(past, offset, size);
            if word & ACQUIRE != 0 {
                self.order_loads();
            }
        }
        let old = self.board.ram.read(offset, size);
        let old = if size == 4 {
            super::integer::word(old)
        } else {
            old
        };
        let operand = self.hart.x[f.rs2()];
        match operation {
            LR => {
                self.hart.reservation = Some(physical);
                self.hart.set(f.rd(), old);
                return Ok(());
            }
            SC => {
                let kept = self.hart.reservation.take() == Some(physical);
                let spurious =
                    self.board.adversity.conditionals && self.board.state.rng.one_in(SPURIOUS);
                let stored = kept && !spurious;
                if stored {
                    self.seen_by_locks(offset, size, old, operand, old ^ operand);
                    self.atomic_write::<WATCH>(offset, size, operand, old ^ operand);
                }
                self.hart.set(f.rd(), (!stored).into());
            }
            _ => {
                let Some(new) = combine(operation, size, old, operand) else {
                    return Err(Trap::illegal(word));
                };
                let touched = touched(operation, operand);
                // No lock is taken by counting.
                if operation != ADD {
                    self.seen_by_locks(offset, size, old, new, touched);
                }
                self.atomic_write::<WATCH>(offset, size, new, touched);
                self.hart.set(f.rd(), old);
            }
        }
        self.board.point(self.hart, 4);
        Ok(())
    }

    /// Tells the watchers what becomes of the part of a word that may be a lock.
    fn seen_by_locks(&mut self, offset: usize, size: usize, old: u64, new: u64, touched: u64) {
        let (first, count) = bytes_of(touched, size);
        let part = |value: u64| value >> (8 * first) & (u64::MAX >> (64 - 8 * count));
        let step = self.board.state.steps;
        self.board
            .state
            .sanitizer
            .lock_word(self.hart, offset + first, step, part(old), part(new));
    }

    /// Stores `new`. Only the bytes in which `touched` has bits are used, as far as races are
    /// concerned: compilers build atomics of a byte from instructions on the word around it.
    fn atomic_write<const WATCH: bool>(
        &mut self,
        offset: usize,
        size: usize,
        new: u64,
        touched: u64,
    ) {
        if WATCH {
            let (first, count) = bytes_of(touched, size);
            race::access(self.hart, self.board, offset + first, count, Use::Atomic);
        }
        self.write(offset, size, new);
    }

    /// `fence`: earlier stores become visible if it orders them, and the turn may end.
    pub fn fence(&mut self, word: u32) {
        const READ: u32 = 2;
        const WRITE: u32 = 1;
        let (before, after) = (word >> 24 & 15, word >> 20 & 15);
        if before & WRITE != 0 {
            self.drain();
        }
        if after & READ != 0 {
            self.order_loads();
        }
        race::fence(
            self.hart,
            self.board,
            before & READ != 0 && after & (READ | WRITE) != 0,
            after & WRITE != 0,
        );
        self.board.point(self.hart, 4);
    }

    /// `fence.i`.
    pub fn fence_i(&mut self) {
        self.drain();
        self.order_loads();
        self.hart.code.fence();
        self.hart.fast.forget_code();
    }
}

/// The bits of memory that an operation may change, whatever they are.
fn touched(operation: u32, operand: u64) -> u64 {
    match operation {
        0x04 | 0x08 => operand,
        0x0c => !operand,
        _ => u64::MAX,
    }
}

/// The first of `size` bytes in which there are bits, and how many bytes there are up to the last
/// one; all of them if there are no bits.
fn bytes_of(bits: u64, size: usize) -> (usize, usize) {
    let bits = bits & (u64::MAX >> (64 - 8 * size));
    if bits == 0 {
        return (0, size);
    }
    let first = bits.trailing_zeros() as usize / 8;
    let last = (63 - bits.leading_zeros() as usize) / 8;
    (first, last - first + 1)
}

/// What an atomic operation leaves in memory.
fn combine(operation: u32, size: usize, old: u64, operand: u64) -> Option<u64> {
    let operand = if size == 4 {
        super::integer::word(operand)
    } else {
        operand
    };
    let narrow = |value: u64| {
        if size == 4 {
            value & 0xffff_ffff
        } else {
            value
        }
    };
    Some(match operation {
        0x00 => old.wrapping_add(operand),
        0x01 => operand,
        0x04 => old ^ operand,
        0x08 => old | operand,
        0x0c => old & operand,
        0x10 => (old as i64).min(operand as i64) as u64,
        0x14 => (old as i64).max(operand as i64) as u64,
        0x18 => narrow(old).min(narrow(operand)),
        0x1c => narrow(old).max(narrow(operand)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_atomic_of_a_byte_uses_one_byte_of_its_word() {
        const OR: u32 = 0x08;
        const AND: u32 = 0x0c;
        assert_eq!(bytes_of(touched(OR, 0x1_0000), 4), (2, 1));
        assert_eq!(bytes_of(touched(AND, !0xff00), 4), (1, 1));
        assert_eq!(bytes_of(touched(0, 1), 4), (0, 4), "a sum may carry");
        assert_eq!(bytes_of(touched(OR, 0), 4), (0, 4));
        assert_eq!(bytes_of(0x8000_0000_0000_0001, 8), (0, 8));
    }

    #[test]
    fn operations_compare_as_their_names_say() {
        let minus = u64::MAX;
        assert_eq!(combine(0x10, 8, minus, 1), Some(minus));
        assert_eq!(combine(0x18, 8, minus, 1), Some(1));
        assert_eq!(
            combine(0x1c, 4, super::super::integer::word(0x8000_0000), 1),
            Some(0x8000_0000)
        );
        assert_eq!(combine(0x14, 4, 1, 0xffff_ffff), Some(1));
        assert_eq!(combine(0x1f, 8, 0, 0), None);
    }
}
