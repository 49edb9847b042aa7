//! Work that is not done in vain: empty tables and entries are not looked at, and one walk serves
//! neighbours.

use crate::space::Ending;
use abi::user_top::RISCV64 as USER_TOP;
use abi::{PageInfo, ProcCounter};

use super::*;
use crate::addr::FrameNo;
use crate::pt::{Format, Sv39};
use crate::testing::{audit, looks, memory, memory_with_swap, user_range, write};

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
    // The gigabytes before the last one, and as many looks as the leaf tables of the last one would
    // take.
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
    // Two looks at the entries, because all pages had been used, and one look to replace the
    // entries.
    assert_eq!(looks, 3 * Sv39::LEVELS as u64);
}

/// Returns a space that has reserved all addresses and uses three pages: at the bottom, in the
/// middle and at the top.
fn sparse(memory: &'static Memory<FakeMachine>) -> Space {
    let mut space = AddressSpace::new(memory).unwrap();
    space.grow(USER_TOP, Promise::Lazy).unwrap();
    space.publish();
    for page in SPARSE {
        write(&mut space, page * PAGE, &[1]).unwrap();
    }
    space
}

const LAST: u64 = USER_TOP / PAGE - 1;
const SPARSE: [u64; 3] = [0, 1 << 25, LAST];

/// The most tables that a pass over all of [`sparse`] may look at: one per unused gigabyte and, in
/// the three gigabytes that are used, one walk per leaf table.
const PASS: u64 = 256 + 3 * 512 * Sv39::LEVELS as u64 + 10;

/// Runs `what` on a sparse space. Returns how often it looked for a frame.
fn looks_of<R>(what: impl FnOnce(&mut Space) -> R) -> u64 {
    let memory = memory_with_swap(200, 100);
    let mut space = sparse(memory);
    let before = looks();
    let result = what(&mut space);
    let looks = looks() - before;
    drop(result);
    audit(memory, [&space]);
    looks
}

/// An operation on a space, and its name.
type Operation<'o> = (&'o str, &'o dyn Fn(&mut Space));

#[test]
fn what_is_reserved_costs_nothing_until_it_is_used() {
    let rest = pages(1, LAST);
    let operations: [Operation<'_>; 10] = [
        ("lending", &|space| assert_eq!(space.lend_idle_tables(), 0)),
        ("procstat", &|space| {
            assert_eq!(space.usage()[ProcCounter::Resident as usize], 3 * PAGE);
        }),
        ("a search for a frame", &|space| {
            let frame = FrameNo(space.page_info(PageNo(LAST)).frame());
            assert_eq!(space.page_of(frame), Some(PageNo(LAST)));
        }),
        ("mprotect", &|space| {
            space.protect(rest, Permissions::READ).unwrap();
            space.protect(rest, data()).unwrap();
        }),
        ("munmap", &|space| {
            space.unmap(rest, &mut Ending::new()).unwrap()
        }),
        ("mmap over it", &|space| {
            space
                .map_over(rest, data(), Promise::Lazy, &mut Ending::new())
                .unwrap();
        }),
        ("a shrinking break", &|space| {
            space.shrink(USER_TOP - PAGE, &mut Ending::new()).unwrap();
        }),
        ("a fork", &|space| drop(space.fork(COW).unwrap())),
        ("an eager fork", &|space| {
            drop(space.fork(ForkMode::Eager).unwrap());
        }),
        ("a promise that cannot be kept", &|space| {
            space.unmap(rest, &mut Ending::new()).unwrap();
            assert!(space.map(rest, data(), Promise::Charged).is_err());
        }),
    ];
    for (name, operation) in operations {
        let looks = looks_of(operation);
        // Two passes, for operations that go there and back.
        assert!(looks <= 2 * PASS, "{name}: {looks} looks for frames");
    }
}

#[test]
fn pageinfo_of_a_hole_is_one_walk() {
    let looks = looks_of(|space| {
        let mut infos = vec![PageInfo(7); 1 << 18];
        space.page_infos(user_range(3 << 18, 4 << 18), &mut infos);
        assert!(infos.iter().all(|info| info.0 == 0));
    });
    assert_eq!(looks, 1);
    let mut infos = vec![PageInfo(0); 1 << 26];
    let looks = looks_of(|space| space.page_infos(user_range(0, LAST + 1), &mut infos));
    assert!(looks <= PASS, "{looks}");
    let there = (0..).zip(&infos).filter(|(_, info)| info.0 != 0);
    assert!(there.map(|(page, _)| page).eq(SPARSE));
}

#[test]
fn the_end_of_a_process_looks_at_what_it_has_used() {
    let memory = memory_with_swap(200, 100);
    let space = sparse(memory);
    let before = looks();
    drop(space);
    let looks = looks() - before;
    assert!(looks < 100, "{looks}");
}

#[test]
fn an_audit_looks_at_what_is_used() {
    let memory = memory_with_swap(200, 100);
    let space = sparse(memory);
    let before = looks();
    audit(memory, [&space]);
    let looks = looks() - before;
    assert!(looks < 100, "{looks}");
}

#[test]
fn what_tables_are_lent_is_counted_without_looking_at_each() {
    // While tables are lent, every change of the areas counts the missing tables.
    let memory = memory_with_swap(2000, 2000);
    let mut space = sparse(memory);
    space
        .unmap(pages(1 << 20, (1 << 20) + 2048), &mut Ending::new())
        .unwrap();
    let promised = pages(1 << 20, (1 << 20) + 2048);
    space.map(promised, data(), Promise::Charged).unwrap();
    assert_eq!(space.lend_idle_tables(), 4);
    let before = looks();
    space
        .unmap(pages(1 << 24, (1 << 24) + 1), &mut Ending::new())
        .unwrap();
    drop(space.fork(COW).unwrap());
    let looks = looks() - before;
    assert!(looks < 100, "{looks}");
    audit(memory, [&space]);
}
