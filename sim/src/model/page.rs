//! The model of a page: its owner, its contents, and what a program may do with it.

use std::fmt;

use mm::addr::VirtAddr;
use mm::pt::{Format, Permissions};
use mm::space::Access;

use crate::file::View;
use crate::words::{SLOTS, Words};

/// The owner of a page's words.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// The process.
    Process,
    /// The whole family.
    Family,
    /// A file: the words are not in [`Page::words`].
    File(View),
    /// The process, which has written to a private page of a file.
    CopyOf(View),
}

/// The model of a page.
#[derive(Clone)]
pub struct Page {
    words: Words,
    origin: Origin,
    /// The accesses that the program is allowed.
    pub permissions: Permissions,
    /// Whether the page was promised to this process, so that a first touch cannot fail.
    pub promised: bool,
    /// Whether the page was touched, so that it has a frame or a slot.
    pub touched: bool,
}

/// Returns the slot of the word at an address, if that word is checked.
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
    /// Returns an untouched page. It reads as zeros unless it belongs to a file.
    pub(super) fn new(origin: Origin, permissions: Permissions, promised: bool) -> Self {
        Self {
            words: Words::default(),
            origin,
            permissions,
            promised,
            touched: false,
        }
    }

    /// Returns the page of a child. Only pages of the family are promised to the child.
    pub(super) fn child(&self) -> Self {
        let mut child = self.clone();
        if !matches!(self.origin, Origin::Family) {
            child.promised = false;
            child.words = self.words.copy();
        }
        child
    }

    /// Returns the contents, or `None` if the page belongs to a file that has no such page.
    pub fn words(&self) -> Option<Words> {
        match &self.origin {
            Origin::File(view) => view.words(),
            _ => Some(self.words.clone()),
        }
    }

    /// Returns whether the page is private, so that no other process changes it.
    pub fn is_own(&self) -> bool {
        matches!(self.origin, Origin::Process | Origin::CopyOf(_))
    }

    /// Returns the page of a file that was mapped here.
    pub fn view(&self) -> Option<&View> {
        match &self.origin {
            Origin::File(view) | Origin::CopyOf(view) => Some(view),
            Origin::Process | Origin::Family => None,
        }
    }

    /// Returns whether the page belongs to a file until the process writes to it.
    pub fn waits_for_copy(&self) -> bool {
        matches!(&self.origin, Origin::File(view) if !view.map().sharing.is_shared())
    }

    /// Makes the page private, with these contents.
    pub fn become_copy(&mut self, words: &Words) {
        if let Origin::File(view) = &self.origin {
            self.origin = Origin::CopyOf(view.clone());
            self.words = words.copy();
        }
    }

    /// Notes that the process has touched the page.
    pub fn touch(&mut self) {
        self.touched = true;
        self.words.note_touch();
    }

    /// Returns whether this access must not find memory short, because it is the first that needs
    /// the promised frame.
    pub fn is_due(&self, access: Access) -> bool {
        self.promised
            && match self.origin {
                Origin::Process => !self.touched,
                Origin::Family => !self.touched && !self.words.are_touched(),
                Origin::File(_) => access == Access::Write,
                Origin::CopyOf(_) => false,
            }
    }

    /// Returns whether the program may access the page so.
    pub fn allows<F: Format>(&self, access: Access) -> bool {
        permits::<F>(self.permissions, access)
    }
}

/// Returns whether a program with these permissions may access a page so.
pub fn permits<F: Format>(permissions: Permissions, access: Access) -> bool {
    match access {
        Access::Read => permissions.intersects(Permissions::READ | F::READ_IMPLIED_BY),
        Access::Write => permissions.contains(Permissions::WRITE),
        Access::Execute => permissions.contains(Permissions::EXECUTE),
    }
}
