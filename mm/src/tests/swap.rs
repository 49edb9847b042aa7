//! Pages that go to swap and come back.

use abi::{MemCounter, PageInfo, ProcCounter};

use super::*;
use crate::addr::VirtAddr;
use crate::machine::Machine;
use crate::space::copy::CopyFailure;
use crate::space::{Access, Ending};
use crate::testing::{
    Space, at_fence, audit, counter, evict_all, free_frames, make_free, memory_with_swap, on_hart,
    peek, read, resolve, write,
};

/// Returns a space with `count` pages that can be evicted. Each begins with its number.
pub fn numbered(memory: &'static Memory<FakeMachine>, count: u64) -> Space {
    let mut space = space(memory, count);
    space.publish();
    for page in 0..count {
        write(&mut space, page * PAGE, &page.to_le_bytes()).unwrap();
    }
    space
}

/// Asserts that each of the pages begins with its number.
pub fn check_numbers(space: &mut Space, count: u64) {
    for page in 0..count {
        let bytes = read(space, page * PAGE, 8).unwrap();
        assert_eq!(bytes, page.to_le_bytes(), "page {page}");
    }
}

/// Returns how many pages of the space are in swap.
pub fn swapped(space: &Space) -> u64 {
    space.usage()[ProcCounter::Swapped as usize] / PAGE
}

/// Returns how many slots are not free.
pub fn slots_in_use(memory: &Memory<FakeMachine>) -> u64 {
    counter(memory, MemCounter::SwapSlots) - counter(memory, MemCounter::FreeSlots)
}

#[test]
fn pages_come_back_as_they_went() {
    let memory = memory_with_swap(200, 100);
    let mut space = numbered(memory, 40);
    let free = free_frames(memory);
    evict_all(memory);
    assert_eq!(swapped(&space), 40);
    assert_eq!(free_frames(memory), free + 40);
    assert_eq!(counter(memory, MemCounter::SwapOuts), 40);
    assert_eq!(space.page_info(PageNo(3)), PageInfo(PageInfo::SWAPPED));
    audit(memory, [&space]);
    check_numbers(&mut space, 40);
    assert_eq!(swapped(&space), 0);
    assert_eq!(counter(memory, MemCounter::SwapIns), 40);
    let usage = space.usage();
    let faults = usage[ProcCounter::SwapIns as usize];
    assert_eq!(faults, 3, "8 pages with the first, then 16 and the rest");
    assert_eq!(usage[ProcCounter::Unique as usize], 40 * PAGE);
    assert!(
        space.page_info(PageNo(3)).is_exclusive(),
        "the cache does not map it"
    );
    audit(memory, [&space]);
    drop(space);
    assert_eq!((slots_in_use(memory), free_frames(memory)), (0, 200));
}

#[test]
fn more_memory_than_there_are_frames() {
    let memory = memory_with_swap(100, 400);
    let mut space = AddressSpace::new(memory).unwrap();
    space.map(pages(0, 300), data(), Promise::Charged).unwrap();
    space.publish();
    for round in 0..3u64 {
        for page in 0..300 {
            let bytes = (page ^ round).to_le_bytes();
            write(&mut space, page * PAGE, &bytes).unwrap();
        }
        for page in 0..300 {
            let bytes = read(&mut space, page * PAGE, 8).unwrap();
            assert_eq!(bytes, (page ^ round).to_le_bytes());
        }
        audit(memory, [&space]);
    }
    assert_eq!(counter(memory, MemCounter::Killed), 0);
}

#[test]
fn a_shared_page_is_written_once_and_read_once() {
    let memory = memory_with_swap(300, 100);
    let mut family = vec![numbered(memory, 20)];
    for _ in 0..4 {
        let child = family[0].fork(COW).unwrap();
        family.push(child);
    }
    evict_all(memory);
    assert_eq!(counter(memory, MemCounter::SwapOuts), 20);
    assert_eq!(slots_in_use(memory), 20);
    audit(memory, &family);
    for space in &mut family {
        assert_eq!(swapped(space), 20);
        check_numbers(space, 20);
    }
    assert_eq!(counter(memory, MemCounter::SwapIns), 20);
    let frames: Vec<_> = family
        .iter()
        .map(|space| space.page_info(PageNo(7)).frame())
        .collect();
    assert!(
        frames.iter().all(|&frame| frame == frames[0]),
        "it came back shared"
    );
    audit(memory, &family);
    // The page is clean and cached, so it is evicted again without a write.
    evict_all(memory);
    assert_eq!(counter(memory, MemCounter::SwapOuts), 20);
}

