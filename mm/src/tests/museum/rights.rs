//! The right to write.

use std::thread;

use abi::MemCounter;

use super::*;
use crate::addr::VirtAddr;
use crate::space::copy::CopyFailure;
use crate::space::{Access, Resolution};
use crate::testing::{counter, faults, free_frames, memory, on_hart, read, write};

#[test]
fn mistake_01_three_hundred_sharers() {
    let memory = memory(3000);
    let mut first = space(memory, 1);
    write(&mut first, 0, b"s").unwrap();
    let mut sharers: Vec<Space> = (0..300).map(|_| first.fork(COW).unwrap()).collect();
    assert_eq!(counter(memory, MemCounter::Anonymous), 1);
    for sharer in &mut sharers {
        assert_eq!(read(sharer, 0, 1), Ok(b"s".to_vec()));
    }
    drop(sharers);
    write(&mut first, 0, b"t").unwrap();
    assert_eq!(faults(memory), (0, 1, 1));
}

/// Both owners of a page write at one moment, each on a hart of its own.
#[test]
fn mistake_02_two_owners_who_write_at_once_end_with_a_page_each() {
    let memory = memory(100);
    for _ in 0..300 {
        let mut parent = space(memory, 1);
        write(&mut parent, 0, b"old").unwrap();
        let mut child = parent.fork(COW).unwrap();
        let before = faults(memory);
        thread::scope(|scope| {
            scope.spawn(|| {
                on_hart(1);
                write(&mut child, 0, b"c").unwrap();
            });
            on_hart(2);
            write(&mut parent, 0, b"p").unwrap();
            on_hart(0);
        });
        assert_eq!(read(&mut parent, 0, 3), Ok(b"pld".to_vec()));
        assert_eq!(read(&mut child, 0, 3), Ok(b"cld".to_vec()));
        assert_eq!(counter(memory, MemCounter::Anonymous), 2);
        let after = faults(memory);
        let (copies, reuses) = (after.0 - before.0, after.1 - before.1);
        assert!(
            copies >= 1 && copies + reuses == 2,
            "{copies} copies, {reuses} reuses"
        );
    }
    assert_eq!(free_frames(memory), 100);
}

#[test]
fn mistake_03_a_page_forked_twice_is_still_copy_on_write() {
    let memory = memory(200);
    let mut one = space(memory, 1);
    write(&mut one, 0, b"1").unwrap();
    let mut two = one.fork(COW).unwrap();
    let mut three = two.fork(COW).unwrap();
    write(&mut three, 0, b"3").unwrap();
    write(&mut two, 0, b"2").unwrap();
    write(&mut one, 0, b"1").unwrap();
    assert_eq!(
        faults(memory),
        (2, 1, 1),
        "two copies, the last owner reuses"
    );
    for (space, byte) in [(&mut one, b'1'), (&mut two, b'2'), (&mut three, b'3')] {
        assert_eq!(read(space, 0, 1), Ok(vec![byte]));
    }
}

#[test]
fn mistake_04_text_can_be_read_and_never_written() {
    let memory = memory(100);
    let mut space = AddressSpace::new(memory).unwrap();
    space
        .map(
            pages(0, 2),
            Permissions::READ | Permissions::EXECUTE,
            Promise::Charged,
        )
        .unwrap();
    space.bytes_mut(VirtAddr(0)).unwrap()[..4].copy_from_slice(b"code");
    assert_eq!(read(&mut space, 0, 4), Ok(b"code".to_vec()));
    assert_eq!(
        space.resolve(VirtAddr(0), Access::Execute),
        Resolution::Done
    );
    assert_eq!(write(&mut space, 0, b"evil"), Err(CopyFailure::Denied));
    // The page does not become writable through the copy-on-write path either, in parent or child,
    // shared or not.
    let mut child = space.fork(COW).unwrap();
    assert_eq!(write(&mut space, 0, b"evil"), Err(CopyFailure::Denied));
    assert_eq!(write(&mut child, 0, b"evil"), Err(CopyFailure::Denied));
    drop(space);
    assert_eq!(write(&mut child, 0, b"evil"), Err(CopyFailure::Denied));
    assert_eq!(read(&mut child, 0, 4), Ok(b"code".to_vec()));
}

/// The kernel's writes on a program's behalf take the same path as the program's own writes.
#[test]
fn mistake_06_the_kernel_writes_to_the_page_of_the_program_it_serves() {
    let memory = memory(100);
    let mut parent = space(memory, 2);
    write(&mut parent, 0, &[b'o'; 2 * PAGE_SIZE]).unwrap();
    let mut child = parent.fork(COW).unwrap();
    // The write crosses the end of the first page.
    write(&mut child, PAGE - 2, b"news").unwrap();
    assert_eq!(read(&mut parent, PAGE - 2, 4), Ok(b"oooo".to_vec()));
    assert_eq!(read(&mut child, PAGE - 3, 6), Ok(b"onewso".to_vec()));
    assert_eq!(faults(memory).0, 2, "one copy for each page written");
    let mut grandchild = child.fork(COW).unwrap();
    write(&mut child, PAGE - 2, b"late").unwrap();
    assert_eq!(read(&mut grandchild, PAGE - 2, 4), Ok(b"news".to_vec()));
}

#[test]
fn mistake_11_the_page_below_an_area_is_nobodys() {
    let mut space = AddressSpace::new(memory(100)).unwrap();
    space.map(pages(3, 5), data(), Promise::Charged).unwrap();
    write(&mut space, 3 * PAGE, b"stack").unwrap();
    let mut child = space.fork(COW).unwrap();
    for address in [2 * PAGE, 3 * PAGE - 1] {
        for space in [&mut space, &mut child] {
            assert_eq!(write(space, address, b"x"), Err(CopyFailure::Denied));
            assert_eq!(read(space, address, 1), Err(CopyFailure::Denied));
        }
    }
}
