//! Files on a disk, and the kernel's part in caching them.
//!
//! Invariants: contents of a file move between the disk and the cache only while [`File::is_free`]
//! says that no other operation does so, or in one of several write-backs. The length of a file
//! changes on the disk first. For a page that is not in the cache, the disk and the model have
//! equal contents.

use std::cell::RefCell;
use std::rc::Rc;

use abi::{MemCounter, PAGE_SIZE};
use mm::file::{FileNo, FilePage, FileRead, WriteBack};
use mm::swap::{PageWait, TransferError};
use mm::{Memory, Round};

use super::transfer::{Bytes, Leaving, Luck, Transfer};
use super::{Divergence, Process, World};
use crate::file::{FILES, File, PAGES};
use crate::isa::Isa;
use crate::machine::{SimMachine, WORD};
use crate::step::FileAction;
use crate::words::{SLOTS, Words};

/// A file and its contents on the disk.
struct Stored {
    model: Rc<File>,
    disk: RefCell<Vec<Bytes>>,
}

/// All files.
pub(super) struct Files {
    all: [Stored; FILES.len()],
    /// The most pages of a file.
    pub(super) pages: u32,
}

impl Files {
    /// Returns empty files that may have up to `pages` pages.
    pub(super) fn new(pages: u32) -> Self {
        let all = FILES.map(|number| Stored {
            model: File::new(number),
            disk: RefCell::default(),
        });
        Self { all, pages }
    }
}

/// A function of `mm` that begins to write a page back.
type Begin<'m, I> = fn(&'m Memory<SimMachine<I>>, FilePage) -> Option<WriteBack<'m, SimMachine<I>>>;

impl<'m, I: Isa> World<'m, I> {
    fn stored(&self, file: FileNo) -> &Stored {
        let found = self
            .files
            .all
            .iter()
            .find(|stored| stored.model.number() == file);
        found.expect("only files that there are have been mapped")
    }

    /// Returns the model of a file.
    pub(super) fn file(&self, file: FileNo) -> &Rc<File> {
        &self.stored(file).model
    }

    /// Returns whether some file is being cut, so that others must wait.
    pub(super) fn cuts_a_file(&self) -> bool {
        self.files
            .all
            .iter()
            .any(|stored| stored.model.is_being_cut())
    }

    pub(super) fn act_on_files(&self, process: &Process<'m, I>, action: FileAction) {
        match action {
            FileAction::Map(pages, permissions, map, over) => {
                self.map_file(process, pages, permissions, map, over);
            }
            FileAction::Visit(at, page) => self.visit(process, at, page),
            FileAction::Read(page) => self.read_file(page),
            FileAction::Write(page, slot, words) => self.write_file(page, slot, words),
            FileAction::Truncate(file, length) => self.truncate(file, length),
            FileAction::Sync(pages) => self.sync(process, pages),
            FileAction::WriteBack(index) => {
                let mut from = 0;
                let dirty: Vec<_> = std::iter::from_fn(|| {
                    let (page, next) = self.memory.next_dirty(from)?;
                    from = next;
                    Some(page)
                })
                .collect();
                if !dirty.is_empty() {
                    self.write_back(dirty[index % dirty.len()]);
                }
            }
        }
    }

    /// Checks that the words of a page are those of the model.
    fn check_words(&self, page: FilePage, bytes: &Bytes, what: &str) {
        let words = self.file(page.file).page(page.index);
        let agrees = |words: &Words| {
            let mut slots = SLOTS.into_iter().enumerate();
            slots
                .all(|(slot, offset)| bytes[offset..offset + WORD] == words.get(slot).to_ne_bytes())
        };
        if !words.as_ref().is_some_and(agrees) {
            let found = SLOTS.map(|offset| {
                bytes[offset..offset + WORD]
                    .iter()
                    .rev()
                    .fold(0, |word, &byte| word << 8 | u64::from(byte))
            });
            self.diverge(|| format!("{page:?} was {what} as {found:x?}, and is {words:x?}"));
        }
    }

