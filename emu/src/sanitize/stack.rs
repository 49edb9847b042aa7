//! Backtraces by frame pointers: at `fp - 8` lies the return address, at `fp - 16` the caller's
//! frame pointer (RISC-V ELF psABI, "Frame Pointer Convention").

use alloc::vec;
use alloc::vec::Vec;

use crate::board::Board;
use crate::hart::{Hart, Mode};
use crate::mmu::walk::peek_physical;

/// Most frames.
const DEPTH: usize = 24;
/// No frame is larger.
const FRAME_MAX: u64 = 64 << 10;

/// The functions a hart is in: its program counter, then return addresses.
pub fn walk(board: &Board, hart: &Hart) -> Vec<u64> {
    let mut stack = vec![hart.pc];
    if hart.mode == Mode::User {
        return stack;
    }
    let satp = if hart.mode == Mode::Machine {
        0
    } else {
        hart.csr.satp
    };
    let read = |address: u64| {
        let physical = peek_physical(board, satp, address).filter(|_| address.is_multiple_of(8))?;
        Some(board.ram.read(board.ram.offset(physical, 8)?, 8))
    };
    let (ra, mut fp) = (hart.x[1], hart.x[8]);
    // Before its own frame is complete, or without one, a function's caller is only in `ra`.
    let mut first = true;
    while stack.len() < DEPTH {
        let (Some(back), Some(next)) = (read(fp.wrapping_sub(8)), read(fp.wrapping_sub(16))) else {
            if first && ra != 0 {
                stack.push(ra);
            }
            break;
        };
        if first && ra != back && ra != 0 {
            stack.push(ra);
        }
        first = false;
        if back == 0 {
            break;
        }
        stack.push(back);
        if next <= fp || next - fp > FRAME_MAX {
            break;
        }
        fp = next;
    }
    stack
}
