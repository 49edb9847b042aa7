//! Kernel objects: slabs of equal objects, one frame each, that grow and shrink with use.
//!
//! Sizes are powers of two from 16 bytes to half a page; a larger request gets whole frames. Free
//! objects are linked through their own first words. A slab is freed together with its last object.
//!
//! Invariants: a slab is on the list of its class exactly when it has a free object; its frame
//! record counts the objects in use; an object's offset is a multiple of its size, which aligns it.
//!
//! Addresses are physical here. The kernel's allocator turns them into pointers.

use abi::PAGE_SIZE;
use sync::LeafLock;
use sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::addr::{FrameNo, PhysAddr};
use crate::commit::{Claim, NoMemory};
use crate::frame::Kind;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::phys;

const SMALLEST: usize = 16;
const CLASSES: usize = (PAGE_SIZE / 2 / SMALLEST).trailing_zeros() as usize + 1;

/// The end of a list of slabs.
const NONE: u32 = u32::MAX;
/// The end of a list of objects.
const FULL: u16 = u16::MAX;

/// The slabs of one size that have a free object, linked through their frame records.
struct Class {
    partial: u32,
}

/// The classes of all sizes.
pub(crate) struct Heap {
    classes: [LeafLock<Class>; CLASSES],
    /// Whether the boot is over. Objects above a page are refused then.
    booted: AtomicBool,
    /// How often an object above a page was asked for after the boot.
    large_refused: AtomicU64,
}

impl Heap {
    pub(crate) fn new() -> Self {
        Self {
            classes: core::array::from_fn(|_| LeafLock::new(Class { partial: NONE })),
            booted: AtomicBool::new(false),
            large_refused: AtomicU64::new(0),
        }
    }

    /// Returns how often an object above a page was asked for after the boot.
    pub(crate) fn large_refused(&self) -> u64 {
        self.large_refused.load(Ordering::Relaxed)
    }
}

/// Returns the class for a size and alignment, or `None` if whole frames are needed.
fn class_of(size: usize, align: usize) -> Option<usize> {
    let size = size.max(align).max(SMALLEST).next_power_of_two();
    (size <= PAGE_SIZE / 2).then(|| (size / SMALLEST).trailing_zeros() as usize)
}

fn frames_of(size: usize) -> u64 {
    size.div_ceil(PAGE_SIZE) as u64
}

impl<M: Machine> Memory<M> {
    /// Returns uninitialised memory for a kernel object. A request of up to a page succeeds as long
    /// as there is memory at all. A larger one needs frames side by side, which only memory that
    /// was never used has: it is refused once the boot is over.
    ///
    /// Alignments above [`PAGE_SIZE`] are refused.
    pub fn allocate_object(&self, size: usize, align: usize) -> Result<PhysAddr, NoMemory> {
        if align > PAGE_SIZE {
            return Err(NoMemory::Places);
        }
        self.may_allocate()?;
        match class_of(size, align) {
            Some(class) => self.allocate_small(class),
            None if size <= PAGE_SIZE => {
                let mut reservation = self.budget.take(1, Claim::Program)?;
                Ok(self
                    .allocate(Kind::Kernel, &mut reservation)
                    .into_reference()
                    .address())
            }
            None if self.heap.booted.load(Ordering::Relaxed) => {
                self.heap.large_refused.fetch_add(1, Ordering::Relaxed);
                Err(NoMemory::Places)
            }
            None => Ok(self.allocate_neighbours(frames_of(size))?.start.address()),
        }
    }

    /// Ends the boot: from now on, objects above a page are refused. They need neighbouring frames,
    /// of which none may be left once memory has been used. A later request for one would therefore
    /// fail for no reason that a program could see (R11). The audit reports such requests.
    pub fn end_boot(&self) {
        self.heap.booted.store(true, Ordering::Relaxed);
    }

    /// Frees what [`Memory::allocate_object`] returned for this size and alignment.
    pub fn free_object(&self, address: PhysAddr, size: usize, align: usize) {
        match class_of(size, align) {
            Some(class) => self.free_small(class, address),
            None => {
                let first = address.frame().0;
                for frame in first..first + frames_of(size) {
                    self.drop_reference(FrameNo(frame));
                }
            }
        }
    }

