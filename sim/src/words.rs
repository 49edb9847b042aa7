//! The checked words of a page, the contents of the models of processes and files.
//!
//! Four words of each page are checked: the first two, one in the middle and the last. A page that
//! was copied in part is therefore noticed. Every store writes a word that was never written
//! before, so a word in a wrong place tells where it came from.

use std::cell::Cell;
use std::rc::Rc;

/// The offsets of the words that are checked.
pub const SLOTS: [usize; 4] = [0, 8, 2048, 4088];

/// The checked words of a page, which several processes may share.
#[derive(Clone, Debug)]
pub struct Words(Rc<Contents>);

#[derive(Debug)]
struct Contents {
    words: [Cell<u64>; SLOTS.len()],
    /// Whether a process has touched the page.
    touched: Cell<bool>,
}

impl Default for Words {
    /// Returns words of zeros.
    fn default() -> Self {
        Self::new([0; SLOTS.len()])
    }
}

impl Words {
    fn new(words: [u64; SLOTS.len()]) -> Self {
        Self(Rc::new(Contents {
            words: words.map(Cell::new),
            touched: Cell::new(false),
        }))
    }

    /// Returns the word in a slot.
    pub fn get(&self, slot: usize) -> u64 {
        self.0.words[slot].get()
    }

    /// Replaces the word in a slot. Returns the old word.
    pub fn replace(&self, slot: usize, word: u64) -> u64 {
        self.0.words[slot].replace(word)
    }

    /// Returns a copy of the words that is not shared.
    pub fn copy(&self) -> Self {
        Self::new(std::array::from_fn(|slot| self.get(slot)))
    }

    /// Notes that a process has touched the page.
    pub fn note_touch(&self) {
        self.0.touched.set(true);
    }

    /// Returns whether a process has touched the page.
    pub fn are_touched(&self) -> bool {
        self.0.touched.get()
    }
}
