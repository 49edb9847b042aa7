//! Page-table entries: as values, and in their tables.
//!
//! The rest of the crate reads and changes entries only by the names here. [`Format`], which each
//! architecture implements once, says which bit stands for each name.

use core::marker::PhantomData;

use sync::atomic::{AtomicWord, Ordering};

use super::format::{Entry, Format, Permissions};
use crate::addr::{FrameNo, SlotNo};

/// A page-table entry of format `F`, as a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Pte<F: Format> {
    word: u64,
    format: PhantomData<F>,
}

impl<F: Format> Pte<F> {
    /// The empty entry. Its word is 0, so a zeroed frame is an empty table.
    pub const EMPTY: Self = Self::from_word(0);
    /// The entry of [`Entry::Evicted`].
    pub const EVICTED: Self = Self::from_word(F::EVICTED);

    /// Returns the entry that has this word.
    #[inline]
    pub const fn from_word(word: u64) -> Self {
        Self {
            word,
            format: PhantomData,
        }
    }

    /// Returns the word that the hardware reads.
    #[inline]
    pub const fn word(self) -> u64 {
        self.word
    }

    /// Returns an entry for a private page that may be shared: not writable, accessed, with the
    /// copy-on-write mark if `permissions` allow writing.
    #[inline]
    pub fn page(frame: FrameNo, permissions: Permissions) -> Self {
        Self::from_word(F::page(frame, permissions))
    }

    /// Returns an entry for a private page in a frame that belongs to its space alone: writable if
    /// `permissions` allow it.
    #[inline]
    pub fn own_page(frame: FrameNo, permissions: Permissions) -> Self {
        Self::page(frame, permissions).owning(frame)
    }

    /// Returns an entry for a page of a file or of a shared object: not writable yet.
    #[inline]
    pub fn shared_page(frame: FrameNo, permissions: Permissions) -> Self {
        Self::page(frame, permissions).with(F::SHARED)
    }

    /// Returns an entry for a lower table.
    #[inline]
    pub fn table(frame: FrameNo) -> Self {
        Self::from_word(F::table(frame))
    }

    /// Returns an entry for a leaf table that may have other referrers, through which the hardware
    /// can write nothing.
    #[inline]
    pub fn closed_link(frame: FrameNo) -> Self {
        Self::from_word(F::closed_link(frame))
    }

    /// Returns the same for a table in which no entry is writable.
    #[inline]
    pub fn protected_link(frame: FrameNo) -> Self {
        Self::from_word(F::protected_link(frame))
    }

    /// Returns whether the hardware goes on to the table of this upper entry.
    #[inline]
    pub fn is_followed(self) -> bool {
        F::is_followed(self.word)
    }

    /// Returns what the entry says in a table of `level`.
    #[inline]
    pub fn decode(self, level: usize) -> Entry {
        F::decode(self.word, level)
    }

