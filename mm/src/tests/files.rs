//! Mapped files and the page cache.

use abi::{MemCounter, PageInfo, ProcCounter};

use super::*;
use crate::addr::VirtAddr;
use crate::commit::NoMemory;
use crate::file::{FileMap, FileNo, FilePage};
use crate::machine::Machine;
use crate::space::copy::CopyFailure;
use crate::space::{Access, MapError, Resolution};
use crate::testing::{
    at_fence, audit, counter, fail_nth, free_frames, make_free, memory, memory_with_swap, on_hart,
    peek, read, read_file, truncate, write, write_back, write_file,
};

pub const FILE: FileNo = FileNo(7);

pub fn page_of(file: FileNo, index: u32) -> FilePage {
    FilePage { file, index }
}

pub fn whole(file: FileNo, shared: bool) -> FileMap {
    FileMap {
        first: page_of(file, 0),
        shared,
        writable: true,
        program: false,
    }
}

/// A file of so many pages, each filled with its number and one.
pub fn make_file(memory: &'static Memory<FakeMachine>, file: FileNo, count: usize) {
    for index in 0..count {
        write_file(
            memory,
            file,
            index * PAGE_SIZE,
            &[index as u8 + 1; PAGE_SIZE],
        );
    }
}

/// A published space with `count` pages of the file from address 0.
pub fn mapping(memory: &'static Memory<FakeMachine>, count: u64, shared: bool) -> Space {
    let mut space = AddressSpace::new(memory).unwrap();
    space
        .map_file(pages(0, count), data(), whole(FILE, shared), false)
        .unwrap();
    space.publish();
    space
}

/// Every cached page goes, and with them what they cost.
pub fn empty_cache(memory: &'static Memory<FakeMachine>) {
    while make_free(memory, 8) != 0 {}
    assert_eq!(counter(memory, MemCounter::FileCache), 0);
}

#[test]
fn all_who_map_a_file_have_its_frames_and_it_is_read_once() {
    let memory = memory(200);
    make_file(memory, FILE, 3);
    let mut spaces = [true, false, false].map(|shared| mapping(memory, 3, shared));
    for space in &mut spaces {
        assert_eq!(read(space, 2 * PAGE, 1).unwrap(), [3]);
        assert_eq!(space.usage()[ProcCounter::FileFaults as usize], 1);
    }
    assert_eq!(memory.machine().files.reads(), 1);
    assert_eq!(counter(memory, MemCounter::FileCache), 1);
    let frames = spaces.each_ref().map(|space| space.page_info(PageNo(2)));
    assert_eq!(frames[0], frames[1]);
    assert_eq!(frames[0], frames[2]);
    assert_ne!(frames[0].0 & PageInfo::FILE_OR_SHARED, 0);
    assert!(frames[0].is_present() && !frames[0].is_exclusive());
    let child = spaces[1].fork(COW).unwrap();
    assert_eq!(child.page_info(PageNo(2)), frames[0]);
    audit(memory, spaces.iter().chain([&child]));
    drop((spaces, child));
    audit(memory, []);
    empty_cache(memory);
    assert_eq!(free_frames(memory), 200);
    assert_eq!(counter(memory, MemCounter::Committed), 0);
}

#[test]
fn what_is_stored_in_a_shared_mapping_is_seen_by_all_and_reaches_the_file() {
    let memory = memory(200);
    make_file(memory, FILE, 2);
    let [mut one, mut other] = [(); 2].map(|()| mapping(memory, 2, true));
    let mut private = mapping(memory, 2, false);
    assert_eq!(read(&mut other, 0, 1).unwrap(), [1]);
    write(&mut one, 1, b"stored").unwrap();
    assert_eq!(read(&mut other, 0, 7).unwrap(), b"\x01stored");
    assert_eq!(read(&mut private, 0, 7).unwrap(), b"\x01stored");
    assert_eq!(read_file(memory, FILE, 1, 6), b"stored");
    write_file(memory, FILE, 2, b"written");
    assert_eq!(read(&mut one, 0, 10).unwrap(), b"\x01swritten\x01");
    audit(memory, [&one, &other, &private]);
    let disk = || memory.machine().files.on_disk(FILE);
    assert_eq!(disk()[..3], *b"\x01\x01w", "not written back yet");
    assert_eq!(
        memory.next_dirty(0).map(|(page, _)| page),
        Some(page_of(FILE, 0))
    );
    assert!(write_back(memory, page_of(FILE, 0)));
    assert_eq!(disk()[..10], *b"\x01swritten\x01");
    assert_eq!(memory.next_dirty(0), None);
    audit(memory, [&one, &other, &private]);
    // And once more, for the right to write is gone.
    write(&mut one, 0, b"again").unwrap();
    assert!(write_back(memory, page_of(FILE, 0)));
    assert_eq!(disk()[..5], *b"again");
}

