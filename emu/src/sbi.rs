//! The supervisor binary interface, answered by the machine itself instead of firmware.
//!
//! RISC-V SBI Specification 2.0: chapters 4 (base), 6 (timer), 7 (IPI), 8 (RFENCE), 9 (HSM), 10
//! (reset), 12 (debug console), 5 (legacy).

use crate::board::Board;
use crate::device::finisher::Ending;
use crate::hart::csr::interrupt;
use crate::hart::{Activity, Hart, Mode};
use crate::mmu::walk::peek_physical;
use crate::sanitize::race;

const BASE: u64 = 0x10;
const TIMER: u64 = 0x5449_4d45;
const IPI: u64 = 0x0073_5049;
const RFENCE: u64 = 0x5246_4e43;
const HSM: u64 = 0x0048_534d;
const RESET: u64 = 0x5352_5354;
const CONSOLE: u64 = 0x4442_434e;

const OK: i64 = 0;
const NOT_SUPPORTED: i64 = -2;
const INVALID: i64 = -3;
const ALREADY_AVAILABLE: i64 = -6;
/// Exceptions that go to the supervisor: all but its own calls and the machine's.
const DELEGATED: u64 = 0xb1ff;
/// Most bytes of one console call.
const WRITE_MAX: u64 = 4096;

/// Puts a hart into the state in which firmware hands over: supervisor mode, all that can be
/// delegated delegated, timer and cache instructions allowed.
pub fn prepare(hart: &mut Hart) {
    hart.mode = Mode::Supervisor;
    hart.csr.medeleg = DELEGATED;
    hart.csr.mideleg = interrupt::SUPERVISOR;
    hart.csr.mcounteren = 7;
    hart.csr.menvcfg = 1 << 63 | 1 << 61 | 1 << 7;
    hart.csr.pmpcfg[0] = 0x1f;
    hart.csr.pmpaddr[0] = (1 << 54) - 1;
    hart.fast.data_context = hart.context(Mode::Supervisor);
    if hart.id != 0 {
        hart.activity = Activity::Stopped;
    }
}

/// Answers the call that hart `caller` makes.
pub fn answer(harts: &mut [Hart], caller: usize, board: &mut Board) {
    let x = &harts[caller].x;
    let (extension, function) = (x[17], x[16]);
    let arguments = [x[10], x[11], x[12], x[13], x[14]];
    let (error, value) = match extension {
        0..=8 => {
            let value = legacy(harts, caller, board, extension, arguments[0]);
            harts[caller].x[10] = value;
            harts[caller].pc += 4;
            return;
        }
        BASE => base(function, arguments[0]),
        TIMER if function == 0 => {
            harts[caller].csr.stimecmp = arguments[0];
            (OK, 0)
        }
        IPI if function == 0 => match chosen(harts.len(), arguments[0], arguments[1]) {
            Some(mask) => {
                interrupt_others(harts, caller, board, mask);
                (OK, 0)
            }
            None => (INVALID, 0),
        },
        RFENCE => match chosen(harts.len(), arguments[0], arguments[1]) {
            Some(mask) => {
                for other in (0..harts.len()).filter(|&id| mask >> id & 1 != 0) {
                    race::rendezvous(board, caller, other);
                }
                fence(harts, board, function, mask, &arguments)
            }
            None => (INVALID, 0),
        },
        HSM => state(harts, caller, board, function, &arguments),
        RESET if function == 0 => {
            board.state.ending = Some(match arguments[0] {
                0 => Ending::Off((arguments[1] != 0).into()),
                _ => Ending::Reset,
            });
            (OK, 0)
        }
        CONSOLE => console(&harts[caller], board, function, &arguments),
        _ => (NOT_SUPPORTED, 0),
    };
    let hart = &mut harts[caller];
    hart.x[10] = error as u64;
    hart.x[11] = value;
    // An `ecall` has four bytes.
    hart.pc += 4;
}

fn base(function: u64, argument: u64) -> (i64, u64) {
    const VERSION: u64 = 2 << 24;
    const IMPLEMENTATION: u64 = 0x636f_7773;
    let known = [BASE, TIMER, IPI, RFENCE, HSM, RESET, CONSOLE];
    match function {
        0 => (OK, VERSION),
        1 => (OK, IMPLEMENTATION),
        2 => (OK, 1),
        3 => (OK, known.contains(&argument).into()),
        4..=6 => (OK, 0),
        _ => (NOT_SUPPORTED, 0),
    }
}

/// The harts that a mask and its base name, as bits; `None` if one does not exist.
fn chosen(count: usize, mask: u64, from: u64) -> Option<u64> {
    let all = (1u64 << count) - 1;
    if from == u64::MAX {
        return Some(all);
    }
    let bits = mask
        .checked_shl(u32::try_from(from).ok()?)
        .filter(|_| from < 64)?;
    (bits & !all == 0).then_some(bits)
}

