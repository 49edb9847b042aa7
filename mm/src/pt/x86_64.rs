//! The four-level format of x86_64 (Intel SDM volume 3, section 4.5; AMD APM volume 2, section
//! 5.3).

use super::format::{Entry, Format, Permissions};
use crate::addr::{FrameNo, SlotNo, VirtAddr};

/// The x86_64 format.
///
/// Of the bits that the processor leaves to software, 9 is the copy-on-write mark and 10 that of a
/// shared page. An entry that is not present is empty, or has one of: bit 8, a page in its frame
/// that nobody may touch; bit 5, a swapped page; bit 6, a shared page that was evicted.
///
/// The number in an entry that is not present is stored inverted. A processor may speculate with
/// the address of such an entry as if it were present (L1TF, CVE-2018-3620); an inverted small
/// number is an address far above all memory, which no cache has.
///
/// The format has no bit for reading: a page that may be executed may be read
/// ([`Format::READ_IMPLIED_BY`]). The bit USER stands for "there is something that a program may
/// do".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum X86_64 {}

const PRESENT: u64 = 1;
const WRITE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const HIDDEN: u64 = 1 << 8;
const MAY_WRITE: u64 = 1 << 9;
const SHARED: u64 = 1 << 10;
const NO_EXECUTE: u64 = 1 << 63;
const SWAPPED: u64 = ACCESSED;
const EVICTED: u64 = DIRTY;
/// The further bits of a page that its space alone owns and may write.
const OWN: u64 = WRITE | DIRTY;
/// The bits that a change of permissions determines.
const DECIDED: u64 = USER | WRITE | MAY_WRITE | NO_EXECUTE;
/// The bits that a page keeps while it is swapped out.
const KEPT: u64 = USER | MAY_WRITE | NO_EXECUTE;
const FRAME_SHIFT: u32 = 12;
const FRAME_MASK: u64 = (1 << 40) - 1;

/// Returns the bits for what a program may do with a page.
#[inline]
fn rights(permissions: Permissions) -> u64 {
    let mut word = 0;
    if !permissions.is_empty() {
        word |= USER;
    }
    if permissions.contains(Permissions::WRITE) {
        word |= MAY_WRITE;
    }
    if !permissions.contains(Permissions::EXECUTE) {
        word |= NO_EXECUTE;
    }
    word
}

/// Returns the mask that inverts the number in an entry. It is 0 for a present entry.
#[inline]
fn disguise(word: u64) -> u64 {
    if word & PRESENT == 0 { FRAME_MASK } else { 0 }
}

/// Returns the number in an entry.
#[inline]
fn number(word: u64) -> u64 {
    (word >> FRAME_SHIFT & FRAME_MASK) ^ disguise(word)
}

/// Returns a word with the number of a frame or slot.
#[inline]
fn numbered(word: u64, number: u64) -> u64 {
    word & !(FRAME_MASK << FRAME_SHIFT) | (number ^ disguise(word)) << FRAME_SHIFT
}

/// Returns the word of a page in a frame. It is present if the page has any right.
#[inline]
fn present(word: u64, frame: u64) -> u64 {
    numbered(
        if word & USER == 0 {
            word & !PRESENT | HIDDEN
        } else {
            word & !HIDDEN | PRESENT
        },
        frame,
    )
}

impl Format for X86_64 {
    const LEVELS: usize = 4;
    const KERNEL_ROOT: usize = 256;
    const USER_TOP: VirtAddr = VirtAddr(abi::user_top::X86_64);
    const READ_IMPLIED_BY: Permissions = Permissions::WRITE.union(Permissions::EXECUTE);
    const WRITABLE: u64 = WRITE;
    const MAY_WRITE: u64 = MAY_WRITE;
    const READABLE: u64 = USER;
    const SHARED: u64 = SHARED;
    const EVICTED: u64 = EVICTED | FRAME_MASK << FRAME_SHIFT;
    const ACCESSED: u64 = ACCESSED;
    const DIRTY: u64 = DIRTY;

    #[inline]
    fn page(frame: FrameNo, permissions: Permissions) -> u64 {
        present(rights(permissions) | ACCESSED, frame.0)
    }

    #[inline]
    fn with_permissions(word: u64, permissions: Permissions) -> u64 {
        let mut rights = rights(permissions);
        if rights & MAY_WRITE != 0 {
            rights |= word & WRITE;
        }
        let new = word & !DECIDED | rights;
        match Self::decode(word, 0) {
            Entry::Page(frame) => present(new, frame.0),
            Entry::Swapped(_) => new,
            Entry::Evicted | Entry::Empty | Entry::Table(_) => word,
        }
    }

    #[inline]
    fn with_frame(word: u64, frame: FrameNo) -> u64 {
        let new = numbered(word, frame.0);
        if word & MAY_WRITE != 0 {
            new | OWN
        } else {
            new
        }
    }

