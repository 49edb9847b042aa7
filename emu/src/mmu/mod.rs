//! Address translation: what a virtual address means to a hart, and which rights it has.
//!
//! Three layers. [`Fast`] holds page translations in a form that costs one comparison; it is a
//! cache of the second layer and no more: emptying it changes nothing but speed. [`Tlb`] is the
//! architectural cache: what it holds may be staler than the tables, for as long as the privileged
//! specification allows. [`walk`] reads the tables. Volume II, sections 10.3 to 10.5 (Sv39, Sv48),
//! 10.2.1 (`sfence.vma`).
//!
//! Invariant: a fast line never gives a right that the entry behind it lost
//! ([`tlb::Entry::lost`]), so the use of a lost right always comes here and is seen.

mod fast;
pub mod tlb;
pub mod walk;

pub(crate) use fast::Fast;
pub use tlb::Tlb;

use crate::board::Board;
use crate::hart::csr::status;
use crate::hart::trap::{Trap, cause};
use crate::hart::{Hart, Mode};
use crate::ram::{CODE, PAGE, TABLE, TEXT, WATCHED};
use tlb::{Content, Entry};
use walk::{Found, Geometry};

/// What an access wants to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Execute.
    Fetch,
    /// Read.
    Load,
    /// Write.
    Store,
}

/// Bits of a page-table entry.
pub mod pte {
    /// The entry is valid.
    pub const V: u64 = 1;
    /// The page can be read.
    pub const R: u64 = 2;
    /// The page can be written.
    pub const W: u64 = 4;
    /// The page can be executed.
    pub const X: u64 = 8;
    /// The page is a program's.
    pub const U: u64 = 16;
    /// The entry counts under every identifier.
    pub const G: u64 = 32;
    /// The page has been accessed.
    pub const A: u64 = 64;
    /// The page has been written.
    pub const D: u64 = 128;
    /// The number of the page or table.
    pub const PPN: u64 = (1 << 54) - (1 << 10);
    /// Reserved for extensions the machine lacks.
    pub const RESERVED: u64 = 0x7f << 54 | 3 << 61 | 1 << 63;
}

impl Access {
    /// The right the access needs of a page.
    pub fn right(self) -> u64 {
        match self {
            Self::Fetch => pte::X,
            Self::Load => pte::R,
            Self::Store => pte::W,
        }
    }

    fn page_fault(self, address: u64) -> Trap {
        let code = match self {
            Self::Fetch => cause::FETCH_PAGE,
            Self::Load => cause::LOAD_PAGE,
            Self::Store => cause::STORE_PAGE,
        };
        Trap::new(code, address)
    }

    /// The exception for physical addresses that are not there or protected.
    pub fn access_fault(self, address: u64) -> Trap {
        let code = match self {
            Self::Fetch => cause::FETCH_ACCESS,
            Self::Load => cause::LOAD_ACCESS,
            Self::Store => cause::STORE_ACCESS,
        };
        Trap::new(code, address)
    }
}

impl Hart {
    /// The mode whose rights loads and stores have.
    pub(crate) fn data_mode(&self) -> Mode {
        if self.csr.mstatus & status::MPRV != 0 {
            Mode::from_bits(self.csr.mstatus >> 11)
        } else {
            self.mode
        }
    }

    /// The context of fast translations for a mode: what differs between them besides the tables.
    pub(crate) fn context(&self, mode: Mode) -> usize {
        match mode {
            Mode::User => 0,
            Mode::Supervisor => 1 + usize::from(self.csr.mstatus & status::SUM != 0),
            Mode::Machine => 3,
        }
    }

    /// Whether addresses of this mode are translated.
    fn translates(&self, mode: Mode) -> bool {
        mode != Mode::Machine && self.csr.satp >> 60 != 0
    }

    /// Whether the mode may use an entry for an access (section 10.3.2, steps 5 to 7), apart from
    /// the accessed and dirty bits.
    fn permits(&self, entry: u64, access: Access, mode: Mode) -> bool {
        let user_page = entry & pte::U != 0;
        let right_mode = match mode {
            Mode::User => user_page,
            _ => !user_page || access != Access::Fetch && self.csr.mstatus & status::SUM != 0,
        };
        let executable = self.csr.mstatus & status::MXR != 0 && access == Access::Load;
        let right = entry & access.right() != 0 || executable && entry & pte::X != 0;
        right_mode && right
    }
}