#[test]
fn a_write_back_takes_the_right_to_write_from_every_hart() {
    let memory = memory(200);
    make_file(memory, FILE, 1);
    let mut space = mapping(memory, 1, true);
    for hart in [0, 1, 2] {
        on_hart(hart);
        write(&mut space, hart as u64, b"x").unwrap();
    }
    on_hart(3);
    let context = space.context().clone();
    context.enter();
    let token = memory.write_back(page_of(FILE, 0)).unwrap();
    on_hart(1);
    // Whoever wants to write waits for the write-back.
    context.enter();
    assert_eq!(memory.machine().write_user(VirtAddr(0), b"y"), 0);
    assert_eq!(
        format!("{:?}", space.resolve(VirtAddr(0), crate::testing::WRITE)),
        "Wait for the page"
    );
    assert_eq!(&token.bytes()[..4], b"xxx\x01");
    token.finish(Ok(()));
    context.leave();
    write(&mut space, 0, b"y").unwrap();
    assert!(memory.next_dirty(0).is_some());
    on_hart(3);
    context.leave();
    on_hart(0);
    audit(memory, [&space]);
}

#[test]
fn a_write_back_stops_harts_that_the_owner_of_a_space_has_not_told_yet() {
    for unmaps in [true, false] {
        let memory = memory(200);
        make_file(memory, FILE, 1);
        let mut space = mapping(memory, 1, true);
        write(&mut space, 0, b"x").unwrap();
        let context = space.context().clone();
        on_hart(1);
        context.enter();
        let store = || memory.machine().write_user(VirtAddr(0), b"y");
        assert_eq!(store(), 1);
        on_hart(0);
        // When the right to write has gone from the entry, or the entry, and the harts are about to be told.
        let written = std::cell::Cell::new(false);
        at_fence(move || {
            if !written.replace(true) {
                let token = memory.write_back(page_of(FILE, 0)).unwrap();
                on_hart(1);
                assert_eq!(store(), 0);
                token.finish(Ok(()));
                on_hart(0);
            }
        });
        if unmaps {
            space.unmap(pages(0, 1)).unwrap();
        } else {
            space.protect(pages(0, 1), Permissions::READ).unwrap();
        }
        at_fence(|| ());
        assert_eq!(memory.next_dirty(0), None);
        on_hart(1);
        context.leave();
        on_hart(0);
        audit(memory, [&space]);
    }
}

#[test]
fn a_write_back_that_fails_leaves_the_page_dirty() {
    let memory = memory(200);
    make_file(memory, FILE, 1);
    let mut space = mapping(memory, 1, true);
    write(&mut space, 0, b"stored").unwrap();
    memory.machine().files.set_broken(true);
    assert!(!write_back(memory, page_of(FILE, 0)));
    drop(memory.write_back(page_of(FILE, 0)).unwrap());
    while make_free(memory, 1) != 0 {}
    audit(memory, [&space]);
    assert_eq!(read(&mut space, 0, 6).unwrap(), b"stored");
    memory.machine().files.set_broken(false);
    assert!(write_back(memory, page_of(FILE, 0)));
    assert_eq!(memory.machine().files.on_disk(FILE)[..6], *b"stored");
}

