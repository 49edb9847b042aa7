//! Shared page tables.

use std::cell::RefCell;

use abi::MemCounter;

use super::*;
use crate::frame::Kind;
use crate::testing::{at_fence, audit, counter, free_frames, memory, read, write};

const SHARED: ForkMode = ForkMode::SharedTables;

#[test]
fn mistake_35_a_page_that_one_sharer_fills_is_its_own() {
    let memory = memory(100);
    let mut parent = space(memory, 4);
    write(&mut parent, 0, b"p").unwrap();
    let mut child = parent.fork(SHARED).unwrap();
    write(&mut parent, PAGE, b"q").unwrap();
    assert_eq!(
        child.page_info(PageNo(1)).0,
        0,
        "the child never touched it"
    );
    assert_eq!(read(&mut child, PAGE, 1), Ok(vec![0]));
    audit(memory, [&parent, &child]);
}

#[test]
fn mistake_36_one_of_the_last_two_sharers_is_the_last() {
    let memory = memory(100);
    let free = free_frames(memory);
    let mut parent = space(memory, 4);
    write(&mut parent, 0, b"p").unwrap();
    let child = RefCell::new(Some(parent.fork(SHARED).unwrap()));
    // The fence of the fork is behind the parent.
    assert_eq!(read(&mut parent, 0, 1), Ok(b"p".to_vec()));
    // The parent has copied the table and flushes; the child ends before the parent leaves it.
    at_fence(move || drop(child.take()));
    write(&mut parent, 0, b"q").unwrap();
    at_fence(|| ());
    // Had the child ended before, the parent would have copied nothing.
    assert_eq!(counter(memory, MemCounter::TableUnshares), 1);
    audit(memory, [&parent]);
    drop(parent);
    assert_eq!(free_frames(memory), free);
}

#[test]
fn mistake_37_no_entry_of_a_protected_table_is_writable() {
    let memory = memory(100);
    let mut parent = space(memory, 4);
    write(&mut parent, 0, &[1; 4 * PAGE_SIZE]).unwrap();
    let mut child = parent.fork(SHARED).unwrap();
    // The first read opens the table for reading.
    assert_eq!(read(&mut child, 0, 1), Ok(vec![1]));
    audit(memory, [&parent, &child]);
    write(&mut child, 0, &[2; 4 * PAGE_SIZE]).unwrap();
    assert_eq!(
        read(&mut parent, 0, 4 * PAGE_SIZE),
        Ok(vec![1; 4 * PAGE_SIZE])
    );
}

#[test]
#[should_panic(expected = "a reference was taken to a frame with 0")]
fn mistake_38_no_count_is_raised_from_a_table_that_is_free() {
    let memory = memory(100);
    let mut reservation = memory
        .reserve_frames(1, crate::commit::Claim::Kernel)
        .unwrap();
    let table = memory.allocate_table(&mut reservation).frame();
    assert_eq!(memory.frames.record(table).kind(), Kind::Table);
    memory.drop_reference(table);
    // A fork that has looked at the link before the last sharer ended.
    memory.frames.record(table).add_reference();
}
