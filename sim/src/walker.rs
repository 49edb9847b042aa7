//! The page-table walk of a hart. Each entry comes from the TLB or from memory, at random if the
//! TLB has it.
//!
//! The walk works for any [`Format`]. Each entry that is read from memory is kept in the TLB, even
//! one that is not present. A page that has just been mapped may therefore go on faulting until a
//! fence. That is legal, and `mm` must answer it with a fence.
//!
//! Where upper entries have a right to write, an entry is kept with the rights of those above it
//! (Intel SDM volume 3, sections 4.10.2.2 and 4.10.3.1): an entry that was read below one without
//! the right does not permit a write later either.

use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;
use mm::addr::{FrameNo, PageNo, VirtAddr};
use mm::machine::Root;
use mm::pt::{ENTRIES, Entry, Format, Pte};
use mm::space::Access;

use crate::isa::Isa;
use crate::ram::Ram;
use crate::tlb::{Remembered, Tlb};

/// The access of a program to a word.
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
    /// Returns the access as the memory system names it.
    pub fn access(self) -> Access {
        match self {
            Self::Load => Access::Read,
            Self::Store => Access::Write,
            Self::Fetch => Access::Execute,
        }
    }
}

/// Returns the frame of an address, or `None` if the hart faults.
pub fn translate<I: Isa>(
    ram: &Ram,
    tlb: &mut Tlb,
    root: Root,
    address: VirtAddr,
    touch: Touch,
    rng: &mut Rng,
) -> Option<FrameNo> {
    let pages = (I::KERNEL_ROOT as u64) << (9 * (I::LEVELS - 1));
    let page = address.page();
    if page.0 >= pages {
        return None;
    }
    let found = walk::<I>(ram, tlb, root, page, touch, rng);
    if found.is_none() && I::FORGETS_AT_FAULTS {
        tlb.forget(root.asid, |level, first| first == first_page(page, level));
    }
    found
}

/// Returns the first page that the entry of `level` for `page` translates.
fn first_page(page: PageNo, level: usize) -> PageNo {
    PageNo(page.0 >> (9 * level) << (9 * level))
}

fn walk<I: Isa>(
    ram: &Ram,
    tlb: &mut Tlb,
    root: Root,
    page: PageNo,
    touch: Touch,
    rng: &mut Rng,
) -> Option<FrameNo> {
    let mut table = root.table;
    let mut may_store = true;
    for level in (0..I::LEVELS).rev() {
        let first = first_page(page, level);
        let index = (page.0 >> (9 * level)) as usize & (ENTRIES - 1);
        let in_memory = &ram.words(table)[index];
        let remembered = tlb.recall(root.asid, level, first, rng);
        let mut pte = match remembered {
            Some(word) if tlb.is_stubborn() || rng.u32(0..4) != 0 => Pte::from_word(word),
            _ => Pte::<I>::from_word(in_memory.load(Ordering::Acquire)),
        };
        if I::NOTES_USE && level == 0 && (may_store || touch != Touch::Store) {
            pte = note_use(in_memory, pte, touch);
        }
        if I::REMEMBERS_ABSENCE || is_present(pte, level) {
            let kept = if may_store { pte } else { pte.read_only() };
            let entry = Remembered {
                asid: root.asid,
                level,
                page: first,
                word: kept.word(),
            };
            tlb.remember(entry, rng);
        }
        match pte.decode(level) {
            Entry::Empty | Entry::Evicted | Entry::Swapped(_) => return None,
            Entry::Table(_) if !pte.is_followed() => return None,
            Entry::Table(lower) => {
                table = lower;
                may_store &= !I::UPPER_RIGHTS || pte.is_writable();
            }
            Entry::Page(frame) => {
                let permitted = permits(pte, touch) && (may_store || touch != Touch::Store);
                return permitted.then_some(frame);
            }
        }
    }
    None
}