#[test]
fn a_private_page_is_the_files_until_it_is_written() {
    for read_first in [true, false] {
        let memory = memory(200);
        make_file(memory, FILE, 2);
        let mut space = mapping(memory, 2, false);
        if read_first {
            assert_eq!(read(&mut space, PAGE, 1).unwrap(), [2]);
        }
        write(&mut space, PAGE + 1, b"mine").unwrap();
        assert_eq!(counter(memory, MemCounter::CopyFaults), 1);
        assert_eq!(read(&mut space, PAGE, 6).unwrap(), b"\x02mine\x02");
        write_file(memory, FILE, PAGE_SIZE, b"theirs");
        assert_eq!(read(&mut space, PAGE, 6).unwrap(), b"\x02mine\x02");
        let mut child = space.fork(COW).unwrap();
        write(&mut child, PAGE, b"child").unwrap();
        assert_eq!(read(&mut space, PAGE, 6).unwrap(), b"\x02mine\x02");
        assert_eq!(read(&mut child, 0, 1).unwrap(), [1]);
        write(&mut space, 0, b"too").unwrap();
        assert_eq!(read(&mut child, 0, 1).unwrap(), [1]);
        audit(memory, [&space, &child]);
        assert_eq!(memory.next_dirty(0), None);
        let usage = space.usage();
        assert_eq!(usage[ProcCounter::Private as usize], 2 * PAGE);
        drop((space, child));
        empty_cache(memory);
        assert_eq!(free_frames(memory), 200);
        assert_eq!(counter(memory, MemCounter::Committed), 0);
    }
}

#[test]
fn cached_pages_are_evicted_wherever_they_are_mapped_and_come_back() {
    let memory = memory(200);
    make_file(memory, FILE, 40);
    let mut shared = mapping(memory, 40, true);
    let mut private = mapping(memory, 40, false);
    let mut child = private.fork(COW).unwrap();
    for index in 0..40 {
        for space in [&mut shared, &mut private, &mut child] {
            assert_eq!(read(space, index * PAGE, 1).unwrap(), [index as u8 + 1]);
        }
    }
    write(&mut shared, 3 * PAGE + 1, b"dirty").unwrap();
    write(&mut private, 5 * PAGE + 1, b"own").unwrap();
    // Nobody is in a loop here: whoever was last used goes too.
    empty_cache(memory);
    assert_eq!(
        memory.machine().files.on_disk(FILE)[3 * PAGE_SIZE + 1..][..5],
        *b"dirty"
    );
    audit(memory, [&shared, &private, &child]);
    assert_eq!(
        shared.page_info(PageNo(0)).0,
        PageInfo::SWAPPED | PageInfo::FILE_OR_SHARED
    );
    assert_eq!(read(&mut child, 3 * PAGE, 6).unwrap(), b"\x04dirty");
    assert_eq!(read(&mut private, 5 * PAGE, 4).unwrap(), b"\x06own");
    assert_eq!(read(&mut shared, 5 * PAGE, 4).unwrap(), [6; 4]);
    audit(memory, [&shared, &private, &child]);
}

#[test]
fn a_page_in_use_outlives_those_that_are_not() {
    let memory = memory(200);
    make_file(memory, FILE, 30);
    let mut space = mapping(memory, 30, false);
    for index in 0..30 {
        read(&mut space, index * PAGE, 1).unwrap();
    }
    for round in 1..20 {
        assert_eq!(read_file(memory, FILE, 4 * PAGE_SIZE, 1), [5]);
        read(&mut space, 9 * PAGE, 1).unwrap();
        // Through `resolve`, for the pretended TLB does not tell the entry.
        let used = space.resolve(VirtAddr(9 * PAGE), Access::Read);
        assert_eq!(used, Resolution::Done);
        if round > 1 {
            assert_eq!(memory.reclaim(1).freed, 1, "{round}");
        }
    }
    assert_eq!(memory.machine().files.reads(), 30, "the two stayed");
}

#[test]
fn what_is_promised_finds_frames_that_files_have() {
    let memory = memory(200);
    make_file(memory, FILE, 255);
    let mut mapped = mapping(memory, 255, true);
    for index in 0..255 {
        assert_eq!(
            read(&mut mapped, index * PAGE, 1).unwrap(),
            [index as u8 + 1]
        );
    }
    assert!(counter(memory, MemCounter::FileCache) > 150);
    drop(mapped);
    let mut space = AddressSpace::new(memory).unwrap();
    space
        .map(pages(0, 170), data(), Promise::Charged)
        .expect("the page cache takes nothing from what can be promised");
    space.publish();
    write(&mut space, 0, &[9; 170 * PAGE_SIZE]).unwrap();
    audit(memory, [&space]);
    let child = space.fork(COW);
    assert!(child.is_err(), "that much is not left");
}

