//! What is not done in vain: tables and entries that say nothing are not looked at, and one walk serves neighbours.

use abi::USER_TOP;

use super::*;
use crate::addr::FrameNo;
use crate::pt::{Format, Sv39};
use crate::testing::{looks, memory, memory_with_swap, user_range, write};

#[test]
fn a_table_without_entries_is_not_looked_through() {
    let mut space = AddressSpace::new(memory(2000)).unwrap();
    space.map(pages(0, 1000), data(), Promise::Charged).unwrap();
    let mut visited = 0;
    space.for_each_leaf(user_range(0, 1000), |_, _, _| visited += 1);
    assert_eq!(visited, 0);
    write(&mut space, 700 * PAGE, b"x").unwrap();
    space.for_each_leaf(user_range(0, 1000), |_, _, page| {
        assert!((512..1000).contains(&page.0));
        visited += 1;
    });
    assert_eq!(visited, 1000 - 512);
}

#[test]
fn a_hole_is_passed_in_one_step_however_large() {
    let memory = memory(100);
    let last = USER_TOP / PAGE - 1;
    let mut space = AddressSpace::new(memory).unwrap();
    space
        .map(pages(last, last + 1), data(), Promise::Lazy)
        .unwrap();
    write(&mut space, last * PAGE, b"x").unwrap();
    let frame = FrameNo(space.page_info(PageNo(last)).frame());
    let before = looks();
    assert_eq!(space.page_of(frame), Some(PageNo(last)));
    let looks = looks() - before;
    // The gigabytes before the last, and what the last one's tables of leaves would span.
    assert!(looks < 256 + 2 * 512 + 3, "{looks}");
}

#[test]
fn neighbours_are_evicted_with_one_walk() {
    let memory = memory_with_swap(200, 100);
    let mut space = space(memory, 32);
    space.publish();
    write(&mut space, 0, &[1; 32 * PAGE_SIZE]).unwrap();
    let before = looks();
    let reclaimed = memory.reclaim(32);
    let looks = looks() - before;
    let written: usize = reclaimed.writes.map(|write| write.count()).sum();
    assert_eq!((reclaimed.freed, written), (0, 32));
    // Two looks at the entries, for all had been used, and one to replace them.
    assert_eq!(looks, 3 * Sv39::LEVELS as u64);
}
