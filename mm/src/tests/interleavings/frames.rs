//! Frames and kernel objects that move between harts when almost none are left.

use std::collections::HashSet;

use abi::MemCounter;
use sync::model::{Mutex, explore};

use super::process::{at_once, resolve};
use crate::commit::Claim;
use crate::frame::Kind;
use crate::testing::{counter, on_hart, with_memory};

const EXECUTIONS: usize = 600;

/// A reserved frame is found, and by one hart only. There are enough frames for only some of the
/// harts at a time. Finds a frame that is listed twice or lost when a batch is handed over, and an
/// allocator that gives up because every list was empty at some moment.
#[test]
fn a_reserved_frame_is_there() {
    explore(EXECUTIONS, || {
        with_memory(7, |memory| {
            at_once(0..3, move |hart| {
                // Two threads run on one hart number, as when a thread is moved between two steps.
                on_hart(hart / 2);
                for count in [3, 2, 4] {
                    let Ok(mut reservation) = memory.reserve_frames(count, Claim::Kernel) else {
                        continue;
                    };
                    let mut frames: Vec<_> = (0..count)
                        .map(|_| memory.allocate(Kind::Kernel, &mut reservation))
                        .collect();
                    for frame in &mut frames {
                        frame.bytes_mut()[0] = hart as u8;
                    }
                    for frame in frames.into_iter().rev() {
                        assert_eq!(frame.bytes()[0], hart as u8);
                    }
                }
            });
            resolve(memory, []);
        });
    });
}

/// Objects of one size on three harts. No two harts get one object, and a slab is freed with its
/// last object. Two objects fill a slab, so slabs come and go. Finds a slab that is linked or
/// unlinked without the class's lock, one that is freed while it is linked, and one that stays
/// because no hart ever took an object of it.
#[test]
fn objects_of_one_size() {
    const SIZE: usize = 2048;
    explore(EXECUTIONS, || {
        with_memory(32, |memory| {
            let taken = Mutex::new(HashSet::new());
            at_once(0..3, move |hart| {
                for round in 0..3 {
                    let objects: Vec<_> = (0..1 + (hart + round) % 3)
                        .map(|_| memory.allocate_object(SIZE, 8).unwrap())
                        .inspect(|object| assert!(taken.lock().unwrap().insert(object.0)))
                        .collect();
                    for object in objects {
                        taken.lock().unwrap().remove(&object.0);
                        memory.free_object(object, SIZE, 8);
                    }
                }
            });
            resolve(memory, []);
            assert_eq!(counter(memory, MemCounter::Kernel), 0, "slabs");
        });
    });
}