#[test]
fn private_writable_pages_are_promised() {
    let memory = memory(200);
    make_file(memory, FILE, 255);
    let mut space = AddressSpace::new(memory).unwrap();
    let map = whole(FILE, false);
    assert_eq!(
        space.map_file(pages(0, 250), data(), map, false),
        Err(MapError::NoMemory(NoMemory::Places))
    );
    space
        .map_file(pages(0, 250), Permissions::READ, map, false)
        .expect("what is only read needs no promise");
    space.map_file(pages(0, 150), data(), map, true).unwrap();
    assert_eq!(counter(memory, MemCounter::Committed), 150 + 3);
    read(&mut space, 0, 150 * PAGE_SIZE).unwrap();
    space.publish();
    for index in 0..150 {
        write(&mut space, index * PAGE, b"own").unwrap();
    }
    audit(memory, [&space]);
    space.unmap(pages(20, 60)).unwrap();
    audit(memory, [&space]);
    assert_eq!(counter(memory, MemCounter::Committed), 110 + 3);
}

#[test]
fn nothing_is_behind_the_end_of_a_file() {
    let memory = memory(200);
    make_file(memory, FILE, 1);
    write_file(memory, FILE, PAGE_SIZE, b"tail");
    let mut space = mapping(memory, 4, true);
    assert_eq!(read(&mut space, PAGE, 6).unwrap(), b"tail\0\0");
    assert_eq!(read(&mut space, 2 * PAGE, 1), Err(CopyFailure::Denied));
    assert_eq!(write(&mut space, 2 * PAGE, b"x"), Err(CopyFailure::Denied));
    write(&mut space, PAGE, b"longer").unwrap();
    assert!(write_back(memory, page_of(FILE, 1)));
    assert_eq!(memory.machine().files.on_disk(FILE)[PAGE_SIZE..], *b"long");
    make_file(memory, FILE, 3);
    assert_eq!(read(&mut space, 2 * PAGE, 1).unwrap(), [3], "it has grown");
    audit(memory, [&space]);
}

#[test]
fn a_page_that_cannot_be_read_is_asked_for_again() {
    let memory = memory(200);
    make_file(memory, FILE, 1);
    let mut space = mapping(memory, 1, false);
    memory.machine().files.set_broken(true);
    assert_eq!(read(&mut space, 0, 1), Err(CopyFailure::Lost));
    audit(memory, [&space]);
    memory.machine().files.set_broken(false);
    assert_eq!(read(&mut space, 0, 1).unwrap(), [1]);
}

#[test]
fn what_is_cut_off_is_gone_for_all_but_those_who_have_copied_it() {
    let memory = memory(200);
    make_file(memory, FILE, 3);
    let mut shared = mapping(memory, 3, true);
    let mut private = mapping(memory, 3, false);
    for index in 0..3 {
        write(&mut shared, index * PAGE, b"s").unwrap();
        read(&mut private, index * PAGE, 1).unwrap();
    }
    write(&mut private, 2 * PAGE, b"own").unwrap();
    let mut child = shared.fork(COW).unwrap();
    on_hart(1);
    shared.context().enter();
    on_hart(0);
    truncate(memory, FILE, PAGE_SIZE + 3);
    audit(memory, [&shared, &private, &child]);
    for space in [&mut shared, &mut child] {
        assert_eq!(read(space, PAGE, 2).unwrap(), b"s\x02");
        assert_eq!(read(space, 2 * PAGE, 1), Err(CopyFailure::Denied));
        assert_eq!(write(space, 2 * PAGE, b"x"), Err(CopyFailure::Denied));
    }
    on_hart(1);
    assert_eq!(peek(&shared, 2 * PAGE), None, "no hart reaches it");
    on_hart(0);
    assert_eq!(read(&mut private, 2 * PAGE, 4).unwrap(), b"own\x03");
    assert_eq!(counter(memory, MemCounter::FileCache), 2);
    make_file(memory, FILE, 3);
    assert_eq!(
        read(&mut child, 2 * PAGE, 3).unwrap(),
        [3; 3],
        "the new page"
    );
    audit(memory, [&shared, &private, &child]);
}