    #[inline]
    fn swapped(word: u64, slot: SlotNo) -> u64 {
        numbered(word & KEPT | SWAPPED, slot.0)
    }

    #[inline]
    fn swapped_in(word: u64, frame: FrameNo) -> u64 {
        present(word & KEPT | ACCESSED, frame.0)
    }

    /// The word has all rights, because the pages below have rights of their own. It is accessed
    /// already, because the processor also sets that bit in upper levels, and must never change the
    /// word of a table.
    #[inline]
    fn table(frame: FrameNo) -> u64 {
        numbered(PRESENT | WRITE | USER | ACCESSED, frame.0)
    }

    /// Without the right to write, which holds for all that is below.
    #[inline]
    fn closed_link(frame: FrameNo) -> u64 {
        numbered(PRESENT | USER | ACCESSED | SHARED, frame.0)
    }

    #[inline]
    fn protected_link(frame: FrameNo) -> u64 {
        Self::closed_link(frame)
    }

    #[inline]
    fn is_followed(word: u64) -> bool {
        word & PRESENT != 0
    }

    #[inline]
    fn decode(word: u64, level: usize) -> Entry {
        // The commonest case comes first. A present entry holds its number as it is.
        if word & PRESENT != 0 {
            let frame = FrameNo(word >> FRAME_SHIFT & FRAME_MASK);
            if level > 0 {
                Entry::Table(frame)
            } else {
                Entry::Page(frame)
            }
        } else if word == 0 {
            Entry::Empty
        } else if word & HIDDEN != 0 {
            Entry::Page(FrameNo(number(word)))
        } else if word & SWAPPED != 0 {
            Entry::Swapped(SlotNo(number(word)))
        } else {
            Entry::Evicted
        }
    }

