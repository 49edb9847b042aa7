//! Swap: pages whose contents are on a device, still counted and still shared.
//!
//! A *slot* is a page's worth of the swap device. It is counted like a frame (R1): one for each
//! table entry that refers to it, and one for the cache. The *swap cache* says which frame has the
//! same contents as which slot, so that a page that many share is written once, read once, and
//! comes back as one shared frame.
//!
//! Out: eviction ([`crate::reclaim`]) gives a page a slot and puts it into the cache, replaces
//! every entry that maps it by the slot, flushes, and hands the kernel what must be written as a
//! [`SwapOut`]. In: a fault on a slot takes the frame from the cache, or adds one and hands the
//! kernel a [`SwapIn`], with the slots behind it (`mm/src/space/swap_in.rs` says how many), in
//! several parts if they are many. Nothing here waits (R8): the kernel does the transfer, says how
//! it went, and the fault is tried again. Until then a waiter holds the page ([`PageWait`]), so
//! nothing can evict it first.
//!
//! Invariants:
//! - a frame and a slot that are cached name each other, and the cache holds a reference to both;
//! - a frame in the cache that is clean or being written is writable in no translation: a writer
//!   copies it, or, as its only owner, removes it from the cache first, or, if it is shared on
//!   purpose, makes it dirty;
//! - a transfer holds a reference to its frames, so none is reused before its transfer is over;
//! - a page to whose frame and slot only the cache refers is freed at once.
//!
//! One lock protects the cache and the free slots. It is never taken where nothing was ever
//! swapped.
//!
//! `slots` counts the slots, [`crate::free`] finds a free one, `cache` says which frame has what,
//! `eviction` isolates pages and puts them back, `transfer` knows what is under way; `input` and
//! `output` are what the kernel sees.

mod cache;
mod eviction;
mod input;
mod output;
mod slots;
mod transfer;

pub use crate::free::words_for;
pub use input::{PageWait, SwapIn};
pub use output::{SwapOut, SwapOuts};
pub use slots::SlotRecord;

pub(crate) use cache::Lookup;
pub(crate) use eviction::PutBack;
pub(crate) use input::{READ_AHEAD, READ_AHEAD_MOST};
pub(crate) use slots::Slots;

/// Most pages that are transferred at once.
const CLUSTER: usize = 32;

/// The device could not transfer a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferError;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use abi::{ForkMode, PAGE_SIZE};

    use crate::addr::{PageNo, PageRange};
    use crate::file::{FileNo, FilePage};
    use crate::memory::Memory;
    use crate::pt::Permissions;
    use crate::space::{AddressSpace, Promise};
    use crate::testing::{FakeMachine, memory_with_swap, write, write_file};

    /// Two processes share pages, write them and end, and somebody waits for a page of a file.
    fn live(memory: &'static Memory<FakeMachine>) {
        let data = Permissions::READ | Permissions::WRITE;
        let pages = |start, end| PageRange::new(PageNo(start), PageNo(end));
        let mut parent = AddressSpace::new(memory).unwrap();
        parent.map(pages(0, 2), data, Promise::Lazy).unwrap();
        parent.map_shared(pages(2, 4), data, None).unwrap();
        parent.publish();
        write(&mut parent, 0, &[1; 4 * PAGE_SIZE]).unwrap();
        let mut child = parent.fork(ForkMode::CopyOnWrite).unwrap();
        for space in [&mut child, &mut parent] {
            write(space, 0, &[2; 4 * PAGE_SIZE]).unwrap();
        }
        drop((child, parent));
        let (file, index) = (FileNo(1), 0);
        write_file(memory, file, 0, b"file");
        let read = memory.read_into_cache(FilePage { file, index }).unwrap();
        assert!(memory.cached_page(FilePage { file, index }).is_none());
        drop(memory.machine().files.fetch(read).unwrap());
    }

    #[test]
    fn where_nothing_was_swapped_nobody_takes_the_lock() {
        let memory = memory_with_swap(200, 100);
        let (done, is_done) = mpsc::channel();
        memory.slots.locked(|_| {
            thread::spawn(move || {
                live(memory);
                done.send(()).unwrap();
            });
            is_done
                .recv_timeout(Duration::from_secs(10))
                .expect("somebody waits for the lock");
        });
    }
}
