//! How a hart translates: from what it remembers where it does, from the tables in memory where it does not, as chance has it.
//!
//! Written for any [`Format`]. Whatever is read from memory is remembered, what says "nothing here" included; so a page that has
//! been filled may go on faulting until somebody fences, which is legal and must be answered by a fence.

use std::sync::atomic::Ordering;

use fastrand::Rng;
use mm::addr::{FrameNo, PageNo, VirtAddr};
use mm::machine::Root;
use mm::pt::{ENTRIES, Entry, Format};
use mm::space::Access;

use crate::ram::Ram;
use crate::tlb::{Remembered, Tlb};

/// What a program does to a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Touch {
    /// Loads it.
    Load,
    /// Stores to it.
    Store,
    /// Fetches it as an instruction.
    Fetch,
}

impl Touch {
    /// Returns what the memory system calls it.
    pub fn access(self) -> Access {
        match self {
            Self::Load => Access::Read,
            Self::Store => Access::Write,
            Self::Fetch => Access::Execute,
        }
    }
}

/// Returns the frame an address is in, or none where the hart faults.
pub fn translate<F: Format>(
    ram: &Ram,
    tlb: &mut Tlb,
    root: Root,
    address: VirtAddr,
    touch: Touch,
    rng: &mut Rng,
) -> Option<FrameNo> {
    let pages = (F::KERNEL_ROOT as u64) << (9 * (F::LEVELS - 1));
    let page = address.page();
    if page.0 >= pages {
        return None;
    }
    let mut table = root.table;
    for level in (0..F::LEVELS).rev() {
        let first = PageNo(page.0 >> (9 * level) << (9 * level));
        let remembered = tlb.recall(root.asid, level, first, rng);
        let word = match remembered {
            Some(word) if tlb.is_stubborn() || rng.u32(0..4) != 0 => word,
            _ => {
                let index = (page.0 >> (9 * level)) as usize & (ENTRIES - 1);
                let word = ram.words(table)[index].load(Ordering::Acquire);
                let entry = Remembered {
                    asid: root.asid,
                    level,
                    page: first,
                    word,
                };
                tlb.remember(entry, rng);
                word
            }
        };
        match F::decode(word, level) {
            Entry::Empty | Entry::Evicted | Entry::Swapped(_) => return None,
            Entry::Table(lower) => table = lower,
            Entry::Page(frame) => return permits::<F>(word, touch).then_some(frame),
        }
    }
    None
}

fn permits<F: Format>(word: u64, touch: Touch) -> bool {
    match touch {
        Touch::Load => word & F::READABLE != 0,
        Touch::Store => word & F::WRITABLE != 0,
        Touch::Fetch => F::executable(word),
    }
}

#[cfg(test)]
mod tests {
    use mm::machine::{Asid, Fence};
    use mm::pt::{Permissions, Sv39};

    use super::*;

    /// Returns a root, two tables and a page of data at address 0.
    fn mapped() -> (Ram, Root) {
        let ram = Ram::new(8);
        let frame = |index| FrameNo(ram.range().start.0 + index);
        for table in 0..3 {
            ram.fill(frame(table), 0);
        }
        let data = Sv39::page(frame(3), Permissions::READ | Permissions::WRITE);
        for (table, word) in [Sv39::table(frame(1)), Sv39::table(frame(2)), data]
            .into_iter()
            .enumerate()
        {
            ram.word(frame(table as u64), 0)
                .store(word, Ordering::Relaxed);
        }
        let root = Root {
            table: frame(0),
            asid: Asid(3),
        };
        (ram, root)
    }

    #[test]
    fn rights_are_obeyed_and_old_ones_live_on_until_a_fence() {
        let (ram, root) = mapped();
        let (mut tlb, mut rng) = (Tlb::default(), Rng::with_seed(7));
        let leaf = ram.word(FrameNo(root.table.0 + 2), 0);
        let mut tries = |tlb: &mut Tlb, touch| {
            (0..64)
                .filter(|_| {
                    translate::<Sv39>(&ram, tlb, root, VirtAddr(8), touch, &mut rng).is_some()
                })
                .count()
        };
        assert_eq!(tries(&mut tlb, Touch::Load), 64);
        assert_eq!(tries(&mut tlb, Touch::Store), 0);
        assert_eq!(tries(&mut tlb, Touch::Fetch), 0);
        leaf.fetch_or(Sv39::WRITABLE, Ordering::Relaxed);
        let stores = tries(&mut tlb, Touch::Store);
        assert!(
            (1..64).contains(&stores),
            "{stores} of 64 saw the new right"
        );
        leaf.store(0, Ordering::Relaxed);
        assert!(tries(&mut tlb, Touch::Load) > 0, "stale, and kept");
        tlb.fence(Fence::Page {
            asid: root.asid,
            address: VirtAddr(0),
        });
        assert_eq!(tries(&mut tlb, Touch::Load), 0);
    }

    #[test]
    fn the_kernels_half_is_not_the_programs() {
        let (ram, root) = mapped();
        let (mut tlb, mut rng) = (Tlb::default(), Rng::with_seed(7));
        for address in [1 << 38, u64::MAX, 1 << 63] {
            let found = translate::<Sv39>(
                &ram,
                &mut tlb,
                root,
                VirtAddr(address),
                Touch::Load,
                &mut rng,
            );
            assert_eq!(found, None);
        }
    }
}
