//! Backtraces by frame pointers: at `fp - 8` lies the return address, at `fp - 16` the caller's
//! frame pointer (RISC-V ELF psABI, "Frame Pointer Convention"). A function that calls nobody may
//! keep only the caller's frame pointer, at `fp - 8`, and one that has just begun nothing yet.

use alloc::vec;
use alloc::vec::Vec;

use crate::board::Board;
use crate::hart::{Hart, Mode, Place};
use crate::mmu::walk::peek_physical;

/// Most frames.
const DEPTH: usize = 24;
/// No frame is larger.
const FRAME_MAX: u64 = 64 << 10;

/// The functions a hart is in: its program counter, then return addresses.
pub fn walk(board: &Board, hart: &Hart) -> Vec<u64> {
    if hart.mode == Mode::User {
        return vec![hart.pc];
    }
    walk_from(board, hart, hart.place(0))
}

/// The same for a place where the hart was a moment ago.
pub fn walk_from(board: &Board, hart: &Hart, place: Place) -> Vec<u64> {
    let mut stack = vec![place.pc];
    let satp = if hart.mode == Mode::Machine {
        0
    } else {
        hart.csr.satp
    };
    let read = |address: u64| {
        let physical = peek_physical(board, satp, address).filter(|_| address.is_multiple_of(8))?;
        Some(board.ram.read(board.ram.offset(physical, 8)?, 8))
    };
    let symbols = &board.symbols;
    let is_code = |address: u64| symbols.code().is_empty() || symbols.is_code(address);
    let function = |address: u64| symbols.function(address).map(|symbol| symbol.address);
    let above = |fp: u64, next: u64| next > fp && next - fp <= FRAME_MAX;
    let mut fp = place.fp;
    let mut first = true;
    while stack.len() < DEPTH {
        let (Some(mut back), Some(mut next)) =
            (read(fp.wrapping_sub(8)), read(fp.wrapping_sub(16)))
        else {
            if first && is_code(place.ra) && place.ra != 0 {
                stack.push(place.ra);
            }
            break;
        };
        if first && !is_code(back) && above(fp, back) {
            // Only the caller's frame pointer was saved.
            (back, next) = (place.ra, back);
        } else if first
            && place.ra != back
            && is_code(place.ra)
            && place.ra != 0
            && function(place.ra) != function(place.pc)
        {
            // The frame is still the caller's.
            stack.push(place.ra);
        }
        first = false;
        if back == 0 || !is_code(back) {
            break;
        }
        stack.push(back);
        if !above(fp, next) {
            break;
        }
        fp = next;
    }
    stack
}
