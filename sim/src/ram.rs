//! Simulated physical memory.
//!
//! Invariant: bytes are accessed as atomic words or through the raw pointer that `mm` asks for,
//! never through an exclusive reference.

use std::sync::atomic::{AtomicU64, Ordering};

use abi::PAGE_SIZE;
use mm::addr::{FrameNo, FrameRange};
use mm::pt::{Format, Sv39};

/// The number of the first frame: the start of RAM on QEMU's `virt` board.
const FIRST: u64 = 0x8_0000;
const WORDS: usize = PAGE_SIZE / 8;

/// The contents of frames that were never written.
pub const NEVER_WRITTEN: u64 = 0xdead_dead_dead_dead;

/// The entry of a large page in the kernel's half. Code that takes it for a table looks for a frame
/// that is not in RAM.
const KERNEL_PAGE: u64 = 0b1100_0111;

#[repr(align(4096))]
struct Frame([AtomicU64; WORDS]);

/// The memory of a machine.
pub struct Ram {
    frames: Box<[Frame]>,
}

impl Ram {
    /// Returns memory of `frames` frames. The first is the kernel's root: its user half is empty,
    /// and its upper half has entries for large pages. The other frames hold rubbish.
    pub fn new(frames: u64) -> Self {
        let frames = (0..frames).map(|frame| {
            Frame(std::array::from_fn(|index| {
                AtomicU64::new(match (frame, index) {
                    (0, ..Sv39::KERNEL_ROOT) => 0,
                    (0, _) => KERNEL_PAGE,
                    _ => NEVER_WRITTEN,
                })
            }))
        });
        Self {
            frames: frames.collect(),
        }
    }

    /// Returns all frames.
    pub fn range(&self) -> FrameRange {
        FrameRange::new(FrameNo(FIRST), FrameNo(FIRST + self.frames.len() as u64))
    }

    /// Returns the words of a frame.
    ///
    /// # Panics
    /// If there is no such frame, because an invalid entry was followed.
    pub fn words(&self, frame: FrameNo) -> &[AtomicU64; WORDS] {
        let index = frame.0.wrapping_sub(FIRST) as usize;
        match self.frames.get(index) {
            Some(frame) => &frame.0,
            None => panic!("frame {:#x} is not in RAM", frame.0),
        }
    }

    /// Returns the word at a byte offset, a multiple of 8.
    pub fn word(&self, frame: FrameNo, offset: usize) -> &AtomicU64 {
        &self.words(frame)[offset / 8]
    }

    /// Fills a frame with one word.
    pub fn fill(&self, frame: FrameNo, word: u64) {
        for cell in self.words(frame) {
            cell.store(word, Ordering::Relaxed);
        }
    }

    /// Copies a frame.
    pub fn copy(&self, from: FrameNo, to: FrameNo) {
        for (from, to) in self.words(from).iter().zip(self.words(to)) {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}
