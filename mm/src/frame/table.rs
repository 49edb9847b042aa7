//! The frame table: one record for each frame of RAM.

use core::mem::MaybeUninit;

use arrayvec::ArrayVec;

use super::record::FrameRecord;
use crate::addr::{FrameNo, FrameRanges, RANGES_MAX};

/// The records of the frames of one range of RAM.
struct Span {
    first: u64,
    /// The index of the first record in the whole table.
    base: u32,
    records: &'static [FrameRecord],
}

impl Span {
    #[inline]
    fn get(&self, frame: FrameNo) -> Option<&'static FrameRecord> {
        self.records.get(frame.0.wrapping_sub(self.first) as usize)
    }
}

/// The records of all frames of RAM.
///
/// RAM is one range or several, with holes between them that have no records. An index counts
/// records, so it does not tell the distance between two frames of different ranges. A look-up
/// tries the first range first, because most machines have no other.
pub(crate) struct FrameTable {
    main: Span,
    others: ArrayVec<Span, { RANGES_MAX - 1 }>,
    records: &'static [FrameRecord],
}

impl FrameTable {
    /// Returns a table for the frames of `ram`, all of them free and on no list.
    ///
    /// # Panics
    ///
    /// If there is no RAM, if there are fewer records than frames, or if there are more frames than
    /// an index can number (16 TiB).
    pub(crate) fn new(ram: &FrameRanges, records: &'static mut [MaybeUninit<FrameRecord>]) -> Self {
        let frames: u64 = ram.iter().map(|range| range.len()).sum();
        let frames = usize::try_from(frames).expect("RAM fits the address space");
        assert!(
            frames < u32::MAX as usize,
            "more frames than the frame table can number"
        );
        let records = &mut records[..frames];
        for record in records.iter_mut() {
            record.write(FrameRecord::new());
        }
        let records = crate::phys::assume_init(records);
        let mut base = 0;
        let mut spans = ram.iter().map(|range| {
            let first = base;
            base += range.len() as u32;
            Span {
                first: range.start.0,
                base: first,
                records: &records[first as usize..base as usize],
            }
        });
        Self {
            main: spans.next().expect("a machine has RAM"),
            others: spans.collect(),
            records,
        }
    }

    /// Returns how many frames RAM has.
    pub(crate) fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// Returns the record of a frame.
    ///
    /// # Panics
    /// If the frame is not in RAM: an entry or a list is corrupt.
    #[inline]
    pub(crate) fn record(&self, frame: FrameNo) -> &FrameRecord {
        match self.main.get(frame) {
            Some(record) => record,
            None => &self.records[self.index_elsewhere(frame) as usize],
        }
    }

    /// Returns the record with this index, which came from a list.
    #[inline]
    pub(crate) fn at(&self, index: u32) -> &FrameRecord {
        &self.records[index as usize]
    }

    fn spans(&self) -> impl Iterator<Item = &Span> {
        core::iter::once(&self.main).chain(&self.others)
    }

    /// Returns every frame of RAM with its record.
    pub(crate) fn all(&self) -> impl Iterator<Item = (FrameNo, &FrameRecord)> {
        self.spans()
            .flat_map(|span| (span.first..).map(FrameNo).zip(span.records))
    }

    /// Returns the index of a frame, for lists.
    #[inline]
    pub(crate) fn index(&self, frame: FrameNo) -> u32 {
        let distance = frame.0.wrapping_sub(self.main.first);
        if distance < self.main.records.len() as u64 {
            distance as u32
        } else {
            self.index_elsewhere(frame)
        }
    }

    #[cold]
    fn index_elsewhere(&self, frame: FrameNo) -> u32 {
        let span = self.others.iter().find(|span| span.get(frame).is_some());
        let Some(span) = span else {
            panic!("{frame:?} is not in RAM");
        };
        span.base + (frame.0 - span.first) as u32
    }

    /// Returns the frame with this index.
    #[inline]
    pub(crate) fn frame(&self, index: u32) -> FrameNo {
        let mut span = &self.main;
        if index as usize >= span.records.len() {
            let mut others = self.others.iter().rev();
            span = others.find(|span| index >= span.base).unwrap_or(span);
        }
        FrameNo(span.first + u64::from(index - span.base))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::FrameRange;

    #[test]
    fn a_hole_between_two_ranges_has_no_records() {
        let range = |start, end| FrameRange::new(FrameNo(start), FrameNo(end));
        let ram: FrameRanges = [
            range(0x100, 0x104),
            range(0x10_0000, 0x10_0003),
            range(50, 52),
        ]
        .into_iter()
        .collect();
        let table = FrameTable::new(&ram, Box::leak(Box::new_uninit_slice(9)));
        assert_eq!(table.len(), 9);
        let frames: Vec<u64> = table.all().map(|(frame, _)| frame.0).collect();
        let expected = [
            0x100, 0x101, 0x102, 0x103, 0x10_0000, 0x10_0001, 0x10_0002, 50, 51,
        ];
        assert_eq!(frames, expected);
        for (index, frame) in (0..).zip(expected.map(FrameNo)) {
            assert_eq!((table.index(frame), table.frame(index)), (index, frame));
            assert!(core::ptr::eq(table.record(frame), table.at(index)));
        }
        for outside in [0xff, 0x104, 0xf_ffff, 0x10_0003, 49, 52, 0, u64::MAX] {
            let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                table.record(FrameNo(outside)).count()
            }));
            assert!(found.is_err(), "{outside:#x}");
        }
    }
}
