//! The answers of `resolve`.

use crate::file::Sharing::Shared;
use crate::space::Ending;
use abi::{MemCounter, PageInfo, ProcCounter};

use super::files::{FILE, make_file, mapping};
use super::*;
use crate::addr::VirtAddr;
use crate::pt::{Pte, Walk};
use crate::space::copy::{self, CopyFailure};
use crate::space::{Access, MapError, Resolution};
use crate::testing::{
    counter, evict_all, free_frames, memory, memory_with_swap, on_hart, peek, read, user_page,
    write,
};

#[test]
fn untouched_memory_reads_as_zeros_and_keeps_what_is_written() {
    let memory = memory(100);
    let mut space = space(memory, 10);
    assert_eq!(read(&mut space, 5 * PAGE - 3, 6), Ok(vec![0; 6]));
    write(&mut space, 5 * PAGE - 2, b"span").unwrap();
    assert_eq!(read(&mut space, 5 * PAGE - 3, 6), Ok(b"\0span\0".to_vec()));
    assert_eq!(counter(memory, MemCounter::ZeroFaults), 2);
    assert_eq!(
        counter(memory, MemCounter::Anonymous),
        2,
        "only what was touched has a frame"
    );
}

#[test]
fn a_frame_that_was_used_before_is_zeroed() {
    let memory = memory(100);
    let mut first = space(memory, 4);
    write(&mut first, 0, &[7; 4 * PAGE_SIZE]).unwrap();
    drop(first);
    let mut second = space(memory, 90);
    for page in 0..60 {
        assert_eq!(read(&mut second, page * PAGE, 64), Ok(vec![0; 64]));
    }
}

#[test]
fn addresses_outside_areas_are_denied() {
    let mut space = space(memory(100), 10);
    for address in [
        10 * PAGE,
        10 * PAGE + 1,
        0x8000_0000,
        abi::user_top::RISCV64,
        0x3f_ffff_f000,
        1 << 38,
        1 << 39,
        u64::MAX,
    ] {
        for access in [Access::Read, Access::Write, Access::Execute] {
            assert_eq!(
                space.resolve(VirtAddr(address), access),
                Resolution::Denied,
                "{address:#x}"
            );
        }
        assert_eq!(write(&mut space, address, b"x"), Err(CopyFailure::Denied));
    }
    assert_eq!(
        space.resolve(VirtAddr(0), Access::Execute),
        Resolution::Denied,
        "data is not code"
    );
}

#[test]
fn a_copy_that_runs_out_of_an_area_keeps_its_valid_prefix() {
    let mut space = space(memory(100), 1);
    assert_eq!(
        write(&mut space, PAGE - 2, b"abcd"),
        Err(CopyFailure::Denied)
    );
    assert_eq!(read(&mut space, PAGE - 2, 2), Ok(b"ab".to_vec()));
}

#[test]
fn a_copy_that_gets_no_further_ends() {
    let memory = memory(100);
    let mut answers = 0;
    // No hart has the space loaded, so resolving a fault does not help the access.
    let copied = copy::copy_in(memory.machine(), VirtAddr(0), &mut [0], |_, _| {
        answers += 1;
        assert!(answers < 10_000, "for ever");
        Ok(())
    });
    assert_eq!(copied.map_err(|error| error.why), Err(CopyFailure::Denied));
    assert_eq!(answers, 1000);
}

#[test]
fn a_stale_translation_is_cured() {
    let mut space = space(memory(100), 2);
    write(&mut space, 0, b"x").unwrap();
    // Another hart's TLB may lack a right that was gained. Answering the fault is enough (R4).
    on_hart(1);
    assert_eq!(space.resolve(VirtAddr(0), Access::Write), Resolution::Done);
    write(&mut space, 0, b"y").unwrap();
    on_hart(0);
    assert_eq!(peek(&space, 0), Some(b'y'));
}

#[test]
fn a_resolved_write_leaves_nothing_that_hardware_traps_for() {
    let memory = memory_with_swap(100, 50);
    let mut fresh = space(memory, 1);
    let mut reused = space(memory, 1);
    write(&mut reused, 0, b"x").unwrap();
    drop(reused.fork(COW).unwrap());
    let mut shared = AddressSpace::new(memory).unwrap();
    shared.map_shared(pages(0, 1), data(), None).unwrap();
    let mut back = space(memory, 1);
    back.publish();
    write(&mut back, 0, b"x").unwrap();
    evict_all(memory);
    // The pages were only read, so they are accessed and not dirty.
    read(&mut shared, 0, 1).unwrap();
    read(&mut back, 0, 1).unwrap();
    for space in [&mut fresh, &mut reused, &mut shared, &mut back] {
        assert_eq!(space.resolve(VirtAddr(0), Access::Write), Resolution::Done);
        let Walk::Leaf(table, index) = memory.walk(space.context().root(), user_page(0)) else {
            panic!("mapped")
        };
        assert_eq!(table.get(index), table.get(index).written());
    }
}

