//! Mapped files as programs see them.

use crate::file::Sharing::{Private, Program, Shared, SharedReadOnly};
use crate::testing::ended;
use abi::{MemCounter, PageInfo, ProcCounter};

use super::*;
use crate::space::MapError;
use crate::space::copy::CopyFailure;
use crate::testing::{
    audit, counter, fail_nth, free_frames, memory, read, read_file, write, write_back, write_file,
};

#[test]
fn all_who_map_a_file_have_its_frames_and_it_is_read_once() {
    let memory = memory(200);
    make_file(memory, FILE, 3);
    let mut spaces = [Shared, Private, Private].map(|sharing| mapping(memory, 3, sharing));
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
    let [mut one, mut other] = [(); 2].map(|()| mapping(memory, 2, Shared));
    let mut private = mapping(memory, 2, Private);
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
    // The program must fault once more, because the right to write is gone.
    write(&mut one, 0, b"again").unwrap();
    assert!(write_back(memory, page_of(FILE, 0)));
    assert_eq!(disk()[..5], *b"again");
}

#[test]
fn a_private_page_is_the_files_until_it_is_written() {
    for read_first in [true, false] {
        let memory = memory(200);
        make_file(memory, FILE, 2);
        let mut space = mapping(memory, 2, Private);
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
fn nothing_is_behind_the_end_of_a_file() {
    let memory = memory(200);
    make_file(memory, FILE, 1);
    write_file(memory, FILE, PAGE_SIZE, b"tail");
    let mut space = mapping(memory, 4, Shared);
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
    let mut space = mapping(memory, 1, Private);
    memory.machine().files.set_broken(true);
    assert_eq!(read(&mut space, 0, 1), Err(CopyFailure::Lost));
    audit(memory, [&space]);
    memory.machine().files.set_broken(false);
    assert_eq!(read(&mut space, 0, 1).unwrap(), [1]);
}

#[test]
fn a_mapping_departs_with_its_last_area() {
    let memory = memory(200);
    make_file(memory, FILE, 6);
    let mut space = mapping(memory, 6, Shared);
    let departed = || std::iter::from_fn(|| memory.take_departed()).count();
    ended(|ending| space.unmap(pages(1, 2), ending)).unwrap();
    space.protect(pages(3, 4), Permissions::READ).unwrap();
    let mut child = space.fork(COW).unwrap();
    ended(|ending| space.unmap(pages(0, 10), ending)).unwrap();
    assert_eq!(departed(), 0, "the child has it");
    let private = whole(FILE, Private);
    ended(|ending| child.map_file(pages(3, 4), data(), private, Some(ending))).unwrap();
    ended(|ending| child.unmap(pages(0, 3), ending)).unwrap();
    assert_eq!(departed(), 0);
    ended(|ending| child.unmap(pages(4, 6), ending)).unwrap();
    assert_eq!(memory.take_departed(), Some(FILE));
    assert_eq!(departed(), 0);
    drop(child);
    assert_eq!(departed(), 1, "the second one");
    let program = whole(FILE, Program);
    assert!(!memory.is_running(FILE));
    space
        .map_file(pages(0, 1), Permissions::READ, program, None)
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
    let map = space.map_file(pages(0, 2), data(), whole(FILE, SharedReadOnly), None);
    assert_eq!(map, Err(MapError::BadRange));
    space
        .map_file(
            pages(0, 2),
            Permissions::READ,
            whole(FILE, SharedReadOnly),
            None,
        )
        .unwrap();
    space
        .map_file(pages(2, 4), data(), whole(FILE, Private), None)
        .unwrap();
    let refused = Err(MapError::BadRange);
    assert_eq!(space.protect(pages(1, 3), data()), refused);
    assert_eq!(space.protect(pages(1, 3), Permissions::READ), Ok(()));
    assert_eq!(space.protect(pages(2, 3), data()), Ok(()));
    write(&mut space, 2 * PAGE, b"own").unwrap();
    assert_eq!(write(&mut space, 0, b"x"), Err(CopyFailure::Denied));
    audit(memory, [&space]);
    for bad in [pages(2, 2), pages(3, 5), pages(1 << 26, (1 << 26) + 1)] {
        let map = space.map_file(bad, data(), whole(FILE, Shared), None);
        assert_eq!(map, refused, "{bad:?}");
    }
    let far = FileMap {
        first: page_of(FILE, u32::MAX),
        ..whole(FILE, Shared)
    };
    assert_eq!(space.map_file(pages(8, 10), data(), far, None), refused);
}

#[test]
fn msync_finds_what_is_shared() {
    let memory = memory(200);
    make_file(memory, FILE, 9);
    let mut space = mapping(memory, 9, Shared);
    let private = whole(FILE, Private);
    ended(|ending| space.map_file(pages(2, 4), data(), private, Some(ending))).unwrap();
    space.map(pages(20, 21), data(), Promise::Lazy).unwrap();
    let mut found = vec![];
    let mut from = PageNo(1);
    while let Some(next) = space.shared_file_pages(PageRange::new(from, PageNo(7))) {
        found.push(next.indices());
        from = next.next;
    }
    assert_eq!(found, [1..2, 4..7]);
    let last = FileMap {
        first: page_of(FILE, u32::MAX - 2),
        ..whole(FILE, Shared)
    };
    space.map_file(pages(30, 32), data(), last, None).unwrap();
    let sync = |from, to| space.shared_file_pages(pages(from, to));
    assert_eq!(sync(40, 50), None, "and no page has a number beyond all");
    let indices = sync(31, 50).map(|found| found.indices());
    assert_eq!(indices, Some(u32::MAX - 1..u32::MAX));
    assert!(space.is_mapped(pages(0, 9)) && !space.is_mapped(pages(0, 10)));
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
        let result = space.map_file(pages(0, 2), data(), whole(FILE, Private), None);
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
        assert_eq!(nth, 6, "allocations that may fail, and one more");
        return;
    }
}

#[test]
fn a_mapping_whose_rights_are_as_before_is_one_area_again() {
    let memory = memory(200);
    make_file(memory, FILE, 6);
    let mut space = mapping(memory, 6, Shared);
    let first = |space: &Space| space.shared_file_pages(pages(0, 6)).unwrap().indices();
    space.protect(pages(2, 3), Permissions::READ).unwrap();
    assert_eq!(first(&space), 0..2);
    space.protect(pages(2, 3), data()).unwrap();
    assert_eq!(first(&space), 0..6);
}
