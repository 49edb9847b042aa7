//! What fork shares, and how faults take it apart.

use abi::{MemCounter, ProcCounter};

use super::*;
use crate::addr::VirtAddr;
use crate::space::Resolution;
use crate::testing::{Space, WRITE, counter, free_frames, memory, on_hart, peek, read, write};

/// Copy, reuse and zero-fill faults so far.
fn faults(memory: &Memory<FakeMachine>) -> (u64, u64, u64) {
    (
        counter(memory, MemCounter::CopyFaults),
        counter(memory, MemCounter::ReuseFaults),
        counter(memory, MemCounter::ZeroFaults),
    )
}

#[test]
fn exact_costs() {
    let memory = memory(1000);
    let mut parent = space(memory, 200);
    write(&mut parent, 0, &[1; 200 * PAGE_SIZE]).unwrap();
    let anonymous = || counter(memory, MemCounter::Anonymous);
    let (pages, before, free) = (anonymous(), faults(memory), free_frames(memory));

    let mut child = parent.fork(COW).unwrap();
    assert_eq!(anonymous(), pages, "fork copies no page");
    assert_eq!(free - free_frames(memory), 3, "only a root and two tables");
    // Mistake 17: reading costs nothing.
    assert_eq!(
        read(&mut child, 0, 200 * PAGE_SIZE),
        Ok(vec![1; 200 * PAGE_SIZE])
    );
    assert_eq!((anonymous(), faults(memory)), (pages, before));
    // One kernel write, one frame.
    write(&mut child, 7 * PAGE + 5, b"x").unwrap();
    assert_eq!(anonymous(), pages + 1);
    write(&mut child, 0, &[2; 200 * PAGE_SIZE]).unwrap();
    assert_eq!(anonymous(), pages + 200);
    assert_eq!(faults(memory), (before.0 + 200, before.1, before.2));
    // Mistake 18: a copy takes the place of what was shared.
    assert_eq!(child.usage()[ProcCounter::Resident as usize], 200 * PAGE);
    assert_eq!(
        read(&mut parent, 0, 200 * PAGE_SIZE),
        Ok(vec![1; 200 * PAGE_SIZE])
    );
    drop(child);
    assert_eq!(free_frames(memory), free);
    // The last owner writes without a copy: one fault a page.
    write(&mut parent, 0, &[3; 200 * PAGE_SIZE]).unwrap();
    assert_eq!(faults(memory), (before.0 + 200, before.1 + 200, before.2));
}

#[test]
fn mistake_3_a_page_forked_twice_is_still_copy_on_write() {
    let memory = memory(200);
    let mut one = space(memory, 1);
    write(&mut one, 0, b"1").unwrap();
    let mut two = one.fork(COW).unwrap();
    let mut three = two.fork(COW).unwrap();
    write(&mut three, 0, b"3").unwrap();
    write(&mut two, 0, b"2").unwrap();
    write(&mut one, 0, b"1").unwrap();
    assert_eq!(
        faults(memory),
        (2, 1, 1),
        "two copies, the last owner reuses"
    );
    for (space, byte) in [(&mut one, b'1'), (&mut two, b'2'), (&mut three, b'3')] {
        assert_eq!(read(space, 0, 1), Ok(vec![byte]));
    }
}

#[test]
fn mistake_1_three_hundred_sharers() {
    let memory = memory(1500);
    let mut first = space(memory, 1);
    write(&mut first, 0, b"s").unwrap();
    let mut sharers: Vec<Space> = (0..300).map(|_| first.fork(COW).unwrap()).collect();
    assert_eq!(counter(memory, MemCounter::Anonymous), 1);
    for sharer in &mut sharers {
        assert_eq!(read(sharer, 0, 1), Ok(b"s".to_vec()));
    }
    drop(sharers);
    write(&mut first, 0, b"t").unwrap();
    assert_eq!(faults(memory), (0, 1, 1));
}

#[test]
fn mistake_7_no_tlb_keeps_the_right_to_write() {
    let memory = memory(100);
    let mut parent = space(memory, 1);
    write(&mut parent, 0, b"p").unwrap();
    // Harts 1 and 2 have the writable translation: one runs a thread of the parent, one has left.
    for hart in [1, 2] {
        on_hart(hart);
        write(&mut parent, 0, b"p").unwrap();
    }
    on_hart(1);
    parent.context().enter();
    on_hart(0);
    let child = parent.fork(COW).unwrap();
    for hart in 0..3 {
        on_hart(hart);
        parent.context().enter();
        let machine = parent.context().memory().machine();
        assert_eq!(
            crate::Machine::write_user(machine, VirtAddr(0), b"!"),
            0,
            "hart {hart}"
        );
        parent.context().leave();
    }
    assert_eq!(peek(&child, 0), Some(b'p'));
}