#[test]
fn a_page_that_is_being_read_or_written_can_be_cut_off() {
    let memory = memory(200);
    make_file(memory, FILE, 2);
    let mut space = mapping(memory, 2, true);
    write(&mut space, 0, b"x").unwrap();
    let out = memory.write_back(page_of(FILE, 0)).unwrap();
    let coming = memory.read_into_cache(page_of(FILE, 1)).unwrap();
    truncate(memory, FILE, 0);
    out.finish(Ok(()));
    assert!(memory.machine().files.fetch(coming).is_err());
    assert_eq!(read(&mut space, 0, 1), Err(CopyFailure::Denied));
    assert_eq!(read(&mut space, PAGE, 1), Err(CopyFailure::Denied));
    audit(memory, [&space]);
    drop(space);
    assert_eq!(free_frames(memory), 200);
}

#[test]
fn what_is_cut_off_during_a_fork_is_gone_for_the_child() {
    let memory = memory(200);
    make_file(memory, FILE, 2);
    let mut space = mapping(memory, 2, true);
    space.map(pages(2, 3), data(), Promise::Lazy).unwrap();
    read(&mut space, 0, 2 * PAGE_SIZE).unwrap();
    write(
        &mut space,
        2 * PAGE,
        b"private, so that the fork must fence",
    )
    .unwrap();
    let context = space.context().clone();
    context.enter();
    // Between the copy of the entries and the moment when others see the child.
    let cut = std::cell::Cell::new(false);
    at_fence(move || {
        if !cut.replace(true) {
            truncate(memory, FILE, PAGE_SIZE);
        }
    });
    let mut child = space.fork(COW).unwrap();
    context.leave();
    audit(memory, [&space, &child]);
    assert_eq!(
        counter(memory, MemCounter::FileCache),
        1,
        "the page is free"
    );
    assert_eq!(read(&mut child, PAGE, 1), Err(CopyFailure::Denied));
    assert_eq!(read(&mut child, 0, 1).unwrap(), [1]);
}

#[test]
fn what_a_child_stores_is_written_back_although_it_was_not_seen_yet() {
    let memory = memory(200);
    make_file(memory, FILE, 1);
    let mut space = mapping(memory, 1, true);
    space.map(pages(2, 3), data(), Promise::Lazy).unwrap();
    write(&mut space, 0, b"parent").unwrap();
    write(
        &mut space,
        2 * PAGE,
        b"private, so that the fork must fence",
    )
    .unwrap();
    let context = space.context().clone();
    context.enter();
    let written = std::cell::Cell::new(false);
    at_fence(move || {
        if !written.replace(true) {
            assert!(write_back(memory, page_of(FILE, 0)));
        }
    });
    let mut child = space.fork(COW).unwrap();
    at_fence(|| ());
    context.leave();
    write(&mut child, 0, b"child").unwrap();
    audit(memory, [&space, &child]);
    assert!(memory.next_dirty(0).is_some());
}

#[test]
fn what_is_stored_during_its_eviction_is_not_dropped() {
    let memory = memory(200);
    make_file(memory, FILE, 1);
    let mut space = mapping(memory, 1, false);
    read(&mut space, 0, 1).unwrap();
    let context = space.context().clone();
    context.enter();
    let written = std::cell::Cell::new(false);
    at_fence(move || {
        if !written.replace(true) {
            let mut other = mapping(memory, 1, true);
            context.leave();
            write(&mut other, 0, b"stored").unwrap();
            drop(other);
            context.enter();
        }
    });
    assert_eq!(memory.reclaim(1).freed, 0);
    at_fence(|| ());
    space.context().leave();
    assert_eq!(read_file(memory, FILE, 0, 6), b"stored");
    audit(memory, [&space]);
}

#[test]
fn what_is_cut_off_during_its_eviction_is_gone_for_every_hart() {
    let memory = memory(200);
    make_file(memory, FILE, 1);
    let mut space = mapping(memory, 1, true);
    read(&mut space, 0, 1).unwrap();
    let context = space.context().clone();
    on_hart(1);
    context.enter();
    let load = || memory.machine().read_user(VirtAddr(0), &mut [0]);
    assert_eq!(load(), 1);
    on_hart(0);
    // When the entry has gone and the harts are about to be told.
    let cut = std::cell::Cell::new(false);
    at_fence(move || {
        if !cut.replace(true) {
            truncate(memory, FILE, 0);
            on_hart(1);
            assert_eq!(load(), 0, "the truncation has returned");
            on_hart(0);
        }
    });
    assert_eq!(
        memory.reclaim(1).freed,
        0,
        "it was the truncation's to free"
    );
    on_hart(1);
    context.leave();
    on_hart(0);
    audit(memory, [&space]);
    assert_eq!(counter(memory, MemCounter::FileCache), 0);
}