    /// Returns whether the entry is empty.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.word == 0
    }

    /// Returns whether the hardware lets the program read the page.
    #[inline]
    pub fn is_readable(self) -> bool {
        self.has(F::READABLE)
    }

    /// Returns whether the hardware lets the program write the page.
    #[inline]
    pub fn is_writable(self) -> bool {
        self.has(F::WRITABLE)
    }

    /// Returns whether the hardware lets the program fetch instructions from the page.
    #[inline]
    pub fn is_executable(self) -> bool {
        F::executable(self.word)
    }

    /// Returns whether the area allows writing, that is, whether the page carries the
    /// copy-on-write mark.
    #[inline]
    pub fn may_become_writable(self) -> bool {
        self.has(F::MAY_WRITE)
    }

    /// Returns whether the page is one of a file or of a shared object, or whether the table of an
    /// upper entry may have other referrers.
    #[inline]
    pub fn is_shared(self) -> bool {
        self.has(F::SHARED)
    }

    /// Returns whether the page was used since the bit was last cleared.
    #[inline]
    pub fn is_accessed(self) -> bool {
        self.has(F::ACCESSED)
    }

    /// Returns whether the page was written since it was mapped.
    #[inline]
    pub fn is_dirty(self) -> bool {
        self.has(F::DIRTY)
    }

    /// Returns the entry without the right to write. The copy-on-write mark stays.
    #[inline]
    pub fn read_only(self) -> Self {
        self.without(F::WRITABLE)
    }

    /// Returns the entry with the accessed bit.
    #[inline]
    pub fn accessed(self) -> Self {
        self.with(F::ACCESSED)
    }

    /// Returns the entry without the accessed bit.
    #[inline]
    pub fn not_accessed(self) -> Self {
        self.without(F::ACCESSED)
    }

    /// Returns the entry with the accessed and the dirty bit.
    #[inline]
    pub fn dirty(self) -> Self {
        self.with(F::ACCESSED | F::DIRTY)
    }

    /// Returns the entry of a page whose write fault was resolved: writable, and with the bits for
    /// which the hardware might trap.
    #[inline]
    pub fn written(self) -> Self {
        self.with(F::WRITABLE | F::ACCESSED | F::DIRTY)
    }

    /// Returns the entry for the space's own copy of the page, in `frame`: writable if the page may
    /// become writable.
    #[inline]
    pub fn owning(self, frame: FrameNo) -> Self {
        Self::from_word(F::with_frame(self.without(F::SHARED).word, frame))
    }

    /// Returns the entry of a page or a swapped page with other permissions. They determine the
    /// copy-on-write mark. The page stays writable only if they allow writing.
    #[inline]
    pub fn with_permissions(self, permissions: Permissions) -> Self {
        Self::from_word(F::with_permissions(self.word, permissions))
    }

    /// Returns the entry of a present page after its contents went to a slot. It keeps the rights
    /// and the copy-on-write mark.
    #[inline]
    pub fn swapped(self, slot: SlotNo) -> Self {
        Self::from_word(F::swapped(self.word, slot))
    }

    /// Returns the entry of a swapped page after it came back to a frame: accessed, not writable,
    /// with the rights and the copy-on-write mark that it had.
    #[inline]
    pub fn swapped_in(self, frame: FrameNo) -> Self {
        Self::from_word(F::swapped_in(self.word, frame))
    }

    #[inline]
    fn has(self, bit: u64) -> bool {
        self.word & bit != 0
    }

    #[inline]
    fn with(self, bits: u64) -> Self {
        Self::from_word(self.word | bits)
    }

    #[inline]
    fn without(self, bits: u64) -> Self {
        Self::from_word(self.word & !bits)
    }
}

/// A page-table entry in its table, which the hardware reads and changes too.
#[repr(transparent)]
pub(crate) struct AtomicPte<F: Format> {
    word: AtomicWord,
    format: PhantomData<F>,
}

impl<F: Format> AtomicPte<F> {
    /// Returns the entry.
    #[inline]
    pub(crate) fn load(&self, order: Ordering) -> Pte<F> {
        Pte::from_word(self.word.load(order))
    }

    /// Overwrites the entry without reading it.
    #[inline]
    pub(crate) fn store(&self, pte: Pte<F>, order: Ordering) {
        self.word.store(pte.word, order);
    }

    /// Replaces the entry. Returns the old one, with the bits that the hardware set.
    #[inline]
    pub(crate) fn swap(&self, pte: Pte<F>, order: Ordering) -> Pte<F> {
        Pte::from_word(self.word.swap(pte.word, order))
    }

    /// Replaces the entry if it is still `old`. Returns whether it did.
    #[inline]
    pub(crate) fn replace(&self, old: Pte<F>, new: Pte<F>) -> bool {
        self.word
            .compare_exchange(old.word, new.word, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Removes the right to write, atomically, because the hardware may set the dirty bit at this
    /// moment.
    #[inline]
    pub(crate) fn make_read_only(&self, order: Ordering) {
        self.word.fetch_and(!F::WRITABLE, order);
    }
}