    /// Reads a page that is not in the cache from the disk, if the file has it.
    pub(super) fn fill(
        &self,
        mut read: FileRead<'m, SimMachine<I>>,
    ) -> Option<PageWait<'m, SimMachine<I>>> {
        let page = read.page();
        let disk = self.stored(page.file).disk.borrow();
        *read.bytes_mut() = *disk.get(page.index as usize)?;
        self.count(|tally| tally.files.read += 1);
        Some(read.finish())
    }

    fn read_file(&self, page: FilePage) {
        let Stored { model, disk } = self.stored(page.file);
        if !model.is_free() {
            return;
        }
        if let Some(read) = self.memory.read_into_cache(page) {
            drop(self.fill(read));
        }
        let cached = self.memory.cached_page(page).map(|cached| {
            let mut bytes = [0; PAGE_SIZE];
            cached.read(0, &mut bytes);
            bytes
        });
        let bytes = cached.or_else(|| disk.borrow().get(page.index as usize).copied());
        if let Some(bytes) = bytes {
            self.check_words(page, &bytes, "read");
        }
    }

    /// Writes to a file. The file grows by whole pages if it must, up to its limit.
    fn write_file(&self, page: FilePage, slot: usize, words: usize) {
        let file = self.file(page.file);
        if !file.is_free() {
            return;
        }
        let length = file.length();
        let index = page.index % (length + 1);
        let start = index as usize * PAGE_SIZE + if index < length { SLOTS[slot] } else { 0 };
        let mut end = (start + words * WORD).min(self.files.pages as usize * PAGE_SIZE);
        if end > length as usize * PAGE_SIZE {
            end = end.next_multiple_of(PAGE_SIZE);
        }
        self.store_in_file(page.file, start, end);
    }

    /// Gives a file `pages` pages.
    pub(super) fn fill_file(&self, file: FileNo, pages: u32) {
        self.store_in_file(file, 0, pages as usize * PAGE_SIZE);
    }

    /// Stores new words in a file, in the bytes from `start` to `end`.
    fn store_in_file(&self, file: FileNo, start: usize, end: usize) {
        let Stored { model, disk } = self.stored(file);
        let mut bytes = Vec::new();
        for at in (start..end).step_by(WORD) {
            let (index, offset) = (at / PAGE_SIZE, at % PAGE_SIZE);
            if index == model.length() as usize {
                model.append();
                disk.borrow_mut().push([0; PAGE_SIZE]);
            }
            let word = self.new_word();
            bytes.extend(word.to_ne_bytes());
            disk.borrow_mut()[index][offset..offset + WORD].copy_from_slice(&word.to_ne_bytes());
            if let (Some(slot), Some(page)) = (
                SLOTS.iter().position(|&slot| slot == offset),
                model.page(index as u32),
            ) {
                page.replace(slot, word);
            }
        }
        self.memory.update_file(file, start as u64, &bytes);
        self.memory.machine().forget_instructions();
    }

    fn truncate(&self, file: FileNo, length: u32) {
        let Stored { model, disk } = self.stored(file);
        let before = model.length();
        if !model.is_free() || length >= before {
            return;
        }
        disk.borrow_mut().truncate(length as usize);
        model.begin_cut(length);
        self.memory.cut_file(file, length..before);
        model.end_cut();
        self.count(|tally| tally.files.cut += u64::from(before - length));
    }

    /// Begins to write a page back if it is dirty. Returns whether it did. The write ends now or
    /// later.
    pub(super) fn write_back(&self, page: FilePage) -> bool {
        let chance = self.memory.machine().chance(8);
        self.begin_write_back(page, Memory::write_back)
            .map(|leaving| match chance {
                0..3 => self.begin_transfer(Transfer::ToFile(leaving)),
                _ => drop(self.end_write_back(leaving, chance == 3)),
            })
            .is_some()
    }

    /// Begins to write a page back that is to be evicted. Returns the result for the round of
    /// reclaim.
    pub(super) fn evict(&self, page: FilePage, luck: Luck) -> Round {
        let chance = self.memory.machine().chance(8);
        let Some(leaving) = self.begin_write_back(page, Memory::write_back_to_evict) else {
            return Round::default();
        };
        match chance {
            0..3 if luck == Luck::Any => {
                self.begin_transfer(Transfer::ToFile(leaving));
                Round::of_others()
            }
            _ => self.end_write_back(leaving, luck == Luck::Any && chance == 3),
        }
    }

    fn begin_write_back(&self, page: FilePage, begin: Begin<'m, I>) -> Option<Leaving<'m, I>> {
        let file = self.file(page.file);
        if file.is_being_cut() {
            return None;
        }
        file.note_writes(1);
        let Some(write) = self.while_beginning(|| begin(self.memory, page)) else {
            file.note_writes(-1);
            return None;
        };
        let bytes = Box::new(*write.bytes());
        self.check_words(page, &bytes, "written back");
        Some(Leaving { page, write, bytes })
    }

    pub(super) fn end_write_back(&self, leaving: Leaving<'m, I>, fails: bool) -> Round {
        let Leaving { page, write, bytes } = leaving;
        let Stored { model, disk } = self.stored(page.file);
        if *write.bytes() != *bytes {
            self.diverge(|| format!("{page:?} changed while it was written back"));
        }
        let result = if fails {
            write.finish(Err(TransferError));
            Err(())
        } else {
            disk.borrow_mut()[page.index as usize] = *bytes;
            self.count(|tally| tally.files.written += 1);
            Ok(write.finish(Ok(())))
        };
        model.note_writes(-1);
        Round::of_write(1, result)
    }

    /// Writes all dirty pages back, with success.
    pub(super) fn write_all_back(&self) {
        let mut from = 0;
        while let Some((page, next)) = self.memory.next_dirty(from) {
            // A page whose write fails is found again; a page that cannot be written now is not.
            if !self.write_back(page) {
                from = next;
            }
            self.end_all_writes();
        }
    }

    /// Reads all files, writes all pages back, evicts them all, and compares the disk with the
    /// model.
    pub(super) fn finish_files(&self) -> Result<(), Divergence> {
        for file in FILES {
            (0..=PAGES).for_each(|index| self.read_file(FilePage { file, index }));
        }
        self.write_all_back();
        let cached = || self.memory.stats()[MemCounter::FileCache as usize];
        while self.reclaim(u64::MAX, Luck::Good).made_progress() {
            self.finish_transfers();
        }
        if cached() != 0 {
            return Err(format!("{} pages of files cannot be evicted", cached()));
        }
        for Stored { model, disk } in &self.files.all {
            for (bytes, index) in disk.borrow().iter().zip(0..) {
                let file = model.number();
                self.check_words(FilePage { file, index }, bytes, "on the disk");
            }
            let (length, on_disk) = (model.length() as usize, disk.borrow().len());
            if length != on_disk {
                return Err(format!("{model:?} has {on_disk} on the disk"));
            }
        }
        Ok(())
    }
}