    #[inline]
    fn executable(word: u64) -> bool {
        word & NO_EXECUTE == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pt::{ENTRIES, UserPage};

    fn all() -> impl Iterator<Item = Permissions> {
        (1..8).map(Permissions::from_bits_truncate)
    }

    #[test]
    fn pages_decode_to_what_they_were_made_of() {
        for permissions in all() {
            let word = X86_64::page(FrameNo(0x8_0123), permissions);
            assert_eq!(X86_64::decode(word, 0), Entry::Page(FrameNo(0x8_0123)));
            assert_eq!(
                word & (PRESENT | USER | ACCESSED),
                PRESENT | USER | ACCESSED
            );
            assert_eq!(
                word & X86_64::WRITABLE,
                0,
                "a fresh entry is not writable yet"
            );
            assert_eq!(
                word & X86_64::MAY_WRITE != 0,
                permissions.contains(Permissions::WRITE)
            );
            assert_eq!(
                X86_64::executable(word),
                permissions.contains(Permissions::EXECUTE)
            );
        }
    }

    #[test]
    fn bits_are_where_the_hardware_looks_for_them() {
        // G PAT D A PCD PWT U W P, then three bits for software. The highest bit forbids execution.
        let text = X86_64::page(FrameNo(5), Permissions::READ | Permissions::EXECUTE);
        assert_eq!(text, 5 << 12 | 0b0_0010_0101);
        let data = X86_64::with_frame(X86_64::page(FrameNo(5), Permissions::WRITE), FrameNo(6));
        assert_eq!(data, 1 << 63 | 6 << 12 | X86_64::MAY_WRITE | 0b0_0110_0111);
        assert_eq!((X86_64::MAY_WRITE | X86_64::SHARED) & !(0b111 << 9), 0);
        assert_eq!(X86_64::table(FrameNo(5)), 5 << 12 | 0b10_0111);
    }

    #[test]
    fn a_frame_of_ones_own_is_writable_only_where_writing_is_allowed() {
        let reading = Permissions::READ | Permissions::EXECUTE;
        let text = X86_64::page(FrameNo(1), reading);
        let data = X86_64::page(FrameNo(1), Permissions::WRITE);
        assert_eq!(
            X86_64::with_frame(text, FrameNo(7)),
            X86_64::page(FrameNo(7), reading)
        );
        assert_eq!(
            X86_64::with_frame(data, FrameNo(7)),
            X86_64::page(FrameNo(7), Permissions::WRITE) | WRITE | DIRTY
        );
        let written = data | WRITE | DIRTY;
        assert_eq!(X86_64::with_frame(written, FrameNo(1)), written);
    }

    #[test]
    fn what_is_not_present_names_no_memory() {
        // A processor that takes the entry for a present one (L1TF) finds an address in the upper
        // half of the 52 bits, where no machine of this kernel has memory.
        const FAR: u64 = 1 << 51;
        let data = Permissions::READ | Permissions::WRITE;
        for frame in [0, 1, 0x8_0123, 0xffff_ffff] {
            let page = X86_64::page(FrameNo(frame), data);
            let hidden = X86_64::with_permissions(page, Permissions::empty());
            assert_eq!(X86_64::decode(hidden, 0), Entry::Page(FrameNo(frame)));
            assert_eq!(hidden & PRESENT, 0);
            assert_ne!(hidden & FAR, 0);
            let slot = SlotNo(frame);
            let out = X86_64::swapped(page, slot);
            assert_eq!(X86_64::decode(out, 0), Entry::Swapped(slot));
            assert_eq!(out & PRESENT, 0);
            assert_ne!(out & FAR, 0);
        }
        assert_eq!(X86_64::decode(X86_64::EVICTED, 0), Entry::Evicted);
        assert_ne!(X86_64::EVICTED & FAR, 0);
        assert_eq!(X86_64::EVICTED & PRESENT, 0);
    }

    #[test]
    fn a_page_without_rights_is_absent_for_the_hardware() {
        let none = X86_64::page(FrameNo(3), Permissions::empty());
        assert_eq!(none & PRESENT, 0);
        assert!(!X86_64::executable(none));
        assert_eq!(X86_64::decode(none, 0), Entry::Page(FrameNo(3)));
        let out = X86_64::swapped(none, SlotNo(9));
        assert_eq!(X86_64::decode(out, 0), Entry::Swapped(SlotNo(9)));
        assert_eq!(X86_64::swapped_in(out, FrameNo(3)), none);
        let own = X86_64::with_frame(none, FrameNo(4));
        assert_eq!(X86_64::decode(own, 0), Entry::Page(FrameNo(4)));
        assert_eq!(own & (PRESENT | WRITE), 0, "nor is a copy of it");
    }

    #[test]
    fn rights_come_and_go() {
        let (none, data) = (Permissions::empty(), Permissions::READ | Permissions::WRITE);
        for permissions in all() {
            let page = X86_64::page(FrameNo(3), permissions);
            let own = X86_64::with_frame(page, FrameNo(3));
            let hidden = X86_64::with_permissions(own, none);
            assert_eq!(X86_64::decode(hidden, 0), Entry::Page(FrameNo(3)));
            assert_eq!(hidden & (PRESENT | USER | WRITE | MAY_WRITE), 0);
            assert_eq!(X86_64::with_permissions(hidden, none), hidden);
            let back = X86_64::with_permissions(hidden, permissions);
            assert_eq!(back & !DIRTY, page, "writable again only by a fault");
            let out = X86_64::swapped(own, SlotNo(5));
            let other = X86_64::with_permissions(out, data);
            assert_eq!(X86_64::decode(other, 0), Entry::Swapped(SlotNo(5)));
            assert_eq!(
                X86_64::swapped_in(other, FrameNo(3)),
                X86_64::page(FrameNo(3), data)
            );
        }
        let own = X86_64::with_frame(X86_64::page(FrameNo(3), data), FrameNo(3));
        assert_eq!(X86_64::with_permissions(own, data), own);
    }

    #[test]
    fn a_page_keeps_its_rights_while_it_is_swapped_out() {
        for permissions in all() {
            let page = X86_64::page(FrameNo(3), permissions);
            let own = X86_64::with_frame(page, FrameNo(4));
            for word in [page, own, own | DIRTY] {
                let out = X86_64::swapped(word, SlotNo(0xf_ffff));
                assert_eq!(X86_64::decode(out, 0), Entry::Swapped(SlotNo(0xf_ffff)));
                assert_eq!(out & (PRESENT | WRITE), 0);
                assert_eq!(
                    X86_64::swapped_in(out, FrameNo(3)),
                    page,
                    "it may have become somebody else's too, so it is not writable"
                );
            }
        }
    }

    #[test]
    fn tables_are_changed_by_no_walk() {
        let word = X86_64::table(FrameNo(5));
        assert_ne!(word & ACCESSED, 0, "the processor would set it");
        for level in 1..4 {
            assert_eq!(X86_64::decode(word, level), Entry::Table(FrameNo(5)));
        }
        assert_eq!(X86_64::decode(0, 3), Entry::Empty);
    }

    #[test]
    fn indices() {
        let page = UserPage::new::<X86_64>(VirtAddr(0x7fff_ffff_d000).page()).unwrap();
        assert_eq!(X86_64::index(page, 3), 255);
        assert_eq!(X86_64::index(page, 2), 511);
        assert_eq!(X86_64::index(page, 1), 511);
        assert_eq!(X86_64::index(page, 0), 509);
    }

    #[test]
    fn the_user_half_ends_below_the_kernels() {
        let spanned_by_root = (ENTRIES as u64).pow(X86_64::LEVELS as u32 - 1);
        assert!(X86_64::USER_TOP.page().0 <= X86_64::KERNEL_ROOT as u64 * spanned_by_root);
    }
}
