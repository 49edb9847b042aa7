//! The free frames: a pair of stacks for each hart, common batches behind them, and behind those
//! the memory that was never used.
//!
//! A hart takes frames from and gives them to its own stacks. It uses the common lists once per
//! [`BATCH`] frames (the magazines of Bonwick and Adams, "Magazines and Vmem", USENIX 2001). Frames
//! that were never used are counted, not listed, so a boot with 8 GiB does not touch all of them.
//!
//! Invariants: a frame is on at most one list, and its count is 0 then. No list lock is held while
//! another is taken. Every allocation was reserved, so there is a frame in some list. An allocation
//! that finds every list empty has met a frame that was just being moved, and looks again.

use sync::{LeafLock, relax};

use super::table::FrameTable;
use crate::addr::{FrameNo, FrameRange, FrameRanges};
use crate::machine::HARTS_MAX;

/// The number of frames that move between a hart and the common lists together.
const BATCH: u16 = if cfg!(any(loom, shuttle)) {
    // A small batch makes the harts meet soon.
    2
} else {
    32
};

/// The end of a list.
const NONE: u32 = u32::MAX;

/// A stack of free frames, linked through their records.
#[derive(Clone, Copy)]
struct Stack {
    head: u32,
    length: u16,
}

impl Stack {
    const EMPTY: Self = Self {
        head: NONE,
        length: 0,
    };

    fn push(&mut self, table: &FrameTable, index: u32) {
        table.at(index).free().set_next(self.head);
        self.head = index;
        self.length += 1;
    }

    fn pop(&mut self, table: &FrameTable) -> Option<u32> {
        if self.length == 0 {
            return None;
        }
        let index = self.head;
        self.head = table.at(index).free().next();
        self.length -= 1;
        Some(index)
    }
}

impl Stack {
    fn for_each(self, table: &FrameTable, visit: &mut impl FnMut(FrameNo)) {
        let mut index = self.head;
        for _ in 0..self.length {
            visit(table.frame(index));
            index = table.at(index).free().next();
        }
    }
}

/// The stacks of one hart, on cache lines of their own.
#[repr(align(64))]
struct HartStacks(LeafLock<Magazines>);

struct Magazines {
    loaded: Stack,
    /// Empty or full. Because of it, a hart that takes and gives alternately does not use the
    /// common lists.
    spare: Stack,
}

impl Magazines {
    fn pop(&mut self, table: &FrameTable) -> Option<u32> {
        if self.loaded.length == 0 {
            core::mem::swap(&mut self.loaded, &mut self.spare);
        }
        self.loaded.pop(table)
    }

    /// Replaces the stack by a batch if the stack is empty. Returns whether it was.
    fn refill(&mut self, batch: Stack) -> bool {
        let empty = self.loaded.length == 0;
        if empty {
            self.loaded = batch;
        }
        empty
    }

    /// Adds a frame. Returns the batch that no longer fits, if any.
    fn push(&mut self, table: &FrameTable, index: u32) -> Option<Stack> {
        let mut surplus = None;
        if self.loaded.length == BATCH {
            if self.spare.length != 0 {
                surplus = Some(self.spare);
            }
            self.spare = self.loaded;
            self.loaded = Stack::EMPTY;
        }
        self.loaded.push(table, index);
        surplus
    }
}

/// The lists that all harts share.
struct Common {
    /// Full batches, each of whose first frame is linked to that of the next batch.
    batches: u32,
    /// Frames that were never used.
    unused: FrameRanges,
}

/// The free frames of the machine.
pub(crate) struct Allocator {
    harts: [HartStacks; HARTS_MAX],
    common: LeafLock<Common>,
}

impl Allocator {
    /// Returns an allocator of the frames in `free`, none of which was ever used.
    pub(crate) fn new(free: FrameRanges) -> Self {
        Self {
            harts: core::array::from_fn(|_| {
                HartStacks(LeafLock::new(Magazines {
                    loaded: Stack::EMPTY,
                    spare: Stack::EMPTY,
                }))
            }),
            common: LeafLock::new(Common {
                batches: NONE,
                unused: free,
            }),
        }
    }

