//! The size of the model, the hardware that it assumes, and the mistake that it makes.

use clap::ValueEnum;

/// The most processes.
pub const PROCESSES: usize = 3;
/// The most pages. A table has one entry for each.
pub const PAGES: usize = 2;
/// The number of harts.
pub const HARTS: usize = 2;

/// What an upper entry can say about everything below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Format {
    /// RISC-V: an upper entry has no rights of its own. The link to a table that is not protected
    /// yet is kept invalid, and the first touch pushes the protection down (privileged
    /// specification, "Sv39": R = W = X = 0 is a pointer).
    Sv39,
    /// x86-64: a clear write bit in an upper entry protects everything below it (SDM volume 3,
    /// "Access Rights").
    X86_64,
}

/// A known mistake, which the checker must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Mistake {
    /// Fork does not flush the parent's translations (mistake 7).
    NoFlushAfterFork,
    /// A page is filled into a table that other processes refer to, and appears in the child
    /// (mistake 35).
    FillsSharedTable,
    /// A sharer looks at the count before it drops its reference. The last two sharers both think
    /// that another is left (mistake 36).
    LastSharerUnnoticed,
    /// The protection is not pushed into the last entry of a table (mistake 37).
    ProtectionStopsShort,
    /// The evictor raises the count of a table that may be free by then (mistake 38).
    RaisesFreedCount,
    /// The summary of a table still says "protected" when an entry below becomes writable.
    SummaryKept,
    /// A write checks the count of the frame, but not the count of the table.
    PathNotCounted,
    /// Unsharing drops the old table before it has added references to the table's referents.
    DropsBeforeReferences,
    /// Unsharing fences one page, although an upper entry has changed (mistake 33).
    FencesOnePage,
    /// The evictor fences the process through which it found the table, but no other sharer.
    FencesOneSharer,
}

/// The size of the model.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// The number of processes, 2 or 3. All but the first are made by fork.
    pub processes: usize,
    /// The number of entries of a table, 1 or 2. The first page is present from the beginning.
    pub pages: usize,
    /// The most evictions.
    pub evictions: u8,
    /// The hardware.
    pub format: Format,
    /// The mistake that is made, if any.
    pub mistake: Option<Mistake>,
}

impl Bounds {
    /// Returns whether this mistake is made.
    pub(crate) fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }
}

/// Returns whether a thread of the process runs on the hart. The first process has two threads.
pub(crate) const fn is_active(process: usize, hart: usize) -> bool {
    match process {
        0 => true,
        1 => hart == 1,
        _ => hart == 0,
    }
}
