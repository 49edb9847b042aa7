//! Commit accounting: promised memory is there, and memory that was not promised runs out first.

use crate::space::Ending;
use abi::MemCounter;

use super::*;
use crate::addr::VirtAddr;
use crate::commit::{Need, NoMemory};
use crate::space::MapError;
use crate::space::copy::CopyFailure;
use crate::testing::{counter, free_frames, memory, read, write};

#[test]
fn what_is_promised_is_there_although_lazy_pages_ate_the_rest() {
    let memory = memory(400);
    let mut careful = AddressSpace::new(memory).unwrap();
    careful.grow(200 * PAGE, Promise::Charged).unwrap();
    let mut greedy = space(memory, 400);
    let mut page = 0;
    while write(&mut greedy, page * PAGE, b"g").is_ok() {
        page += 1;
    }
    assert!(page > 100);
    write(&mut careful, 0, &[1; 200 * PAGE_SIZE]).unwrap();
    assert_eq!(read(&mut careful, 199 * PAGE, 1), Ok(vec![1]));
}

#[test]
fn a_program_that_was_promised_all_there_is_can_still_copy_its_stack() {
    let memory = memory(400);
    let mut parent = AddressSpace::new(memory).unwrap();
    parent.grow(PAGE, Promise::Charged).unwrap();
    write(&mut parent, 0, b"stack").unwrap();
    let mut child = parent.fork(COW).unwrap();
    let all = (1..400)
        .rev()
        .find(|&pages| child.grow(pages * PAGE, Promise::Charged).is_ok());
    assert!(all.is_some_and(|pages| pages > 300), "{all:?}");
    write(&mut child, 0, b"child").unwrap();
    assert_eq!(read(&mut parent, 0, 5), Ok(b"stack".to_vec()));
}

#[test]
fn as_many_processes_as_fork_allows_can_write_what_they_share() {
    let memory = memory(2000);
    let mut first = space(memory, 1);
    write(&mut first, 0, b"s").unwrap();
    let mut processes = Vec::new();
    while let Ok(child) = first.fork(COW) {
        processes.push(child);
    }
    assert!(processes.len() > 200, "{}", processes.len());
    for process in &mut processes {
        write(process, 0, b"c").unwrap();
    }
}

#[test]
fn the_kernel_has_a_reserve_for_the_call_it_serves() {
    let memory = memory(400);
    let mut greedy = space(memory, 400);
    let mut page = 0;
    while write(&mut greedy, page * PAGE, b"g").is_ok() {
        page += 1;
    }
    assert!(memory.frame_for_kernel(Need::Lasting).is_err());
    let passing: Vec<_> = (0..10)
        .map(|_| memory.frame_for_kernel(Need::Passing).unwrap())
        .collect();
    assert!(
        passing
            .iter()
            .all(|frame| frame.bytes().iter().all(|&byte| byte == 0))
    );
}

#[test]
fn a_promise_that_cannot_be_kept_is_refused_at_once() {
    let memory = memory(400);
    let mut space = AddressSpace::new(memory).unwrap();
    let before = (free_frames(memory), counter(memory, MemCounter::Committed));
    assert_eq!(
        space.grow(400 * PAGE, Promise::Charged),
        Err(MapError::NoMemory(NoMemory::Places))
    );
    assert_eq!(
        space.grow(u64::MAX, Promise::Charged),
        Err(MapError::BadRange)
    );
    assert_eq!(
        (free_frames(memory), counter(memory, MemCounter::Committed)),
        before
    );
    assert_eq!(space.heap_break(), VirtAddr(0));
    space.grow(300 * PAGE, Promise::Charged).unwrap();
    assert_eq!(
        counter(memory, MemCounter::Committed),
        before.1 + 300 + 2,
        "pages and tables"
    );
    assert_eq!(
        space.grow(300 * PAGE, Promise::Charged),
        Err(MapError::NoMemory(NoMemory::Places))
    );
    assert_eq!(
        space.shrink(300 * PAGE, &mut Ending::new()),
        Ok(VirtAddr(300 * PAGE))
    );
    assert_eq!(
        (free_frames(memory), counter(memory, MemCounter::Committed)),
        before
    );
}

#[test]
fn two_thirds_of_memory_can_be_forked_twice() {
    let memory = memory(600);
    for _ in 0..2 {
        let mut parent = AddressSpace::new(memory).unwrap();
        parent.grow(400 * PAGE, Promise::Charged).unwrap();
        write(&mut parent, 0, &[1; 400 * PAGE_SIZE]).unwrap();
        drop(parent.fork(COW).unwrap());
        assert!(parent.fork(ForkMode::Eager).is_err());
        drop(parent);
        assert_eq!(free_frames(memory), 600);
    }
}

