//! Address spaces: the memory of a program.
//!
//! An [`AddressSpace`] is a plain value. The thread that borrows it mutably is the only one that
//! changes its tables, eviction apart (the kernel keeps it in a sleep lock). The hardware and other
//! harts reach the tables through its [`Context`].
//!
//! Invariants:
//! - Areas do not overlap and lie in the user half ([`UserRange`](crate::pt::UserRange)). An entry
//!   exists only inside an area, and a table only where an area overlaps the pages that it spans.
//! - A private page is writable for the hardware only if its frame has one reference (R2).
//! - In an area whose promise is [`Promise::Charged`], every table exists or is lent ([`idle`]),
//!   and the area keeps a place ([`crate::commit`]) for each page that has no frame.
//!
//! One operation per file: `area` keeps the areas; `map` adds and grows them; `unmap` removes
//! pages; `ending` has pages of files written back before their mappings end; `protect` changes
//! permissions; `shared` maps memory that the family shares; `file` maps files; `fault` resolves
//! faults (`resolution` is its answer, `spurious` counts faults that nothing explains); `swap_in`
//! brings pages back; `idle` lends tables; `fork` forks; `tables` shares page tables between forks;
//! `usage` counts pages; `stretch` iterates over pages and passes holes; [`copy`] reads and writes
//! a program's memory for the kernel.

mod area;
mod context;
pub mod copy;
mod ending;
mod fault;
mod file;
mod fork;
mod idle;
mod map;
mod object;
mod protect;
mod resolution;
mod shared;
mod spurious;
mod stretch;
mod swap_in;
mod tables;
mod unmap;
mod usage;

use abi::{PROC_COUNTERS, ProcCounter};
use sync::Counted;

pub use context::Context;
pub use ending::Ending;
pub use map::MapError;
pub(crate) use object::Shared;
pub use resolution::{Access, Resolution, Wait};
pub use usage::PageCounts;

use self::area::Areas;
use crate::addr::VirtAddr;
use crate::commit::{Claim, NoMemory};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{Format, Permissions, UserPage, Walk};
use crate::reclaim::Patience;
use crate::rmap::FamilyNo;

/// Whether the pages of an area are paid for before they are touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Paid for: touching them never finds memory short.
    Charged,
    /// Not paid for: a touch may find no memory, and the process is then killed.
    Lazy,
}

/// The memory of a program.
///
/// Dropping it frees everything; no hart may be using it then.
pub struct AddressSpace<'m, M: Machine> {
    memory: &'m Memory<M>,
    context: Counted<Context<'m, M>>,
    areas: Areas,
    heap_break: VirtAddr,
    /// Page tables below the root.
    tables: u64,
    /// The number of leaf tables that an area needs and that are missing. Each of them keeps its
    /// place: see [`idle`].
    lent: u64,
    /// Pages that are present or swapped out.
    pages: u64,
    /// Whether a leaf table may be shared with another space: see [`tables`].
    shares_tables: bool,
    /// Whether the reverse map can find it, so that its pages can be evicted: see [`crate::rmap`].
    published: bool,
    faults: [u64; PROC_COUNTERS],
    /// How long its faults have waited for frames.
    patience: Patience,
    spurious: spurious::Spurious,
    ahead: swap_in::ReadAhead,
}

impl<'m, M: Machine> AddressSpace<'m, M> {
    /// Returns an empty space, in a family of its own.
    pub fn new(memory: &'m Memory<M>) -> Result<Self, NoMemory> {
        Self::in_family(memory, Claim::Program, None)
    }

    fn in_family(
        memory: &'m Memory<M>,
        claim: Claim,
        family: Option<FamilyNo>,
    ) -> Result<Self, NoMemory> {
        let context = Context::new(memory, claim, family)?;
        memory.may_allocate()?;
        let context = Counted::try_new(context)?;
        memory.budget.note_spaces(1);
        Ok(Self {
            memory,
            context,
            areas: Areas::new(),
            heap_break: VirtAddr(0),
            tables: 0,
            lent: 0,
            pages: 0,
            shares_tables: false,
            published: false,
            faults: [0; PROC_COUNTERS],
            patience: Patience::default(),
            spurious: spurious::Spurious::default(),
            ahead: swap_in::ReadAhead::new(),
        })
    }

    /// Notes that the image is complete: its pages can be evicted from now on. Before that,
    /// eviction does not know the space, so the kernel can lay the image out through plain
    /// references.
    pub fn publish(&mut self) {
        if !core::mem::replace(&mut self.published, true) {
            self.memory.families.join(self.context.member());
        }
    }

    /// Returns the part of the space that the scheduler and the harts need.
    pub fn context(&self) -> &Counted<Context<'m, M>> {
        &self.context
    }

    /// Returns the end of the heap.
    pub fn heap_break(&self) -> VirtAddr {
        self.heap_break
    }

    /// Sets where the heap begins. Called once, when the image is laid out.
    pub fn set_heap_break(&mut self, address: VirtAddr) {
        self.heap_break = address;
    }

    fn walk(&self, page: UserPage) -> Walk<'m, M::Format> {
        self.memory.walk(self.context.root(), page)
    }

    fn note_fault(&mut self, kind: ProcCounter, counter: abi::MemCounter) {
        self.faults[kind as usize] += 1;
        self.memory.count(counter, 1);
    }
}

/// Returns whether a page of an area with these permissions may be accessed so. Some hardware
/// cannot forbid a read of a page that it permits to write or execute, so such a read is also
/// allowed before the page is present.
fn allows<F: Format>(permissions: Permissions, access: Access) -> bool {
    match access {
        Access::Read => permissions.intersects(Permissions::READ | F::READ_IMPLIED_BY),
        Access::Write => permissions.contains(Permissions::WRITE),
        Access::Execute => permissions.contains(Permissions::EXECUTE),
    }
}
