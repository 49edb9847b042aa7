//! Addresses outside of the user half. Every call refuses them, and no walk is made for them.

use super::*;
use crate::addr::VirtAddr;
use crate::file::Sharing::Shared;
use crate::file::{FileMap, FileNo, FilePage};
use crate::pt::{Format, Sv39};
use crate::space::Ending;
use crate::space::{Access, MapError, Resolution};
use crate::testing::{audit, looks, memory, write};

const TOP: u64 = Sv39::USER_TOP.0;

/// Returns addresses of every half, hole and level. A walk by their lower bits would end at a
/// mapped page, at a page of the kernel's, or at nothing.
fn foreign_addresses() -> Vec<u64> {
    let halves = [1 << 38, 1 << 39, 0xff << 56, 1 << 63, !0 << 38, !0 << 39];
    let insides = [
        0,
        PAGE,
        1 << 21,
        1 << 30,
        0xc00_0000,
        0x8000_0000,
        TOP - PAGE,
    ];
    let edges = [
        TOP,
        TOP + 1,
        TOP + PAGE,
        (1 << 38) - 1,
        u64::MAX - 7,
        u64::MAX,
    ];
    let inside_halves = halves.into_iter().flat_map(|half| {
        let of_half = move |inside| half | inside;
        insides.into_iter().map(of_half)
    });
    inside_halves.chain(edges).collect()
}

/// Returns a space with areas at its first pages, at its last pages, and a gigabyte above the
/// bottom.
fn inhabited(memory: &'static Memory<FakeMachine>) -> Space {
    let mut space = AddressSpace::new(memory).unwrap();
    let last = TOP / PAGE;
    for (start, end) in [(0, 4), (1 << 18, (1 << 18) + 4), (last - 4, last)] {
        let pages = pages(start, end);
        space.map(pages, data(), Promise::Charged).unwrap();
        write(&mut space, start * PAGE, &[1; 4 * PAGE_SIZE]).unwrap();
    }
    space.publish();
    space
}

#[test]
fn a_foreign_page_is_nobodys_business() {
    let memory = memory(100);
    let mut space = inhabited(memory);
    for address in foreign_addresses().into_iter().map(VirtAddr) {
        let before = looks();
        assert_eq!(space.page_info(address.page()).0, 0, "{address:?}");
        for access in [Access::Read, Access::Write, Access::Execute] {
            let denied = space.resolve(address, access);
            assert!(matches!(denied, Resolution::Denied), "{address:?}");
        }
        assert_eq!(looks(), before, "{address:?} was walked to");
    }
    audit(memory, [&space]);
}

#[test]
fn page_numbers_that_no_address_has_are_foreign_too() {
    let space = inhabited(memory(100));
    for number in [
        TOP / PAGE,
        1 << 27,
        1 << 36,
        u64::MAX >> 12,
        1 << 52,
        u64::MAX,
    ] {
        assert_eq!(space.page_info(PageNo(number)).0, 0, "{number:#x}");
    }
}

#[test]
fn a_range_with_a_foreign_page_is_refused_as_a_whole() {
    let memory = memory(100);
    let mut space = inhabited(memory);
    let first = FilePage {
        file: FileNo(1),
        index: 0,
    };
    let file = FileMap {
        first,
        sharing: Shared,
    };
    let bad = Err(MapError::BadRange);
    for end in foreign_addresses() {
        let end = VirtAddr(end).page().plus(1);
        for start in [PageNo(0), PageNo(end.0 - 1)] {
            let foreign = PageRange::new(start, end);
            let (before, free) = (looks(), memory.stats());
            let promise = Promise::Charged;
            assert_eq!(space.map(foreign, data(), promise), bad, "{foreign:?}");
            assert_eq!(
                space.map_over(foreign, data(), promise, &mut Ending::new()),
                bad,
                "{foreign:?}"
            );
            assert_eq!(
                space.map_shared(foreign, data(), Some(&mut Ending::new())),
                bad,
                "{foreign:?}"
            );
            assert_eq!(
                space.map_file(foreign, data(), file, Some(&mut Ending::new())),
                bad,
                "{foreign:?}"
            );
            assert_eq!(space.protect(foreign, data()), bad, "{foreign:?}");
            assert_eq!(space.unmap(foreign, &mut Ending::new()), bad, "{foreign:?}");
            assert!(!space.is_free(foreign) && !space.is_mapped(foreign));
            assert_eq!(looks(), before, "{foreign:?} was walked to");
            assert_eq!(memory.stats(), free);
        }
    }
    audit(memory, [&space]);
}

#[test]
fn the_break_ends_where_the_user_half_does() {
    let mut space = AddressSpace::new(memory(100)).unwrap();
    for bytes in [TOP + 1, 1 << 38, 1 << 63, u64::MAX] {
        assert_eq!(space.grow(bytes, Promise::Lazy), Err(MapError::BadRange));
    }
    assert_eq!(space.grow(TOP, Promise::Lazy), Ok(VirtAddr(0)));
    assert_eq!(space.grow(1, Promise::Lazy), Err(MapError::BadRange));
    assert_eq!(space.shrink(TOP, &mut Ending::new()), Ok(VirtAddr(TOP)));
}