/// Translates for an access and caches the result in the fast lines. Returns the physical address.
pub(crate) fn translate(
    hart: &mut Hart,
    board: &mut Board,
    address: u64,
    access: Access,
) -> Result<u64, Trap> {
    let mode = match access {
        Access::Fetch => hart.mode,
        _ => hart.data_mode(),
    };
    if !hart.translates(mode) {
        if address >> 56 != 0 {
            return Err(access.access_fault(address));
        }
        let rights = protection(hart, address, mode);
        if rights & access.right() == 0 {
            return Err(access.access_fault(address));
        }
        remember(hart, board, address, address, rights, mode);
        return Ok(address);
    }
    let geometry = Geometry::of(hart.csr.satp);
    if !geometry.canonical(address) {
        return Err(access.page_fault(address));
    }
    let entry = find(hart, board, geometry, address, access, mode)?;
    let physical = geometry.physical(entry.pte, entry.level, address);
    let allowed = protection(hart, physical, mode);
    if allowed & access.right() == 0 {
        return Err(access.access_fault(address));
    }
    if entry.lost & access.right() != 0 {
        board.stale_use(hart, &entry, address, physical, access);
    }
    let mut rights = 0;
    for other in [Access::Load, Access::Store] {
        let updated = pte::A | if other == Access::Store { pte::D } else { 0 };
        let usable = hart.permits(entry.pte, other, mode) && entry.pte & updated == updated;
        if usable && entry.lost & other.right() == 0 {
            rights |= other.right() & allowed;
        }
    }
    remember(hart, board, address, physical, rights, mode);
    Ok(physical)
}

/// What physical memory protection allows, in the bits of an entry.
fn protection(hart: &Hart, physical: u64, mode: Mode) -> u64 {
    u64::from(hart.csr.protection(physical, mode)) << 1
}

/// The entry that answers for an address: a cached one, or the tables'.
fn find(
    hart: &mut Hart,
    board: &mut Board,
    geometry: Geometry,
    address: u64,
    access: Access,
    mode: Mode,
) -> Result<Entry, Trap> {
    let keeps = board.keeps_translations;
    let mut from = None;
    if keeps {
        match hart.tlb.find(hart.csr.satp, geometry, address) {
            Some(entry) if entry.content == Content::Absent => {
                return Err(access.page_fault(address));
            }
            Some(entry) if entry.content == Content::Leaf => {
                if !hart.permits(entry.pte, access, mode) {
                    return Err(access.page_fault(address));
                }
                if entry.pte & updates(access) == updates(access) {
                    return Ok(entry);
                }
                // The bits must be set in the tables, which may say something else by now.
                hart.tlb.forget_leaf(hart.csr.satp, geometry, address);
            }
            other => from = other,
        }
    }
    let found = walk::walk(hart, board, geometry, address, from);
    let entry = match found {
        Found::Leaf(entry) => entry,
        Found::Absent(entry) => {
            if keeps {
                hart.tlb.insert(entry);
            }
            return Err(access.page_fault(address));
        }
        Found::Nowhere => return Err(access.access_fault(address)),
    };
    let permitted = hart.permits(entry.pte, access, mode);
    let missing = permitted && entry.pte & updates(access) != updates(access);
    if missing && !board.updates_accessed(hart) {
        return Err(access.page_fault(address));
    }
    let mut entry = entry;
    if missing {
        entry.pte |= updates(access);
        board.update_entry(entry.pte_address, entry.pte);
    }
    if keeps && entry.pte & pte::A != 0 {
        hart.tlb.insert(entry);
    }
    if permitted {
        Ok(entry)
    } else {
        Err(access.page_fault(address))
    }
}

/// The bits that the access must find set.
fn updates(access: Access) -> u64 {
    pte::A | if access == Access::Store { pte::D } else { 0 }
}

/// Makes the fast lines of a page give these rights.
fn remember(hart: &mut Hart, board: &Board, address: u64, physical: u64, rights: u64, mode: Mode) {
    let Some(offset) = board.ram.offset(physical & !0xfff, PAGE) else {
        return;
    };
    let context = hart.context(mode);
    let plain = board.ram.flags(offset) == 0;
    let read = rights & pte::R != 0;
    let write = rights & pte::W != 0 && plain;
    hart.fast.remember(context, address, offset, read, write);
}

/// Flags that make a store take the slow way for somebody's sake.
pub(crate) const OBSERVED: u8 = CODE | TABLE | WATCHED | TEXT;
