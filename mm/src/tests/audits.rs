//! The audit finds each kind of damage.

use super::*;
use crate::addr::{FrameNo, VirtAddr};
use crate::audit::Finding;
use crate::commit::Claim;
use crate::pt::{Pte, Sv39, Table, Walk};
use crate::space::Ending;
use crate::testing::{let_write, memory, user_page, write};

/// Returns the audit's result for a parent and a child that share a page, after `damage`.
fn audit_after(
    damage: impl FnOnce(&'static Memory<FakeMachine>, &mut Space, FrameNo, Table<'static, Sv39>),
) -> Option<Finding> {
    let memory = memory(100);
    let mut parent = space(memory, 4);
    write(&mut parent, PAGE, b"x").unwrap();
    let child = parent.fork(COW).unwrap();
    let frame = FrameNo(parent.page_info(PageNo(1)).frame());
    let Walk::Leaf(table, _) = memory.walk(parent.context().root(), user_page(1)) else {
        panic!("mapped")
    };
    damage(memory, &mut parent, frame, table);
    let result = memory.audit([&parent, &child]).err();
    // Spaces that were damaged cannot be dropped.
    std::mem::forget((parent, child));
    result
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    assert_eq!(audit_after(|_, _, _, _| ()), None);
}

#[test]
fn a_reference_too_many_or_too_few() {
    let finding = audit_after(|memory, _, frame, _| memory.frames.record(frame).add_reference());
    assert!(
        matches!(
            finding,
            Some(Finding::Count {
                recorded: 3,
                found: 2,
                ..
            })
        ),
        "{finding:?}"
    );
    let finding = audit_after(|memory, _, frame, _| memory.drop_reference(frame));
    assert!(
        matches!(
            finding,
            Some(Finding::Count {
                recorded: 1,
                found: 2,
                ..
            })
        ),
        "{finding:?}"
    );
}

#[test]
fn a_page_that_is_the_kernels() {
    let finding = audit_after(|memory, _, frame, table| {
        let buffer = memory.frame_for_kernel(crate::Need::Passing).unwrap();
        table.take(1);
        memory.drop_reference(frame);
        table.fill(1, Pte::page(buffer.into_reference(), data()));
    });
    assert!(
        matches!(
            finding,
            Some(Finding::Count {
                recorded: 1,
                found: 2,
                ..
            })
        ),
        "{finding:?}"
    );
}

#[test]
fn only_what_is_the_kernels_own_may_pass() {
    let finding = audit_after(|memory, _, frame, _| memory.frames.record(frame).add_reference());
    assert!(!finding.unwrap().may_pass(), "{finding:?}");
    let finding = audit_after(|_, _, _, table| let_write(table, 1));
    assert!(!finding.unwrap().may_pass(), "{finding:?}");
    let finding = audit_after(|memory, _, _, _| {
        std::mem::forget(memory.reserve_frames(1, Claim::Kernel));
    });
    assert!(finding.unwrap().may_pass(), "{finding:?}");
    let finding = audit_after(|memory, _, _, _| {
        let buffer = memory.frame_for_kernel(crate::Need::Passing).unwrap();
        memory
            .frames
            .record(buffer.into_reference())
            .drop_reference();
    });
    assert!(finding.unwrap().may_pass(), "{finding:?}");
}

#[test]
fn who_refers_to_a_frame_can_be_told() {
    let memory = memory(100);
    let mut space = space(memory, 4);
    write(&mut space, 2 * PAGE, b"x").unwrap();
    let frame = FrameNo(space.page_info(PageNo(2)).frame());
    assert_eq!(space.page_of(frame), Some(PageNo(2)));
    space.unmap(pages(2, 3), &mut Ending::new()).unwrap();
    assert_eq!(space.page_of(frame), None);
}

#[test]
fn a_shared_page_that_can_be_written() {
    let finding = audit_after(|_, _, _, table| let_write(table, 1));
    assert!(
        matches!(
            finding,
            Some(Finding::Writable {
                page: PageNo(1),
                references: 2,
                ..
            })
        ),
        "{finding:?}"
    );
}

#[test]
fn a_page_of_text_that_can_be_written() {
    let memory = memory(100);
    let mut space = AddressSpace::new(memory).unwrap();
    space
        .map(pages(0, 1), Permissions::READ, Promise::Lazy)
        .unwrap();
    let frame = {
        space.bytes_mut(VirtAddr(0)).unwrap()[0] = 1;
        FrameNo(space.page_info(PageNo(0)).frame())
    };
    assert_eq!(memory.audit([&space]), Ok(()));
    let Walk::Leaf(table, index) = memory.walk(space.context().root(), user_page(0)) else {
        panic!("mapped")
    };
    let_write(table, index);
    assert_eq!(
        memory.audit([&space]),
        Err(Finding::Writable {
            page: PageNo(0),
            frame,
            references: 1
        })
    );
}