    fn allocate_small(&self, class: usize) -> Result<PhysAddr, NoMemory> {
        let lock = &self.heap.classes[class];
        let first = lock.with(|list| (list.partial != NONE).then(|| self.take_object(list, class)));
        if let Some(address) = first {
            return Ok(address);
        }
        // The frame is taken without the lock. If another hart brings a slab meanwhile, both are
        // used.
        let mut reservation = self.budget.take(1, Claim::Program)?;
        let slab = self
            .allocate(Kind::Kernel, &mut reservation)
            .into_reference();
        self.carve(slab, class);
        Ok(lock.with(|list| {
            self.link(list, slab);
            // The object is taken at once: a slab without any would stay, because nothing would
            // free it.
            self.take_object(list, class)
        }))
    }

    /// Takes an object of the first slab. There is one.
    fn take_object(&self, list: &mut Class, class: usize) -> PhysAddr {
        let slab = self.frames.frame(list.partial);
        let record = self.frames.record(slab).slab();
        let object = record.first_free();
        let offset = usize::from(object) * (SMALLEST << class);
        let next =
            phys::free_object_word(&self.machine, slab, offset).load(Ordering::Relaxed) as u16;
        record.set_first_free(next);
        record.set_live(record.live() + 1);
        if next == FULL {
            self.unlink(list, slab);
        }
        PhysAddr(slab.address().0 + offset as u64)
    }

    fn free_small(&self, class: usize, address: PhysAddr) {
        let slab = address.frame();
        let offset = address.0 as usize % PAGE_SIZE;
        let record = self.frames.record(slab).slab();
        let empty = self.heap.classes[class].with(|list| {
            let next = record.first_free();
            phys::free_object_word(&self.machine, slab, offset)
                .store(u64::from(next), Ordering::Relaxed);
            record.set_first_free((offset / (SMALLEST << class)) as u16);
            let live = record.live() - 1;
            record.set_live(live);
            if next == FULL {
                self.link(list, slab);
            }
            if live == 0 {
                self.unlink(list, slab);
            }
            live == 0
        });
        if empty {
            self.drop_reference(slab);
        }
    }

    /// Links all objects of a fresh slab.
    fn carve(&self, slab: FrameNo, class: usize) {
        let size = SMALLEST << class;
        let objects = PAGE_SIZE / size;
        for object in 0..objects {
            let next = if object + 1 == objects {
                FULL
            } else {
                object as u16 + 1
            };
            phys::free_object_word(&self.machine, slab, object * size)
                .store(u64::from(next), Ordering::Relaxed);
        }
        self.frames.record(slab).slab().set_first_free(0);
    }

    fn link(&self, list: &mut Class, slab: FrameNo) {
        let record = self.frames.record(slab).slab();
        let index = self.frames.index(slab);
        record.set_next(list.partial);
        record.set_previous(NONE);
        if list.partial != NONE {
            self.frames.at(list.partial).slab().set_previous(index);
        }
        list.partial = index;
    }