    /// Takes a free frame, which the caller has reserved.
    #[inline]
    pub(crate) fn take(&self, table: &FrameTable, hart: usize) -> FrameNo {
        let own = &self.harts[hart].0;
        match own.with(|stacks| stacks.pop(table)) {
            Some(index) => table.frame(index),
            None => self.take_elsewhere(table, hart),
        }
    }

    #[cold]
    fn take_elsewhere(&self, table: &FrameTable, hart: usize) -> FrameNo {
        loop {
            if let Some(mut batch) = self.common.with(|common| common.take_batch(table)) {
                let index = batch.pop(table).expect("a batch has frames");
                let kept = self.harts[hart].0.with(|stacks| stacks.refill(batch));
                if !kept {
                    // This thread was pre-empted meanwhile, and the stacks have filled up.
                    while let Some(index) = batch.pop(table) {
                        self.give(table, hart, table.frame(index));
                    }
                }
                return table.frame(index);
            }
            for other in &self.harts {
                if let Some(index) = other.0.with(|stacks| stacks.pop(table)) {
                    return table.frame(index);
                }
            }
            relax();
        }
    }

    /// Takes back a frame whose count is 0.
    #[inline]
    pub(crate) fn give(&self, table: &FrameTable, hart: usize, frame: FrameNo) {
        let index = table.index(frame);
        let surplus = self.harts[hart].0.with(|stacks| stacks.push(table, index));
        if let Some(batch) = surplus {
            self.common.with(|common| {
                table.at(batch.head).free().set_next_batch(common.batches);
                common.batches = batch.head;
            });
        }
    }

    /// Calls `visit` with every free frame. No frame may be taken or given meanwhile.
    pub(crate) fn for_each_free(&self, table: &FrameTable, mut visit: impl FnMut(FrameNo)) {
        for hart in &self.harts {
            let (loaded, spare) = hart.0.with(|stacks| (stacks.loaded, stacks.spare));
            for stack in [loaded, spare] {
                stack.for_each(table, &mut visit);
            }
        }
        let (mut head, unused) =
            (self.common).with(|common| (common.batches, common.unused.clone()));
        while head != NONE {
            Stack {
                head,
                length: BATCH,
            }
            .for_each(table, &mut visit);
            head = table.at(head).free().next_batch();
        }
        for range in unused {
            (range.start.0..range.end.0)
                .map(FrameNo)
                .for_each(&mut visit);
        }
    }

    /// Returns `count` neighbouring frames that were never used, if there are any, for the large
    /// tables of the boot. The caller has reserved them.
    pub(crate) fn take_neighbours(&self, count: u64) -> Option<FrameRange> {
        self.common.with(|common| common.take_unused(count))
    }
}

impl Common {
    fn take_batch(&mut self, table: &FrameTable) -> Option<Stack> {
        if self.batches != NONE {
            let head = self.batches;
            self.batches = table.at(head).free().next_batch();
            return Some(Stack {
                head,
                length: BATCH,
            });
        }
        let most = self.unused.iter().map(|range| range.len()).max()?;
        let range = self.take_unused(most.min(u64::from(BATCH)))?;
        let mut batch = Stack::EMPTY;
        for frame in (range.start.0..range.end.0).rev() {
            batch.push(table, table.index(FrameNo(frame)));
        }
        Some(batch)
    }

