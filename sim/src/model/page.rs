//! What a page must be.
//!
//! Of each page four words are watched: the first two, one in the middle and the last, so that a
//! page copied in part is noticed. Every store writes a word that was never written before, so a
//! word seen in the wrong place tells where it came from.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use mm::addr::VirtAddr;
use mm::pt::{Format, Permissions};
use mm::space::Access;

use crate::file::View;

/// Offsets of the words that are watched.
pub const SLOTS: [usize; 4] = [0, 8, 2048, 4088];

/// The watched words of a page, which may be several processes'.
#[derive(Clone, Debug)]
pub struct Words(Rc<Contents>);

#[derive(Debug)]
struct Contents {
    words: [Cell<u64>; SLOTS.len()],
    /// Some process has touched the page.
    touched: Cell<bool>,
}

impl Default for Words {
    /// Zeros.
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

    /// Changes the word in a slot. Returns what was there.
    pub fn replace(&self, slot: usize, word: u64) -> u64 {
        self.0.words[slot].replace(word)
    }

    /// Returns the same words, somebody else's.
    fn copy(&self) -> Self {
        Self::new(std::array::from_fn(|slot| self.get(slot)))
    }
}

/// Whose the words of a page are.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// The process's.
    Process,
    /// The whole family's.
    Family,
    /// A file's: not in [`Page::words`].
    File(View),
    /// The process's, since it first wrote to a page that was a file's.
    CopyOf(View),
}

/// What a page must be.
#[derive(Clone)]
pub struct Page {
    words: Words,
    origin: Origin,
    /// What the program may do.
    pub permissions: Permissions,
    /// The page was promised to this very process, so a first touch cannot fail.
    pub promised: bool,
    /// It has been touched, so it has a frame.
    pub touched: bool,
}

/// Returns the slot of an address, if it is watched.
pub fn slot(address: VirtAddr) -> Option<usize> {
    SLOTS.iter().position(|&offset| offset == address.offset())
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("words", &self.words())
            .field("origin", &self.origin)
            .field("permissions", &self.permissions)
            .field("promised", &self.promised)
            .field("touched", &self.touched)
            .finish()
    }
}

impl Page {
    /// Returns a page of zeros, unless it is a file's, that nobody has touched.
    pub(super) fn new(origin: Origin, permissions: Permissions, promised: bool) -> Self {
        Self {
            words: Words::default(),
            origin,
            permissions,
            promised,
            touched: false,
        }
    }

    /// Returns what a child has: the same, but nothing was promised to it that is not the family's.
    pub(super) fn child(&self) -> Self {
        let mut child = self.clone();
        if !matches!(self.origin, Origin::Family) {
            child.promised = false;
            child.words = self.words.copy();
        }
        child
    }

    /// Returns what is in it. Returns nothing if it is a file's, which has no such page.
    pub fn words(&self) -> Option<Words> {
        match &self.origin {
            Origin::File(view) => view.words(),
            _ => Some(self.words.clone()),
        }
    }

    /// Returns whether it is the process's own, so that nobody else changes it.
    pub fn is_own(&self) -> bool {
        matches!(self.origin, Origin::Process | Origin::CopyOf(_))
    }

    /// Returns what was mapped here of a file.
    pub fn view(&self) -> Option<&View> {
        match &self.origin {
            Origin::File(view) | Origin::CopyOf(view) => Some(view),
            Origin::Process | Origin::Family => None,
        }
    }

    /// Returns whether it is a file's until the process writes to it.
    pub fn waits_for_copy(&self) -> bool {
        matches!(&self.origin, Origin::File(view) if !view.map().shared)
    }

    /// Makes it the process's own, with these words.
    pub fn become_copy(&mut self, words: &Words) {
        if let Origin::File(view) = &self.origin {
            self.origin = Origin::CopyOf(view.clone());
            self.words = words.copy();
        }
    }

    /// Notes that the process has touched it.
    pub fn touch(&mut self) {
        self.touched = true;
        self.words.0.touched.set(true);
    }

    /// Returns whether this touch must not find memory short: it is the first that needs what was
    /// promised.
    pub fn is_due(&self, access: Access) -> bool {
        self.promised
            && match self.origin {
                Origin::Process => !self.touched,
                Origin::Family => !self.touched && !self.words.0.touched.get(),
                Origin::File(_) => access == Access::Write,
                Origin::CopyOf(_) => false,
            }
    }

    /// Returns whether the program may do this.
    pub fn allows<F: Format>(&self, access: Access) -> bool {
        permits::<F>(self.permissions, access)
    }
}

/// Returns whether a program with these permissions may do this.
pub fn permits<F: Format>(permissions: Permissions, access: Access) -> bool {
    match access {
        Access::Read => permissions.intersects(Permissions::READ | F::READ_IMPLIED_BY),
        Access::Write => permissions.contains(Permissions::WRITE),
        Access::Execute => permissions.contains(Permissions::EXECUTE),
    }
}