fn interrupt_others(harts: &mut [Hart], caller: usize, board: &mut Board, mask: u64) {
    for hart in harts.iter_mut().filter(|hart| mask >> hart.id & 1 != 0) {
        hart.csr.mip |= interrupt::SSI;
        race::signal(board, caller, hart.id);
    }
}

fn fence(
    harts: &mut [Hart],
    board: &mut Board,
    function: u64,
    mask: u64,
    arguments: &[u64; 5],
) -> (i64, u64) {
    /// A range of more pages than this is fenced whole.
    const PAGES_MAX: u64 = 64;
    let [_, _, start, size, asid] = *arguments;
    if function > 2 {
        return (NOT_SUPPORTED, 0);
    }
    let asid = (function == 2).then_some(asid);
    for hart in harts.iter_mut().filter(|hart| mask >> hart.id & 1 != 0) {
        if function == 0 {
            hart.code.fence();
            hart.fast.forget_code();
            continue;
        }
        let whole = start == 0 && size == 0 || size == u64::MAX || size >> 12 > PAGES_MAX;
        if whole {
            board.fence_translations(hart, None, asid);
            continue;
        }
        let last = start.saturating_add(size);
        let mut page = start & !0xfff;
        while page < last {
            board.fence_translations(hart, Some(page), asid);
            page += 0x1000;
        }
    }
    (OK, 0)
}

fn state(
    harts: &mut [Hart],
    caller: usize,
    board: &mut Board,
    function: u64,
    arguments: &[u64; 5],
) -> (i64, u64) {
    match function {
        0 => {
            let Some(hart) = harts.get_mut(arguments[0] as usize) else {
                return (INVALID, 0);
            };
            if hart.activity != Activity::Stopped {
                return (ALREADY_AVAILABLE, 0);
            }
            hart.activity = Activity::Running;
            hart.mode = Mode::Supervisor;
            hart.pc = arguments[1];
            hart.x[10] = hart.id as u64;
            hart.x[11] = arguments[2];
            hart.csr.satp = 0;
            hart.csr.mstatus &= !2;
            hart.fast.forget_all();
            race::signal(board, caller, hart.id);
            race::receive(board, hart.id);
            (OK, 0)
        }
        1 => {
            harts[caller].activity = Activity::Stopped;
            (OK, 0)
        }
        2 => match harts.get(arguments[0] as usize) {
            Some(hart) => (OK, (hart.activity == Activity::Stopped).into()),
            None => (INVALID, 0),
        },
        3 => {
            harts[caller].activity = Activity::Waiting;
            (OK, 0)
        }
        _ => (NOT_SUPPORTED, 0),
    }
}

fn console(_: &Hart, board: &mut Board, function: u64, arguments: &[u64; 5]) -> (i64, u64) {
    let [count, address, ..] = *arguments;
    match function {
        0 => {
            let count = count.min(WRITE_MAX);
            let Some(offset) = board.ram.offset(address, count as usize) else {
                return (INVALID, 0);
            };
            let bytes = board.ram.bytes()[offset..offset + count as usize].to_vec();
            board.state.uart.output.extend(bytes);
            (OK, count)
        }
        1 => {
            let mut read = 0;
            while read < count {
                let Some(offset) = board.ram.offset(address.wrapping_add(read), 1) else {
                    return (INVALID, read);
                };
                let Some(byte) = board.state.uart.take() else {
                    break;
                };
                board.ram.write(offset, 1, byte.into());
                read += 1;
            }
            (OK, read)
        }
        2 => {
            board.state.uart.output.push(count as u8);
            (OK, 0)
        }
        _ => (NOT_SUPPORTED, 0),
    }
}

fn legacy(
    harts: &mut [Hart],
    caller: usize,
    board: &mut Board,
    extension: u64,
    argument: u64,
) -> u64 {
    // The legacy calls take the address of a mask, in the caller's address space.
    let mask = {
        let satp = harts[caller].csr.satp;
        peek_physical(board, satp, argument)
            .and_then(|physical| board.ram.offset(physical, 8))
            .map_or(u64::MAX, |offset| board.ram.read(offset, 8))
    };
    let all = (1u64 << harts.len()) - 1;
    match extension {
        0 => harts[caller].csr.stimecmp = argument,
        1 => board.state.uart.output.push(argument as u8),
        2 => return board.state.uart.take().map_or(u64::MAX, u64::from),
        3 => harts[caller].csr.mip &= !interrupt::SSI,
        4 => interrupt_others(harts, caller, board, mask & all),
        5..=7 => {
            fence(
                harts,
                board,
                extension - 5,
                mask & all,
                &[0, 0, 0, u64::MAX, 0],
            );
        }
        _ => board.state.ending = Some(Ending::Off(0)),
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_names_harts_that_exist() {
        assert_eq!(chosen(4, 0b11, 1), Some(0b110));
        assert_eq!(chosen(4, 0, u64::MAX), Some(0b1111));
        assert_eq!(chosen(2, 0b11, 1), None);
        assert_eq!(chosen(2, 1, 64), None);
        assert_eq!(chosen(2, 1, u64::MAX - 1), None);
    }
}
