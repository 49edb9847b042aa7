//! The pages of files: in the cache, in mappings, and among those to be written back.

use super::files::{FILE, empty_cache, make_file, mapping, page_of, whole};
use super::*;
use crate::addr::VirtAddr;
use crate::file::Sharing::Shared;
use crate::file::{FileMap, FileNo};
use crate::pt::Walk;
use crate::space::copy::CopyFailure;
use crate::space::{Access, Resolution};
use crate::testing::{
    audit, ended, memory, read, read_file, user_page, write, write_back, write_file,
};

#[test]
fn a_part_of_a_file_is_where_it_was_mapped() {
    let memory = memory(200);
    make_file(memory, FILE, 8);
    let part = FileMap {
        first: page_of(FILE, 2),
        ..whole(FILE, Shared)
    };
    let mut space = AddressSpace::new(memory).unwrap();
    space.map_file(pages(10, 13), data(), part, None).unwrap();
    space.publish();
    for (page, byte) in [(10, 3), (11, 4), (12, 5)] {
        assert_eq!(read(&mut space, page * PAGE, 1).unwrap(), [byte]);
    }
    for page in [9, 13] {
        let read = read(&mut space, page * PAGE, 1);
        assert_eq!(read, Err(CopyFailure::Denied));
    }
    write(&mut space, 11 * PAGE, b"there").unwrap();
    assert!(write_back(memory, page_of(FILE, 3)));
    assert_eq!(
        memory.machine().files.on_disk(FILE)[3 * PAGE_SIZE..][..5],
        *b"there"
    );
    // Neighbours that are not mapped, and from there every page until its entry.
    for index in [1, 5, 6] {
        read_file(memory, FILE, index * PAGE_SIZE, 1);
    }
    empty_cache(memory);
    audit(memory, [&space]);
    assert_eq!(read(&mut space, 11 * PAGE, 5).unwrap(), b"there");
}

#[test]
fn a_page_at_the_border_of_two_mappings_is_in_one_of_them() {
    let memory = memory(200);
    make_file(memory, FILE, 4);
    let mut space = AddressSpace::new(memory).unwrap();
    for start in [0, 2] {
        let map = FileMap {
            first: page_of(FILE, start as u32),
            ..whole(FILE, Shared)
        };
        space
            .map_file(pages(start, start + 2), data(), map, None)
            .unwrap();
    }
    space.publish();
    read(&mut space, 0, 4 * PAGE_SIZE).unwrap();
    empty_cache(memory);
    audit(memory, [&space]);
}

#[test]
fn places_in_files_go_up_to_the_last_number() {
    let memory = memory(200);
    let mut space = AddressSpace::new(memory).unwrap();
    for (first, count) in [(u32::MAX - 1, 1), (1 << 20, 1 << 13)] {
        let map = FileMap {
            first: page_of(FILE, first),
            ..whole(FILE, Shared)
        };
        let mapped = ended(|ending| space.map_file(pages(0, count), data(), map, Some(ending)));
        assert_eq!(mapped, Ok(()));
    }
}

#[test]
fn many_files_in_a_large_memory_are_told_apart() {
    let memory = memory(6000);
    let mut spaces = vec![];
    for file in [1, 2, 65, 5_000, 70_001].map(FileNo) {
        make_file(memory, file, 40);
        let mut space = AddressSpace::new(memory).unwrap();
        space
            .map_file(pages(0, 40), data(), whole(file, Shared), None)
            .unwrap();
        space.publish();
        for page in 0..40 {
            assert_eq!(read(&mut space, page * PAGE, 1).unwrap(), [page as u8 + 1]);
        }
        write(&mut space, 0, &file.0.to_le_bytes()).unwrap();
        spaces.push((file, space));
    }
    audit(memory, spaces.iter().map(|(_, space)| space));
    for (file, mut space) in spaces {
        assert_eq!(read(&mut space, 0, 4).unwrap(), file.0.to_le_bytes());
        drop(space);
        assert_eq!(memory.take_departed(), Some(file));
        assert!(write_back(memory, page_of(file, 0)));
    }
    empty_cache(memory);
    audit(memory, []);
}

#[test]
fn a_write_over_several_pages_changes_each() {
    let memory = memory(200);
    make_file(memory, FILE, 5);
    for index in [0, 1, 3] {
        read_file(memory, FILE, index * PAGE_SIZE, 1);
    }
    let bytes: Vec<u8> = (0..3 * PAGE_SIZE).map(|n| (n % 251) as u8).collect();
    write_file(memory, FILE, PAGE_SIZE - 5, &bytes);
    let on_disk = memory.machine().files.on_disk(FILE);
    for index in 0..5 {
        let start = index * PAGE_SIZE;
        let cached = read_file(memory, FILE, start, PAGE_SIZE);
        assert!(cached == on_disk[start..start + PAGE_SIZE], "page {index}");
    }
}

#[test]
fn every_dirty_page_is_found_once() {
    let memory = memory(200);
    make_file(memory, FILE, 6);
    let mut space = mapping(memory, 6, Shared);
    read(&mut space, 0, 6 * PAGE_SIZE).unwrap();
    for page in [1, 2, 5] {
        write(&mut space, page * PAGE, b"dirty").unwrap();
    }
    let mut from = 0;
    let mut found = vec![];
    while let Some((page, next)) = memory.next_dirty(from) {
        assert!(next > from, "it goes on");
        found.push(page.index);
        from = next;
    }
    found.sort_unstable();
    assert_eq!(found, [1, 2, 5]);
}

#[test]
fn a_write_to_a_page_of_a_file_leaves_nothing_that_hardware_traps_for() {
    let memory = memory(200);
    make_file(memory, FILE, 1);
    let mut space = mapping(memory, 1, Shared);
    read(&mut space, 0, 1).unwrap();
    assert_eq!(space.resolve(VirtAddr(0), Access::Write), Resolution::Done);
    let Walk::Leaf(table, index) = memory.walk(space.context().root(), user_page(0)) else {
        panic!("mapped")
    };
    assert_eq!(table.get(index), table.get(index).written());
}
