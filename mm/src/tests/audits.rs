//! The audit finds what it is there to find.

use super::*;
use crate::addr::FrameNo;
use crate::audit::Finding;
use crate::pt::{Format, Sv39, Table, Walk};
use crate::testing::{memory, write};

/// A parent and a child that share a page; what the audit says after `damage`.
fn audit_after(
    damage: impl FnOnce(&'static Memory<FakeMachine>, &mut Space, FrameNo, Table<'static>),
) -> Option<Finding> {
    let memory = memory(100);
    let mut parent = space(memory, 4);
    write(&mut parent, PAGE, b"x").unwrap();
    let child = parent.fork(COW).unwrap();
    let frame = FrameNo(parent.page_info(PageNo(1)).frame());
    let Walk::Leaf(table, _) = memory.walk(parent.context().root(), PageNo(1)) else {
        panic!("mapped")
    };
    damage(memory, &mut parent, frame, table);
    let result = memory.audit([&parent, &child]).err();
    // Damaged spaces cannot be taken apart.
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
        table.fill(1, Sv39::page(buffer.into_reference(), data()));
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
fn who_refers_to_a_frame_can_be_told() {
    let memory = memory(100);
    let mut space = space(memory, 4);
    write(&mut space, 2 * PAGE, b"x").unwrap();
    let frame = FrameNo(space.page_info(PageNo(2)).frame());
    assert_eq!(space.page_of(frame), Some(PageNo(2)));
    space.unmap(pages(2, 3)).unwrap();
    assert_eq!(space.page_of(frame), None);
}

#[test]
fn a_shared_page_that_can_be_written() {
    let finding = audit_after(|_, _, _, table| table.add_bits(1, Sv39::WRITABLE));
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
fn an_entry_outside_every_area() {
    let finding = audit_after(|_, _, frame, table| table.fill(300, Sv39::page(frame, data())));
    assert_eq!(finding, Some(Finding::Stray { page: PageNo(300) }));
}

#[test]
fn a_lost_entry_a_lost_ticket_and_a_lost_frame() {
    let total = |finding: Option<Finding>| match finding {
        Some(Finding::Total { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        total(audit_after(|_, _, _, table| {
            table.take(1);
        })),
        "resident pages of a space"
    );
    let ticket = audit_after(|memory, _, _, _| {
        std::mem::forget(memory.budget.take(1, crate::commit::Claim::Kernel))
    });
    assert_eq!(total(ticket), "free frames in the budget and in areas");
    let frame = audit_after(|memory, _, _, _| {
        let frame = memory
            .frame_for_kernel(crate::Need::Passing)
            .unwrap()
            .into_reference();
        assert!(memory.frames.record(frame).drop_reference());
        memory.frames.record(frame).end();
    });
    assert_eq!(total(frame), "frames on the free lists");
}
