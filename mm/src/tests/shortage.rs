//! What is kept for whom when frames or slots run short.

use abi::MemCounter;

use super::*;
use crate::commit::NoMemory;
use crate::testing::{audit, counter, evict_all, memory_with_swap, read, write};

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
    // Forks, which need tables, must leave a quarter of that besides.
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
