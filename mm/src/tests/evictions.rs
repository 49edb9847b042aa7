//! Which pages can go to swap, and what happens to a page that is touched meanwhile.

use std::cell::RefCell;
use std::rc::Rc;

use abi::MemCounter;

use super::swap::{check_numbers, numbered, slots_in_use, swapped};
use super::*;
use crate::addr::VirtAddr;
use crate::space::{Access, Resolution, Wait};
use crate::testing::{
    at_fence, audit, counter, evict_all, make_free, memory_with_swap, on_hart, read, write,
};

#[test]
fn nobody_looks_for_pages_in_a_process_that_has_ended() {
    let memory = memory_with_swap(200, 100);
    let mut parent = numbered(memory, 4);
    let mut child = parent.fork(COW).unwrap();
    // The entries of its former tables may point anywhere now.
    drop(parent);
    evict_all(memory);
    assert_eq!(swapped(&child), 4);
    check_numbers(&mut child, 4);
}

#[test]
fn pages_that_a_fork_has_copied_can_go_too() {
    let memory = memory_with_swap(200, 100);
    let first = (3 << 18) + (5 << 9) + 510;
    let mut parent = AddressSpace::new(memory).unwrap();
    parent
        .map(pages(first, first + 4), data(), Promise::Lazy)
        .unwrap();
    parent.publish();
    write(&mut parent, first * PAGE, &[7; 4 * PAGE_SIZE]).unwrap();
    let mut child = parent.fork(ForkMode::Eager).unwrap();
    evict_all(memory);
    assert_eq!((swapped(&parent), swapped(&child)), (4, 4));
    assert_eq!(slots_in_use(memory), 8);
    assert_eq!(read(&mut child, (first + 3) * PAGE, 1).unwrap(), [7]);
    audit(memory, [&parent, &child]);
}

#[test]
fn a_page_is_its_owners_to_write_although_somebody_still_waits_for_it() {
    let memory = memory_with_swap(200, 100);
    let mut space = numbered(memory, 1);
    evict_all(memory);
    let Resolution::Wait(Wait::Read(reading)) = space.resolve(VirtAddr(0), Access::Write) else {
        panic!("it must be read");
    };
    let waits = memory.machine().disk.read(reading);
    let copies = counter(memory, MemCounter::CopyFaults);
    assert_eq!(space.resolve(VirtAddr(0), Access::Write), Resolution::Done);
    assert_eq!(counter(memory, MemCounter::CopyFaults), copies);
    audit(memory, [&space]);
    drop(waits);
    audit(memory, [&space]);
}

#[test]
fn a_page_that_is_used_again_while_it_is_evicted_is_not_written() {
    let memory = memory_with_swap(200, 10);
    let space = Rc::new(RefCell::new(numbered(memory, 1)));
    let context = space.borrow().context().clone();
    on_hart(1);
    context.enter();
    on_hart(0);
    let owner = space.clone();
    at_fence(move || {
        if let Ok(mut space) = owner.try_borrow_mut() {
            read(&mut space, 0, 1).unwrap();
        }
    });
    let reclaimed = memory.reclaim(1);
    at_fence(|| ());
    on_hart(1);
    context.leave();
    on_hart(0);
    assert!(space.borrow().page_info(PageNo(0)).is_present());
    assert_eq!(reclaimed.freed, 0);
    assert!(reclaimed.writes.is_empty());
    audit(memory, [&*space.borrow()]);
}

#[test]
fn the_clock_goes_round_three_times_before_nothing_is_to_be_had() {
    let memory = memory_with_swap(50, 10);
    for turns in [0, 3, 6] {
        assert_eq!(memory.turns_of_clock(), turns);
        assert_eq!(make_free(memory, 1), 0);
    }
}
