//! The counters of `memstat`, and the frames that the kernel takes for itself.

use abi::{MemCounter, ProcCounter};
use sync::atomic::Ordering;

use super::*;
use crate::addr::{FrameNo, PageNo};
use crate::commit::Need;
use crate::phys;
use crate::space::PageCounts;
use crate::testing::{counter, free_frames, memory, on_hart, write};

#[test]
fn totals_add_up() {
    let memory = memory(6400);
    assert_eq!(counter(memory, MemCounter::Frames), 6400);
    assert_eq!(counter(memory, MemCounter::CommitLimit), 6250);
    assert_eq!(counter(memory, MemCounter::Free), 6400);
    assert_eq!(counter(memory, MemCounter::Committed), 0);

    let mut one = AddressSpace::new(memory).unwrap();
    one.grow(20 * PAGE, Promise::Charged).unwrap();
    write(&mut one, 0, &[1; 7 * PAGE_SIZE]).unwrap();
    let kernel = memory.frame_for_kernel(Need::Lasting).unwrap();
    let objects = memory.allocate_object(3 * PAGE_SIZE, 8).unwrap();
    for (kind, frames) in [
        (MemCounter::Anonymous, 7),
        (MemCounter::PageTables, 3),
        (MemCounter::Kernel, 4),
    ] {
        assert_eq!(counter(memory, kind), frames, "{kind:?}");
    }
    assert_eq!(free_frames(memory), 6400 - 7 - 3 - 4);
    assert_eq!(counter(memory, MemCounter::Committed), 20 + 3 + 4);

    drop((one, kernel));
    memory.free_object(objects, 3 * PAGE_SIZE, 8);
    assert_eq!(free_frames(memory), 6400);
}

#[test]
fn what_one_hart_takes_another_may_give_back() {
    let memory = memory(300);
    on_hart(1);
    let mut space = space(memory, 90);
    write(&mut space, 0, &[1; 90 * PAGE_SIZE]).unwrap();
    on_hart(2);
    drop(space);
    assert_eq!(counter(memory, MemCounter::Anonymous), 0);
    assert_eq!(free_frames(memory), 300);
}

#[test]
fn forks_tell_how_much_they_copied() {
    let memory = memory(1000);
    let mut parent = space(memory, 600);
    // The pages lie in two leaf tables.
    write(&mut parent, 500 * PAGE, &[1; 20 * PAGE_SIZE]).unwrap();
    let counters = || {
        let all = [
            MemCounter::Forks,
            MemCounter::EntriesCopied,
            MemCounter::ReferencesTaken,
        ];
        all.map(|kind| counter(memory, kind))
    };
    let _shared = parent.fork(COW).unwrap();
    assert_eq!(counters(), [1, 20, 20]);
    let _copied = parent.fork(ForkMode::Eager).unwrap();
    assert_eq!(counters(), [2, 40, 20]);
}

#[test]
fn killed_processes_are_counted() {
    let memory = memory(100);
    memory.note_killed();
    memory.note_killed();
    assert_eq!(counter(memory, MemCounter::Killed), 2);
}

/// The frame is poisoned, so later use of it would be noticed.
#[test]
fn a_freed_frame_keeps_nothing() {
    let memory = memory(100);
    let mut space = space(memory, 1);
    write(&mut space, 0, &[1; PAGE_SIZE]).unwrap();
    let frame = FrameNo(space.page_info(PageNo(0)).frame());
    drop(space);
    for offset in (0..PAGE_SIZE).step_by(8) {
        let word = phys::free_object_word(memory.machine(), frame, offset);
        assert_eq!(word.load(Ordering::Relaxed), 0xa5a5_a5a5_a5a5_a5a5);
    }
}

#[test]
fn a_frame_of_the_kernel_is_zeroed_and_comes_back() {
    let memory = memory(100);
    let mut frame = memory.frame_for_kernel(Need::Passing).unwrap();
    assert_eq!(frame.bytes(), &[0; PAGE_SIZE]);
    frame.bytes_mut().fill(9);
    assert_eq!(frame.bytes(), &[9; PAGE_SIZE]);
    let number = frame.into_reference();
    assert_eq!(free_frames(memory), 99, "it is handed on, not freed");
    let frame = memory.reclaim_kernel_frame(number);
    assert_eq!((frame.frame(), frame.bytes()[0]), (number, 9));
    drop(frame);
    assert_eq!(free_frames(memory), 100);
}

#[test]
fn pages_are_counted_in_parts_that_end() {
    let memory = memory(6000);
    let mut space = AddressSpace::new(memory).unwrap();
    // The heap has a touched part, a hole of many leaf tables, and pages behind the hole.
    space.grow(4000 * PAGE, Promise::Lazy).unwrap();
    write(&mut space, 0, &[1; 1500 * PAGE_SIZE]).unwrap();
    space.grow((1 << 22) * PAGE, Promise::Lazy).unwrap();
    write(&mut space, (1 << 22) * PAGE, &[1; PAGE_SIZE]).unwrap();

    let mut counts = PageCounts::new();
    let mut parts = 1;
    while !space.count_pages(&mut counts) {
        parts += 1;
    }
    assert_eq!(space.usage_with(&counts), space.usage());
    let resident = space.usage()[ProcCounter::Resident as usize];
    assert_eq!(resident, 1501 * PAGE);
    // Three leaf tables are at least four parts. The hole is skipped without looking at its tables.
    assert!((4..40).contains(&parts), "{parts} parts");
}
