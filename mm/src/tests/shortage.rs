//! Which claimants get the last frames or slots when they run short.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use abi::MemCounter;

use super::*;
use crate::addr::VirtAddr;
use crate::commit::{Claim, NoMemory};
use crate::frame::Kind;
use crate::space::{Access, Resolution, Wait};
use crate::testing::{
    at_fence, audit, begin_writes, counter, evict_all, make_free, memory_with_swap, read, write,
};

#[test]
fn what_cannot_be_evicted_leaves_frames_to_pages() {
    let memory = memory_with_swap(400, 400);
    let mut space = space(memory, 200);
    space.publish();
    let mut objects: Vec<_> =
        std::iter::from_fn(|| memory.allocate_object(PAGE_SIZE, 8).ok()).collect();
    let fixed = || counter(memory, MemCounter::PageTables) + counter(memory, MemCounter::Kernel);
    assert_eq!(fixed(), 300, "a quarter is left, although there are places");
    for page in 0..200 {
        write(&mut space, page * PAGE, b"turns").unwrap();
    }
    audit(memory, [&space]);
    // Forks need tables, and must leave a quarter of that limit in addition.
    while fixed() >= 225 {
        assert_eq!(space.fork(COW).map(drop), Err(NoMemory::Places));
        memory.free_object(objects.pop().unwrap(), PAGE_SIZE, 8);
    }
    assert!(space.fork(COW).is_ok());
}

#[test]
fn a_clean_page_that_is_not_used_goes_without_a_write() {
    let memory = memory_with_swap(200, 80);
    let mut space = space(memory, 40);
    space.publish();
    for page in 0..40 {
        write(&mut space, page * PAGE, b"clean").unwrap();
    }
    evict_all(memory);
    assert_eq!(counter(memory, MemCounter::SwapOuts), 40);
    for page in 0..40 {
        read(&mut space, page * PAGE, 1).unwrap();
    }
    assert_eq!(
        counter(memory, MemCounter::FreeSlots),
        40,
        "none was given up"
    );
    evict_all(memory);
    assert_eq!(counter(memory, MemCounter::SwapOuts), 40);
}

#[test]
fn a_clean_page_that_is_not_used_keeps_its_slot_when_they_are_short() {
    let memory = memory_with_swap(200, 16);
    let mut space = space(memory, 8);
    space.publish();
    write(&mut space, 0, &[1; 8 * PAGE_SIZE]).unwrap();
    evict_all(memory);
    // The other pages come in with the first.
    read(&mut space, 0, 1).unwrap();
    // Pages that no entry maps take the remaining slots.
    let mut reservation = memory.reserve_frames(8, Claim::Kernel).unwrap();
    let frames = [(); 8].map(|()| {
        let frame = memory.allocate(Kind::Anonymous, &mut reservation);
        let frame = frame.into_reference();
        let slot = memory.isolate(frame, memory.frames.record(frame).private().page(), 1);
        let _ = memory.put_back(frame, slot.unwrap());
        frame
    });
    assert_eq!(counter(memory, MemCounter::FreeSlots), 0);
    let reclaimed = memory.reclaim(7);
    assert_eq!(reclaimed.freed, 7, "without a write");
    for frame in frames {
        memory.drop_reference(frame);
    }
    audit(memory, [&space]);
}

#[test]
fn pages_that_no_slot_is_left_for_do_not_stand_before_others() {
    let memory = memory_with_swap(400, 20);
    // These pages are in RAM. Other processes do not see them yet.
    let mut first = space(memory, 200);
    for page in 0..200 {
        write(&mut first, page * PAGE, b"first").unwrap();
    }
    let mut parent = space(memory, 20);
    parent.publish();
    for page in 0..20 {
        write(&mut parent, page * PAGE, b"clean").unwrap();
    }
    let child = parent.fork(COW).unwrap();
    evict_all(memory);
    assert_eq!(counter(memory, MemCounter::FreeSlots), 0);
    for page in 0..20 {
        read(&mut parent, page * PAGE, 1).unwrap();
    }
    first.publish();
    assert_eq!(make_free(memory, 32) + make_free(memory, 32), 20);
    audit(memory, [&first, &parent, &child]);
}

