//! Pages that are written back, evicted or cut off while other processes use them.

use crate::file::Sharing::{Private, Shared};
use crate::testing::ended;
use abi::MemCounter;

use super::*;
use crate::addr::VirtAddr;
use crate::machine::Machine;
use crate::space::copy::CopyFailure;
use crate::space::{Resolution, Wait};
use crate::testing::{
    WRITE, at_fence, audit, counter, free_frames, make_free, memory, on_hart, peek, read,
    read_file, truncate, write, write_back,
};

#[test]
fn a_write_back_takes_the_right_to_write_from_every_hart() {
    let memory = memory(200);
    make_file(memory, FILE, 1);
    let mut space = mapping(memory, 1, Shared);
    for hart in [0, 1, 2] {
        on_hart(hart);
        write(&mut space, hart as u64, b"x").unwrap();
    }
    on_hart(3);
    let context = space.context().clone();
    context.enter();
    let token = memory.write_back(page_of(FILE, 0)).unwrap();
    on_hart(1);
    // A process that wants to write waits for the write-back.
    context.enter();
    assert_eq!(memory.machine().write_user(VirtAddr(0), b"y"), 0);
    let Resolution::Wait(Wait::Page(page)) = space.resolve(VirtAddr(0), WRITE) else {
        panic!("it must wait for the write-back");
    };
    assert_eq!(&token.bytes()[..4], b"xxx\x01");
    let coming = page.is_coming();
    token.finish(Ok(()));
    assert!(coming && !page.is_coming());
    drop(page);
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
        let mut space = mapping(memory, 1, Shared);
        write(&mut space, 0, b"x").unwrap();
        let context = space.context().clone();
        on_hart(1);
        context.enter();
        let store = || memory.machine().write_user(VirtAddr(0), b"y");
        assert_eq!(store(), 1);
        on_hart(0);
        // The fence is sent when the entry, or its right to write, is gone already.
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
            ended(|ending| space.unmap(pages(0, 1), ending)).unwrap();
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
    let mut space = mapping(memory, 1, Shared);
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
fn what_is_cut_off_is_gone_for_all_but_those_who_have_copied_it() {
    let memory = memory(200);
    make_file(memory, FILE, 3);
    let mut shared = mapping(memory, 3, Shared);
    let mut private = mapping(memory, 3, Private);
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
    let mut space = mapping(memory, 2, Shared);
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

/// Forks, and calls `happens` between the copy of the entries and the moment when others see the
/// child.
fn fork_during(space: &mut Space, happens: impl Fn() + 'static) -> Space {
    space.map(pages(2, 3), data(), Promise::Lazy).unwrap();
    write(space, 2 * PAGE, b"private, so that the fork must fence").unwrap();
    let context = space.context().clone();
    context.enter();
    let happened = std::cell::Cell::new(false);
    at_fence(move || {
        if !happened.replace(true) {
            happens();
        }
    });
    let child = space.fork(COW).unwrap();
    at_fence(|| ());
    context.leave();
    child
}

#[test]
fn what_is_cut_off_during_a_fork_is_gone_for_the_child() {
    let memory = memory(200);
    make_file(memory, FILE, 2);
    let mut space = mapping(memory, 2, Shared);
    read(&mut space, 0, 2 * PAGE_SIZE).unwrap();
    let mut child = fork_during(&mut space, move || truncate(memory, FILE, PAGE_SIZE));
    audit(memory, [&space, &child]);
    assert_eq!(
        counter(memory, MemCounter::FileCache),
        1,
        "the page is free"
    );
    assert!(child.page_info(PageNo(0)).is_present(), "that was not cut");
    assert_eq!(read(&mut child, PAGE, 1), Err(CopyFailure::Denied));
    assert_eq!(read(&mut child, 0, 1).unwrap(), [1]);
}

#[test]
fn what_a_child_stores_is_written_back_although_it_was_not_seen_yet() {
    let memory = memory(200);
    make_file(memory, FILE, 1);
    let mut space = mapping(memory, 1, Shared);
    write(&mut space, 0, b"parent").unwrap();
    let mut child = fork_during(&mut space, move || {
        assert!(write_back(memory, page_of(FILE, 0)));
    });
    write(&mut child, 0, b"child").unwrap();
    audit(memory, [&space, &child]);
    assert!(memory.next_dirty(0).is_some());
}

#[test]
fn what_is_stored_during_its_eviction_is_not_dropped() {
    let memory = memory(200);
    make_file(memory, FILE, 1);
    let mut space = mapping(memory, 1, Private);
    read(&mut space, 0, 1).unwrap();
    let context = space.context().clone();
    context.enter();
    let written = std::cell::Cell::new(false);
    at_fence(move || {
        if !written.replace(true) {
            let mut other = mapping(memory, 1, Shared);
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
    let mut space = mapping(memory, 1, Shared);
    read(&mut space, 0, 1).unwrap();
    let context = space.context().clone();
    on_hart(1);
    context.enter();
    let load = || memory.machine().read_user(VirtAddr(0), &mut [0]);
    assert_eq!(load(), 1);
    on_hart(0);
    // The fence is sent when the entry is gone already.
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
    let mut space = mapping(memory, 1, Private);
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
fn a_write_back_reaches_the_last_of_many_families() {
    let memory = memory(400);
    make_file(memory, FILE, 1);
    let mut spaces: Vec<_> = (0..35).map(|_| mapping(memory, 1, Shared)).collect();
    for (number, space) in spaces.iter_mut().enumerate() {
        write(space, number as u64, b"x").unwrap();
    }
    // Families at which the search for families is continued.
    for number in [0, 15, 16, 30, 34] {
        on_hart(0);
        write(&mut spaces[number], 0, b"z").unwrap();
        on_hart(1);
        let context = spaces[number].context();
        context.enter();
        let store = || memory.machine().write_user(VirtAddr(100), b"y");
        assert_eq!(store(), 1);
        on_hart(0);
        let fences = counter(memory, MemCounter::RemoteFences);
        let token = memory.write_back(page_of(FILE, 0)).unwrap();
        let fences = counter(memory, MemCounter::RemoteFences) - fences;
        on_hart(1);
        let stored = store();
        context.leave();
        assert_eq!((stored, fences), (0, 1), "family {number}");
        token.finish(Ok(()));
    }
    on_hart(0);
    audit(memory, &spaces);
}

#[test]
fn a_frame_whose_page_is_elsewhere_now_is_not_the_clocks() {
    let memory = memory(200);
    make_file(memory, FILE, 1);
    read_file(memory, FILE, 0, 1);
    let old = memory.cached_page(page_of(FILE, 0)).unwrap();
    truncate(memory, FILE, 0);
    make_file(memory, FILE, 1);
    assert_eq!(read_file(memory, FILE, 0, 1), [1]);
    while make_free(memory, 1) != 0 {}
    let mut byte = [0];
    old.read(0, &mut byte);
    assert_eq!(byte, [1], "whoever reads it keeps it");
    drop(old);
    audit(memory, []);
    assert_eq!(free_frames(memory), 200);
}