#[test]
fn stale_translations_of_many_pages_are_no_fault_without_end() {
    let mut space = space(memory(100), 2);
    write(&mut space, 0, &[1; 2 * PAGE_SIZE]).unwrap();
    for round in 0..1000 {
        let address = VirtAddr(round % 2 * PAGE);
        assert_eq!(space.resolve(address, Access::Write), Resolution::Done);
    }
    // Many faults on one page do not end it either, if a fault of another kind comes between them.
    for _ in 0..4 {
        for _ in 0..90 {
            assert_eq!(space.resolve(VirtAddr(0), Access::Write), Resolution::Done);
        }
        drop(space.fork(COW).unwrap());
        write(&mut space, PAGE, b"x").unwrap();
        write(&mut space, 0, b"x").unwrap();
    }
}

#[test]
fn a_fault_that_was_needed_is_none_of_those_without_end() {
    let memory = memory(200);
    make_file(memory, FILE, 1);
    let mut own = space(memory, 1);
    let mut shared = AddressSpace::new(memory).unwrap();
    shared.map_shared(pages(0, 1), data(), None).unwrap();
    let mut file = mapping(memory, 1, Shared);
    for space in [&mut own, &mut shared, &mut file] {
        write(space, 0, b"x").unwrap();
        // The entry loses the right to write, or the accessed bit, which some hardware does not set
        // by itself but faults for.
        for lose in [Pte::read_only, Pte::not_accessed] {
            let Walk::Leaf(table, index) = memory.walk(space.context().root(), user_page(0)) else {
                panic!("mapped")
            };
            let pte = table.get(index);
            assert!(table.replace(index, pte, lose(pte)));
            let answers = (0..1000)
                .take_while(|_| space.resolve(VirtAddr(0), Access::Write) == Resolution::Done)
                .count();
            assert_eq!(
                answers,
                1 + 100,
                "one that was needed, and those that help nothing"
            );
        }
    }
}

#[test]
fn no_memory_is_an_answer_and_changes_nothing() {
    let memory = memory(100);
    let mut space = space(memory, 200);
    let mut page = 0;
    while write(&mut space, page * PAGE, &[page as u8 + 1]).is_ok() {
        page += 1;
    }
    assert!(page > 50);
    let free = free_frames(memory);
    assert_eq!(
        write(&mut space, page * PAGE, b"x"),
        Err(CopyFailure::NoMemory)
    );
    assert_eq!(free_frames(memory), free);
    for page in 0..page {
        assert_eq!(read(&mut space, page * PAGE, 1), Ok(vec![page as u8 + 1]));
    }
    drop(space);
    assert_eq!(free_frames(memory), 100);
}

#[test]
fn everything_goes_back() {
    let memory = memory(300);
    let mut space = space(memory, 100);
    write(&mut space, 0, &[1; 50 * PAGE_SIZE]).unwrap();
    assert_eq!(space.usage()[ProcCounter::Resident as usize], 50 * PAGE);
    space.unmap(pages(10, 20), &mut Ending::new()).unwrap();
    assert_eq!(space.usage()[ProcCounter::Resident as usize], 40 * PAGE);
    assert_eq!(read(&mut space, 15 * PAGE, 1), Err(CopyFailure::Denied));
    space.unmap(pages(0, 100), &mut Ending::new()).unwrap();
    // Only the root is left.
    assert_eq!(free_frames(memory), 299);
    drop(space);
    assert_eq!(free_frames(memory), 300);
}

#[test]
fn sparse_spaces_cost_tables_only_where_touched() {
    let memory = memory(100);
    let top = abi::user_top::RISCV64 / PAGE;
    let mut space = AddressSpace::new(memory).unwrap();
    space.map(pages(0, top), data(), Promise::Lazy).unwrap();
    assert_eq!(
        space.map(pages(top, top + 1), data(), Promise::Lazy),
        Err(MapError::BadRange)
    );
    write(&mut space, 0, b"a").unwrap();
    write(&mut space, (top - 1) * PAGE, b"b").unwrap();
    assert_eq!(counter(memory, MemCounter::PageTables), 1 + 2 * 2);
    space.unmap(pages(1, top), &mut Ending::new()).unwrap();
    assert_eq!(counter(memory, MemCounter::PageTables), 1 + 2);
    assert_eq!(read(&mut space, 0, 1), Ok(b"a".to_vec()));
}