#[test]
fn a_copy_made_during_an_eviction_is_seen_by_every_hart() {
    let memory = memory(200);
    make_file(memory, FILE, 1);
    let mut space = mapping(memory, 1, false);
    read(&mut space, 0, 1).unwrap();
    let context = space.context().clone();
    on_hart(1);
    context.enter();
    let load = || {
        let mut byte = [0];
        let loaded = memory.machine().read_user(VirtAddr(0), &mut byte);
        (loaded == 1).then_some(byte[0])
    };
    assert_eq!(load(), Some(1));
    on_hart(0);
    let space = std::rc::Rc::new(std::cell::RefCell::new(space));
    let (writer, written) = (space.clone(), std::cell::Cell::new(false));
    at_fence(move || {
        if !written.replace(true) {
            write(&mut writer.borrow_mut(), 0, b"x").unwrap();
            on_hart(1);
            assert_ne!(load(), Some(1), "the file's, after the write");
            context.leave();
            on_hart(0);
        }
    });
    assert_eq!(memory.reclaim(1).freed, 1);
    at_fence(|| ());
    let mut space = space.borrow_mut();
    assert_eq!(read(&mut space, 0, 1).unwrap(), b"x");
    audit(memory, [&*space]);
}

#[test]
fn a_mapping_departs_with_its_last_area() {
    let memory = memory(200);
    make_file(memory, FILE, 6);
    let mut space = mapping(memory, 6, true);
    let departed = || std::iter::from_fn(|| memory.take_departed()).count();
    space.unmap(pages(1, 2)).unwrap();
    space.protect(pages(3, 4), Permissions::READ).unwrap();
    let mut child = space.fork(COW).unwrap();
    space.unmap(pages(0, 10)).unwrap();
    assert_eq!(departed(), 0, "the child has it");
    child
        .map_file(pages(3, 4), data(), whole(FILE, false), true)
        .unwrap();
    child.unmap(pages(0, 3)).unwrap();
    assert_eq!(departed(), 0);
    child.unmap(pages(4, 6)).unwrap();
    assert_eq!(memory.take_departed(), Some(FILE));
    assert_eq!(departed(), 0);
    drop(child);
    assert_eq!(departed(), 1, "the second one");
    let program = FileMap {
        program: true,
        ..whole(FILE, false)
    };
    assert!(!memory.is_running(FILE));
    space
        .map_file(pages(0, 1), Permissions::READ, program, false)
        .unwrap();
    assert!(memory.is_running(FILE) && !memory.is_running(FileNo(FILE.0 + 64)));
    drop(space);
    assert!(!memory.is_running(FILE));
}

#[test]
fn what_must_not_be_written_cannot_be_made_writable() {
    let memory = memory(200);
    make_file(memory, FILE, 2);
    let mut space = AddressSpace::new(memory).unwrap();
    let read_only = |shared| FileMap {
        writable: false,
        ..whole(FILE, shared)
    };
    let map = space.map_file(pages(0, 2), data(), read_only(true), false);
    assert_eq!(map, Err(MapError::BadRange));
    space
        .map_file(pages(0, 2), Permissions::READ, read_only(true), false)
        .unwrap();
    space
        .map_file(pages(2, 4), data(), read_only(false), false)
        .unwrap();
    let refused = Err(MapError::BadRange);
    assert_eq!(space.protect(pages(1, 3), data()), refused);
    assert_eq!(space.protect(pages(1, 3), Permissions::READ), Ok(()));
    assert_eq!(space.protect(pages(2, 3), data()), Ok(()));
    write(&mut space, 2 * PAGE, b"own").unwrap();
    assert_eq!(write(&mut space, 0, b"x"), Err(CopyFailure::Denied));
    audit(memory, [&space]);
    for bad in [pages(2, 2), pages(3, 5), pages(1 << 26, (1 << 26) + 1)] {
        let map = space.map_file(bad, data(), whole(FILE, true), false);
        assert_eq!(map, refused, "{bad:?}");
    }
    let far = FileMap {
        first: page_of(FILE, u32::MAX),
        ..whole(FILE, true)
    };
    assert_eq!(space.map_file(pages(8, 10), data(), far, false), refused);
}