/// Returns a space to which every remaining place is promised.
fn take_all_places(memory: &'static Memory<FakeMachine>) -> Space {
    let mut greedy = AddressSpace::new(memory).unwrap();
    let mut length = 300;
    while greedy
        .map(pages(0, length), data(), Promise::Charged)
        .is_err()
    {
        length -= 1;
    }
    // Promises leave some places, which pages that were not promised may take.
    let unpromised = pages(300, 400);
    greedy.map(unpromised, data(), Promise::Lazy).unwrap();
    let mut page = 300;
    while greedy.resolve(VirtAddr(page * PAGE), Access::Write) == Resolution::Done {
        page += 1;
    }
    greedy
}

/// Returns a space with 8 pages in frames, and a space to which every remaining place is promised.
fn without_places() -> (&'static Memory<FakeMachine>, Space, Space) {
    let memory = memory_with_swap(200, 100);
    let mut space = space(memory, 8);
    space.publish();
    for page in 0..8 {
        write(&mut space, page * PAGE, &[page as u8]).unwrap();
    }
    let greedy = take_all_places(memory);
    (memory, space, greedy)
}

#[test]
fn an_owner_needs_no_second_place_for_a_page_that_is_being_written() {
    let (memory, mut space, greedy) = without_places();
    let mut writes = begin_writes(memory);
    let waiting = space.resolve(VirtAddr(PAGE), Access::Write);
    assert!(
        matches!(waiting, Resolution::Wait(Wait::Page(_))),
        "{waiting:?}"
    );
    memory.machine().disk.write(writes.remove(0));
    assert_eq!(
        space.resolve(VirtAddr(PAGE), Access::Write),
        Resolution::Done
    );
    drop(waiting);
    audit(memory, [&space, &greedy]);
    assert_eq!(counter(memory, MemCounter::CopyFaults), 0);
    write(&mut space, PAGE, &[10]).unwrap();
    assert_eq!(read(&mut space, PAGE, 1).unwrap(), [10]);
}

#[test]
fn an_owner_needs_no_second_place_for_a_page_that_is_being_chosen() {
    let (memory, space, greedy) = without_places();
    space.context().enter();
    let space = Rc::new(RefCell::new(space));
    let looked = Rc::new(Cell::new(false));
    let (other, seen) = (space.clone(), looked.clone());
    at_fence(move || {
        let Ok(mut space) = other.try_borrow_mut() else {
            return;
        };
        let resolution = space.resolve(VirtAddr(PAGE), Access::Write);
        assert!(
            matches!(resolution, Resolution::Wait(Wait::Frames)),
            "{resolution:?}"
        );
        seen.set(true);
    });
    drop(memory.reclaim(8));
    assert!(looked.get(), "there was a fence");
    let mut space = space.borrow_mut();
    space.context().leave();
    assert_eq!(
        space.resolve(VirtAddr(PAGE), Access::Write),
        Resolution::Done
    );
    audit(memory, [&*space, &greedy]);
    assert_eq!(counter(memory, MemCounter::CopyFaults), 0);
    assert_eq!(read(&mut space, PAGE, 1).unwrap(), [1]);
}

#[test]
fn whoever_shares_a_page_and_finds_no_place_for_a_copy_is_told() {
    let (memory, mut space, greedy) = without_places();
    drop(greedy);
    let child = space.fork(COW).unwrap();
    let greedy = take_all_places(memory);
    evict_all(memory);
    assert_eq!(read(&mut space, PAGE, 1).unwrap(), [1]);
    assert_eq!(
        space.resolve(VirtAddr(PAGE), Access::Write),
        Resolution::NoMemory
    );
    audit(memory, [&space, &child, &greedy]);
    // A page that was waited for is not necessarily being evicted.
    let mut child = child;
    evict_all(memory);
    let Resolution::Wait(Wait::Read(reading)) = child.resolve(VirtAddr(0), Access::Read) else {
        panic!("it must be read");
    };
    let waits = memory.machine().disk.read(reading);
    for space in [&mut space, &mut child] {
        assert_eq!(read(space, 0, 1).unwrap(), [0]);
    }
    let resolution = space.resolve(VirtAddr(0), Access::Write);
    assert_eq!(resolution, Resolution::NoMemory);
    drop(waits);
    audit(memory, [&space, &child, &greedy]);
}
