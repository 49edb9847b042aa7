//! What hardware remembers: translations and fetched instructions.

use crate::space::Ending;
use abi::MemCounter;

use super::*;
use crate::addr::VirtAddr;
use crate::machine::Fence;
use crate::space::{Access, Resolution};
use crate::testing::{at_fence, counter, memory, on_hart, peek, write};

#[test]
fn mistake_07_no_tlb_keeps_the_right_to_write() {
    let memory = memory(100);
    let mut parent = space(memory, 1);
    write(&mut parent, 0, b"p").unwrap();
    // Harts 1 and 2 have the writable translation. Hart 1 runs a thread of the parent; hart 2 has
    // left.
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
fn mistake_08_a_frame_is_in_use_until_every_tlb_has_forgotten_it() {
    let memory = memory(100);
    let mut space = space(memory, 4);
    write(&mut space, 0, &[1; 4 * PAGE_SIZE]).unwrap();
    on_hart(1);
    space.context().enter();
    on_hart(0);
    let fences = counter(memory, MemCounter::RemoteFences);
    at_fence(move || assert_eq!(counter(memory, MemCounter::Anonymous), 4));
    space.unmap(pages(0, 3), &mut Ending::new()).unwrap();
    at_fence(|| ());
    assert_eq!(counter(memory, MemCounter::Anonymous), 1);
    assert_eq!(counter(memory, MemCounter::RemoteFences), fences + 1);
    on_hart(1);
    space.context().leave();
}

#[test]
fn mistake_12_a_fault_that_cannot_be_cured_ends() {
    let mut space = space(memory(100), 1);
    write(&mut space, 0, b"x").unwrap();
    let tries = (0..10_000)
        .take_while(|_| space.resolve(VirtAddr(0), Access::Write) == Resolution::Done)
        .count();
    assert_eq!(tries, 100, "a few are normal, but there is an end to it");
}

#[test]
fn mistake_15_new_code_is_announced_to_every_hart_that_may_fetch_it() {
    let memory = memory(100);
    let fences = |hart| memory.machine().instruction_fences(hart);
    let code = Permissions::READ | Permissions::EXECUTE;
    let mut space = AddressSpace::new(memory).unwrap();
    space.map(pages(0, 2), code, Promise::Lazy).unwrap();
    for hart in [1, 2] {
        on_hart(hart);
        space.context().enter();
    }
    assert_eq!((fences(1), fences(2)), (1, 1), "a new space is new code");
    space.context().leave();

    // Hart 1 still runs the program. Hart 2 has left, and fences when it returns.
    on_hart(1);
    assert_eq!(
        space.resolve(VirtAddr(0), Access::Execute),
        Resolution::Done
    );
    assert_eq!((fences(1), fences(2)), (2, 1));
    space.context().leave();
    for hart in [1, 2] {
        on_hart(hart);
        space.context().enter();
        space.context().leave();
    }
    assert_eq!(fences(2), 2);
}

/// A fence of one page drops only translations. A hart that remembers the pointer to a table would
/// walk through the frame after it was freed.
#[test]
fn mistake_33_a_table_that_goes_is_forgotten_with_all_of_its_space() {
    let memory = memory(100);
    let mut space = space(memory, 2);
    write(&mut space, 0, b"x").unwrap();
    let asid = space.context().member().asid;
    on_hart(1);
    space.context().enter();
    on_hart(0);
    space.unmap(pages(0, 1), &mut Ending::new()).unwrap();
    let page = Fence::Page {
        asid,
        address: VirtAddr(0),
    };
    assert_eq!(
        memory.machine().last_fence(1),
        Some(page),
        "the table stays"
    );
    space.unmap(pages(1, 2), &mut Ending::new()).unwrap();
    assert_eq!(memory.machine().last_fence(1), Some(Fence::Space { asid }));
    on_hart(1);
    space.context().leave();
}

/// No hart is fenced when a space is torn down. The next space with its identifier fences every
/// hart that it enters.
#[test]
fn mistake_34_an_identifier_comes_back_with_nothing_remembered_of_it() {
    let memory = memory(300);
    let mut old = space(memory, 1);
    write(&mut old, 0, b"o").unwrap();
    let asid = old.context().member().asid;
    drop(old);
    // Identifiers are handed out in turn.
    let new = std::iter::repeat_with(|| space(memory, 1))
        .find(|space| space.context().member().asid == asid)
        .expect("every identifier has its turn");
    new.context().enter();
    let mut byte = [0];
    assert_eq!(
        crate::Machine::read_user(memory.machine(), VirtAddr(0), &mut byte),
        0,
        "the page of another space is there: {byte:?}"
    );
    new.context().leave();
}
