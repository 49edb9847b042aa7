//! What fork shares, and how faults take it apart.

use abi::{MemCounter, ProcCounter};

use super::*;
use crate::addr::VirtAddr;
use crate::space::Resolution;
use crate::space::copy::CopyFailure;
use crate::testing::{Space, WRITE, counter, faults, free_frames, memory, on_hart, read, write};

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
    // Reading costs nothing.
    assert_eq!(
        read(&mut child, 0, 200 * PAGE_SIZE),
        Ok(vec![1; 200 * PAGE_SIZE])
    );
    assert_eq!((anonymous(), faults(memory)), (pages, before));
    // One write by the kernel costs one frame.
    write(&mut child, 7 * PAGE + 5, b"x").unwrap();
    assert_eq!(anonymous(), pages + 1);
    write(&mut child, 0, &[2; 200 * PAGE_SIZE]).unwrap();
    assert_eq!(anonymous(), pages + 200);
    assert_eq!(faults(memory), (before.0 + 200, before.1, before.2));
    // A copy replaces a shared page.
    assert_eq!(child.usage()[ProcCounter::Resident as usize], 200 * PAGE);
    assert_eq!(
        read(&mut parent, 0, 200 * PAGE_SIZE),
        Ok(vec![1; 200 * PAGE_SIZE])
    );
    drop(child);
    assert_eq!(free_frames(memory), free);
    // The last owner writes without a copy, with one fault per page.
    write(&mut parent, 0, &[3; 200 * PAGE_SIZE]).unwrap();
    assert_eq!(faults(memory), (before.0 + 200, before.1 + 200, before.2));
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
    // A thread on hart 1 writes. Another thread of the process, on hart 2, must see it.
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
        Err(CopyFailure::NoMemory)
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

#[test]
fn a_family_is_those_related_by_fork() {
    let memory = memory(100);
    let mut parent = space(memory, 1);
    let mut child = parent.fork(COW).unwrap();
    let grandchild = child.fork(ForkMode::Eager).unwrap();
    let stranger = space(memory, 1);
    let family = |space: &Space| space.context().member().family;
    assert_eq!([&child, &grandchild].map(family), [family(&parent); 2]);
    assert_ne!(family(&stranger), family(&parent));
}
