//! Page tables without any present page.

use crate::file::Sharing::{Private, Shared};
use crate::space::Ending;
use abi::MemCounter;

use super::files::{FILE, make_file, mapping};
use super::*;
use crate::addr::VirtAddr;
use crate::commit::NoMemory;
use crate::space::{Access, Resolution, Wait};
use crate::testing::{
    Space, audit, counter, evict_all, fail_nth, free_frames, make_free, memory, memory_with_swap,
    on_hart, read, write,
};

/// The number of pages that a leaf table spans.
const SPAN: u64 = 512;

/// Returns a published space with `count` promised pages from address 0.
fn promised(memory: &'static Memory<FakeMachine>, count: u64) -> Space {
    let mut space = AddressSpace::new(memory).unwrap();
    let promise = Promise::Charged;
    space.map(pages(0, count), data(), promise).unwrap();
    space.publish();
    space
}

fn tables(memory: &Memory<FakeMachine>) -> u64 {
    counter(memory, MemCounter::PageTables)
}

/// Returns how many pages could be promised now.
fn left(memory: &'static Memory<FakeMachine>) -> u64 {
    let mut space = AddressSpace::new(memory).unwrap();
    let mut fits = |count| {
        let fits = space.map(pages(0, count), data(), Promise::Charged).is_ok();
        space.unmap(pages(0, count), &mut Ending::new()).unwrap();
        fits
    };
    (0..5000).rev().find(|&count| fits(count)).unwrap_or(0)
}

#[test]
fn what_is_promised_lends_its_tables_until_it_is_touched() {
    let memory = memory(3000);
    let mut space = promised(memory, 4 * SPAN);
    write(&mut space, SPAN * PAGE, b"used").unwrap();
    let (before, free, promisable) = (tables(memory), free_frames(memory), left(memory));
    assert_eq!(space.lend_idle_tables(), 3);
    assert_eq!(
        (tables(memory), free_frames(memory)),
        (before - 3, free + 3)
    );
    assert_eq!(left(memory), promisable, "their places stay promised");
    audit(memory, [&space]);
    assert_eq!(space.lend_idle_tables(), 0, "they are lent already");

    assert_eq!(read(&mut space, SPAN * PAGE, 4).unwrap(), b"used");
    assert_eq!(read(&mut space, 3 * SPAN * PAGE, 1).unwrap(), [0]);
    assert_eq!(tables(memory), before - 2);
    write(&mut space, 0, &vec![7; 4 * SPAN as usize * PAGE_SIZE]).unwrap();
    assert_eq!(tables(memory), before);
    audit(memory, [&space]);
    drop(space);
    assert_eq!(free_frames(memory), 3000);
    assert_eq!(counter(memory, MemCounter::Committed), 0);
}

#[test]
fn a_table_that_is_lent_is_there_whoever_took_its_frame() {
    let memory = memory_with_swap(200, 2000);
    let mut space = promised(memory, 2 * SPAN);
    let mut other = promised(memory, 600);
    assert_eq!(space.lend_idle_tables(), 2);
    write(&mut other, 0, &vec![1; 600 * PAGE_SIZE]).unwrap();
    let resolution = space.resolve(VirtAddr(0), Access::Write);
    let Resolution::Wait(Wait::Frames) = resolution else {
        panic!("{resolution:?}, and no frame is free");
    };
    audit(memory, [&space, &other]);
    write(&mut space, 0, &vec![2; 2 * SPAN as usize * PAGE_SIZE]).unwrap();
    assert_eq!(space.lend_idle_tables(), 0, "what is in swap is in use");
    for page in 0..600 {
        assert_eq!(read(&mut other, page * PAGE, 1).unwrap(), [1]);
        assert_eq!(read(&mut space, page * PAGE, 1).unwrap(), [2]);
    }
    audit(memory, [&space, &other]);
}

#[test]
fn pages_of_files_and_objects_are_found_again() {
    for sharing in [Shared, Private] {
        let memory = memory_with_swap(400, 100);
        make_file(memory, FILE, 2);
        let mut space = mapping(memory, 2, sharing);
        let object = pages(SPAN, SPAN + 2);
        space.map_shared(object, data(), None).unwrap();
        assert_eq!(read(&mut space, PAGE, 1).unwrap(), [2]);
        write(&mut space, SPAN * PAGE, b"ours").unwrap();
        assert_eq!(space.lend_idle_tables(), 0);
        evict_all(memory);
        assert_eq!(space.lend_idle_tables(), 2);
        audit(memory, [&space]);
        let mut child = space.fork(COW).unwrap();
        audit(memory, [&space, &child]);
        for space in [&mut space, &mut child] {
            assert_eq!(read(space, PAGE, 1).unwrap(), [2]);
            assert_eq!(read(space, SPAN * PAGE, 4).unwrap(), b"ours");
        }
        write(&mut child, SPAN * PAGE, b"his").unwrap();
        assert_eq!(read(&mut space, SPAN * PAGE, 4).unwrap(), b"hiss");
        audit(memory, [&space, &child]);
        drop((space, child));
        while make_free(memory, 8) != 0 {}
        assert_eq!(free_frames(memory), 400);
    }
}

