//! Pages that are being written to swap or read from it: who waits, who shares the transfer, and
//! what is left when the transfer fails.

use abi::MemCounter;

use super::swap::{check_numbers, numbered, slots_in_use, swapped};
use super::*;
use crate::addr::VirtAddr;
use crate::space::copy::CopyFailure;
use crate::space::{Access, Resolution, Wait};
use crate::swap::SwapOut;
use crate::testing::{
    audit, begin_writes, counter, evict_all, free_frames, make_free, memory_with_swap, read, write,
};

#[test]
fn a_page_being_written_is_not_reused() {
    let memory = memory_with_swap(200, 100);
    let mut space = numbered(memory, 4);
    let writes = begin_writes(memory);
    assert_eq!(writes.iter().map(|write| write.count()).sum::<usize>(), 4);
    let free = free_frames(memory);
    audit(memory, [&space]);
    // The page comes back from the cache. A process that writes it during the transfer writes a
    // copy.
    let outgoing = writes[0].frames().next().unwrap();
    write(&mut space, 8, b"changed").unwrap();
    assert_ne!(space.page_info(PageNo(0)).frame(), outgoing.0);
    assert!(free_frames(memory) < free);
    audit(memory, [&space]);
    for write in writes {
        memory.machine().disk.write(write);
    }
    audit(memory, [&space]);
    check_numbers(&mut space, 4);
    assert_eq!(read(&mut space, 8, 7).unwrap(), b"changed");
}

#[test]
fn pages_that_lie_together_go_together_and_in_order() {
    let memory = memory_with_swap(200, 100);
    let mut space = space(memory, 40);
    space.publish();
    // Their frames are in the opposite order, except one.
    for page in (0..40).rev().filter(|&page| page != 20) {
        write(&mut space, page * PAGE, &page.to_le_bytes()).unwrap();
    }
    write(&mut space, 20 * PAGE, &20u64.to_le_bytes()).unwrap();
    let writes: Vec<_> = memory.reclaim(40).writes.collect();
    let lengths: Vec<_> = writes.iter().map(SwapOut::count).collect();
    assert_eq!(lengths, [32, 8]);
    for (page, write) in [0, 32].into_iter().zip(&writes) {
        assert_eq!(write.bytes(1)[..8], (page + 1u64).to_le_bytes());
    }
    for write in writes {
        memory.machine().disk.write(write);
    }
    audit(memory, [&space]);
}

#[test]
fn a_page_that_is_given_up_while_it_is_written_is_freed_after() {
    let memory = memory_with_swap(200, 100);
    let space = numbered(memory, 4);
    let out = memory.reclaim(32).writes.next().unwrap();
    drop(space);
    assert_eq!(free_frames(memory), 200 - 4);
    assert_eq!(slots_in_use(memory), 4);
    memory.machine().disk.write(out);
    assert_eq!((slots_in_use(memory), free_frames(memory)), (0, 200));
    audit(memory, []);
}

#[test]
fn a_write_that_fails_leaves_the_page() {
    let memory = memory_with_swap(200, 100);
    let mut space = numbered(memory, 4);
    memory.machine().disk.set_broken(true);
    let free = free_frames(memory);
    assert_eq!(make_free(memory, 4), 0);
    assert_eq!(free_frames(memory), free);
    audit(memory, [&space]);
    check_numbers(&mut space, 4);
    memory.machine().disk.set_broken(false);
    evict_all(memory);
    assert_eq!(swapped(&space), 4);
    check_numbers(&mut space, 4);
}

#[test]
fn a_write_that_is_given_up_leaves_the_page() {
    let memory = memory_with_swap(200, 100);
    let mut space = numbered(memory, 4);
    drop(memory.reclaim(32));
    audit(memory, [&space]);
    check_numbers(&mut space, 4);
    assert_eq!(counter(memory, MemCounter::SwapOuts), 0);
    evict_all(memory);
    assert_eq!(swapped(&space), 4);
    check_numbers(&mut space, 4);
}

#[test]
fn a_read_that_fails_is_the_end_of_those_who_need_the_page() {
    let memory = memory_with_swap(200, 100);
    let mut parent = numbered(memory, 4);
    let mut child = parent.fork(COW).unwrap();
    evict_all(memory);
    memory.machine().disk.set_broken(true);
    let free = free_frames(memory);
    assert_eq!(read(&mut parent, 0, 1), Err(CopyFailure::Lost));
    assert_eq!(free_frames(memory), free);
    audit(memory, [&parent, &child]);
    drop(parent);
    // The next fault asks the device again.
    memory.machine().disk.set_broken(false);
    check_numbers(&mut child, 4);
}

#[test]
fn a_page_is_not_lost_with_its_neighbour() {
    let memory = memory_with_swap(200, 100);
    let mut space = numbered(memory, 4);
    evict_all(memory);
    // The slots are in the order of the pages or in the opposite order. All are read at once.
    memory.machine().disk.spoil(1);
    let readable = (0..4)
        .filter(|page| read(&mut space, page * PAGE, 1).is_ok())
        .count();
    assert_eq!(readable, 3);
    audit(memory, [&space]);
    drop(space);
    assert_eq!((slots_in_use(memory), free_frames(memory)), (0, 200));
}

#[test]
fn two_who_need_a_page_read_it_once() {
    let memory = memory_with_swap(200, 100);
    let mut parent = numbered(memory, 1);
    let mut child = parent.fork(COW).unwrap();
    evict_all(memory);
    let Resolution::Wait(Wait::Read(reading)) = parent.resolve(VirtAddr(0), Access::Read) else {
        panic!("it must be read");
    };
    let Resolution::Wait(Wait::Page(waiting)) = child.resolve(VirtAddr(0), Access::Write) else {
        panic!("it is being read");
    };
    assert!(waiting.is_coming());
    evict_all(memory);
    audit(memory, [&parent, &child]);
    let page = memory.machine().disk.read(reading);
    assert!(!waiting.is_coming());
    // While processes that wait hold the page, it cannot be evicted before they have used it.
    evict_all(memory);
    assert_eq!(child.resolve(VirtAddr(0), Access::Write), Resolution::Done);
    assert_eq!(parent.resolve(VirtAddr(0), Access::Read), Resolution::Done);
    drop((waiting, page));
    audit(memory, [&parent, &child]);
    assert_eq!(counter(memory, MemCounter::SwapIns), 1);
    check_numbers(&mut parent, 1);
}

#[test]
fn a_reader_that_goes_away_leaves_nothing() {
    let memory = memory_with_swap(200, 100);
    let mut space = numbered(memory, 9);
    evict_all(memory);
    let Resolution::Wait(wait) = space.resolve(VirtAddr(0), Access::Read) else {
        panic!("it must be read");
    };
    drop(space);
    drop(wait);
    assert_eq!((slots_in_use(memory), free_frames(memory)), (0, 200));
    audit(memory, []);
}

#[test]
fn neighbours_are_read_together() {
    let memory = memory_with_swap(400, 100);
    let mut space = numbered(memory, 16);
    evict_all(memory);
    let Resolution::Wait(Wait::Read(reading)) = space.resolve(VirtAddr(0), Access::Read) else {
        panic!("it must be read");
    };
    assert_eq!(reading.count(), 8);
    drop(memory.machine().disk.read(reading));
    for page in 0..8 {
        let resolution = space.resolve(VirtAddr(page * PAGE), Access::Read);
        assert_eq!(resolution, Resolution::Done, "page {page}");
    }
    check_numbers(&mut space, 16);
}
