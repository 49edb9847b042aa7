//! The end of memory, and what is left when a program ends.

use crate::space::Ending;
use abi::MemCounter;

use super::*;
use crate::addr::VirtAddr;
use crate::space::copy::CopyFailure;
use crate::testing::{counter, faults, free_frames, memory, read, write};

#[test]
fn mistake_05_a_fork_without_memory_changes_nothing() {
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
            // In the other mode, the forks that succeeded have left the pages write-protected.
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
fn mistake_09_tables_go_with_their_space_however_far_it_came() {
    let memory = memory(200);
    let tables = || counter(memory, MemCounter::PageTables);
    // A program that ran, with pages in two leaf tables, far apart.
    let mut space = space(memory, 1);
    space
        .map(pages(1 << 20, (1 << 20) + 4), data(), Promise::Lazy)
        .unwrap();
    write(&mut space, 0, b"low").unwrap();
    write(&mut space, PAGE << 20, b"high").unwrap();
    assert_eq!(tables(), 5);
    let child = space.fork(COW).unwrap();
    assert_eq!(tables(), 10);
    drop(child);
    assert_eq!(tables(), 5);
    drop(space);
    assert_eq!((tables(), free_frames(memory)), (0, 200));

    // An image that was never finished: promised and partly written, but never used by a hart.
    let mut image = AddressSpace::new(memory).unwrap();
    image.map(pages(0, 20), data(), Promise::Charged).unwrap();
    image.bytes_mut(VirtAddr(3 * PAGE)).unwrap().fill(7);
    assert_eq!(tables(), 3);
    assert!(image.map(pages(20, 500), data(), Promise::Charged).is_err());
    drop(image);
    assert_eq!((tables(), free_frames(memory)), (0, 200));
    assert_eq!(counter(memory, MemCounter::Committed), 0);
}

#[test]
fn mistake_10_a_fault_without_memory_is_told_to_the_one_who_asked() {
    let memory = memory(200);
    let mut other = space(memory, 4);
    write(&mut other, 0, b"other").unwrap();
    let mut greedy = space(memory, 300);
    let mut page = 0;
    let answer = loop {
        match write(&mut greedy, page * PAGE, b"g") {
            Ok(()) => page += 1,
            Err(answer) => break answer,
        }
    };
    assert_eq!(answer, CopyFailure::NoMemory);
    assert!(page > 100);
    // Processes that need no frame go on, and so does the kernel. A process that ends frees memory.
    write(&mut other, 0, b"still").unwrap();
    assert_eq!(read(&mut greedy, 0, 1), Ok(b"g".to_vec()));
    drop(greedy);
    write(&mut other, 3 * PAGE, b"again").unwrap();
}

#[test]
fn mistake_14_a_heap_that_grows_again_reads_as_zeros() {
    let memory = memory(100);
    for promise in [Promise::Charged, Promise::Lazy] {
        let mut space = AddressSpace::new(memory).unwrap();
        space.grow(4 * PAGE, promise).unwrap();
        write(&mut space, 0, &[7; 4 * PAGE_SIZE]).unwrap();
        space.shrink(3 * PAGE, &mut Ending::new()).unwrap();
        assert_eq!(read(&mut space, PAGE, 1), Err(CopyFailure::Denied));
        space.grow(3 * PAGE, promise).unwrap();
        assert_eq!(read(&mut space, 0, PAGE_SIZE), Ok(vec![7; PAGE_SIZE]));
        assert_eq!(
            read(&mut space, PAGE, 3 * PAGE_SIZE),
            Ok(vec![0; 3 * PAGE_SIZE])
        );
    }
}
