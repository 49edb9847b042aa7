//! Mapped files.

use super::*;
use crate::file::Sharing::{Private, SharedReadOnly};
use crate::file::{FileMap, FileNo, FilePage};
use crate::space::MapError;
use crate::space::copy::CopyFailure;
use crate::testing::{audit, memory, read, read_file, write, write_file};

#[test]
fn mistake_16_a_private_mapping_never_writes_its_file() {
    let memory = memory(200);
    let file = FileNo(3);
    write_file(memory, file, 0, &[1; 2 * PAGE_SIZE]);
    let map = |sharing| FileMap {
        first: FilePage { file, index: 0 },
        sharing,
    };
    let mut space = AddressSpace::new(memory).unwrap();
    space
        .map_file(pages(0, 2), data(), map(Private), None)
        .unwrap();
    let read_only = Permissions::READ;
    space
        .map_file(pages(2, 4), read_only, map(SharedReadOnly), None)
        .unwrap();
    space.publish();
    // One page that was read before, and one that was not.
    read(&mut space, 0, 1).unwrap();
    for page in [0, 1] {
        write(&mut space, page * PAGE, b"mine").unwrap();
        assert_eq!(read(&mut space, (2 + page) * PAGE, 4).unwrap(), [1; 4]);
        assert_eq!(
            read_file(memory, file, page as usize * PAGE_SIZE, 4),
            [1; 4]
        );
    }
    assert_eq!(memory.next_dirty(0), None);
    let denied = write(&mut space, 2 * PAGE, b"x");
    assert_eq!(denied, Err(CopyFailure::Denied));
    let refused = space.protect(pages(2, 3), data());
    assert_eq!(refused, Err(MapError::BadRange));
    audit(memory, [&space]);
}
