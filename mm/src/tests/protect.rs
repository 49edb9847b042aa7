//! Rights that are removed and given back, and mappings that replace others.

use super::*;
use crate::addr::VirtAddr;
use crate::commit::NoMemory;
use crate::space::Ending;
use crate::space::copy::CopyFailure;
use crate::space::{Access, MapError};
use crate::testing::{
    Space, audit, fail_nth, free_frames, memory, on_hart, peek, read, resolve, write,
};

const NONE: Permissions = Permissions::empty();
const READ: Permissions = Permissions::READ;

fn written(memory: &'static Memory<FakeMachine>, count: u64) -> Space {
    let mut space = space(memory, count);
    for page in 0..count {
        write(&mut space, page * PAGE, &page.to_le_bytes()).unwrap();
    }
    space
}

#[test]
fn what_is_taken_away_is_denied_at_once_on_every_hart() {
    let memory = memory(100);
    let mut space = written(memory, 4);
    on_hart(1);
    assert_eq!(peek(&space, PAGE), Some(1));
    on_hart(0);
    space.protect(pages(1, 2), NONE).unwrap();
    for hart in 0..2 {
        on_hart(hart);
        assert_eq!(peek(&space, PAGE), None);
    }
    assert_eq!(read(&mut space, PAGE, 1), Err(CopyFailure::Denied));
    audit(memory, [&space]);
    space.protect(pages(1, 2), READ).unwrap();
    assert_eq!(read(&mut space, PAGE, 8).unwrap(), 1u64.to_le_bytes());
    assert_eq!(write(&mut space, PAGE, b"x"), Err(CopyFailure::Denied));
    space.protect(pages(0, 4), data()).unwrap();
    write(&mut space, PAGE, b"x").unwrap();
    audit(memory, [&space]);
}

#[test]
fn mistake_4_a_right_that_comes_back_after_a_fork_is_not_to_a_shared_page() {
    let memory = memory(100);
    let mut parent = written(memory, 2);
    parent.protect(pages(0, 2), READ).unwrap();
    let mut child = parent.fork(COW).unwrap();
    assert_eq!(write(&mut child, 0, b"x"), Err(CopyFailure::Denied));
    child.protect(pages(0, 1), data()).unwrap();
    audit(memory, [&parent, &child]);
    write(&mut child, 0, b"childish").unwrap();
    assert_eq!(read(&mut parent, 0, 8).unwrap(), 0u64.to_le_bytes());
    assert_eq!(write(&mut parent, 0, b"x"), Err(CopyFailure::Denied));
    // After a fork, pages without any right keep their contents for both processes.
    parent.protect(pages(0, 2), NONE).unwrap();
    let mut second = parent.fork(ForkMode::Eager).unwrap();
    second.protect(pages(1, 2), READ).unwrap();
    assert_eq!(read(&mut second, PAGE, 8).unwrap(), 1u64.to_le_bytes());
    audit(memory, [&parent, &child, &second]);
}

#[test]
fn a_hole_in_the_range_changes_nothing() {
    let memory = memory(100);
    let mut space = written(memory, 6);
    space.unmap(pages(3, 4), &mut Ending::new()).unwrap();
    for range in [pages(2, 4), pages(2, 6), pages(5, 7)] {
        assert_eq!(space.protect(range, NONE), Err(MapError::BadRange));
        assert_eq!(read(&mut space, 2 * PAGE, 1).unwrap(), [2]);
        write(&mut space, 5 * PAGE, b"w").unwrap();
    }
    assert_eq!(space.protect(pages(3, 3), NONE), Ok(()));
}

#[test]
fn code_that_was_data_can_be_run() {
    let memory = memory(100);
    let mut space = written(memory, 1);
    let address = VirtAddr(0);
    let run = |space: &mut Space| resolve(space, address, Access::Execute);
    assert_eq!(run(&mut space), Err(CopyFailure::Denied));
    let fences = memory.machine().instruction_fences(0);
    let context = space.context().clone();
    context.enter();
    space
        .protect(pages(0, 1), READ | Permissions::EXECUTE)
        .unwrap();
    context.leave();
    assert!(memory.machine().instruction_fences(0) > fences);
    assert_eq!(run(&mut space), Ok(()));
}

#[test]
fn a_mapping_takes_the_place_of_others_or_leaves_them() {
    let memory = memory(200);
    let mut space = written(memory, 10);
    let free = free_frames(memory);
    assert_eq!(
        space.map_over(pages(2, 5000), data(), Promise::Charged, &mut Ending::new()),
        Err(MapError::NoMemory(NoMemory::Places))
    );
    assert_eq!(read(&mut space, 3 * PAGE, 1).unwrap(), [3]);
    assert_eq!(free_frames(memory), free);
    space
        .map_over(pages(2, 5), READ, Promise::Charged, &mut Ending::new())
        .unwrap();
    audit(memory, [&space]);
    assert_eq!(read(&mut space, 3 * PAGE, 1).unwrap(), [0]);
    assert_eq!(write(&mut space, 3 * PAGE, b"x"), Err(CopyFailure::Denied));
    assert_eq!(read(&mut space, 5 * PAGE, 1).unwrap(), [5]);
    drop(space);
    assert_eq!(free_frames(memory), 200);
}

#[test]
fn a_heap_that_something_was_mapped_right_above_shrinks() {
    let memory = memory(200);
    let mut parent = AddressSpace::new(memory).unwrap();
    parent.grow(8 * PAGE, Promise::Charged).unwrap();
    parent.map(pages(8, 12), data(), Promise::Charged).unwrap();
    // The child's list of areas has no spare room.
    let mut child = parent.fork(COW).unwrap();
    fail_nth(1);
    assert!(
        child.shrink(PAGE, &mut Ending::new()).is_err(),
        "a hole needs memory, and there is none"
    );
    assert_eq!(fail_nth(0), 0);
    assert_eq!(child.heap_break(), VirtAddr(8 * PAGE));
    assert_eq!(
        child.shrink(PAGE, &mut Ending::new()),
        Ok(VirtAddr(8 * PAGE))
    );
    assert_eq!(read(&mut child, 7 * PAGE, 1), Err(CopyFailure::Denied));
    write(&mut child, 8 * PAGE, b"there").unwrap();
    audit(memory, [&parent, &child]);
}

#[test]
fn gaps_are_found_from_the_top_down() {
    let memory = memory(100);
    let mut space = AddressSpace::new(memory).unwrap();
    let top = VirtAddr(abi::user_top::RISCV64).page().0;
    assert_eq!(space.gap(4), Some(pages(top - 4, top)));
    space
        .map(pages(top - 2, top), data(), Promise::Lazy)
        .unwrap();
    space
        .map(pages(top - 6, top - 5), data(), Promise::Lazy)
        .unwrap();
    assert_eq!(space.gap(3), Some(pages(top - 5, top - 2)));
    assert_eq!(space.gap(4), Some(pages(top - 10, top - 6)));
    space.set_heap_break(VirtAddr((top - 8) * PAGE));
    assert_eq!(space.gap(4), None, "that is the heap's");
    assert_eq!(space.gap(u64::MAX), None);
}
