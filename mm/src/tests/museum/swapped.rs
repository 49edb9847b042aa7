//! Pages that are shared and swapped.

use abi::{MemCounter, PageInfo};

use super::*;
use crate::testing::{audit, begin_writes, counter, free_frames, memory_with_swap, read, write};

#[test]
fn mistake_13_a_shared_page_goes_once_for_all_and_is_free_when_it_is_written() {
    let memory = memory_with_swap(200, 50);
    // Two families have different contents at one address.
    let mut family: Vec<_> = [b"one", b"two"]
        .map(|word| {
            let mut parent = space(memory, 3);
            parent.publish();
            write(&mut parent, PAGE, word).unwrap();
            let child = parent.fork(COW).unwrap();
            [parent, child]
        })
        .into_iter()
        .flatten()
        .collect();
    let free = free_frames(memory);
    let writes = begin_writes(memory);
    for space in &family {
        let info = space.page_info(PageNo(1));
        assert_eq!(info, PageInfo(PageInfo::SWAPPED), "every sharer lets go");
    }
    assert_eq!(
        free_frames(memory),
        free,
        "nothing is free before it is written"
    );
    for write in writes {
        memory.machine().disk.write(write);
    }
    assert_eq!(free_frames(memory), free + 2);
    assert_eq!(counter(memory, MemCounter::SwapOuts), 2);
    audit(memory, &family);
    for (space, word) in family.iter_mut().zip(["one", "one", "two", "two"]) {
        assert_eq!(read(space, PAGE, 3).unwrap(), word.as_bytes());
    }
}