    fn take_unused(&mut self, count: u64) -> Option<FrameRange> {
        let mut ranges = self.unused.iter_mut();
        let unused = ranges.find(|range| count != 0 && count <= range.len())?;
        let start = unused.start;
        unused.start = FrameNo(start.0 + count);
        Some(FrameRange::new(start, unused.start))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn setup(frames: u64) -> (FrameTable, Allocator) {
        setup_in([FrameRange::new(FrameNo(1000), FrameNo(1000 + frames))])
    }

    fn setup_in<const N: usize>(ranges: [FrameRange; N]) -> (FrameTable, Allocator) {
        let ram: FrameRanges = ranges.into_iter().collect();
        let frames: u64 = ranges.iter().map(|range| range.len()).sum();
        let records = Box::leak(Box::new_uninit_slice(frames as usize));
        (FrameTable::new(&ram, records), Allocator::new(ram))
    }

    #[test]
    fn every_frame_once() {
        let (table, allocator) = setup(1000);
        let taken: HashSet<_> = (0..1000).map(|n| allocator.take(&table, n % 4)).collect();
        assert_eq!(taken.len(), 1000);
        for (n, frame) in taken.into_iter().enumerate() {
            allocator.give(&table, n % 3, frame);
        }
        // One hart gets the frames that others have given back.
        let again: HashSet<_> = (0..1000).map(|_| allocator.take(&table, 5)).collect();
        assert_eq!(again.len(), 1000);
    }

    #[test]
    fn every_free_frame_is_visited_once_wherever_it_is() {
        let (table, allocator) = setup(1000);
        let mut out: HashSet<_> = (0..700).map(|n| allocator.take(&table, n % 4)).collect();
        // Hart 6 gets more frames than two stacks hold, so that some go to the common batches.
        let back: Vec<_> = out.iter().copied().take(300).collect();
        for frame in back {
            out.remove(&frame);
            allocator.give(&table, 6, frame);
        }
        allocator.for_each_free(&table, |frame| {
            assert!(
                out.insert(frame),
                "{frame:?} is in use or was visited before"
            );
        });
        assert_eq!(out.len(), 1000);
    }

    #[test]
    fn a_batch_is_taken_in_where_nothing_is_and_only_there() {
        let (table, _) = setup(10);
        let mut batch = Stack::EMPTY;
        for index in 0..3 {
            batch.push(&table, index);
        }
        let mut stacks = Magazines {
            loaded: Stack::EMPTY,
            spare: Stack::EMPTY,
        };
        assert!(stacks.refill(batch));
        assert!(!stacks.refill(Stack::EMPTY));
        assert_eq!(
            [(); 4].map(|()| stacks.pop(&table)),
            [Some(2), Some(1), Some(0), None]
        );
    }

    #[test]
    fn neighbours_only_from_unused_memory() {
        let (table, allocator) = setup(100);
        assert_eq!(
            allocator.take_neighbours(60).map(|range| range.len()),
            Some(60)
        );
        assert_eq!(allocator.take_neighbours(60), None);
        for _ in 0..40 {
            allocator.take(&table, 0);
        }
        assert_eq!(allocator.take_neighbours(1), None);
    }

    #[test]
    fn every_range_is_used_up_and_no_frame_of_a_hole() {
        let range = |start, end| FrameRange::new(FrameNo(start), FrameNo(end));
        let ranges = [
            range(10, 50),
            range(1 << 20, (1 << 20) + 200),
            range(60, 61),
        ];
        let (table, allocator) = setup_in(ranges);
        assert_eq!(
            allocator.take_neighbours(150),
            Some(range(1 << 20, (1 << 20) + 150)),
            "in the first range that has so many"
        );
        let rest = 40 + 50 + 1;
        let mut free = 0;
        allocator.for_each_free(&table, |_| free += 1);
        assert_eq!(free, rest);
        let taken: HashSet<_> = (0..rest).map(|_| allocator.take(&table, 0)).collect();
        assert_eq!(taken.len(), rest);
        for frame in taken {
            assert!(
                ranges.iter().any(|range| range.contains(frame)),
                "{frame:?}"
            );
        }
    }

    #[test]
    fn harts_do_not_lose_frames() {
        let (table, allocator) = setup(512);
        std::thread::scope(|scope| {
            for hart in 0..4 {
                let (table, allocator) = (&table, &allocator);
                scope.spawn(move || {
                    for round in 0..200 {
                        let frames: Vec<_> = (0..(round % 128))
                            .map(|_| allocator.take(table, hart))
                            .collect();
                        for frame in frames {
                            allocator.give(table, hart, frame);
                        }
                    }
                });
            }
        });
        let all: HashSet<_> = (0..512).map(|_| allocator.take(&table, 0)).collect();
        assert_eq!(all.len(), 512);
    }
}
