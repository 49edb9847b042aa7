//! The page-table walk (Volume II, section 10.3.2), for hardware and for reports.

use super::pte;
use super::tlb::{Content, Entry};
use crate::board::Board;
use crate::hart::Hart;

/// How virtual addresses are cut up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// Levels of tables: 3 for Sv39, 4 for Sv48.
    pub levels: u8,
}

impl Geometry {
    /// That of a value of `satp` whose mode is not Bare.
    pub fn of(satp: u64) -> Self {
        Self {
            levels: if satp >> 60 == 9 { 4 } else { 3 },
        }
    }

    /// Whether the upper bits repeat the sign.
    pub fn canonical(self, address: u64) -> bool {
        let shift = 64 - (12 + 9 * u32::from(self.levels));
        ((address << shift) as i64 >> shift) as u64 == address
    }

    /// The index into the table at a level.
    fn index(address: u64, level: u8) -> u64 {
        address >> (12 + 9 * u32::from(level)) & 511
    }

    /// The address bits that an entry of a level translates the same way.
    pub fn tag(address: u64, level: u8) -> u64 {
        address >> (12 + 9 * u32::from(level))
    }

    /// The physical address that a leaf at a level gives.
    pub fn physical(self, entry: u64, level: u8, address: u64) -> u64 {
        let mask = (1 << (12 + 9 * u32::from(level))) - 1;
        (entry & pte::PPN) << 2 & !mask | address & mask
    }
}

/// What a walk ended with.
pub enum Found {
    /// A leaf.
    Leaf(Entry),
    /// An entry that is invalid, or malformed.
    Absent(Entry),
    /// A table outside RAM.
    Nowhere,
}

/// Whether an entry is valid and well formed.
fn valid(entry: u64) -> bool {
    entry & pte::V != 0 && entry & (pte::R | pte::W) != pte::W && entry & pte::RESERVED == 0
}

fn is_leaf(entry: u64) -> bool {
    entry & (pte::R | pte::X) != 0
}

/// Reads one entry of a table; the one rule book for hardware walks and peeks.
enum Step {
    Leaf,
    Table(u64),
    Absent,
}

fn step(entry: u64, level: u8) -> Step {
    if !valid(entry) {
        return Step::Absent;
    }
    if is_leaf(entry) {
        let misaligned = entry >> 10 & ((1 << (9 * u32::from(level))) - 1) != 0;
        return if misaligned { Step::Absent } else { Step::Leaf };
    }
    if level == 0 || entry & (pte::A | pte::D | pte::U) != 0 {
        return Step::Absent;
    }
    Step::Table((entry & pte::PPN) << 2)
}

/// Walks for a hart, from a cached pointer if there is one, and lets its TLB keep the pointers.
pub(crate) fn walk(
    hart: &mut Hart,
    board: &mut Board,
    geometry: Geometry,
    address: u64,
    from: Option<Entry>,
) -> Found {
    hart.early.walked = true;
    let satp = hart.csr.satp;
    let (mut table, mut level, mut global) = match from {
        Some(entry) => ((entry.pte & pte::PPN) << 2, entry.level - 1, entry.global),
        None => ((satp & ((1 << 44) - 1)) << 12, geometry.levels - 1, false),
    };
    if let Some(entry) = from
        && entry.lost != 0
    {
        board.stale_walk(hart, &entry, address);
    }
    loop {
        let pte_address = table + 8 * Geometry::index(address, level);
        let Some(offset) = board.ram.offset(pte_address, 8) else {
            return Found::Nowhere;
        };
        board.note_table(hart, offset);
        let value = board.ram.read(offset, 8);
        global |= value & pte::G != 0;
        let entry = |content| Entry {
            tag: Geometry::tag(address, level),
            level,
            global,
            satp,
            content,
            pte: value,
            pte_address,
            ..Entry::default()
        };
        match step(value, level) {
            Step::Absent => return Found::Absent(entry(Content::Absent)),
            Step::Leaf => return Found::Leaf(entry(Content::Leaf)),
            Step::Table(next) => {
                if board.keeps_translations {
                    hart.tlb.insert(entry(Content::Pointer));
                }
                table = next;
                level -= 1;
            }
        }
    }
}

/// What the tables say now, without a trace: the entry's value, its level and its address.
pub fn peek(board: &Board, satp: u64, address: u64) -> Option<(u64, u8, u64)> {
    let geometry = Geometry::of(satp);
    let mut table = (satp & ((1 << 44) - 1)) << 12;
    let mut level = geometry.levels - 1;
    if !geometry.canonical(address) {
        return None;
    }
    loop {
        let pte_address = table + 8 * Geometry::index(address, level);
        let value = board.ram.read(board.ram.offset(pte_address, 8)?, 8);
        match step(value, level) {
            Step::Absent => return Some((0, level, pte_address)),
            Step::Leaf => return Some((value, level, pte_address)),
            Step::Table(next) => {
                table = next;
                level -= 1;
            }
        }
    }
}

/// The physical address behind a virtual one, for reports and debuggers: no rights are checked and
/// nothing is cached.
pub fn peek_physical(board: &Board, satp: u64, address: u64) -> Option<u64> {
    if satp >> 60 == 0 {
        return Some(address);
    }
    match peek(board, satp, address)? {
        (0, ..) => None,
        (entry, level, _) => Some(Geometry::of(satp).physical(entry, level, address)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_cut_as_the_levels_say() {
        let sv39 = Geometry::of(8 << 60);
        assert!(sv39.canonical(0x3f_ffff_ffff) && !sv39.canonical(0x40_0000_0000));
        assert!(sv39.canonical(0xffff_ffc0_0000_0000));
        assert!(Geometry::of(9 << 60).canonical(0x40_0000_0000));
        let entry = 0x8020_0000 >> 2 | pte::V | pte::R;
        assert_eq!(
            sv39.physical(entry, 1, 0x1234_5678),
            0x8034_5678 & !0x1f_ffff | 0x14_5678
        );
    }

    #[test]
    fn malformed_entries_are_absent() {
        assert!(matches!(step(pte::V | pte::W, 0), Step::Absent));
        assert!(
            matches!(step(pte::V, 0), Step::Absent),
            "a pointer at the last level"
        );
        assert!(
            matches!(step(1 << 10 | pte::V | pte::R, 1), Step::Absent),
            "misaligned"
        );
        assert!(
            matches!(step(1 << 54 | pte::V | pte::R, 0), Step::Absent),
            "reserved"
        );
        assert!(matches!(step(1 << 10 | pte::V, 1), Step::Table(0x1000)));
    }
}