#[test]
fn a_swapped_page_that_is_written_is_the_writers_own() {
    let memory = memory_with_swap(200, 100);
    let mut parent = numbered(memory, 8);
    let mut child = parent.fork(COW).unwrap();
    evict_all(memory);
    write(&mut child, 3 * PAGE, b"childish").unwrap();
    assert_eq!(read(&mut parent, 3 * PAGE, 8).unwrap(), 3u64.to_le_bytes());
    assert_eq!(read(&mut child, 3 * PAGE, 8).unwrap(), b"childish");
    audit(memory, [&parent, &child]);
    evict_all(memory);
    assert_eq!(read(&mut child, 3 * PAGE, 8).unwrap(), b"childish");
    check_numbers(&mut parent, 8);
}

#[test]
fn the_last_owner_of_a_cached_page_copies_nothing() {
    let memory = memory_with_swap(200, 100);
    let mut space = numbered(memory, 8);
    evict_all(memory);
    let copies = counter(memory, MemCounter::CopyFaults);
    for page in 0..8 {
        write(&mut space, page * PAGE + 8, b"more").unwrap();
    }
    assert_eq!(counter(memory, MemCounter::CopyFaults), copies);
    assert_eq!(
        slots_in_use(memory),
        0,
        "the slots no longer have what the pages have"
    );
    audit(memory, [&space]);
    check_numbers(&mut space, 8);
}

#[test]
fn a_fork_of_swapped_pages_shares_their_slots() {
    let memory = memory_with_swap(200, 100);
    for mode in [COW, ForkMode::Eager] {
        let mut parent = numbered(memory, 10);
        evict_all(memory);
        let free = free_frames(memory);
        let mut child = parent.fork(mode).unwrap();
        assert!(
            free - free_frames(memory) < 10,
            "nothing was read or copied"
        );
        assert_eq!(slots_in_use(memory), 10);
        audit(memory, [&parent, &child]);
        write(&mut parent, 0, b"parental").unwrap();
        check_numbers(&mut child, 10);
        drop(parent);
        check_numbers(&mut child, 10);
        audit(memory, [&child]);
        drop(child);
        assert_eq!(slots_in_use(memory), 0);
    }
}

#[test]
fn a_used_page_gets_a_second_chance() {
    let memory = memory_with_swap(200, 100);
    let mut space = numbered(memory, 20);
    // The first turn clears the bits that were set when the pages were filled.
    assert_eq!(make_free(memory, 1), 1);
    // The pages that the hand meets first are used again.
    for page in 1..10 {
        let address = VirtAddr(page * PAGE);
        assert_eq!(resolve(&mut space, address, Access::Read), Ok(()));
    }
    for _ in 0..10 {
        assert_eq!(make_free(memory, 1), 1);
    }
    let present = |page| space.page_info(PageNo(page)).is_present();
    assert!((1..10).all(present), "those that were used stayed");
    assert!(!(10..20).any(present));
}

#[test]
fn text_is_evicted_and_stays_text() {
    let memory = memory_with_swap(200, 100);
    let mut space = AddressSpace::new(memory).unwrap();
    let text = Permissions::READ | Permissions::EXECUTE;
    space.map(pages(0, 2), text, Promise::Charged).unwrap();
    space.bytes_mut(VirtAddr(PAGE)).unwrap()[..4].copy_from_slice(b"code");
    evict_all(memory);
    assert_eq!(
        swapped(&space),
        0,
        "an image that is laid out is nobody's to evict"
    );
    space.publish();
    evict_all(memory);
    assert_eq!(swapped(&space), 1);
    assert_eq!(write(&mut space, PAGE, b"evil"), Err(CopyFailure::Denied));
    assert_eq!(resolve(&mut space, VirtAddr(PAGE), Access::Execute), Ok(()));
    assert_eq!(write(&mut space, PAGE, b"evil"), Err(CopyFailure::Denied));
    assert_eq!(read(&mut space, PAGE, 4).unwrap(), b"code");
}

#[test]
fn pages_are_found_however_many_families_there_were() {
    let memory = memory_with_swap(200, 100);
    for _ in 0..100_000 {
        memory.families.found();
    }
    let mut space = numbered(memory, 4);
    evict_all(memory);
    assert_eq!(swapped(&space), 4);
    check_numbers(&mut space, 4);
}

#[test]
fn no_hart_keeps_the_translation_of_an_evicted_page() {
    let memory = memory_with_swap(200, 100);
    let space = numbered(memory, 4);
    assert_eq!(peek(&space, PAGE), Some(1));
    evict_all(memory);
    assert_eq!(peek(&space, PAGE), None);
}

