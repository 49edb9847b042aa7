//! The model of a file: one list of pages, for reads, writes and mappings.
//!
//! Pages are added and removed whole. A page that was cut off never comes back: a file that grows
//! gets new pages.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use mm::file::{FileMap, FileNo, FilePage, Sharing};

use crate::words::Words;

/// The files. The numbers 2 and 66 are equal in their last six bits, to provoke collisions.
pub const FILES: [FileNo; 3] = [FileNo(1), FileNo(2), FileNo(66)];
/// The most pages of a file.
pub const PAGES: u32 = 12;

/// A file.
pub struct File {
    number: FileNo,
    pages: RefCell<Vec<Words>>,
    /// While the file is being cut: the pages behind its new end. Processes that have them mapped
    /// may still reach them.
    cut: RefCell<Option<Vec<Words>>>,
    /// The number of pages that are being written back.
    writes: Cell<u32>,
    /// The number of its mappings that have ended since [`File::take_departed`].
    departed: Cell<u32>,
    /// The number of its mappings as a running program.
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

    /// Returns the number of the file.
    pub fn number(&self) -> FileNo {
        self.number
    }

    /// Returns how many pages the file has.
    pub fn length(&self) -> u32 {
        self.pages.borrow().len() as u32
    }

    /// Returns the contents that programs which map page `index` may find, or `None` if it does not
    /// exist.
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

    /// Begins to cut all pages off except the first `length`.
    pub fn begin_cut(&self, length: u32) {
        let cut = self.pages.borrow_mut().split_off(length as usize);
        self.cut.replace(Some(cut));
    }

    /// Ends a cut: no process reaches the pages that were cut off any more.
    pub fn end_cut(&self) {
        self.cut.take();
    }

    /// Returns whether the file is being cut.
    pub fn is_being_cut(&self) -> bool {
        self.cut.borrow().is_some()
    }

    /// Changes the number of pages that are being written back.
    pub fn note_writes(&self, by: i32) {
        self.writes.set(self.writes.get().wrapping_add_signed(by));
    }

    /// Returns whether the file is not in use by an operation that others must wait for. This
    /// stands for the file system's lock.
    pub fn is_free(&self) -> bool {
        self.writes.get() == 0 && !self.is_being_cut()
    }

    /// Returns how many mappings have ended since the last call.
    pub fn take_departed(&self) -> u32 {
        self.departed.take()
    }

    /// Returns whether the file is mapped as a running program.
    pub fn is_running(&self) -> bool {
        self.running.get() != 0
    }
}

/// A mapping made by one call: the parts that are left of it, in all processes.
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
            .set(file.running.get() + u32::from(map.sharing == Sharing::Program));
        Rc::new(Self { file, map })
    }

    /// Returns the parameters of the mapping.
    pub fn map(&self) -> &FileMap {
        &self.map
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let file = &self.file;
        file.running
            .set(file.running.get() - u32::from(self.map.sharing == Sharing::Program));
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
    /// Returns the page `distance` pages behind the first one of a mapping.
    pub fn new(mapping: &Rc<Mapping>, distance: u64) -> Self {
        Self {
            mapping: mapping.clone(),
            index: mapping.map.first.index + distance as u32,
        }
    }

    /// Returns the parameters of the mapping.
    pub fn map(&self) -> &FileMap {
        self.mapping.map()
    }

    /// Returns the page's file and index.
    pub fn page(&self) -> FilePage {
        FilePage {
            file: self.mapping.file.number,
            index: self.index,
        }
    }

    /// Returns the contents of the page, or `None` if the file has no such page.
    pub fn words(&self) -> Option<Words> {
        self.mapping.file.page(self.index)
    }
}
