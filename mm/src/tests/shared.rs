//! Memory that a family shares.

use crate::space::Ending;
use abi::{MemCounter, PageInfo, ProcCounter};

use super::*;
use crate::commit::NoMemory;
use crate::space::MapError;
use crate::space::copy::CopyFailure;
use crate::testing::{
    Space, audit, counter, evict_all, fail_nth, free_frames, memory, memory_with_swap, on_hart,
    peek, read, write,
};

/// Returns a space with `count` shared pages from address 0.
fn sharing(memory: &'static Memory<FakeMachine>, count: u64) -> Space {
    let mut space = AddressSpace::new(memory).unwrap();
    space.map_shared(pages(0, count), data(), None).unwrap();
    space.publish();
    space
}

#[test]
fn what_one_stores_the_others_see() {
    for mode in [COW, ForkMode::Eager] {
        let memory = memory(200);
        let mut parent = sharing(memory, 4);
        write(&mut parent, 0, b"before").unwrap();
        let mut child = parent.fork(mode).unwrap();
        let mut grandchild = child.fork(mode).unwrap();
        write(&mut parent, 1, b"1").unwrap();
        assert_eq!(read(&mut grandchild, 0, 6).unwrap(), b"b1fore");
        // The page is first touched after the fork, by the youngest process.
        write(&mut grandchild, PAGE, b"late").unwrap();
        for space in [&mut parent, &mut child] {
            assert_eq!(read(space, PAGE, 4).unwrap(), b"late");
        }
        audit(memory, [&parent, &child, &grandchild]);
        assert_eq!(counter(memory, MemCounter::CopyFaults), 0);
        let infos = [&parent, &child].map(|space| space.page_info(PageNo(1)));
        assert_eq!(infos[0], infos[1]);
        assert_ne!(infos[0].0 & PageInfo::FILE_OR_SHARED, 0);
        assert_eq!(infos[0].0 & PageInfo::EXCLUSIVE, 0);
        let usage = child.usage();
        assert_eq!(usage[ProcCounter::Private as usize], 0);
        drop((parent, child));
        assert_eq!(read(&mut grandchild, 0, 6).unwrap(), b"b1fore");
        drop(grandchild);
        assert_eq!(free_frames(memory), 200);
        assert_eq!(counter(memory, MemCounter::Committed), 0);
    }
}

#[test]
fn what_one_unmaps_or_protects_stays_for_the_others() {
    let memory = memory(200);
    let mut parent = sharing(memory, 6);
    write(&mut parent, 0, &[7; 6 * PAGE_SIZE]).unwrap();
    let mut child = parent.fork(COW).unwrap();
    parent.unmap(pages(1, 3), &mut Ending::new()).unwrap();
    parent.protect(pages(3, 4), Permissions::READ).unwrap();
    audit(memory, [&parent, &child]);
    assert_eq!(read(&mut parent, PAGE, 1), Err(CopyFailure::Denied));
    assert_eq!(write(&mut parent, 3 * PAGE, b"x"), Err(CopyFailure::Denied));
    write(&mut child, 3 * PAGE, b"x").unwrap();
    assert_eq!(read(&mut parent, 3 * PAGE, 1).unwrap(), b"x");
    parent.protect(pages(3, 4), data()).unwrap();
    write(&mut parent, 3 * PAGE, b"y").unwrap();
    assert_eq!(read(&mut child, 3 * PAGE, 1).unwrap(), b"y");
    assert_eq!(read(&mut child, 2 * PAGE, 1).unwrap(), [7]);
    audit(memory, [&parent, &child]);
}

#[test]
fn what_is_promised_is_there_and_what_cannot_be_is_refused() {
    let memory = memory(200);
    let mut space = AddressSpace::new(memory).unwrap();
    let free = free_frames(memory);
    assert_eq!(
        space.map_shared(pages(0, 300), data(), None),
        Err(MapError::NoMemory(NoMemory::Places))
    );
    assert_eq!(
        space.map_shared(pages(0, 0), data(), None),
        Err(MapError::BadRange)
    );
    assert_eq!(free_frames(memory), free);
    space.map_shared(pages(0, 100), data(), None).unwrap();
    let mut child = space.fork(COW).unwrap();
    let mut hog = self::space(memory, 300);
    let mut page = 0;
    while write(&mut hog, page * PAGE, b"h").is_ok() {
        page += 1;
    }
    for page in 0..100 {
        write(&mut child, page * PAGE, b"promised").unwrap();
    }
    audit(memory, [&space, &child, &hog]);
    drop((space, child, hog));
    assert_eq!(free_frames(memory), 200);
}

