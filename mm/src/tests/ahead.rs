//! Reading ahead: pages that come in before they are touched.

use std::ops::Range;

use abi::{MemCounter, ProcCounter};

use super::*;
use crate::addr::VirtAddr;
use crate::space::{Access, Resolution, Wait};
use crate::swap::{SwapIn, TransferError};
use crate::testing::{
    Space, audit, counter, evict_all, make_free, memory_with_swap, peek, read, resolve, write,
};

/// Returns a space with `count` pages in swap, each of which begins with its number.
fn in_swap(memory: &'static Memory<FakeMachine>, count: u64) -> Space {
    let mut space = space(memory, count);
    space.publish();
    for page in 0..count {
        write(&mut space, page * PAGE, &[page as u8]).unwrap();
    }
    evict_all(memory);
    space
}

fn present(space: &Space, pages: Range<u64>) -> Vec<u64> {
    pages
        .filter(|&page| space.page_info(PageNo(page)).is_present())
        .collect()
}

fn touch(space: &mut Space, page: u64) {
    let address = VirtAddr(page * PAGE);
    assert_eq!(resolve(space, address, Access::Read), Ok(()));
}

/// Returns the reads for a page and for the pages behind it.
fn in_parts(space: &mut Space, page: u64) -> Vec<SwapIn<'static, FakeMachine>> {
    let Resolution::Wait(Wait::Read(first)) = space.resolve(VirtAddr(page * PAGE), Access::Read)
    else {
        panic!("page {page} must be read");
    };
    let mut parts = vec![first];
    while let Some(behind) = parts.last_mut().and_then(SwapIn::behind) {
        parts.push(behind);
    }
    parts
}

#[test]
fn one_fault_maps_what_was_read_with_its_page() {
    let memory = memory_with_swap(300, 100);
    let mut space = in_swap(memory, 20);
    touch(&mut space, 3);
    assert_eq!(present(&space, 0..20), (3..11).collect::<Vec<_>>());
    for page in 3..11 {
        assert_eq!(peek(&space, page * PAGE), Some(page as u8));
    }
    assert_eq!(space.usage()[ProcCounter::SwapIns as usize], 1);
    audit(memory, [&space]);
}

#[test]
fn what_another_has_read_is_mapped_and_stays_his() {
    let memory = memory_with_swap(300, 100);
    let mut parent = in_swap(memory, 8);
    let mut child = parent.fork(COW).unwrap();
    touch(&mut parent, 0);
    touch(&mut child, 0);
    assert_eq!(present(&child, 0..8).len(), 8);
    assert_eq!(counter(memory, MemCounter::SwapIns), 8);
    audit(memory, [&parent, &child]);
    write(&mut child, 5 * PAGE, &[50]).unwrap();
    assert_eq!(read(&mut parent, 5 * PAGE, 1).unwrap(), [5]);
    assert_eq!(read(&mut child, 5 * PAGE, 1).unwrap(), [50]);
    audit(memory, [&parent, &child]);
}

#[test]
fn what_has_not_arrived_yet_is_not_mapped() {
    let memory = memory_with_swap(300, 100);
    let mut parent = in_swap(memory, 8);
    let mut child = parent.fork(COW).unwrap();
    let Resolution::Wait(Wait::Read(reading)) = child.resolve(VirtAddr(4 * PAGE), Access::Read)
    else {
        panic!("it must be read");
    };
    touch(&mut parent, 0);
    assert_eq!(present(&parent, 0..8), [0, 1, 2, 3]);
    drop(memory.machine().disk.read(reading));
    touch(&mut parent, 4);
    assert_eq!(present(&parent, 0..8).len(), 8);
    audit(memory, [&parent, &child]);
    assert_eq!(read(&mut child, 7 * PAGE, 1).unwrap(), [7]);
}

#[test]
fn what_nobody_has_used_goes_first() {
    let memory = memory_with_swap(300, 100);
    let mut space = in_swap(memory, 8);
    touch(&mut space, 4);
    touch(&mut space, 0);
    assert_eq!(present(&space, 0..8).len(), 8);
    assert_eq!(make_free(memory, 6), 6);
    assert_eq!(present(&space, 0..8), [0, 4]);
    audit(memory, [&space]);
}

