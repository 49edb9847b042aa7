//! The audit finds damage to pages of files, and finds nothing while a transfer is under way.

use super::*;
use crate::addr::{FrameNo, VirtAddr};
use crate::audit::Finding;
use crate::file::Sharing::{Private, Shared};
use crate::file::{FileMap, FilePage};
use crate::pt::{Format, Pte, Sv39, Table, Walk};
use crate::testing::ended;
use crate::testing::{WRITE, audit, let_write, memory, read, user_page, write};

/// Returns the audit's result after `damage` to two spaces that map a file, shared and privately,
/// and have read its first page.
fn audit_after(
    damage: impl FnOnce(&'static Memory<FakeMachine>, FrameNo, [Table<'static, Sv39>; 2]),
) -> Option<Finding> {
    let memory = memory(100);
    make_file(memory, FILE, 2);
    let mut spaces = [Shared, Private].map(|sharing| mapping(memory, 2, sharing));
    for space in &mut spaces {
        read(space, 0, 2 * PAGE_SIZE).unwrap();
    }
    audit(memory, &spaces);
    let frame = FrameNo(spaces[0].page_info(PageNo(0)).frame());
    let tables =
        spaces.each_ref().map(
            |space| match memory.walk(space.context().root(), user_page(0)) {
                Walk::Leaf(table, _) => table,
                Walk::Missing { .. } => panic!("mapped"),
            },
        );
    damage(memory, frame, tables);
    let result = memory.audit(&spaces).err();
    // Spaces that were damaged cannot be dropped.
    std::mem::forget(spaces);
    result
}

#[test]
fn a_page_that_can_be_written_and_is_not_dirty() {
    let finding = audit_after(|_, _, [shared, _]| let_write(shared, 0));
    assert!(
        matches!(finding, Some(Finding::Writable { .. })),
        "{finding:?}"
    );
    assert_eq!(
        audit_after(|memory, frame, [shared, _]| {
            memory.dirty_file_page(frame);
            let_write(shared, 0);
        }),
        None
    );
    let finding = audit_after(|memory, frame, [_, private]| {
        memory.dirty_file_page(frame);
        let_write(private, 0);
    });
    assert!(
        matches!(finding, Some(Finding::Writable { .. })),
        "{finding:?}"
    );
}

#[test]
fn a_page_where_another_should_be() {
    let swap = |table: Table<'_, Sv39>| {
        let entries = [0, 1].map(|index| table.take(index));
        table.fill(0, entries[1]);
        table.fill(1, entries[0]);
    };
    let finding = audit_after(|_, _, [_, private]| swap(private));
    assert!(
        matches!(finding, Some(Finding::Foreign { .. })),
        "{finding:?}"
    );
    let as_its_own = audit_after(|_, _, [_, private]| {
        let pte = private.take(0);
        private.fill(0, Pte::from_word(pte.word() & !Sv39::SHARED));
    });
    assert!(
        matches!(as_its_own, Some(Finding::Foreign { .. })),
        "{as_its_own:?}"
    );
    let finding = as_its_own.unwrap();
    assert!(finding.frame().is_some() && !finding.may_pass());
    let told = finding.to_string();
    assert!(told.starts_with("page 0x0 is mapped to frame 0x"), "{told}");
}

#[test]
fn a_reference_that_the_cache_has_lost() {
    let finding = audit_after(|memory, frame, _| memory.frames.record(frame).add_reference());
    assert!(
        matches!(
            finding,
            Some(Finding::Count {
                recorded: 4,
                found: 3,
                ..
            })
        ),
        "{finding:?}"
    );
    let finding = audit_after(|memory, frame, _| memory.drop_reference(frame));
    assert!(
        matches!(finding, Some(Finding::Count { .. })),
        "{finding:?}"
    );
}

#[test]
fn nothing_is_wrong_while_pages_are_read_and_written() {
    let memory = memory(100);
    make_file(memory, FILE, 3);
    let mut space = mapping(memory, 3, Shared);
    write(&mut space, 0, b"x").unwrap();
    let out = memory.write_back(page_of(FILE, 0)).unwrap();
    let coming = memory.read_into_cache(page_of(FILE, 1)).unwrap();
    audit(memory, [&space]);
    // The audit also finds nothing while processes wait for pages.
    let waits = [0, PAGE, PAGE].map(|address| space.resolve(VirtAddr(address), WRITE));
    audit(memory, [&space]);
    out.finish(Ok(()));
    drop(memory.machine().files.fetch(coming).unwrap());
    audit(memory, [&space]);
    drop(waits);
    audit(memory, [&space]);
}

#[test]
fn a_page_that_is_mapped_where_no_file_is() {
    let memory = memory(100);
    make_file(memory, FILE, 1);
    let mut space = mapping(memory, 1, Shared);
    read(&mut space, 0, 1).unwrap();
    let other = FilePage {
        index: 5,
        ..page_of(FILE, 0)
    };
    let elsewhere = FileMap {
        first: other,
        sharing: Shared,
    };
    let Walk::Leaf(table, _) = memory.walk(space.context().root(), user_page(0)) else {
        panic!("mapped")
    };
    let pte = table.take(0);
    ended(|ending| space.map_file(pages(0, 1), data(), elsewhere, Some(ending))).unwrap();
    let Walk::Leaf(table, _) = memory.walk(space.context().root(), user_page(0)) else {
        panic!("mapped")
    };
    table.fill(0, pte);
    let finding = memory.audit([&space]).err();
    std::mem::forget(space);
    assert!(
        matches!(finding, Some(Finding::Foreign { .. })),
        "{finding:?}"
    );
}