#[test]
fn what_can_be_reserved_is_the_same_afterwards() {
    let memory = memory(600);
    let most = || {
        let mut space = AddressSpace::new(memory).unwrap();
        (1..600)
            .rev()
            .find(|&n| space.grow(n * PAGE, Promise::Charged).is_ok())
            .unwrap()
    };
    let before = most();
    for round in 0..20u64 {
        let mut parent = AddressSpace::new(memory).unwrap();
        parent.grow(100 * PAGE + round, Promise::Charged).unwrap();
        parent.grow(50 * PAGE, Promise::Lazy).unwrap();
        write(&mut parent, 30 * PAGE, &[1; 90 * PAGE_SIZE]).unwrap();
        let mut child = parent.fork(COW).unwrap();
        child.grow(10 * PAGE, Promise::Charged).unwrap();
        write(&mut child, 95 * PAGE, &[2; 40 * PAGE_SIZE]).unwrap();
        parent
            .shrink(70 * PAGE + round, &mut Ending::new())
            .unwrap();
        if round % 2 == 0 {
            drop(parent);
            child.shrink(155 * PAGE, &mut Ending::new()).unwrap();
        }
    }
    assert_eq!(most(), before);
    assert_eq!(free_frames(memory), 600);
}

#[test]
fn the_heap_moves_by_bytes_and_pages_follow() {
    let memory = memory(100);
    let mut space = AddressSpace::new(memory).unwrap();
    space.set_heap_break(VirtAddr(PAGE));
    assert_eq!(space.grow(1, Promise::Charged), Ok(VirtAddr(PAGE)));
    write(&mut space, 2 * PAGE - 1, b"z").unwrap();
    assert_eq!(write(&mut space, 2 * PAGE, b"z"), Err(CopyFailure::Denied));
    assert_eq!(space.grow(PAGE, Promise::Lazy), Ok(VirtAddr(PAGE + 1)));
    write(&mut space, 3 * PAGE - 1, b"z").unwrap();
    // Heap that was cut off and grown again reads as zeros.
    assert_eq!(
        space.shrink(PAGE + 1, &mut Ending::new()),
        Ok(VirtAddr(2 * PAGE + 1))
    );
    space.grow(2 * PAGE, Promise::Charged).unwrap();
    assert_eq!(
        read(&mut space, PAGE, 2 * PAGE_SIZE),
        Ok(vec![0; 2 * PAGE_SIZE])
    );
    // A step to below 0 moves nothing.
    assert_eq!(
        space.shrink(4 * PAGE, &mut Ending::new()),
        Ok(VirtAddr(3 * PAGE))
    );
    assert_eq!(space.heap_break(), VirtAddr(3 * PAGE));
    space.shrink(3 * PAGE, &mut Ending::new()).unwrap();
    assert_eq!(space.heap_break(), VirtAddr(0));
    assert_eq!(read(&mut space, 0, 1), Err(CopyFailure::Denied));
}

#[test]
fn an_image_is_laid_out_piece_by_piece() {
    let memory = memory(100);
    let mut space = AddressSpace::new(memory).unwrap();
    space
        .map(pages(0, 1), Permissions::READ, Promise::Charged)
        .unwrap();
    space.bytes_mut(VirtAddr(0)).unwrap()[..4].copy_from_slice(b"text");
    let free = free_frames(memory);
    let rest = space.bytes_mut(VirtAddr(4)).unwrap();
    assert_eq!(rest.len(), PAGE_SIZE - 4);
    rest[..4].copy_from_slice(b"data");
    assert_eq!(free_frames(memory), free, "in the same frame");
    assert_eq!(read(&mut space, 0, 9).unwrap(), b"textdata\0");
}

#[test]
fn a_lazy_break_reaches_the_top_and_no_further() {
    let mut space = AddressSpace::new(memory(100)).unwrap();
    space.grow(abi::user_top::RISCV64, Promise::Lazy).unwrap();
    assert_eq!(space.grow(1, Promise::Lazy), Err(MapError::BadRange));
    assert_eq!(space.heap_break(), VirtAddr(abi::user_top::RISCV64));
    write(&mut space, abi::user_top::RISCV64 - 1, b"x").unwrap();
}

#[test]
fn a_fork_bomb_leaves_room_for_others() {
    let memory = memory(600);
    let mut first = space(memory, 4);
    write(&mut first, 0, &[1; 4 * PAGE_SIZE]).unwrap();
    let mut bombs = vec![];
    while let Ok(child) = first.fork(COW) {
        bombs.push(child);
    }
    assert!(bombs.len() > 10);
    let mut shell = AddressSpace::new(memory).unwrap();
    shell.grow(20 * PAGE, Promise::Charged).unwrap();
    write(&mut shell, 0, &[1; 20 * PAGE_SIZE]).unwrap();
}

#[test]
fn only_a_missing_frame_can_be_waited_for() {
    use crate::commit::Shortage;
    assert!(NoMemory::Frames.is_of_frames());
    assert!(!NoMemory::Places.is_of_frames());
    assert!(MapError::NoMemory(NoMemory::Frames).is_of_frames());
    assert!(!MapError::NoMemory(NoMemory::Places).is_of_frames());
    assert!(!MapError::BadRange.is_of_frames());
}
