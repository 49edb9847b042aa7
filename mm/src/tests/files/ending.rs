//! Mappings end in one way, whichever call ends them: pages that are mapped shared are named first,
//! each once.

use super::*;
use crate::addr::VirtAddr;
use crate::file::SharedPages;
use crate::file::Sharing::{Private, Shared};
use crate::space::{Ending, MapError};
use crate::testing::{audit, ended, memory, write, write_back};

/// Returns a space with data in pages 0 to 3, a file mapped shared in 3 to 6 and privately in 7,
/// and the heap's end behind them. Every page was stored to.
fn inhabited(memory: &'static Memory<FakeMachine>) -> Space {
    make_file(memory, FILE, 4);
    let mut space = AddressSpace::new(memory).unwrap();
    space.grow(8 * PAGE, Promise::Charged).unwrap();
    let mut map = |start, end, sharing| {
        let over = |ending: &mut Ending| {
            let map = whole(FILE, sharing);
            space.map_file(pages(start, end), data(), map, Some(ending))
        };
        ended(over).unwrap();
    };
    map(3, 7, Shared);
    map(7, 8, Private);
    for page in 0..8 {
        write(&mut space, page * PAGE, &[7]).unwrap();
    }
    space.publish();
    space
}

/// A way to end all mappings of a space: its name, and the call.
type Way = (
    &'static str,
    fn(&mut Space, &mut Ending) -> Result<(), MapError>,
);

const WAYS: [Way; 6] = [
    ("munmap", |space, ending| space.unmap(pages(0, 8), ending)),
    ("a shrinking break", |space, ending| {
        space.shrink(8 * PAGE, ending).map(drop)
    }),
    ("memory over it", |space, ending| {
        space.map_over(pages(0, 8), data(), Promise::Charged, ending)
    }),
    ("shared memory over it", |space, ending| {
        space.map_shared(pages(0, 8), data(), Some(ending))
    }),
    ("a file over it", |space, ending| {
        space.map_file(pages(0, 4), data(), whole(FILE, Private), Some(ending))?;
        space.map_file(pages(4, 8), data(), whole(FILE, Private), Some(ending))
    }),
    ("exec and exit", |space, ending| space.end(ending)),
];

#[test]
fn what_was_stored_is_on_the_disk_whoever_ends_the_mapping() {
    for (name, end) in WAYS {
        let memory = memory(200);
        let mut space = inhabited(memory);
        let mut ending = Ending::new();
        let mut named = vec![];
        while let Err(error) = end(&mut space, &mut ending) {
            let MapError::Unwritten(some) = error else {
                panic!("{name}: {error:?}");
            };
            // Nothing changes before the pages are named.
            assert!(space.shared_file_pages(pages(0, 8)).is_some(), "{name}");
            for index in some.indices() {
                assert!(write_back(memory, page_of(FILE, index)), "{name}: {index}");
                named.push(index);
            }
        }
        assert_eq!(named, [0, 1, 2, 3], "{name}");
        assert_eq!(memory.next_dirty(0), None, "{name}");
        drop(space);
        for index in 0..4 {
            let stored = memory.machine().files.on_disk(FILE);
            assert_eq!(
                stored[index * PAGE_SIZE],
                7,
                "{name}: page {index} of the file"
            );
        }
    }
}

#[test]
fn what_cannot_be_written_is_named_once_and_does_not_keep_the_mapping() {
    for (name, end) in WAYS {
        let memory = memory(200);
        let mut space = inhabited(memory);
        let mut ending = Ending::new();
        let mut named = 0;
        while end(&mut space, &mut ending).is_err() {
            named += 1;
            assert!(named < 3, "{name} goes on for ever");
        }
        assert!(memory.next_dirty(0).is_some(), "{name}");
        audit(memory, [&space]);
    }
}

#[test]
fn only_what_ends_is_named() {
    let memory = memory(200);
    let mut space = inhabited(memory);
    let mut first = |bytes| {
        let mut ending = Ending::new();
        let outcome = space.shrink(bytes, &mut ending);
        (outcome, space.shared_file_pages(pages(0, 8)).unwrap().count)
    };
    // First a private page; then one page and a half, of which the upper one is shared.
    assert_eq!(first(PAGE), (Ok(VirtAddr(8 * PAGE)), 4));
    let last = SharedPages {
        first: page_of(FILE, 3),
        count: 1,
        next: PageNo(7),
    };
    assert_eq!(first(3 * PAGE / 2), (Err(MapError::Unwritten(last)), 4));
    // A refused call changes nothing. A range without a shared page is not refused.
    assert_eq!(space.heap_break(), VirtAddr(7 * PAGE));
    assert_eq!(space.unmap(pages(0, 3), &mut Ending::new()), Ok(()));
    audit(memory, [&space]);
}
