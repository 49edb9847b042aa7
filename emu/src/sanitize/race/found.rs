//! From a race to its report: whether the source means it, who held which lock, what is missing.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::Cell;
use crate::board::Board;
use crate::decode::{self, Kind as OpKind};
use crate::hart::{Hart, Mode, Place};
use crate::sanitize::{Kind, Report, Scene, stack};

/// Instructions after a load in which a fence makes it an acquire.
const ACQUIRE_REACH: usize = 8;

pub(super) fn report(hart: &Hart, board: &mut Board, offset: usize, old: Cell, new: Cell) {
    let mut key = (old.pc.min(new.pc), old.pc.max(new.pc));
    if board.state.sanitizer.is_filed(Kind::Race, key) {
        return;
    }
    let is_meant = |cell: &Cell| cell.atomic || !cell.store && acquires(board, hart, cell.pc);
    if is_meant(&old) && is_meant(&new) {
        return;
    }
    let address = board.ram.base() + offset as u64;
    let what = |cell: &Cell, order: &str| -> String {
        let verb = match (cell.atomic, cell.store) {
            (true, _) => "changes it atomically",
            (false, true) => "writes it",
            (false, false) => "reads it",
        };
        format!("{order} hart {} {verb}", cell.hart)
    };
    let earlier = Place {
        hart: old.hart,
        pc: old.pc,
        ra: old.ra,
        fp: 0,
        step: old.step,
        user: false,
    };
    let before = short_stack(board, old.pc, old.ra);
    let mut scenes = vec![
        Scene {
            what: what(&new, "now"),
            place: Some(hart.place(board.state.steps)),
            stack: stack::walk(board, hart),
        },
        Scene {
            what: what(&old, "before"),
            place: Some(earlier),
            stack: before,
        },
    ];
    let missing = match common_lock(board, hart, old.lock) {
        Some((scene, missing)) => {
            // One report for the lock, whatever it protects.
            key = (scene.stack[0], 0);
            scenes.push(scene);
            missing
        }
        None => "a lock that both hold while they use it",
    };
    let report = Report {
        kind: Kind::Race,
        headline: format!(
            "harts {} and {} use the same byte at {address:#x} and nothing orders them",
            old.hart, new.hart
        ),
        scenes,
        missing: missing.into(),
    };
    board.state.sanitizer.file(key, report);
}

/// An instruction and its caller, unless the return address is from a call that has returned.
fn short_stack(board: &Board, pc: u64, ra: u64) -> Vec<u64> {
    let function = |address| board.symbols.function(address).map(|symbol| symbol.address);
    if function(pc) == function(ra) {
        vec![pc]
    } else {
        vec![pc, ra]
    }
}

/// If both sides of a race held the same lock, it is the lock that orders nothing: where, and what
/// it lacks.
fn common_lock(board: &Board, hart: &Hart, lock: usize) -> Option<(Scene, &'static str)> {
    let races = board.state.sanitizer.races.as_ref()?;
    let word = lock.checked_sub(1)?;
    let held = races.held[hart.id].iter().find(|held| held.word == word)?;
    let address = board.ram.base() + word as u64;
    if !held.acquires {
        let scene = Scene {
            what: format!(
                "both held the lock at {address:#x}, which is taken without acquire here"
            ),
            place: None,
            stack: short_stack(board, held.pc, held.ra),
        };
        return Some((
            scene,
            "an acquire where the lock is taken: amoswap.w.aq, or a fence after it",
        ));
    }
    let freed = races.freed.get(&word)?;
    let scene = Scene {
        what: format!(
            "both held the lock at {address:#x}, which is given back without release here"
        ),
        place: None,
        stack: short_stack(board, freed.pc, freed.ra),
    };
    Some((
        scene,
        "a release where the lock is given back: a fence before the store",
    ))
}

/// Whether the load at an address is soon followed by a fence that makes it an acquire.
fn acquires(board: &Board, hart: &Hart, pc: u64) -> bool {
    use crate::mmu::walk::peek_physical;
    let satp = if hart.mode == Mode::Machine {
        0
    } else {
        hart.csr.satp
    };
    let mut at = pc;
    for _ in 0..ACQUIRE_REACH {
        let half = |address: u64| {
            let offset = board.ram.offset(peek_physical(board, satp, address)?, 2)?;
            Some(board.ram.read(offset, 2) as u32)
        };
        let (Some(low), Some(high)) = (half(at), half(at.wrapping_add(2))) else {
            return false;
        };
        let op = decode::decode(low | high << 16);
        if op.kind == OpKind::Fence && op.imm >> 25 & 1 != 0 {
            return true;
        }
        if matches!(op.kind, OpKind::Jal | OpKind::Jalr) {
            return false;
        }
        at = at.wrapping_add(op.size());
    }
    false
}
