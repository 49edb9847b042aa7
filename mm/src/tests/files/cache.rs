//! Which pages of files are cached, and for what they give way.

use crate::file::Sharing::{Private, Shared};
use crate::space::Ending;
use abi::{MemCounter, PageInfo};

use super::*;
use crate::addr::VirtAddr;
use crate::commit::NoMemory;
use crate::space::{Access, MapError, Resolution};
use crate::testing::{
    audit, counter, free_frames, make_free, memory, memory_with_swap, on_hart, read, read_file,
    truncate, write,
};

#[test]
fn cached_pages_are_evicted_wherever_they_are_mapped_and_come_back() {
    let memory = memory(200);
    make_file(memory, FILE, 40);
    let mut shared = mapping(memory, 40, Shared);
    let mut private = mapping(memory, 40, Private);
    let mut child = private.fork(COW).unwrap();
    for index in 0..40 {
        for space in [&mut shared, &mut private, &mut child] {
            assert_eq!(read(space, index * PAGE, 1).unwrap(), [index as u8 + 1]);
        }
    }
    write(&mut shared, 3 * PAGE + 1, b"dirty").unwrap();
    write(&mut private, 5 * PAGE + 1, b"own").unwrap();
    // Nothing loops here. The page that was used last is evicted too.
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
    let mut space = mapping(memory, 30, Private);
    for index in 0..30 {
        read(&mut space, index * PAGE, 1).unwrap();
    }
    for round in 1..20 {
        assert_eq!(read_file(memory, FILE, 4 * PAGE_SIZE, 1), [5]);
        read(&mut space, 9 * PAGE, 1).unwrap();
        // The test calls `resolve`, because the pretended TLB does not show the entry.
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
    let mut mapped = mapping(memory, 255, Shared);
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
    let map = whole(FILE, Private);
    assert_eq!(
        space.map_file(pages(0, 250), data(), map, None),
        Err(MapError::NoMemory(NoMemory::Places))
    );
    space
        .map_file(pages(0, 250), Permissions::READ, map, None)
        .expect("what is only read needs no promise");
    space
        .map_file(pages(0, 150), data(), map, Some(&mut Ending::new()))
        .unwrap();
    assert_eq!(counter(memory, MemCounter::Committed), 150 + 3);
    read(&mut space, 0, 150 * PAGE_SIZE).unwrap();
    space.publish();
    for index in 0..150 {
        write(&mut space, index * PAGE, b"own").unwrap();
    }
    audit(memory, [&space]);
    space.unmap(pages(20, 60), &mut Ending::new()).unwrap();
    audit(memory, [&space]);
    assert_eq!(counter(memory, MemCounter::Committed), 110 + 3);
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
    // The kernel's frames, and half as many.
    assert_eq!(free_frames(memory), 16 + 8);
    assert!(
        memory.is_short_of_frames(),
        "somebody is to make room for new ones"
    );
    assert!(make_free(memory, 8) > 0);
}

#[test]
fn a_round_of_pages_of_a_file_is_short_and_costs_one_fence() {
    let memory = memory(300);
    make_file(memory, FILE, 80);
    let mut space = mapping(memory, 40, Shared);
    read(&mut space, 0, 40 * PAGE_SIZE).unwrap();
    on_hart(1);
    space.context().enter();
    on_hart(0);
    let round = || {
        let freed = memory.reclaim(64).freed;
        (freed, counter(memory, MemCounter::RemoteFences))
    };
    let mapped = [round(), round()];
    for index in 40..80 {
        read_file(memory, FILE, index * PAGE_SIZE, 1);
    }
    let unmapped = round();
    on_hart(1);
    space.context().leave();
    on_hart(0);
    // The kernel's stack has room for half a round.
    assert_eq!(mapped, [(32, 1), (8, 2)]);
    assert_eq!(unmapped, (32, 2), "nobody has them");
    audit(memory, [&space]);
}