#[test]
fn when_swap_is_full_the_promised_are_served_and_others_are_told() {
    let memory = memory_with_swap(100, 20);
    let mut promised = AddressSpace::new(memory).unwrap();
    promised
        .map(pages(0, 40), data(), Promise::Charged)
        .unwrap();
    promised.publish();
    let mut lazy = space(memory, 200);
    lazy.publish();
    let touched = (0..200)
        .take_while(|page| write(&mut lazy, page * PAGE, b"lazy").is_ok())
        .count() as u64;
    assert!(touched > 30 && touched < 100);
    for page in 0..40 {
        write(&mut promised, page * PAGE, b"mine").unwrap();
    }
    audit(memory, [&promised, &lazy]);
    for page in 0..touched {
        assert_eq!(read(&mut lazy, page * PAGE, 4).unwrap(), b"lazy");
    }
    drop((promised, lazy));
    assert_eq!((slots_in_use(memory), free_frames(memory)), (0, 100));
}

#[test]
fn slots_of_pages_that_came_back_are_given_up_when_they_run_short() {
    let memory = memory_with_swap(200, 40);
    let mut space = numbered(memory, 40);
    evict_all(memory);
    assert_eq!(slots_in_use(memory), 40);
    check_numbers(&mut space, 40);
    assert_eq!(slots_in_use(memory), 35, "one in eight is kept free");
    // Other processes need slots too. The hand finds pages in use and takes their slots.
    let mut other = numbered(memory, 20);
    while slots_in_use(memory) < 40 && make_free(memory, 1) != 0 {
        check_numbers(&mut space, 40);
    }
    check_numbers(&mut other, 20);
    audit(memory, [&space, &other]);
}

#[test]
fn unmapping_swapped_pages_frees_their_slots() {
    let memory = memory_with_swap(200, 100);
    let mut space = numbered(memory, 20);
    evict_all(memory);
    space.unmap(pages(5, 10), &mut Ending::new()).unwrap();
    assert_eq!(slots_in_use(memory), 15);
    audit(memory, [&space]);
    assert_eq!(read(&mut space, 6 * PAGE, 1), Err(CopyFailure::Denied));
}

#[test]
fn nobody_stores_to_what_a_child_has_although_it_was_forked_during_an_eviction() {
    let memory = memory_with_swap(200, 10);
    let space = std::rc::Rc::new(std::cell::RefCell::new(numbered(memory, 1)));
    let context = space.borrow().context().clone();
    on_hart(1);
    context.enter();
    let store = || memory.machine().write_user(VirtAddr(0), b"parent");
    assert_eq!(store(), 6);
    on_hart(0);
    let child = std::rc::Rc::new(std::cell::RefCell::new(None));
    let (parent, born) = (space.clone(), child.clone());
    let forked = std::cell::Cell::new(false);
    // The fence is sent when the entry is gone already. The page comes back read-only.
    at_fence(move || {
        if !forked.replace(true) {
            let mut parent = parent.borrow_mut();
            read(&mut parent, 0, 1).unwrap();
            born.replace(Some(parent.fork(COW).unwrap()));
            on_hart(1);
            assert_eq!(store(), 0, "the child exists");
            context.leave();
            on_hart(0);
        }
    });
    let _ = make_free(memory, 1);
    at_fence(|| ());
    let mut child = child.take().expect("there was a fence");
    assert_eq!(read(&mut child, 0, 6).unwrap(), b"parent");
    audit(memory, [&*space.borrow(), &child]);
}

#[test]
fn the_marks_at_which_somebody_reclaims_in_the_background() {
    // The kernel keeps 1/64 of the frames, and at least 16.
    let memory = memory_with_swap(200, 100);
    let mut space = space(memory, 200);
    let mut page = 0;
    loop {
        let free = free_frames(memory);
        assert_eq!(memory.frames_wanted(), 48u64.saturating_sub(free));
        assert_eq!(memory.is_short_of_frames(), free < 32, "{free} frames");
        if free <= 20 {
            break;
        }
        write(&mut space, page * PAGE, b"x").unwrap();
        page += 1;
    }
    // Where few pages can be evicted, the watermarks are equally low.
    let memory = memory_with_swap(200, 4);
    let mut frames = vec![];
    while let Ok(frame) = memory.frame_for_kernel(crate::Need::Passing) {
        let free = free_frames(memory);
        frames.push(frame);
        assert_eq!(memory.frames_wanted(), 12u64.saturating_sub(free));
        assert_eq!(memory.is_short_of_frames(), free < 8, "{free} frames");
    }
    let without = crate::testing::memory(20);
    assert!(!without.is_short_of_frames(), "nothing can be evicted");
    assert_eq!(without.frames_wanted(), 0);
}