    fn unlink(&self, list: &mut Class, slab: FrameNo) {
        let record = self.frames.record(slab).slab();
        let (next, previous) = (record.next(), record.previous());
        if next != NONE {
            self.frames.at(next).slab().set_previous(previous);
        }
        if previous == NONE {
            list.partial = next;
        } else {
            self.frames.at(previous).slab().set_next(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{free_frames, memory};

    #[test]
    fn objects_are_aligned_and_apart() {
        let memory = memory(64);
        for size in [1, 16, 17, 100, 1000, 2048] {
            let mut all: Vec<_> = (0..40)
                .map(|_| memory.allocate_object(size, 8).unwrap().0)
                .collect();
            all.sort_unstable();
            assert!(all.windows(2).all(|pair| pair[1] - pair[0] >= size as u64));
            for address in all {
                memory.free_object(PhysAddr(address), size, 8);
            }
        }
        assert_eq!(memory.allocate_object(24, 256).unwrap().0 % 256, 0);
    }

    #[test]
    fn what_is_gone_costs_nothing() {
        let memory = memory(200);
        let before = free_frames(memory);
        let mut objects = vec![];
        for round in 0..500usize {
            let size = 1 << (round % 12);
            objects.push((memory.allocate_object(size, 1).unwrap(), size));
        }
        assert!(free_frames(memory) < before);
        // Out of order, so that slabs become empty in the middle of their lists.
        while !objects.is_empty() {
            let (address, size) = objects.swap_remove(objects.len() / 3);
            memory.free_object(address, size, 1);
        }
        assert_eq!(free_frames(memory), before);
    }

    #[test]
    fn classes_go_from_sixteen_bytes_to_half_a_page() {
        assert_eq!(class_of(1, 1), Some(0));
        assert_eq!(class_of(SMALLEST, SMALLEST), Some(0));
        assert_eq!(class_of(SMALLEST + 1, 1), Some(1));
        assert_eq!(class_of(1, 64), Some(2));
        assert_eq!(class_of(PAGE_SIZE / 2, 1), Some(CLASSES - 1));
        assert_eq!(class_of(PAGE_SIZE / 2 + 1, 1), None);
    }

    #[test]
    fn what_is_free_is_had_next_and_nothing_else() {
        let memory = memory(100);
        for size in [16, 200, PAGE_SIZE / 4] {
            let objects = [(); 4].map(|()| memory.allocate_object(size, 8).unwrap());
            for object in [objects[2], objects[1]] {
                memory.free_object(object, size, 8);
            }
            for object in [objects[1], objects[2]] {
                assert_eq!(memory.allocate_object(size, 8), Ok(object), "{size}");
            }
        }
    }

    #[test]
    fn a_large_object_has_whole_frames() {
        let memory = memory(200);
        let before = free_frames(memory);
        let page = PAGE_SIZE as u64;
        for (size, frames) in [
            (PAGE_SIZE / 2 + 1, 1),
            (PAGE_SIZE, 1),
            (PAGE_SIZE + 1, 2),
            (5 * PAGE_SIZE, 5),
        ] {
            let one = memory.allocate_object(size, PAGE_SIZE).unwrap();
            let other = memory.allocate_object(size, 8).unwrap();
            assert_eq!(free_frames(memory), before - 2 * frames, "{size}");
            assert_eq!(one.0 % page, 0);
            assert!(one.0.abs_diff(other.0) >= frames * page);
            for object in [one, other] {
                memory.free_object(object, size, 8);
            }
            assert_eq!(free_frames(memory), before, "{size}");
        }
        assert!(memory.allocate_object(8, 2 * PAGE_SIZE).is_err());
        assert!(memory.allocate_object(300 * PAGE_SIZE, 8).is_err());
    }

    #[test]
    fn after_the_boot_no_object_is_above_a_page_and_the_audit_tells_who_asks() {
        let memory = memory(200);
        let early = memory.allocate_object(3 * PAGE_SIZE, 8).unwrap();
        memory.end_boot();
        let page = memory.allocate_object(PAGE_SIZE, 8).unwrap();
        memory.free_object(early, 3 * PAGE_SIZE, 8);
        memory.free_object(page, PAGE_SIZE, 8);
        crate::testing::audit(memory, []);
        let late = memory.allocate_object(PAGE_SIZE + 1, 8);
        assert_eq!(late, Err(NoMemory::Places));
        let finding = memory.audit([]).unwrap_err().to_string();
        assert!(finding.contains("after the boot"), "{finding}");
    }

    #[test]
    fn no_memory_is_an_answer() {
        let memory = memory(64);
        let mut objects = vec![];
        while let Ok(object) = memory.allocate_object(2048, 8) {
            objects.push(object);
        }
        assert!(memory.allocate_object(PAGE_SIZE * 100, 8).is_err());
        memory.free_object(objects.pop().unwrap(), 2048, 8);
        assert!(memory.allocate_object(2048, 8).is_ok());
    }
}
