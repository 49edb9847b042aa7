//! What a file must be: one list of pages, the same for whoever reads, writes or maps it.
//!
//! Pages come and go whole. A page that has been cut off is never the file's again: a file that
//! grows gets others.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use mm::file::{FileMap, FileNo, FilePage};

use crate::model::Words;

/// Files that there are. Two of the numbers are alike to whoever looks at their last bits only.
pub const FILES: [FileNo; 3] = [FileNo(1), FileNo(2), FileNo(66)];
/// Most pages of a file.
pub const PAGES: u32 = 12;

/// A file.
pub struct File {
    number: FileNo,
    pages: RefCell<Vec<Words>>,
    /// While it is being cut: what was behind its new end. Whoever had it mapped may still reach
    /// it.
    cut: RefCell<Option<Vec<Words>>>,
    /// Pages that are being written back.
    writes: Cell<u32>,
    /// Mappings of it that have ended, and that nobody has been told of.
    departed: Cell<u32>,
    /// Mappings of it as a program.
    running: Cell<u32>,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {} of {} pages", self.number.0, self.length())
    }
}

impl File {
    /// Returns a file without pages.
    pub fn new(number: FileNo) -> Rc<Self> {
        Rc::new(Self {
            number,
            pages: RefCell::default(),
            cut: RefCell::default(),
            writes: Cell::new(0),
            departed: Cell::new(0),
            running: Cell::new(0),
        })
    }

    /// Returns its number.
    pub fn number(&self) -> FileNo {
        self.number
    }

    /// Returns how many pages it has.
    pub fn length(&self) -> u32 {
        self.pages.borrow().len() as u32
    }

    /// Returns what programs that map a page may find in it, if it is there.
    pub fn page(&self, index: u32) -> Option<Words> {
        let (pages, cut) = (self.pages.borrow(), self.cut.borrow());
        let behind = (index as usize).checked_sub(pages.len());
        match behind {
            None => Some(pages[index as usize].clone()),
            Some(behind) => cut.as_ref()?.get(behind).cloned(),
        }
    }

    /// Adds a page of zeros.
    pub fn append(&self) {
        self.pages.borrow_mut().push(Words::default());
    }

    /// Cuts all pages off but the first `length`, in a while.
    pub fn begin_cut(&self, length: u32) {
        let cut = self.pages.borrow_mut().split_off(length as usize);
        self.cut.replace(Some(cut));
    }

    /// From here on nobody reaches what was cut off.
    pub fn end_cut(&self) {
        self.cut.take();
    }

    /// Returns whether it is being cut.
    pub fn is_being_cut(&self) -> bool {
        self.cut.borrow().is_some()
    }

    /// One page more, or less, is being written back.
    pub fn note_writes(&self, by: i32) {
        self.writes.set(self.writes.get().wrapping_add_signed(by));
    }

    /// Returns whether nobody does anything with it that others have to wait for: this stands for
    /// the file system's lock.
    pub fn is_free(&self) -> bool {
        self.writes.get() == 0 && !self.is_being_cut()
    }

    /// Returns how many mappings have ended since this was asked.
    pub fn take_departed(&self) -> u32 {
        self.departed.take()
    }

    /// Returns whether it is mapped as a program.
    pub fn is_running(&self) -> bool {
        self.running.get() != 0
    }
}

/// What one call has mapped of a file, and what is left of it in whatever process.
pub struct Mapping {
    file: Rc<File>,
    map: FileMap,
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {:?}", self.map, self.file)
    }
}

impl Mapping {
    /// Returns a mapping of a file.
    pub fn new(file: Rc<File>, map: FileMap) -> Rc<Self> {
        file.running
            .set(file.running.get() + u32::from(map.program));
        Rc::new(Self { file, map })
    }

    /// Returns what was mapped.
    pub fn map(&self) -> &FileMap {
        &self.map
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let file = &self.file;
        file.running
            .set(file.running.get() - u32::from(self.map.program));
        file.departed.set(file.departed.get() + 1);
    }
}

/// A page of a mapping.
#[derive(Clone, Debug)]
pub struct View {
    mapping: Rc<Mapping>,
    index: u32,
}

impl View {
    /// Returns the page this far behind the first one of a mapping.
    pub fn new(mapping: &Rc<Mapping>, distance: u64) -> Self {
        Self {
            mapping: mapping.clone(),
            index: mapping.map.first.index + distance as u32,
        }
    }

    /// Returns what was mapped.
    pub fn map(&self) -> &FileMap {
        self.mapping.map()
    }

    /// Returns which page it is.
    pub fn page(&self) -> FilePage {
        FilePage {
            file: self.mapping.file.number,
            index: self.index,
        }
    }

    /// Returns what is in it, if the file has it.
    pub fn words(&self) -> Option<Words> {
        self.mapping.file.page(self.index)
    }
}
