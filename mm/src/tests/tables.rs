//! Shared page tables: what a fork that shares them costs, and what takes them apart.

use abi::{MemCounter, ProcCounter};

use super::*;
use crate::space::Ending;
use crate::testing::{Space, audit, counter, faults, free_frames, memory, read, write};

const SHARED: ForkMode = ForkMode::SharedTables;
/// The pages of one leaf table.
const SPAN: u64 = crate::pt::ENTRIES as u64;

/// Returns a space of two leaf tables, whose pages all hold their number.
fn full(memory: &'static Memory<FakeMachine>) -> Space {
    let mut space = space(memory, 2 * SPAN);
    for page in 0..2 * SPAN {
        write(&mut space, page * PAGE, &page.to_le_bytes()).unwrap();
    }
    space
}

fn number(space: &mut Space, page: u64) -> u64 {
    let bytes = read(space, page * PAGE, 8).unwrap();
    u64::from_le_bytes(bytes.try_into().unwrap())
}

fn unshares(memory: &Memory<FakeMachine>) -> u64 {
    counter(memory, MemCounter::TableUnshares)
}

#[test]
fn a_fork_takes_a_root_and_one_table_until_something_is_changed() {
    let memory = memory(2000);
    let mut parent = full(memory);
    let (before, free) = (faults(memory), free_frames(memory));
    let mut child = parent.fork(SHARED).unwrap();
    assert_eq!(free - free_frames(memory), 2);
    assert_eq!(counter(memory, MemCounter::EntriesCopied), 0);
    audit(memory, [&parent, &child]);
    // Reading takes no frame, and no fault that fills, copies or reuses.
    for page in 0..2 * SPAN {
        assert_eq!(number(&mut child, page), page);
        assert_eq!(number(&mut parent, page), page);
    }
    assert_eq!((faults(memory), free - free_frames(memory)), (before, 2));
    // One fault for each table and reader.
    assert_eq!(child.usage()[ProcCounter::TableFaults as usize], 2);
    audit(memory, [&parent, &child]);
    drop(child);
    assert_eq!(free_frames(memory), free);
    audit(memory, [&parent]);
}

#[test]
fn a_write_unshares_one_table_and_copies_one_page() {
    let memory = memory(2000);
    let mut parent = full(memory);
    let mut child = parent.fork(SHARED).unwrap();
    let free = free_frames(memory);
    write(&mut child, 7 * PAGE, &700_u64.to_le_bytes()).unwrap();
    assert_eq!((unshares(memory), free - free_frames(memory)), (1, 2));
    audit(memory, [&parent, &child]);
    assert_eq!(number(&mut parent, 7), 7);
    assert_eq!(number(&mut child, 7), 700);
    // The parent is the last sharer: it goes on without a copy of the table, nor of the page.
    write(&mut parent, 7 * PAGE, &70_u64.to_le_bytes()).unwrap();
    assert_eq!((unshares(memory), free - free_frames(memory)), (1, 2));
    write(&mut parent, 8 * PAGE, &80_u64.to_le_bytes()).unwrap();
    assert_eq!(number(&mut child, 8), 8);
    audit(memory, [&parent, &child]);
}

#[test]
fn a_page_that_one_of_two_sharers_fills_is_its_own() {
    let memory = memory(2000);
    let mut parent = space(memory, SPAN);
    write(&mut parent, 0, b"p").unwrap();
    let mut child = parent.fork(SHARED).unwrap();
    write(&mut parent, PAGE, b"q").unwrap();
    assert_eq!(read(&mut child, PAGE, 1), Ok(vec![0]));
    write(&mut child, 2 * PAGE, b"c").unwrap();
    assert_eq!(read(&mut parent, 2 * PAGE, 1), Ok(vec![0]));
    audit(memory, [&parent, &child]);
}

#[test]
fn the_last_sharer_frees_what_is_in_a_table() {
    let memory = memory(3000);
    let free = free_frames(memory);
    let mut parent = full(memory);
    let mut child = parent.fork(SHARED).unwrap();
    let grandchild = child.fork(SHARED).unwrap();
    drop(parent);
    audit(memory, [&child, &grandchild]);
    drop(child);
    audit(memory, [&grandchild]);
    drop(grandchild);
    assert_eq!(free_frames(memory), free);
    audit(memory, []);
}

#[test]
fn the_only_one_left_needs_one_fault_for_a_table() {
    let memory = memory(3000);
    let mut parent = full(memory);
    drop(parent.fork(SHARED).unwrap());
    let before = faults(memory);
    for page in 0..2 * SPAN {
        write(&mut parent, page * PAGE, b"w").unwrap();
    }
    // The entries were never protected.
    assert_eq!(faults(memory), before);
    assert_eq!(parent.usage()[ProcCounter::TableFaults as usize], 2);
    audit(memory, [&parent]);
}

