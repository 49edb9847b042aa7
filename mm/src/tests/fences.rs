//! Every fence that is needed, and no other. Fences are the cost of copy-on-write on many harts.

use crate::space::Ending;
use std::cell::Cell;
use std::rc::Rc;

use abi::MemCounter;

use super::*;
use crate::addr::VirtAddr;
use crate::machine::Machine;
use crate::space::{Access, Resolution};
use crate::testing::{
    Space, at_fence, counter, evict_all, memory, memory_with_swap, on_hart, peek, read, write,
};

/// Returns the numbers of local fences, of fences to other harts, and of instruction fences on hart
/// `hart`.
fn fences(memory: &Memory<FakeMachine>, hart: usize) -> (u64, u64, u64) {
    (
        counter(memory, MemCounter::LocalFences),
        counter(memory, MemCounter::RemoteFences),
        memory.machine().instruction_fences(hart),
    )
}

/// Returns the byte at `address`, as the program on this hart reads it. Returns `None` if its
/// translation does not allow reading.
fn load(space: &Space, address: u64) -> Option<u8> {
    let mut byte = [0];
    let machine = space.context().memory().machine();
    (machine.read_user(VirtAddr(address), &mut byte) == 1).then_some(byte[0])
}

#[test]
fn a_space_is_fenced_when_a_hart_first_enters_it() {
    let memory = memory(100);
    let mut space = space(memory, 2);
    write(&mut space, 0, b"x").unwrap();
    for hart in [0, 3] {
        on_hart(hart);
        let before = fences(memory, hart);
        space.context().enter();
        space.context().leave();
        let once = fences(memory, hart);
        let first = u64::from(hart == 3);
        assert_eq!(once, (before.0 + first, before.1, before.2 + first));
        space.context().enter();
        space.context().leave();
        assert_eq!(fences(memory, hart), once, "it has nothing to forget");
    }
}

#[test]
fn a_hart_forgets_at_once_what_it_unmaps_itself() {
    let memory = memory(100);
    let mut space = space(memory, 4);
    write(&mut space, 0, &[b'x'; 4 * PAGE_SIZE]).unwrap();
    space.context().enter();
    let loads = |space: &Space| [0, 1, 2, 3].map(|page| load(space, page * PAGE));
    let x = Some(b'x');
    assert_eq!(loads(&space), [x; 4]);
    space.unmap(pages(0, 1), &mut Ending::new()).unwrap();
    assert_eq!(loads(&space), [None, x, x, x]);
    space.unmap(pages(1, 3), &mut Ending::new()).unwrap();
    assert_eq!(loads(&space), [None, None, None, x]);
    space.context().leave();
}

#[test]
fn a_space_nobody_uses_is_changed_without_a_fence() {
    let memory = memory(100);
    let mut space = space(memory, 5);
    write(&mut space, 0, &[1; 4 * PAGE_SIZE]).unwrap();
    let before = fences(memory, 0);
    assert!(space.bytes_mut(VirtAddr(4 * PAGE)).is_ok(), "filled");
    space.unmap(pages(0, 1), &mut Ending::new()).unwrap();
    let child = space.fork(COW).unwrap();
    assert_eq!(fences(memory, 0), before);
    drop(child);
    assert_eq!(peek(&space, 0), None, "it is fenced when it is used next");
    assert_eq!(fences(memory, 0), (before.0 + 1, before.1, before.2));
}

#[test]
fn a_page_that_comes_to_be_needs_no_fence() {
    let memory = memory_with_swap(100, 100);
    let mut space = space(memory, 4);
    space.context().enter();
    let before = fences(memory, 0);
    for page in 0..3 {
        let address = VirtAddr(page * PAGE);
        assert_eq!(space.resolve(address, Access::Write), Resolution::Done);
    }
    assert_eq!(fences(memory, 0), before, "filled");
    space.context().leave();
    let mut child = space.fork(COW).unwrap();
    space.publish();
    child.publish();
    evict_all(memory);
    read(&mut child, 0, 1).unwrap();
    space.context().enter();
    let before = fences(memory, 0);
    let address = VirtAddr(0);
    assert_eq!(space.resolve(address, Access::Read), Resolution::Done);
    assert_eq!(fences(memory, 0), before, "brought back");
    assert_eq!(space.resolve(address, Access::Write), Resolution::Done);
    let broken = (before.0 + 1, before.1, before.2);
    assert_eq!(fences(memory, 0), broken, "the old one, not the copy");
    space.context().leave();
}