#[test]
fn whoever_keeps_to_the_order_has_more_read_ahead() {
    let memory = memory_with_swap(1000, 500);
    let mut space = in_swap(memory, 500);
    let mut page = 0;
    for expected in [8, 16, 32, 64, 128, 128] {
        let parts = in_parts(&mut space, page);
        let counts = parts.iter().map(SwapIn::count);
        assert_eq!(counts.sum::<usize>(), expected, "page {page}");
        assert!(parts.iter().all(|part| part.count() <= 32));
        let disk = &memory.machine().disk;
        let held: Vec<_> = parts.into_iter().map(|part| disk.read(part)).collect();
        touch(&mut space, page);
        drop(held);
        assert_eq!(present(&space, page..500).len(), expected);
        page += expected as u64;
    }
    touch(&mut space, page + 40);
    assert_eq!(present(&space, page..500).len(), 8, "somewhere else");
    audit(memory, [&space]);
}

#[test]
fn what_fails_or_is_taken_behind_others_is_lost_to_nobody() {
    let memory = memory_with_swap(600, 300);
    let mut space = in_swap(memory, 300);
    for page in [0, 8, 24] {
        touch(&mut space, page);
    }
    let mut parts = in_parts(&mut space, 56);
    assert_eq!(parts.len(), 2);
    assert!(parts[1].behind().is_none(), "the window is full");
    let disk = &memory.machine().disk;
    let behind = parts.pop().unwrap();
    drop(behind.finish(Err(TransferError)));
    let held = disk.read(parts.pop().unwrap());
    touch(&mut space, 56);
    drop(held);
    assert_eq!(present(&space, 56..300), (56..88).collect::<Vec<_>>());
    audit(memory, [&space]);

    // The child's reads of the next pages are under way already.
    let mut child = space.fork(COW).unwrap();
    let mut parts = in_parts(&mut child, 130);
    parts.append(&mut in_parts(&mut space, 88));
    let counts: Vec<usize> = parts.iter().map(SwapIn::count).collect();
    assert_eq!(counts, [8, 32, 10]);
    let held: Vec<_> = parts.into_iter().map(|part| disk.read(part)).collect();
    touch(&mut space, 88);
    touch(&mut child, 130);
    drop(held);
    audit(memory, [&space, &child]);
    for page in 56..300 {
        assert_eq!(read(&mut space, page * PAGE, 1).unwrap(), [page as u8]);
    }
}

#[test]
fn data_that_comes_in_needs_no_instruction_fence() {
    let memory = memory_with_swap(300, 100);
    let mut space = in_swap(memory, 20);
    let context = space.context().clone();
    context.enter();
    let before = memory.machine().instruction_fences(0);
    touch(&mut space, 3);
    assert_eq!(present(&space, 0..20).len(), 8);
    assert_eq!(memory.machine().instruction_fences(0), before);
    context.leave();
}

/// Begins the read of a page that is alone in swap.
fn begin_alone(space: &mut Space) -> SwapIn<'static, FakeMachine> {
    let Resolution::Wait(Wait::Read(read)) = space.resolve(VirtAddr(0), Access::Read) else {
        panic!("it must be read");
    };
    assert_eq!(read.count(), 1);
    read
}

#[test]
fn a_page_that_is_read_alone_is_tried_twice_at_most() {
    let memory = memory_with_swap(300, 100);
    let mut space = in_swap(memory, 1);
    let mut tries = 0;
    drop(begin_alone(&mut space).finish_with(|_| {
        tries += 1;
        Err(TransferError)
    }));
    assert_eq!(tries, 2);
}

#[test]
fn a_page_whose_first_read_fails_comes_back() {
    let memory = memory_with_swap(300, 100);
    let mut space = in_swap(memory, 1);
    let mut results = [Err(TransferError), Ok(())].into_iter();
    drop(begin_alone(&mut space).finish_with(|_| results.next().expect("two reads suffice")));
    assert_eq!(space.resolve(VirtAddr(0), Access::Read), Resolution::Done);
}

#[test]
fn code_that_comes_in_ahead_is_announced_once() {
    let memory = memory_with_swap(300, 100);
    let mut space = in_swap(memory, 20);
    let code = Permissions::READ | Permissions::EXECUTE;
    space.protect(pages(4, 20), code).unwrap();
    let context = space.context().clone();
    context.enter();
    let fences = [3, 12].map(|page| {
        let before = memory.machine().instruction_fences(0);
        touch(&mut space, page);
        memory.machine().instruction_fences(0) - before
    });
    context.leave();
    assert_eq!(present(&space, 0..20).len(), 8 + 8);
    assert_eq!(
        fences,
        [1, 1 + 1],
        "the page itself and those that came with it"
    );
}