#[test]
fn msync_finds_what_is_shared() {
    let memory = memory(200);
    make_file(memory, FILE, 9);
    let mut space = mapping(memory, 9, true);
    space
        .map_file(pages(2, 4), data(), whole(FILE, false), true)
        .unwrap();
    space.map(pages(20, 21), data(), Promise::Lazy).unwrap();
    let mut found = vec![];
    let mut from = PageNo(1);
    while let Some(next) = space.shared_file_pages(PageRange::new(from, PageNo(7))) {
        found.push(next.indices.clone());
        from = next.next;
    }
    assert_eq!(found, [1..2, 4..7]);
    let last = FileMap {
        first: page_of(FILE, u32::MAX - 2),
        ..whole(FILE, true)
    };
    space.map_file(pages(30, 32), data(), last, false).unwrap();
    let sync = |from, to| space.shared_file_pages(pages(from, to));
    assert_eq!(sync(40, 50), None, "and no page has a number beyond all");
    let indices = sync(31, 50).map(|found| found.indices);
    assert_eq!(indices, Some(u32::MAX - 1..u32::MAX));
    assert!(space.is_mapped(pages(0, 9)) && !space.is_mapped(pages(0, 10)));
}

#[test]
fn chains_keep_what_collides() {
    let memory = memory_with_swap(150, 10);
    let files = [1, 2, 3, 400, 70_000].map(FileNo);
    for file in files {
        make_file(memory, file, 20);
    }
    for file in files {
        for index in 0..20 {
            let start = index * PAGE_SIZE;
            assert_eq!(read_file(memory, file, start, 1), [index as u8 + 1]);
        }
    }
    assert_eq!(memory.machine().files.reads(), 100);
    audit(memory, []);
    for file in files {
        truncate(memory, file, 10 * PAGE_SIZE);
    }
    assert_eq!(counter(memory, MemCounter::FileCache), 50);
    for file in files {
        assert_eq!(read_file(memory, file, 9 * PAGE_SIZE, 1), [10]);
    }
    assert_eq!(memory.machine().files.reads(), 100);
    audit(memory, []);
}

#[test]
fn whoever_can_do_without_the_cache_leaves_the_last_frames() {
    let memory = memory(150);
    make_file(memory, FILE, 255);
    for index in 0..255 {
        assert_eq!(
            read_file(memory, FILE, index * PAGE_SIZE, 1),
            [index as u8 + 1]
        );
    }
    assert!(free_frames(memory) >= 16);
    assert!(
        memory.is_short_of_frames(),
        "somebody is to make room for new ones"
    );
    assert!(make_free(memory, 8) > 0);
}

#[test]
fn mapping_and_touching_fail_without_a_trace() {
    for nth in 1.. {
        let memory = memory(200);
        make_file(memory, FILE, 2);
        let mut space = AddressSpace::new(memory).unwrap();
        space.publish();
        let before = memory.stats();
        fail_nth(nth);
        let result = space.map_file(pages(0, 2), data(), whole(FILE, false), false);
        let done = fail_nth(0) != 0;
        assert_eq!(result.is_ok(), done);
        audit(memory, [&space]);
        if !done {
            assert_eq!(memory.stats(), before);
            assert_eq!(memory.take_departed(), None);
            continue;
        }
        fail_nth(1);
        assert_eq!(read(&mut space, 0, 1), Err(CopyFailure::NoMemory));
        fail_nth(0);
        audit(memory, [&space]);
        read(&mut space, 0, 2 * PAGE_SIZE).unwrap();
        let mut child = space.fork(COW).unwrap();
        fail_nth(1);
        write(&mut space, 0, b"x").expect("it was promised");
        assert_eq!(fail_nth(1), 1);
        assert_eq!(write(&mut child, 0, b"x"), Err(CopyFailure::NoMemory));
        fail_nth(0);
        audit(memory, [&space, &child]);
        assert_eq!(read(&mut child, 0, 1).unwrap(), [1]);
        assert_eq!(nth, 5, "allocations that may fail, and one more");
        return;
    }
}