#[test]
fn unmapping_over_the_border_of_a_table_spares_the_rest_of_it() {
    let memory = memory(100);
    // One gibibyte, which one table of level 1 spans.
    let border = 1 << 18;
    let mut space = space(memory, 4);
    space
        .map(pages(border - 2, border + 2), data(), Promise::Lazy)
        .unwrap();
    write(&mut space, 0, b"first").unwrap();
    write(&mut space, (border - 1) * PAGE, &[1; 2 * PAGE_SIZE]).unwrap();
    assert_eq!(counter(memory, MemCounter::PageTables), 1 + 2 + 3);
    space
        .unmap(pages(border - 2, border + 2), &mut Ending::new())
        .unwrap();
    assert_eq!(counter(memory, MemCounter::PageTables), 1 + 1 + 1);
    assert_eq!(read(&mut space, 0, 5), Ok(b"first".to_vec()));
    assert_eq!(memory.audit([&space]), Ok(()));
    space.unmap(pages(9, 9), &mut Ending::new()).unwrap();
    drop(space);
    assert_eq!(free_frames(memory), 100);
}

#[test]
fn unmapping_reaches_every_tlb() {
    let memory = memory(100);
    let mut space = space(memory, 4);
    write(&mut space, 0, b"old").unwrap();
    for hart in 0..4 {
        on_hart(hart);
        assert_eq!(peek(&space, 0), Some(b'o'));
    }
    // Hart 3 runs a thread of the process. The other harts have left and keep their translations.
    on_hart(3);
    space.context().enter();
    on_hart(0);
    space.unmap(pages(0, 1), &mut Ending::new()).unwrap();
    assert_eq!(counter(memory, MemCounter::RemoteFences), 1);
    for hart in 0..4 {
        on_hart(hart);
        assert_eq!(peek(&space, 0), None, "hart {hart}");
    }
}

#[test]
fn an_identifier_is_clean_when_it_is_used_again() {
    let memory = memory(400);
    // One hart gets every identifier again, with translations of the identifier's former space.
    for round in 0..150u8 {
        let mut space = space(memory, 1);
        assert_eq!(read(&mut space, 0, 1), Ok(vec![0]), "round {round}");
        write(&mut space, 0, &[round + 1]).unwrap();
    }
    // There are more spaces at once than identifiers.
    let mut spaces: Vec<_> = (0..70u8).map(|_| super::space(memory, 1)).collect();
    for round in 0..2u8 {
        for (byte, space) in spaces.iter_mut().enumerate() {
            assert_eq!(read(space, 0, 1), Ok(vec![byte as u8 * round]));
            write(space, 0, &[byte as u8]).unwrap();
        }
    }
}

#[test]
fn areas_do_not_overlap() {
    let mut space = space(memory(100), 10);
    for (start, end) in [(0, 1), (9, 20), (5, 6)] {
        assert_eq!(
            space.map(pages(start, end), data(), Promise::Lazy),
            Err(MapError::BadRange)
        );
    }
    assert_eq!(space.map(pages(10, 12), data(), Promise::Lazy), Ok(()));
}

#[test]
fn page_info_tells_frames_and_sharing() {
    let memory = memory(100);
    let mut parent = space(memory, 2);
    write(&mut parent, 0, b"x").unwrap();
    let alone = parent.page_info(PageNo(0));
    assert!(alone.is_present() && alone.is_exclusive());
    assert_eq!(alone.0 & PageInfo::FILE_OR_SHARED, 0);
    assert!(
        !parent.page_info(PageNo(1)).is_present()
            && !parent.page_info(PageNo(1 << 40)).is_present()
    );
    let mut child = parent.fork(COW).unwrap();
    let shared = child.page_info(PageNo(0));
    assert_eq!(shared.frame(), alone.frame());
    assert!(!shared.is_exclusive() && !parent.page_info(PageNo(0)).is_exclusive());
    assert_eq!(parent.usage()[ProcCounter::Proportional as usize], PAGE / 2);
    write(&mut child, 0, b"y").unwrap();
    assert_ne!(child.page_info(PageNo(0)).frame(), alone.frame());
    assert_eq!(parent.page_info(PageNo(0)), alone);
}
