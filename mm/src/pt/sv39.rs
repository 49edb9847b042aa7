//! Sv39, the three-level format of RISC-V (privileged specification, section 12.4).

use super::format::{Entry, Format, Permissions};
use crate::addr::{FrameNo, SlotNo, VirtAddr};

/// The Sv39 format. Of the software bits in RSW, 8 is the copy-on-write mark and 9 that of a shared
/// page. An entry that is not valid is empty, or has one of: bit 5, a page in its frame that nobody
/// may touch, which has no rights (with R=W=X=0 it would be a pointer); bit 6, a swapped page; bit
/// 7, a shared page that was evicted. An upper entry that is not valid and not empty is a closed
/// link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sv39 {}

const VALID: u64 = 1;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 2;
const EXECUTE: u64 = 1 << 3;
const USER: u64 = 1 << 4;
const ACCESSED: u64 = 1 << 6;
const DIRTY: u64 = 1 << 7;
const MAY_WRITE: u64 = 1 << 8;
const SHARED: u64 = 1 << 9;
const HIDDEN: u64 = 1 << 5;
const SWAPPED: u64 = ACCESSED;
const EVICTED: u64 = DIRTY;
const RIGHTS: u64 = READ | WRITE | EXECUTE;
/// The further bits of a page that its space alone owns and may write.
const OWN: u64 = WRITE | DIRTY;
/// The bits that a change of permissions determines.
const DECIDED: u64 = RIGHTS | MAY_WRITE;
/// The bits that a page keeps while it is swapped out.
const KEPT: u64 = READ | EXECUTE | USER | MAY_WRITE;
const FRAME_SHIFT: u32 = 10;
const FRAME_MASK: u64 = (1 << 44) - 1;

/// Returns the bits for what a program may do with a page.
#[inline]
fn rights(permissions: Permissions) -> u64 {
    let mut word = USER;
    if permissions.intersects(Permissions::READ | Permissions::WRITE) {
        word |= READ;
    }
    if permissions.contains(Permissions::WRITE) {
        word |= MAY_WRITE;
    }
    if permissions.contains(Permissions::EXECUTE) {
        word |= EXECUTE;
    }
    word
}

/// Returns a word with another number of a frame or slot.
#[inline]
fn numbered(word: u64, number: u64) -> u64 {
    word & !(FRAME_MASK << FRAME_SHIFT) | number << FRAME_SHIFT
}

/// Returns a page's word, which is valid if the page has any right.
#[inline]
fn present(word: u64) -> u64 {
    if word & RIGHTS == 0 {
        word & !VALID | HIDDEN
    } else {
        word & !HIDDEN | VALID
    }
}

impl Format for Sv39 {
    const LEVELS: usize = 3;
    const USER_TOP: VirtAddr = VirtAddr(abi::user_top::RISCV64);
    const KERNEL_ROOT: usize = 256;
    const READ_IMPLIED_BY: Permissions = Permissions::WRITE;
    const WRITABLE: u64 = WRITE;
    const MAY_WRITE: u64 = MAY_WRITE;
    const READABLE: u64 = READ;
    const SHARED: u64 = SHARED;
    const EVICTED: u64 = EVICTED;
    const ACCESSED: u64 = ACCESSED;
    const DIRTY: u64 = DIRTY;

    #[inline]
    fn page(frame: FrameNo, permissions: Permissions) -> u64 {
        present(numbered(rights(permissions) | ACCESSED, frame.0))
    }