#[test]
fn a_copy_replaces_the_old_frame_on_every_hart() {
    let memory = memory(100);
    let mut parent = space(memory, 1);
    write(&mut parent, 0, b"p").unwrap();
    let _child = parent.fork(COW).unwrap();
    for hart in [2, 1] {
        on_hart(hart);
        parent.context().enter();
        assert_eq!(peek_active(&parent), b'p');
    }
    // A thread on hart 1 writes; its sibling on hart 2 must see it.
    assert_eq!(parent.resolve(VirtAddr(0), WRITE), Resolution::Done);
    let machine = parent.context().memory().machine();
    assert_eq!(crate::Machine::write_user(machine, VirtAddr(0), b"q"), 1);
    on_hart(2);
    assert_eq!(peek_active(&parent), b'q');
    for hart in [1, 2] {
        on_hart(hart);
        parent.context().leave();
    }
}

fn peek_active(space: &Space) -> u8 {
    let mut byte = [0];
    let machine = space.context().memory().machine();
    assert_eq!(
        crate::Machine::read_user(machine, VirtAddr(0), &mut byte),
        1
    );
    byte[0]
}

#[test]
fn mistake_5_a_fork_without_memory_changes_nothing() {
    for mode in [ForkMode::Eager, COW] {
        let memory = memory(300);
        let mut parent = space(memory, 250);
        write(&mut parent, 0, &[9; 40 * PAGE_SIZE]).unwrap();
        let mut hog = space(memory, 250);
        let mut page = 0;
        while parent.fork(mode).is_ok() {
            write(&mut hog, page * PAGE, b"h").unwrap();
            page += 1;
        }
        let before = faults(memory);
        // With each frame less, a fork fails one step earlier.
        for _ in 0..4 {
            let free = free_frames(memory);
            for _ in 0..100 {
                assert!(parent.fork(mode).is_err());
            }
            assert_eq!(free_frames(memory), free, "{mode:?}");
            write(&mut hog, page * PAGE, b"h").unwrap();
            page += 1;
        }
        let before = (before.0, before.1, before.2 + 4);
        drop(hog);
        if mode == ForkMode::Eager {
            // In the other mode the forks that worked have left the pages write-protected.
            write(&mut parent, 0, &[8; 40 * PAGE_SIZE]).unwrap();
            assert_eq!(
                faults(memory),
                before,
                "the parent is as writable as before"
            );
        }
        drop(parent);
        assert_eq!(free_frames(memory), 300);
    }
}

#[test]
fn an_eager_fork_copies_every_page_at_once() {
    let memory = memory(300);
    let mut parent = space(memory, 20);
    write(&mut parent, 0, &[5; 20 * PAGE_SIZE]).unwrap();
    let before = faults(memory);
    let mut child = parent.fork(ForkMode::Eager).unwrap();
    assert_eq!(counter(memory, MemCounter::Anonymous), 40);
    write(&mut child, 0, &[6; 20 * PAGE_SIZE]).unwrap();
    write(&mut parent, 0, b"x").unwrap();
    assert_eq!(faults(memory), before);
    assert_eq!(read(&mut parent, PAGE, 1), Ok(vec![5]));
}

#[test]
fn a_child_that_finds_no_memory_harms_nobody() {
    let memory = memory(300);
    let mut parent = AddressSpace::new(memory).unwrap();
    parent.grow(180 * PAGE, Promise::Charged).unwrap();
    write(&mut parent, 0, &[1; 180 * PAGE_SIZE]).unwrap();
    let mut child = parent.fork(COW).unwrap();
    assert_eq!(
        write(&mut child, 0, &[2; 180 * PAGE_SIZE]),
        Err(Resolution::NoMemory)
    );
    assert_eq!(
        read(&mut parent, 0, 180 * PAGE_SIZE),
        Ok(vec![1; 180 * PAGE_SIZE])
    );
    drop(child);
    write(&mut parent, 0, &[3; 180 * PAGE_SIZE]).unwrap();
    drop(parent);
    assert_eq!(free_frames(memory), 300);
}

#[test]
fn a_chain_of_thirty_five_in_little_memory() {
    let memory = memory(400);
    let mut chain = vec![space(memory, 10)];
    write(&mut chain[0], 0, &[0; 10 * PAGE_SIZE]).unwrap();
    for generation in 1..35u8 {
        let mut child = chain.last_mut().unwrap().fork(COW).unwrap();
        write(&mut child, u64::from(generation % 10) * PAGE, &[generation]).unwrap();
        chain.push(child);
    }
    for (generation, space) in chain.iter_mut().enumerate() {
        for page in 0..10 {
            let last = (0..=generation).rev().find(|g| g % 10 == page).unwrap_or(0);
            assert_eq!(
                read(space, page as u64 * PAGE, 1),
                Ok(vec![last as u8]),
                "{generation} {page}"
            );
        }
    }
}
