//! What sharing must not cost.

use abi::ProcCounter;

use super::*;
use crate::testing::{faults, free_frames, memory, read, write};

#[test]
fn mistake_17_reading_costs_nothing_and_the_last_owner_one_fault() {
    let memory = memory(300);
    let mut parent = space(memory, 50);
    write(&mut parent, 0, &[1; 50 * PAGE_SIZE]).unwrap();
    let (copies, reuses, zeros) = faults(memory);
    let mut child = parent.fork(COW).unwrap();
    for space in [&mut parent, &mut child] {
        assert_eq!(read(space, 0, 50 * PAGE_SIZE), Ok(vec![1; 50 * PAGE_SIZE]));
    }
    assert_eq!(
        faults(memory),
        (copies, reuses, zeros),
        "reading faults on nothing"
    );
    drop(child);
    assert_eq!(
        read(&mut parent, 0, 50 * PAGE_SIZE),
        Ok(vec![1; 50 * PAGE_SIZE])
    );
    let free = free_frames(memory);
    for page in 0..20 {
        write(&mut parent, page * PAGE, b"x").unwrap();
        write(&mut parent, page * PAGE + 1, b"y").unwrap();
    }
    assert_eq!(
        faults(memory),
        (copies, reuses + 20, zeros),
        "one for each page written"
    );
    assert_eq!(free_frames(memory), free, "and no frame");
}

#[test]
fn mistake_18_a_copy_takes_the_place_of_what_was_shared() {
    let memory = memory(300);
    let mut parent = space(memory, 50);
    write(&mut parent, 0, &[1; 50 * PAGE_SIZE]).unwrap();
    let mut child = parent.fork(COW).unwrap();
    for written in 0..50 {
        write(&mut child, written * PAGE, b"c").unwrap();
        for space in [&parent, &child] {
            let usage = space.usage();
            let bytes = |counter: ProcCounter| usage[counter as usize];
            assert_eq!(bytes(ProcCounter::Resident), 50 * PAGE);
            assert_eq!(bytes(ProcCounter::Private), 50 * PAGE);
            assert_eq!(bytes(ProcCounter::Unique), (written + 1) * PAGE);
            assert_eq!(bytes(ProcCounter::Shared), (49 - written) * PAGE);
        }
    }
}
