//! Address spaces: what a program's memory is made of.
//!
//! An [`AddressSpace`] is a plain value; whoever has it mutably has its tables to himself (the
//! kernel keeps it in a sleep lock). The hardware and other harts reach the same tables through its
//! [`Context`].
//!
//! Invariants:
//! - areas do not overlap and lie in the user half ([`UserRange`](crate::pt::UserRange)); an entry
//!   exists only inside an area, a table only where an area overlaps what it spans;
//! - a private page is writable for the hardware only if its frame has one reference (R2);
//! - in an area whose promise is [`Promise::Charged`] every table exists or is lent ([`idle`]), and
//!   for every page without a frame the area keeps a place ([`crate::commit`]).
//!
//! One operation per file: `area` keeps the areas, `map` adds and grows, `unmap` removes, `ending`
//! has written back first what goes to files, `protect` changes rights, `shared` maps what the
//! family has in common, `file` what files have, `fault` resolves (`resolution` is the answer,
//! `spurious` what it cannot explain), `idle` lends tables, `fork` forks, `usage` looks, `stretch`
//! goes through pages and passes holes, [`copy`] is how the kernel reads and writes a program's
//! memory.

mod area;
mod asids;
mod context;
pub mod copy;
mod ending;
mod fault;
mod file;
mod fork;
pub(crate) mod handshake;
mod idle;
mod map;
mod protect;
mod resolution;
mod shared;
mod spurious;
mod stretch;
mod swap_in;
mod unmap;
mod usage;

use abi::{PROC_COUNTERS, ProcCounter};
use sync::Counted;

pub(crate) use asids::Asids;
pub use context::Context;
pub use ending::Ending;
pub(crate) use handshake::{Stale, Users};
pub use map::MapError;
pub use resolution::{Access, Resolution, Wait};
pub(crate) use shared::Shared;
pub use usage::PageCounts;

use self::area::Areas;
use crate::addr::VirtAddr;
use crate::commit::{Claim, NoMemory};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{Format, Permissions, UserPage, Walk};
use crate::reclaim::Patience;

/// Whether an area's pages are paid for before they are touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// They are: touching them never finds memory short.
    Charged,
    /// They are not: a touch may find no memory, and the toucher is killed.
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
    /// Leaf tables that an area needs and that are missing, each of which has its place: see
    /// [`idle`].
    lent: u64,
    /// Pages present or swapped out.
    pages: u64,
    /// Others see it: see [`crate::rmap`].
    published: bool,
    faults: [u64; PROC_COUNTERS],
    /// What its faults have waited for frames.
    patience: Patience,
    spurious: spurious::Spurious,
    ahead: swap_in::ReadAhead,
}

impl<'m, M: Machine> AddressSpace<'m, M> {
    /// Returns a space with nothing in it.
    pub fn new(memory: &'m Memory<M>) -> Result<Self, NoMemory> {
        Self::in_family(memory, Claim::Program, None)
    }

    fn in_family(
        memory: &'m Memory<M>,
        claim: Claim,
        family: Option<u32>,
    ) -> Result<Self, NoMemory> {
        let context = Context::new(memory, claim, family)?;
        memory.may_allocate()?;
        Ok(Self {
            memory,
            context: Counted::try_new(context)?,
            areas: Areas::new(),
            heap_break: VirtAddr(0),
            tables: 0,
            lent: 0,
            pages: 0,
            published: false,
            faults: [0; PROC_COUNTERS],
            patience: Patience::default(),
            spurious: spurious::Spurious::default(),
            ahead: swap_in::ReadAhead::new(),
        })
    }

    /// Says that the image is complete: from here on its pages can be evicted. Until then, nobody
    /// takes a page from under whoever lays it out.
    pub fn publish(&mut self) {
        if !core::mem::replace(&mut self.published, true) {
            self.memory.families.join(self.context.member());
        }
    }

    /// Returns what the scheduler needs of it.
    pub fn context(&self) -> &Counted<Context<'m, M>> {
        &self.context
    }

    /// Returns the address the heap ends at.
    pub fn heap_break(&self) -> VirtAddr {
        self.heap_break
    }

    /// Where the heap begins: set once, by whoever lays out the image.
    pub fn set_heap_break(&mut self, address: VirtAddr) {
        self.heap_break = address;
    }

    fn walk(&self, page: UserPage) -> Walk<'m> {
        self.memory.walk(self.context.root(), page)
    }

    fn note_fault(&mut self, kind: ProcCounter, counter: abi::MemCounter) {
        self.faults[kind as usize] += 1;
        self.memory.count(counter, 1);
    }
}

/// Whether pages of an area with these permissions may be accessed so. What the hardware cannot
/// keep a program from doing to a page that is there, it may do to one that is not there yet.
fn allows<F: Format>(permissions: Permissions, access: Access) -> bool {
    match access {
        Access::Read => permissions.intersects(Permissions::READ | F::READ_IMPLIED_BY),
        Access::Write => permissions.contains(Permissions::WRITE),
        Access::Execute => permissions.contains(Permissions::EXECUTE),
    }
}