#[test]
fn a_child_keeps_places_for_tables_that_it_needs() {
    let memory = memory_with_swap(400, 2000);
    let mut space = promised(memory, SPAN);
    let object = pages(SPAN, 3 * SPAN - 100);
    space.map_shared(object, data(), None).unwrap();
    assert_eq!(space.lend_idle_tables(), 3);
    let mut nth = 0;
    let child = loop {
        nth += 1;
        fail_nth(nth);
        let child = space.fork(COW);
        if fail_nth(0) != 0 {
            break child.unwrap();
        }
        assert_eq!(child.err(), Some(NoMemory::Places));
        audit(memory, [&space]);
    };
    // The object needs two tables. The child's private memory is lazy and needs none.
    assert_eq!(child.lent_tables(), (2, 2));
    audit(memory, [&space, &child]);
    let left = free_frames(memory);
    drop(space);
    assert_eq!(free_frames(memory), left + 2, "no leaf table");
    audit(memory, [&child]);
}

#[test]
fn what_is_unmapped_or_mapped_anew_lends_nothing() {
    let memory = memory(3000);
    let promisable = left(memory);
    let mut space = promised(memory, 3 * SPAN);
    assert_eq!(space.lend_idle_tables(), 3);
    // Half of the pages of a table still need it.
    space
        .unmap(pages(0, SPAN + 256), &mut Ending::new())
        .unwrap();
    assert_eq!(space.lent_tables(), (2, 2));
    audit(memory, [&space]);
    space
        .map(pages(SPAN, SPAN + 9), data(), Promise::Charged)
        .unwrap();
    assert_eq!(space.lent_tables(), (1, 1));
    audit(memory, [&space]);
    space.unmap(pages(0, 3 * SPAN), &mut Ending::new()).unwrap();
    audit(memory, [&space]);
    let nothing = AddressSpace::new(memory).unwrap();
    drop(space);
    assert_eq!(free_frames(memory), 2999);
    drop(nothing);
    assert_eq!(left(memory), promisable);
}

#[test]
fn lazy_memory_gives_its_tables_up() {
    let memory = memory(200);
    let mut space = space(memory, 2 * SPAN);
    space.publish();
    write(&mut space, 0, b"x").unwrap();
    write(&mut space, SPAN * PAGE, b"y").unwrap();
    space.unmap(pages(0, 1), &mut Ending::new()).unwrap();
    let before = (free_frames(memory), left(memory));
    assert_eq!(space.lend_idle_tables(), 1);
    assert_eq!(space.lent_tables(), (0, 0));
    assert_eq!(
        (free_frames(memory), left(memory)),
        (before.0 + 1, before.1 + 1)
    );
    assert_eq!(write(&mut space, PAGE, b"x"), Ok(()));
    audit(memory, [&space]);
}

#[test]
fn a_touch_elsewhere_leaves_what_is_lent() {
    let memory = memory(200);
    let mut space = promised(memory, 1);
    let lazy = pages(SPAN, SPAN + 1);
    space.map(lazy, data(), Promise::Lazy).unwrap();
    assert_eq!(space.lend_idle_tables(), 1);
    write(&mut space, SPAN * PAGE, b"x").unwrap();
    assert_eq!(space.lent_tables(), (1, 1));
    audit(memory, [&space]);
}

#[test]
fn an_image_that_is_laid_out_keeps_its_tables() {
    let memory = memory(200);
    let mut space = AddressSpace::new(memory).unwrap();
    space.map(pages(0, 9), data(), Promise::Charged).unwrap();
    assert_eq!(space.lend_idle_tables(), 0);
    assert!(space.bytes_mut(VirtAddr(0)).is_ok());
    space.publish();
    assert_eq!(space.lend_idle_tables(), 0);
}

#[test]
fn every_hart_forgets_a_table_before_it_is_anothers() {
    let memory = memory(200);
    let mut space = promised(memory, 9);
    on_hart(1);
    space.context().enter();
    on_hart(0);
    let before = counter(memory, MemCounter::RemoteFences);
    assert_eq!(space.lend_idle_tables(), 1);
    assert_eq!(counter(memory, MemCounter::RemoteFences), before + 1);
    on_hart(1);
    space.context().leave();
}