#[test]
fn every_allocation_of_a_shared_mapping_fails_once() {
    let memory = memory(300);
    let mut space = space(memory, 3);
    write(&mut space, PAGE, b"kept").unwrap();
    let free = free_frames(memory);
    let mut nth = 0;
    loop {
        nth += 1;
        fail_nth(nth);
        let mapped = space.map_shared(pages(1, 150), data(), Some(&mut Ending::new()));
        if fail_nth(0) != 0 {
            mapped.unwrap();
            break;
        }
        assert_eq!(mapped, Err(MapError::NoMemory(NoMemory::Places)));
        assert_eq!(free_frames(memory), free);
        assert_eq!(read(&mut space, PAGE, 4).unwrap(), b"kept");
        audit(memory, [&space]);
    }
    assert!(nth > 4);
    audit(memory, [&space]);
    assert_eq!(read(&mut space, PAGE, 4).unwrap(), [0; 4]);
}

#[test]
fn shared_pages_go_to_swap_and_come_back_shared() {
    let memory = memory_with_swap(200, 100);
    let mut parent = sharing(memory, 20);
    let mut child = parent.fork(COW).unwrap();
    for page in 0..20 {
        let writer = if page % 2 == 0 {
            &mut parent
        } else {
            &mut child
        };
        write(writer, page * PAGE, &page.to_le_bytes()).unwrap();
    }
    for round in 0..3 {
        evict_all(memory);
        audit(memory, [&parent, &child]);
        on_hart(1);
        assert_eq!(peek(&parent, 0), None);
        on_hart(0);
        for page in 0..20 {
            let bytes = read(&mut child, page * PAGE, 8).unwrap();
            assert_eq!(bytes, page.to_le_bytes(), "round {round}");
        }
        let swap_ins = child.usage()[ProcCounter::SwapIns as usize];
        assert!(swap_ins >= 20 * u64::from(round + 1));
        // The page is clean and cached. A store of one process is seen by the other, and later in
        // swap.
        write(&mut child, 3 * PAGE + 8, &[round]).unwrap();
        assert_eq!(read(&mut parent, 3 * PAGE + 8, 1).unwrap(), [round]);
        write(&mut parent, 4 * PAGE + 8, &[round]).unwrap();
        audit(memory, [&parent, &child]);
        evict_all(memory);
        assert_eq!(read(&mut child, 4 * PAGE + 8, 1).unwrap(), [round]);
        assert_eq!(read(&mut parent, 3 * PAGE + 8, 1).unwrap(), [round]);
    }
    drop((parent, child));
    assert_eq!(free_frames(memory), 200);
    let slots = [MemCounter::SwapSlots, MemCounter::FreeSlots].map(|level| counter(memory, level));
    assert_eq!(slots[0], slots[1]);
}

#[test]
fn nobody_stores_to_a_shared_page_that_is_being_written_out() {
    let memory = memory_with_swap(200, 100);
    let mut parent = sharing(memory, 1);
    write(&mut parent, 0, b"old").unwrap();
    let out = memory.reclaim(32).writes.next().unwrap();
    assert_eq!(read(&mut parent, 0, 3).unwrap(), b"old");
    let resolution = parent.resolve(crate::addr::VirtAddr(0), crate::testing::WRITE);
    let crate::space::Resolution::Wait(crate::space::Wait::Page(page)) = resolution else {
        panic!("it must wait for the write");
    };
    assert!(page.is_coming());
    memory.machine().disk.write(out);
    assert!(!page.is_coming());
    drop(page);
    write(&mut parent, 0, b"new").unwrap();
    audit(memory, [&parent]);
    evict_all(memory);
    assert_eq!(read(&mut parent, 0, 3).unwrap(), b"new");
}

#[test]
fn a_mapping_whose_rights_are_as_before_is_one_area_again() {
    let memory = memory(200);
    let mut space = sharing(memory, 6);
    let areas = |space: &Space| space.shared_objects().count();
    space.protect(pages(2, 3), Permissions::READ).unwrap();
    assert_eq!(areas(&space), 3);
    space.protect(pages(2, 3), data()).unwrap();
    assert_eq!(areas(&space), 1);
    space.map_shared(pages(6, 8), data(), None).unwrap();
    assert_eq!(areas(&space), 2, "another one is another one");
}