/// Returns whether hardware that keeps only present entries may keep this one. A page without
/// permissions is not present.
fn is_present<F: Format>(pte: Pte<F>, level: usize) -> bool {
    match pte.decode(level) {
        Entry::Table(_) => pte.is_followed(),
        Entry::Page(_) => pte.is_readable(),
        Entry::Empty | Entry::Evicted | Entry::Swapped(_) => false,
    }
}

/// Sets the accessed and dirty bits that the access needs in the entry in memory. Returns the entry
/// then. If the TLB's copy lacks a bit, the hardware reads the entry again, and so notices changes.
fn note_use<F: Format>(in_memory: &AtomicU64, pte: Pte<F>, touch: Touch) -> Pte<F> {
    let mut pte = pte;
    loop {
        let used = match touch {
            Touch::Store => pte.dirty(),
            Touch::Load | Touch::Fetch => pte.accessed(),
        };
        if !is_present(pte, 0) || !permits(pte, touch) || used == pte {
            return pte;
        }
        let order = Ordering::AcqRel;
        match in_memory.compare_exchange(pte.word(), used.word(), order, Ordering::Acquire) {
            Ok(_) => return used,
            Err(now) => pte = Pte::from_word(now),
        }
    }
}

fn permits<F: Format>(pte: Pte<F>, touch: Touch) -> bool {
    match touch {
        Touch::Load => pte.is_readable(),
        Touch::Store => pte.is_writable(),
        Touch::Fetch => pte.is_executable(),
    }
}

#[cfg(test)]
mod tests {
    use mm::machine::{Asid, Fence};
    use mm::pt::{Permissions, Sv39, X86_64};

    use super::*;

    /// Returns a root, its lower tables, each in the frame behind its upper one, and a page of data
    /// at address 0 that is not writable yet.
    fn mapped<F: Format>() -> (Ram, Root) {
        let ram = Ram::new(8);
        let frame = |index| FrameNo(ram.range().start.0 + index as u64);
        for table in 0..F::LEVELS {
            ram.fill(frame(table), 0);
        }
        let permissions = Permissions::READ | Permissions::WRITE;
        for table in 0..F::LEVELS {
            let lower = frame(table + 1);
            let pte = if table + 1 == F::LEVELS {
                Pte::<F>::page(lower, permissions)
            } else {
                Pte::table(lower)
            };
            ram.word(frame(table), 0)
                .store(pte.word(), Ordering::Relaxed);
        }
        let root = Root {
            table: frame(0),
            asid: Asid(3),
        };
        (ram, root)
    }

    #[test]
    fn rights_are_obeyed_and_old_ones_live_on_until_a_fence() {
        let (ram, root) = mapped::<Sv39>();
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
    fn a_translation_is_kept_with_the_rights_of_its_upper_entries() {
        let (ram, root) = mapped::<X86_64>();
        let [table, leaf] = [2, 3].map(|lower| FrameNo(root.table.0 + lower));
        let (link, page) = (ram.word(table, 0), ram.word(leaf, 0));
        for seed in 0..64 {
            let (mut tlb, mut rng) = (Tlb::default(), Rng::with_seed(seed));
            let mut touch =
                |touch| translate::<X86_64>(&ram, &mut tlb, root, VirtAddr(8), touch, &mut rng);
            page.fetch_or(X86_64::WRITABLE | X86_64::DIRTY, Ordering::Relaxed);
            link.store(X86_64::closed_link(leaf), Ordering::Relaxed);
            assert!(touch(Touch::Load).is_some());
            page.fetch_and(!X86_64::WRITABLE, Ordering::Relaxed);
            link.store(X86_64::table(leaf), Ordering::Relaxed);
            assert!(touch(Touch::Store).is_none(), "both rights were never seen");
        }
    }

    #[test]
    fn the_kernels_half_is_not_the_programs() {
        let (ram, root) = mapped::<Sv39>();
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