    #[inline]
    fn with_permissions(word: u64, permissions: Permissions) -> u64 {
        let mut rights = rights(permissions);
        if rights & MAY_WRITE != 0 {
            rights |= word & WRITE;
        }
        let new = word & !DECIDED | rights;
        match Self::decode(word, 0) {
            Entry::Page(_) => present(new),
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
        present(numbered(word & KEPT | ACCESSED, frame.0))
    }

    #[inline]
    fn table(frame: FrameNo) -> u64 {
        numbered(VALID, frame.0)
    }

    /// Not valid, because R=W=X=0 makes every valid upper entry one that permits everything.
    #[inline]
    fn closed_link(frame: FrameNo) -> u64 {
        numbered(SHARED, frame.0)
    }

    #[inline]
    fn protected_link(frame: FrameNo) -> u64 {
        numbered(VALID | SHARED, frame.0)
    }

    #[inline]
    fn is_followed(word: u64) -> bool {
        word & VALID != 0
    }

    #[inline]
    fn decode(word: u64, level: usize) -> Entry {
        let number = word >> FRAME_SHIFT & FRAME_MASK;
        if word & VALID == 0 {
            if word == 0 {
                Entry::Empty
            } else if level > 0 {
                Entry::Table(FrameNo(number))
            } else if word & HIDDEN != 0 {
                Entry::Page(FrameNo(number))
            } else if word & SWAPPED != 0 {
                Entry::Swapped(SlotNo(number))
            } else {
                Entry::Evicted
            }
        } else if level > 0 {
            Entry::Table(FrameNo(number))
        } else {
            Entry::Page(FrameNo(number))
        }
    }

    #[inline]
    fn executable(word: u64) -> bool {
        word & EXECUTE != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pt::{ENTRIES, UserPage};

    #[test]
    fn pages_decode_to_what_they_were_made_of() {
        for bits in 1..8 {
            let permissions = Permissions::from_bits_truncate(bits);
            let word = Sv39::page(FrameNo(0x8_0123), permissions);
            assert_eq!(Sv39::decode(word, 0), Entry::Page(FrameNo(0x8_0123)));
            assert_eq!(
                word & (USER | ACCESSED),
                USER | ACCESSED,
                "the program's, without a trap at the first touch"
            );
            assert_eq!(
                word & Sv39::WRITABLE,
                0,
                "a fresh entry is not writable yet"
            );
            assert_eq!(
                word & Sv39::MAY_WRITE != 0,
                permissions.contains(Permissions::WRITE)
            );
            assert_eq!(
                Sv39::executable(word),
                permissions.contains(Permissions::EXECUTE)
            );
            // W without R is reserved: writing implies reading.
            let writable = word | Sv39::WRITABLE;
            assert!(word & Sv39::MAY_WRITE == 0 || writable & Sv39::READABLE != 0);
        }
    }

    #[test]
    fn bits_are_where_the_hardware_looks_for_them() {
        // D A G U X W R V, below two bits for software.
        let text = Sv39::page(FrameNo(5), Permissions::READ | Permissions::EXECUTE);
        assert_eq!(text, 5 << 10 | 0b0101_1011);
        let data = Sv39::with_frame(Sv39::page(FrameNo(5), Permissions::WRITE), FrameNo(6));
        assert_eq!(data, 6 << 10 | Sv39::MAY_WRITE | 0b1101_0111);
        assert_eq!((Sv39::MAY_WRITE | Sv39::SHARED) & !(0b11 << 8), 0);
        assert_eq!(Sv39::table(FrameNo(5)), 5 << 10 | 1);
    }

    #[test]
    fn a_frame_of_ones_own_is_writable_only_where_writing_is_allowed() {
        let text = Sv39::page(FrameNo(1), Permissions::READ | Permissions::EXECUTE);
        let data = Sv39::page(FrameNo(1), Permissions::WRITE);
        assert_eq!(
            Sv39::with_frame(text, FrameNo(7)),
            Sv39::page(FrameNo(7), Permissions::READ | Permissions::EXECUTE)
        );
        assert_eq!(
            Sv39::with_frame(data, FrameNo(7)),
            Sv39::page(FrameNo(7), Permissions::WRITE) | WRITE | DIRTY
        );
        // A page that is writable and dirty already stays so.
        let written = data | WRITE | DIRTY;
        assert_eq!(Sv39::with_frame(written, FrameNo(1)), written);
    }

    #[test]
    fn a_page_without_rights_is_absent_for_the_hardware() {
        let none = Sv39::page(FrameNo(3), Permissions::empty());
        assert_eq!(none & VALID, 0);
        assert_eq!(Sv39::decode(none, 0), Entry::Page(FrameNo(3)));
        let out = Sv39::swapped(none, SlotNo(9));
        assert_eq!(Sv39::decode(out, 0), Entry::Swapped(SlotNo(9)));
        assert_eq!(Sv39::swapped_in(out, FrameNo(3)), none);
        let own = Sv39::with_frame(none, FrameNo(4));
        assert_eq!(own & (VALID | WRITE), 0, "nor is a copy of it");
    }

    #[test]
    fn rights_come_and_go() {
        let (none, data) = (Permissions::empty(), Permissions::READ | Permissions::WRITE);
        for bits in 1..8 {
            let permissions = Permissions::from_bits_truncate(bits);
            let page = Sv39::page(FrameNo(3), permissions);
            let own = Sv39::with_frame(page, FrameNo(3));
            let hidden = Sv39::with_permissions(own, none);
            assert_eq!(Sv39::decode(hidden, 0), Entry::Page(FrameNo(3)));
            assert_eq!(hidden & (VALID | RIGHTS | MAY_WRITE), 0);
            assert_eq!(Sv39::with_permissions(hidden, none), hidden);
            let back = Sv39::with_permissions(hidden, permissions);
            assert_eq!(back & !DIRTY, page, "writable again only by a fault");
            let out = Sv39::swapped(own, SlotNo(5));
            let other = Sv39::with_permissions(out, data);
            assert_eq!(Sv39::decode(other, 0), Entry::Swapped(SlotNo(5)));
            assert_eq!(
                Sv39::swapped_in(other, FrameNo(3)),
                Sv39::page(FrameNo(3), data)
            );
        }
        let own = Sv39::with_frame(Sv39::page(FrameNo(3), data), FrameNo(3));
        assert_eq!(Sv39::with_permissions(own, data), own);
    }

    #[test]
    fn a_page_keeps_its_rights_while_it_is_swapped_out() {
        for bits in 1..8 {
            let page = Sv39::page(FrameNo(3), Permissions::from_bits_truncate(bits));
            let own = Sv39::with_frame(page, FrameNo(4));
            for word in [page, own, own | DIRTY] {
                let out = Sv39::swapped(word, SlotNo(0xf_ffff));
                assert_eq!(Sv39::decode(out, 0), Entry::Swapped(SlotNo(0xf_ffff)));
                assert_eq!(out & (VALID | WRITE), 0);
                assert_eq!(
                    Sv39::swapped_in(out, FrameNo(3)),
                    page,
                    "it may have become somebody else's too, so it is not writable"
                );
            }
        }
    }

    #[test]
    fn tables_are_pointers() {
        let word = Sv39::table(FrameNo(5));
        assert_eq!(
            word & (READ | WRITE | EXECUTE),
            0,
            "R=W=X=0 makes it a pointer"
        );
        assert_eq!(Sv39::decode(word, 1), Entry::Table(FrameNo(5)));
        assert_eq!(Sv39::decode(0, 2), Entry::Empty);
    }

    #[test]
    fn indices() {
        let page = UserPage::new::<Sv39>(VirtAddr(0x3f_ffff_d000).page()).unwrap();
        assert_eq!(Sv39::index(page, 2), 255);
        assert_eq!(Sv39::index(page, 1), 511);
        assert_eq!(Sv39::index(page, 0), 509);
    }

    #[test]
    fn the_user_half_ends_below_the_kernels() {
        let spanned_by_root = (ENTRIES as u64).pow(Sv39::LEVELS as u32 - 1);
        assert!(Sv39::USER_TOP.page().0 <= Sv39::KERNEL_ROOT as u64 * spanned_by_root);
    }
}
