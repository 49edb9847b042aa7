//! Break, flush, make: the order in which rights shrink (R3), kept by types.
//!
//! What is taken out of a page table is wrapped in a [`Broken`], because stale translations may
//! still use it. Only [`Broken::flush`], which makes every TLB forget, turns it into a [`Flushed`].
//! Only from there can a frame be freed or its place be filled anew.
//!
//! The hand-shake with harts that switch spaces is in [`Context`].

use crate::addr::{FrameNo, SlotNo, VirtAddr};
use crate::machine::Machine;
use crate::space::Context;

/// How much a TLB must forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The leaf translation of the page at this address.
    Page(VirtAddr),
    /// All of the space; needed when an upper-level entry changed, cheaper when many leaves did.
    Space,
}

impl Scope {
    /// Returns a scope that covers both.
    fn with(self, other: Self) -> Self {
        if self == other { self } else { Self::Space }
    }
}

/// Something that has been taken out of, or write-protected in, the tables of a space, and that
/// stale translations may still reach.
#[must_use = "what is broken must be flushed"]
pub(crate) struct Broken<T> {
    what: T,
    scope: Scope,
}

/// Something that no translation reaches any more.
#[must_use = "what was flushed must be freed or replaced"]
pub(crate) struct Flushed<T>(T);

impl<T> Broken<T> {
    /// `what` was in use within `scope`.
    pub(crate) fn new(what: T, scope: Scope) -> Self {
        Self { what, scope }
    }

    /// Makes all harts forget `what`.
    #[inline]
    pub(crate) fn flush<M: Machine>(self, context: &Context<'_, M>) -> Flushed<T> {
        context.shoot_down(self.scope);
        Flushed(self.what)
    }
}

impl<T> Flushed<T> {
    /// Returns what no hart translates to any more.
    #[inline]
    pub(crate) fn into_inner(self) -> T {
        self.0
    }
}

/// What a removed entry referred to.
#[derive(Clone, Copy)]
pub(crate) enum Referent {
    /// A page or a lower table.
    Frame(FrameNo),
    /// A lower table that was lent: its frame is freed, its place stays reserved.
    Lent(FrameNo),
    /// A lower table that may have other referrers.
    SharedTable(FrameNo),
    /// A page in swap.
    Slot(SlotNo),
    /// Nothing: the entry permits less, and must be flushed for that.
    Nothing,
}

/// How many references a batch holds before it is flushed with one fence.
const BATCH: usize = 64;

/// Collects the references of broken entries and drops them in batches, one fence each.
///
/// Needs no memory (R5): what does not fit is flushed first.
#[must_use = "a batch must be finished"]
pub(crate) struct Batch<'c, 'm, M: Machine> {
    context: &'c Context<'m, M>,
    referents: [Referent; BATCH],
    count: usize,
    scope: Option<Scope>,
}

impl<'c, 'm, M: Machine> Batch<'c, 'm, M> {
    /// Returns an empty batch.
    pub(crate) fn new(context: &'c Context<'m, M>) -> Self {
        Self {
            context,
            referents: [Referent::Frame(FrameNo(0)); BATCH],
            count: 0,
            scope: None,
        }
    }

    /// Adds a reference that was taken out of an entry within `scope`.
    pub(crate) fn push(&mut self, referent: Referent, scope: Scope) {
        if self.count == BATCH {
            self.flush();
        }
        self.referents[self.count] = referent;
        self.count += 1;
        self.scope = Some(self.scope.map_or(scope, |before| before.with(scope)));
    }

    /// Flushes and drops the references that are left.
    pub(crate) fn finish(mut self) {
        self.flush();
    }

    fn flush(&mut self) {
        let Some(scope) = self.scope.take() else {
            return;
        };
        let broken = Broken::new(&self.referents[..self.count], scope);
        self.drop_references(broken.flush(self.context).into_inner());
        self.count = 0;
    }

    fn drop_references(&self, referents: &[Referent]) {
        let memory = self.context.memory();
        for &referent in referents {
            match referent {
                Referent::Frame(frame) => memory.drop_reference(frame),
                Referent::Lent(frame) => memory.free_without_place(frame),
                Referent::SharedTable(frame) => memory.leave_table(frame),
                Referent::Slot(slot) => memory.drop_slot(slot),
                Referent::Nothing => {}
            }
        }
    }
}
