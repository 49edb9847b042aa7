//! Bytes as programs for the [`model`](super::model): four bytes are a step.
//!
//! A fuzzer that sees which code a program reaches finds orders of steps that random choice does
//! not.

use super::model::{PLACES, Step, run};
use super::*;

/// Longer programs find nothing new, and after a hundred spurious faults in a row the kernel
/// rightly gives up.
const STEPS: usize = 96;

/// Returns the step, the process and the hart that four bytes stand for.
fn step([what, who, where_, how]: [u8; 4]) -> (usize, usize, Step) {
    // Half of the steps use one of a few pages, so that steps meet.
    let places = if where_ & 1 == 0 { 4 } else { PLACES };
    let page = u64::from(where_ >> 1) % places;
    let pages = u64::from(where_ % 23) + 1;
    let promise = match how & 1 {
        0 => Promise::Lazy,
        _ => Promise::Charged,
    };
    let step = match what % 16 {
        0 | 1 => Step::Fork { mode: COW },
        2 => Step::Fork {
            mode: ForkMode::Eager,
        },
        3 => Step::Exit,
        4..=7 => Step::Write { page, byte: how },
        8 => Step::Read { page },
        9 => Step::Execute { page },
        10 | 11 => Step::Grow { pages, promise },
        12 => Step::Shrink { pages },
        13 => Step::Map {
            start: page,
            length: u64::from(how >> 4 & 3) + 1,
            permissions: Permissions::from_bits_truncate(how >> 1 & 7),
            promise,
        },
        14 => Step::Unmap {
            start: page,
            // Some lengths are a few pages, and others reach to the end.
            length: match how {
                255 => 1 << 19,
                _ => u64::from(how % 16) + 1,
            },
        },
        _ => Step::Refuse {
            nth: u64::from(how % 8) + 1,
        },
    };
    (usize::from(who & 15), usize::from(who >> 4 & 3), step)
}

fn run_bytes(bytes: &[u8]) {
    let (steps, _) = bytes.as_chunks::<4>();
    let program: Vec<_> = steps.iter().take(STEPS).map(|&bytes| step(bytes)).collect();
    run(&program);
}

#[test]
fn fuzz_programs() {
    ::fuzz::check!().with_max_len(4 * STEPS).for_each(run_bytes);
}
