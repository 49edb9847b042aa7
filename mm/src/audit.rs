//! Recounting everything from the roots, and comparing it with what the records say.
//!
//! The audit is the definition of R1 and R2 in executable form: it knows nothing of how the counts came about. It
//! must run while nothing else does (in a test, in a simulation, in a kernel that has stopped).
//!
//! Checked: every entry lies in an area and permits no more than it; a page that can be written has one reference
//! and carries the mark (R2); every count is the number of referrers (R1); `live` in each table and the totals kept by each
//! space are right; tables exist only where areas are; the lists hold each free frame once, and no other; the
//! budget and what areas keep are together the free frames.

use core::fmt;

use crate::addr::{FrameNo, PageNo, PageRange};
use crate::frame::Kind;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{ENTRIES, Entry, Format, Table};
use crate::space::AddressSpace;

/// Something that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A frame has another number of references than referrers.
    Count {
        /// The frame.
        frame: FrameNo,
        /// What its record says.
        recorded: u32,
        /// How many entries, roots and owners there are.
        found: u32,
    },
    /// A page can be written although it is shared, or was never to be written.
    Writable {
        /// The page.
        page: PageNo,
        /// Its frame.
        frame: FrameNo,
        /// How many references the frame has.
        references: u32,
    },
    /// An entry or a table where no area is.
    Stray {
        /// The first page it is for.
        page: PageNo,
    },
    /// A total that somebody keeps is wrong.
    Total {
        /// Which.
        what: &'static str,
        /// What is kept.
        kept: u64,
        /// What was counted.
        found: u64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Count {
                frame,
                recorded,
                found,
            } => write!(
                f,
                "frame {:#x} has a count of {recorded}, but {found} refer to it",
                frame.0
            ),
            Self::Writable {
                page,
                frame,
                references,
            } => write!(
                f,
                "page {:#x} can be written, but must not: its frame {:#x} has {references} references",
                page.0, frame.0
            ),
            Self::Stray { page } => {
                write!(f, "there is an entry for page {:#x}, but no area", page.0)
            }
            Self::Total { what, kept, found } => {
                write!(f, "{what}: {kept} by the books, {found} by counting")
            }
        }
    }
}

fn total(what: &'static str, kept: u64, found: u64) -> Result<(), Finding> {
    if kept == found {
        Ok(())
    } else {
        Err(Finding::Total { what, kept, found })
    }
}

/// An audit under way.
struct Audit<'a, M: Machine> {
    memory: &'a Memory<M>,
    /// For each frame of RAM, how many referrers have been found.
    tally: &'a mut [u32],
}

impl<M: Machine> Memory<M> {
    /// Compares the books with what `spaces`, all there are, really refer to. `tally` has a number for each frame
    /// of RAM; what is in it does not matter.
    ///
    /// # Errors
    /// The first thing found.
    ///
    /// # Panics
    /// If `tally` is too short.
    pub fn audit<'s, 'm: 's>(
        &'m self,
        spaces: impl IntoIterator<Item = &'s AddressSpace<'m, M>>,
        tally: &mut [u32],
    ) -> Result<(), Finding> {
        tally.fill(0);
        let mut audit = Audit {
            memory: self,
            tally,
        };
        let mut promised = 0;
        for space in spaces {
            audit.space(space)?;
            promised += space.unkept_promises();
        }
        let in_use = audit.frames()?;
        let free = self.frames_managed() - in_use;
        total("frames on the free lists", free, audit.free_lists()?)?;
        total(
            "free frames in the budget and in areas",
            self.budget.available() + promised,
            free,
        )
    }
}

impl<M: Machine> Audit<'_, M> {
    fn note(&mut self, frame: FrameNo) -> u32 {
        let tally = &mut self.tally[self.memory.frames.index(frame) as usize];
        *tally += 1;
        *tally
    }

    fn space(&mut self, space: &AddressSpace<'_, M>) -> Result<(), Finding> {
        let root = self.memory.table(space.context().root());
        self.note(root.frame());
        let mut counted = Counted::default();
        self.table(
            space,
            root,
            M::Format::LEVELS - 1,
            0,
            M::Format::KERNEL_ROOT,
            &mut counted,
        )?;
        total(
            "tables of a space",
            space.tables_below_root(),
            counted.tables,
        )?;
        total(
            "resident pages of a space",
            space.resident_pages(),
            counted.pages,
        )
    }

    fn table(
        &mut self,
        space: &AddressSpace<'_, M>,
        table: Table<'_>,
        level: usize,
        base: u64,
        entries: usize,
        counted: &mut Counted,
    ) -> Result<(), Finding> {
        let span = 1u64 << (9 * level);
        let mut live = 0;
        for index in 0..entries {
            let page = PageNo(base + index as u64 * span);
            let word = table.get(index);
            match M::Format::decode(word, level) {
                Entry::Empty => continue,
                Entry::Page(frame) => {
                    self.page(space, page, frame, word)?;
                    counted.pages += 1;
                }
                Entry::Table(frame) => {
                    if !space.has_area_in(PageRange::new(page, page.plus(span))) {
                        return Err(Finding::Stray { page });
                    }
                    self.note(frame);
                    counted.tables += 1;
                    self.table(
                        space,
                        self.memory.table(frame),
                        level - 1,
                        page.0,
                        ENTRIES,
                        counted,
                    )?;
                }
            }
            live += 1;
        }
        total("live entries of a table", table.live() as u64, live)
    }

    fn page(
        &mut self,
        space: &AddressSpace<'_, M>,
        page: PageNo,
        frame: FrameNo,
        word: u64,
    ) -> Result<(), Finding> {
        self.note(frame);
        if !space.has_area_in(PageRange::one(page)) {
            return Err(Finding::Stray { page });
        }
        let references = self.memory.frames.record(frame).count();
        let may_write = word & M::Format::MAY_WRITE != 0;
        if word & M::Format::WRITABLE != 0 && (references != 1 || !may_write) {
            return Err(Finding::Writable {
                page,
                frame,
                references,
            });
        }
        Ok(())
    }

    /// Compares all counts; how many frames are in use.
    fn frames(&mut self) -> Result<u64, Finding> {
        let mut in_use = 0;
        for (index, &found) in self.tally.iter().enumerate() {
            let frame = self.memory.frames.frame(index as u32);
            let record = self.memory.frames.record(frame);
            let found = match record.kind() {
                // Its owner in the kernel is not to be found from the roots.
                Kind::Kernel => 1,
                _ => found,
            };
            let recorded = record.count();
            if recorded != found {
                return Err(Finding::Count {
                    frame,
                    recorded,
                    found,
                });
            }
            in_use += u64::from(record.kind() != Kind::Free);
        }
        Ok(in_use)
    }

    /// Looks at every listed frame; how many there are.
    fn free_lists(&mut self) -> Result<u64, Finding> {
        let memory = self.memory;
        let mut listed = 0;
        let mut wrong = None;
        memory.for_each_free_frame(|frame| {
            listed += 1;
            // A frame that is in use, or listed twice, has been noted before.
            let found = self.note(frame);
            if found != 1 {
                wrong = Some(Finding::Count {
                    frame,
                    recorded: 0,
                    found,
                });
            }
        });
        wrong.map_or(Ok(listed), Err)
    }
}

/// What is below a root.
#[derive(Default)]
struct Counted {
    tables: u64,
    pages: u64,
}
