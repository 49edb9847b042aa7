//! Conversion of a firmware's map of physical memory to the ranges of RAM that the kernel uses.
//!
//! A map (PVH start info, in the encoding of BIOS E820: ACPI 6.5, section 15) lists ranges in any
//! order and without alignment. RAM below 1 MiB is not used, because the firmware keeps data there,
//! and the harts start there.

use abi::PAGE_SIZE;

use super::{RAM_MAX, Region};
use crate::list::List;

/// The number of a range that is RAM.
const RAM: u32 = 1;
/// The start of the memory that the kernel uses.
const FIRST: u64 = 1 << 20;

/// One range of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first byte.
    pub start: u64,
    /// The size in bytes.
    pub size: u64,
    /// The kind of memory: 1 is RAM.
    pub kind: u32,
}

/// Returns the whole pages of RAM from 1 MiB up to `limit`. The range with the byte at `image`
/// comes first. Adjacent ranges are joined. If there are too many, the smallest ranges are left
/// unused.
pub fn ram(map: impl Iterator<Item = Range>, image: u64, limit: u64) -> List<Region, RAM_MAX> {
    const PAGE: u64 = PAGE_SIZE as u64;
    let mut ranges = [Region { start: 0, size: 0 }; RAM_MAX + 1];
    for range in map.filter(|range| range.kind == RAM) {
        let start = range.start.max(FIRST).checked_next_multiple_of(PAGE);
        let Some(start) = start else { continue };
        let end = range.start.saturating_add(range.size).min(limit) & !(PAGE - 1);
        if start < end {
            insert(
                &mut ranges,
                Region {
                    start,
                    size: end - start,
                },
            );
        }
    }
    let mut ram = List::new();
    for range in ranges.iter().filter(|range| range.size != 0).take(RAM_MAX) {
        // There is room for as many as are taken.
        let _ = ram.push(*range);
    }
    let holds_image = |range: Region| range.start <= image && image < range.end();
    let index = ram.iter().position(holds_image);
    if let Some(index) = index {
        ram.swap_to_front(index);
    }
    ram
}

/// Inserts a range into the list, which is ordered by size, largest first. The last element is left
/// empty.
fn insert(ranges: &mut [Region; RAM_MAX + 1], mut new: Region) {
    for range in ranges.iter_mut().filter(|range| range.size != 0) {
        if range.start <= new.end() && new.start <= range.end() {
            let (start, end) = (range.start.min(new.start), range.end().max(new.end()));
            new = Region {
                start,
                size: end - start,
            };
            range.size = 0;
        }
    }
    ranges.sort_unstable_by_key(|range| core::cmp::Reverse(range.size));
    ranges[RAM_MAX] = new;
    ranges.sort_unstable_by_key(|range| core::cmp::Reverse(range.size));
    ranges[RAM_MAX].size = 0;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(map: &[(u64, u64, u32)]) -> Vec<(u64, u64)> {
        let ranges = map
            .iter()
            .map(|&(start, size, kind)| Range { start, size, kind });
        ram(ranges, 2 << 20, 1 << 40)
            .iter()
            .map(|range| (range.start, range.end()))
            .collect()
    }

    #[test]
    fn a_pc_with_8_gib_has_two_ranges() {
        let map = [
            (0, 0x9_fc00, 1),
            (0x9_fc00, 0x400, 2),
            (0xf_0000, 0x1_0000, 2),
            (0x10_0000, 0x7fed_f000, 1),
            (0x7ffd_f000, 0x2_1000, 2),
            (0xb000_0000, 0x1000_0000, 2),
            (0x1_0000_0000, 0x1_8000_0000, 1),
        ];
        let expected = [(0x10_0000, 0x7ffd_f000), (0x1_0000_0000, 0x2_8000_0000)];
        assert_eq!(
            of(&map),
            expected,
            "the image's first, though it is smaller"
        );
    }

    #[test]
    fn ranges_are_cut_to_pages_and_joined() {
        let map = [
            (0x30_0000, 0x1800, 1),
            (0x20_0000, 0x10_0000, 1),
            (0x40_0001, 0x2000, 1),
            (0x50_0001, 0x1000, 1),
            (u64::MAX - 5, 0x1000, 1),
        ];
        assert_eq!(of(&map), [(0x20_0000, 0x30_1000), (0x40_1000, 0x40_2000)]);
    }

    #[test]
    fn what_is_too_much_is_the_smallest() {
        let map: Vec<_> = (1..=6).map(|n| (n << 21, n << 12, 1)).collect();
        let found = of(&map);
        assert_eq!(found.len(), RAM_MAX);
        assert!(found.contains(&(6 << 21, (6 << 21) + (6 << 12))));
        assert!(!found.contains(&(2 << 21, (2 << 21) + (2 << 12))));
    }
}