#[test]
fn a_fork_that_takes_no_right_away_needs_no_fence() {
    let memory = memory(100);
    let mut parent = space(memory, 4);
    write(&mut parent, 0, &[1; 4 * PAGE_SIZE]).unwrap();
    parent.context().enter();
    let before = fences(memory, 0);
    let children = [(); 3].map(|()| parent.fork(COW).unwrap());
    assert_eq!(
        fences(memory, 0),
        (before.0 + 1, before.1, before.2),
        "for the first"
    );
    parent.context().leave();
    drop(children);
}

#[test]
fn many_pages_go_with_few_fences() {
    let memory = memory(300);
    let mut space = space(memory, 200);
    write(&mut space, 0, &[1; 200 * PAGE_SIZE]).unwrap();
    space.context().enter();
    on_hart(1);
    space.context().enter();
    on_hart(0);
    let before = fences(memory, 0);
    // Batches of 64 pages, and the tables.
    space.unmap(pages(0, 200), &mut Ending::new()).unwrap();
    assert_eq!(fences(memory, 0), (before.0 + 5, before.1 + 5, before.2));
    for hart in 0..2 {
        on_hart(hart);
        space.context().leave();
    }
}

#[test]
fn pages_of_many_spaces_are_evicted_with_one_fence() {
    let memory = memory_with_swap(300, 100);
    let mut one = space(memory, 20);
    let mut other = space(memory, 20);
    for space in [&mut one, &mut other] {
        space.publish();
        write(space, 0, &[1; 20 * PAGE_SIZE]).unwrap();
    }
    let child = one.fork(COW).unwrap();
    let spaces = [one, child, other];
    for (hart, space) in (1..).zip(&spaces) {
        on_hart(hart);
        space.context().enter();
        assert_eq!(load(space, PAGE), Some(1));
    }
    on_hart(0);
    let sent = Rc::new(Cell::new(0));
    let counter = sent.clone();
    at_fence(move || counter.set(counter.get() + 1));
    let before = fences(memory, 0);
    let reclaimed = memory.reclaim(40);
    assert_eq!(fences(memory, 0), (before.0, before.1 + 3, before.2));
    assert_eq!(sent.get(), 1, "one for all harts and both families");
    for (hart, space) in (1..).zip(&spaces) {
        on_hart(hart);
        assert_eq!(load(space, PAGE), None, "hart {hart}");
        space.context().leave();
    }
    assert_eq!(
        reclaimed.writes.map(|write| write.count()).sum::<usize>(),
        40
    );
}

#[test]
fn only_those_who_had_an_evicted_page_are_told_and_once() {
    let memory = memory_with_swap(300, 100);
    let mut parent = space(memory, 4);
    parent.publish();
    write(&mut parent, 0, &[1; 4 * PAGE_SIZE]).unwrap();
    let mut child = parent.fork(COW).unwrap();
    child.unmap(pages(0, 4), &mut Ending::new()).unwrap();
    for (hart, space) in [(1, &parent), (2, &child)] {
        on_hart(hart);
        space.context().enter();
    }
    on_hart(0);
    let before = fences(memory, 0);
    let evicted = [2, 2].map(|wanted| {
        let writes = memory.reclaim(wanted).writes;
        writes.map(|write| write.count()).sum::<usize>()
    });
    let after = fences(memory, 0);
    // A fork has nothing left to flush.
    drop(parent.fork(COW).unwrap());
    let later = fences(memory, 0);
    for (hart, space) in [(1, &parent), (2, &child)] {
        on_hart(hart);
        space.context().leave();
    }
    assert_eq!(evicted, [2, 2]);
    assert_eq!(
        after,
        (before.0, before.1 + 2, before.2),
        "the parent alone"
    );
    assert_eq!(later, after);
}

#[test]
fn however_many_share_a_page_all_are_told_when_it_goes() {
    let memory = memory_with_swap(400, 10);
    let mut parent = space(memory, 1);
    parent.publish();
    write(&mut parent, 0, b"x").unwrap();
    let children: Vec<_> = (0..40).map(|_| parent.fork(COW).unwrap()).collect();
    let running = [(1, &parent), (2, &children[20]), (3, &children[39])];
    let before = running.map(|(hart, space)| {
        on_hart(hart);
        space.context().enter();
        load(space, 0)
    });
    on_hart(0);
    drop(memory.reclaim(1));
    let after = running.map(|(hart, space)| {
        on_hart(hart);
        let loaded = load(space, 0);
        space.context().leave();
        loaded
    });
    assert_eq!((before, after), ([Some(b'x'); 3], [None; 3]));
}

#[test]
#[should_panic(expected = "was dropped while a hart used it")]
fn a_space_in_use_is_not_freed() {
    let space = space(memory(100), 1);
    // The context outlives the space. Dropping it would panic too, and two panics at once abort the
    // process.
    std::mem::forget(space.context().clone());
    space.context().enter();
    drop(space);
}