#[test]
fn unmapping_all_of_a_table_leaves_it_to_the_others() {
    let memory = memory(3000);
    let mut parent = full(memory);
    let mut child = parent.fork(SHARED).unwrap();
    let free = free_frames(memory);
    child.unmap(pages(0, SPAN), &mut Ending::new()).unwrap();
    assert_eq!((unshares(memory), free_frames(memory)), (0, free));
    audit(memory, [&parent, &child]);
    // A part of a table: it is copied first.
    child
        .unmap(pages(SPAN, SPAN + 1), &mut Ending::new())
        .unwrap();
    assert_eq!(unshares(memory), 1);
    audit(memory, [&parent, &child]);
    assert_eq!(number(&mut parent, SPAN), SPAN);
    assert_eq!(number(&mut parent, 3), 3);
    assert_eq!(number(&mut child, SPAN + 1), SPAN + 1);
}

#[test]
fn rights_change_for_one_process_alone() {
    let memory = memory(3000);
    let mut parent = full(memory);
    let mut child = parent.fork(SHARED).unwrap();
    child.protect(pages(0, 1), Permissions::READ).unwrap();
    audit(memory, [&parent, &child]);
    write(&mut parent, 0, b"p").unwrap();
    assert!(write(&mut child, 0, b"c").is_err());
    assert_eq!(number(&mut child, 0), 0);
}

#[test]
fn memory_that_several_processes_write_is_in_no_shared_table() {
    let memory = memory(3000);
    let mut parent = space(memory, 2);
    parent.map_shared(pages(4, 6), data(), None).unwrap();
    write(&mut parent, 0, b"p").unwrap();
    write(&mut parent, 4 * PAGE, b"s").unwrap();
    let mut child = parent.fork(SHARED).unwrap();
    audit(memory, [&parent, &child]);
    write(&mut child, 4 * PAGE, b"t").unwrap();
    assert_eq!(read(&mut parent, 4 * PAGE, 1), Ok(b"t".to_vec()));
    // A table that is shared already is taken apart before such memory is mapped there.
    drop((parent, child));
    let mut parent = space(memory, 2);
    write(&mut parent, 0, b"p").unwrap();
    let mut child = parent.fork(SHARED).unwrap();
    parent.map_shared(pages(4, 6), data(), None).unwrap();
    write(&mut parent, 4 * PAGE, b"s").unwrap();
    let mut second = parent.fork(SHARED).unwrap();
    write(&mut second, 4 * PAGE, b"t").unwrap();
    assert_eq!(read(&mut parent, 4 * PAGE, 1), Ok(b"t".to_vec()));
    assert_eq!(read(&mut child, 0, 1), Ok(b"p".to_vec()));
    audit(memory, [&parent, &child, &second]);
}

#[test]
fn a_place_is_kept_for_each_sharer() {
    let memory = memory(3000);
    let mut parent = full(memory);
    let places = memory.budget.places();
    let child = parent.fork(SHARED).unwrap();
    let copied = parent.fork(COW).unwrap();
    let taken = places - memory.budget.places();
    // A root, a table in the middle and two leaves each, and what the kernel's objects took.
    assert!(taken >= 8, "{taken}");
    audit(memory, [&parent, &child, &copied]);
    drop((child, copied));
    audit(memory, [&parent]);
}

#[test]
fn other_forks_of_a_sharer_copy_what_it_shares() {
    for mode in [COW, ForkMode::Eager] {
        let memory = memory(6000);
        let mut parent = full(memory);
        let mut child = parent.fork(SHARED).unwrap();
        let mut other = child.fork(mode).unwrap();
        audit(memory, [&parent, &child, &other]);
        write(&mut other, 5 * PAGE, b"o").unwrap();
        write(&mut child, 6 * PAGE, b"c").unwrap();
        write(&mut parent, 7 * PAGE, b"p").unwrap();
        for (space, changed) in [(&mut other, 5), (&mut child, 6), (&mut parent, 7)] {
            for page in [5, 6, 7].into_iter().filter(|page| *page != changed) {
                assert_eq!(number(space, page), page);
            }
        }
        audit(memory, [&parent, &child, &other]);
    }
}

#[test]
fn pages_are_counted_by_their_processes() {
    let memory = memory(3000);
    let mut parent = full(memory);
    let alone = parent.usage()[ProcCounter::Resident as usize];
    let child = parent.fork(SHARED).unwrap();
    for space in [&parent, &child] {
        let usage = space.usage();
        assert_eq!(usage[ProcCounter::Resident as usize], alone);
        assert_eq!(usage[ProcCounter::Proportional as usize], alone / 2);
        assert_eq!(usage[ProcCounter::Unique as usize], 0);
        assert_eq!(space.page_info(PageNo(3)).0 & abi::PageInfo::EXCLUSIVE, 0);
    }
    drop(child);
    assert_eq!(parent.usage()[ProcCounter::Unique as usize], alone);
}