/// Returns the audit's result after `damage` to a space with two pages at `FAR` and a wide area
/// that was never touched.
fn audit_of_far_pages(
    damage: impl FnOnce(&'static Memory<FakeMachine>, &Space),
) -> Option<Finding> {
    let memory = memory(100);
    let mut space = AddressSpace::new(memory).unwrap();
    space
        .map(pages(FAR, FAR + 2), data(), Promise::Lazy)
        .unwrap();
    space.map(pages(0, 2000), data(), Promise::Lazy).unwrap();
    write(&mut space, FAR * PAGE, &[1; 2 * PAGE_SIZE]).unwrap();
    assert_eq!(memory.audit([&space]), Ok(()));
    damage(memory, &space);
    let result = memory.audit([&space]).err();
    std::mem::forget(space);
    result
}

/// A page whose indices are 5, 7 and 3.
const FAR: u64 = (5 << 18) + (7 << 9) + 3;

#[test]
fn entries_and_tables_are_told_by_the_pages_they_are_for() {
    let finding = audit_of_far_pages(|memory, space| {
        let Walk::Leaf(table, index) = memory.walk(space.context().root(), user_page(FAR)) else {
            panic!("mapped")
        };
        let pte = table.get(index);
        table.fill(index + 200, pte);
    });
    assert_eq!(
        finding,
        Some(Finding::Stray {
            page: PageNo(FAR + 200)
        })
    );
    // The next leaf table has no area.
    let beyond = PageNo(FAR - 3 + 512);
    let finding = audit_of_far_pages(|memory, space| make_table(memory, space, beyond.0));
    assert_eq!(finding, Some(Finding::Stray { page: beyond }));
}

#[test]
fn tables_and_live_entries_are_counted() {
    let what = |finding| match finding {
        Some(Finding::Total { what, kept, found }) => (what, kept, found),
        other => panic!("{other:?}"),
    };
    // The table is in the wide area, but the space does not know it.
    let finding = audit_of_far_pages(|memory, space| make_table(memory, space, 1000));
    assert_eq!(what(finding), ("tables of a space", 2, 4));
    let finding = audit_of_far_pages(|memory, space| {
        let Walk::Leaf(table, _) = memory.walk(space.context().root(), user_page(FAR)) else {
            panic!("mapped")
        };
        table.note_filled(3);
    });
    assert_eq!(what(finding), ("live entries of a table", 5, 2));
}

/// Makes the tables for a page without telling the space.
fn make_table(memory: &'static Memory<FakeMachine>, space: &Space, page: u64) {
    let Walk::Missing { table, level } = memory.walk(space.context().root(), user_page(page))
    else {
        panic!("there is a table already")
    };
    let mut reservation = memory
        .reserve_frames(level as u64, crate::commit::Claim::Kernel)
        .unwrap();
    memory.extend(table, level, user_page(page), &mut reservation);
}

#[test]
fn a_free_frame_that_is_in_use() {
    let finding =
        audit_after(|memory, _, frame, _| memory.allocator.give(&memory.frames, 0, frame));
    let Some(Finding::Count {
        kind,
        recorded,
        found,
        ..
    }) = finding
    else {
        panic!("{finding:?}")
    };
    // Two entries, and the list.
    assert_eq!((kind, recorded, found), ("a page", 0, 3));
}

#[test]
fn a_finding_says_where_and_what() {
    let (frame, page) = (FrameNo(0x8_0001), PageNo(0x1f));
    for (finding, text) in [
        (
            Finding::Count {
                frame,
                kind: "data",
                recorded: 3,
                found: 2,
            },
            "frame 0x80001 (data) has a count of 3, but 2 refer to it",
        ),
        (
            Finding::Writable {
                page,
                frame,
                references: 2,
            },
            "page 0x1f can be written, but must not: its frame 0x80001 has 2 references",
        ),
        (
            Finding::Stray { page },
            "there is an entry for page 0x1f, but no area",
        ),
        (
            Finding::Total {
                what: "books",
                kept: 1,
                found: 2,
            },
            "books: 1 by the books, 2 by counting",
        ),
    ] {
        assert_eq!(finding.to_string(), text);
        let about_a_frame = text.contains("frame 0x80001");
        assert_eq!(finding.frame(), about_a_frame.then_some(frame));
    }
}

#[test]
fn an_entry_outside_every_area() {
    let finding = audit_after(|_, _, frame, table| table.fill(300, Pte::page(frame, data())));
    assert_eq!(finding, Some(Finding::Stray { page: PageNo(300) }));
}

#[test]
fn a_lost_entry_a_lost_reservation_and_a_lost_frame() {
    let total = |finding: Option<Finding>| match finding {
        Some(Finding::Total { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        total(audit_after(|_, _, _, table| {
            table.take(1);
        })),
        "pages of a space"
    );
    let reserved = audit_after(|memory, _, _, _| {
        std::mem::forget(memory.budget.take(1, crate::commit::Claim::Kernel))
    });
    assert_eq!(total(reserved), "free frames in the budget");
    let frame = audit_after(|memory, _, _, _| {
        let frame = memory
            .frame_for_kernel(crate::Need::Passing)
            .unwrap()
            .into_reference();
        assert_eq!(memory.frames.record(frame).drop_reference(), 0);
        memory.frames.record(frame).end();
    });
    assert_eq!(total(frame), "frames on the free lists");
}
