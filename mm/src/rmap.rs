//! The reverse map: from a frame to every entry that maps it.
//!
//! Processes that are related by fork form a *family*. A private page keeps its address in all of
//! them. The record of a frame has the family and the page number, and these lead to every entry
//! that can map the frame: one walk in each member. (Linux keeps trees of areas for this,
//! `anon_vma`, because its areas can move.)
//!
//! A [`Member`] is an address space as others see it. It is in the list of its family from the
//! moment its image is complete until it is dropped. The reverse map does not find a space that is
//! being built or forked, so the pages of such a space cannot be evicted: the evictor compares the
//! entries it has found with the frame's count.
//!
//! Members may share a leaf table. A walk through a family visits each table once, for one entry
//! counts as one reference however many members see it.
//!
//! Locks: a list's, then a member's [`Member::entries`], then a shared table's. The second keeps
//! tables from being freed under a walk, and keeps fork from copying an entry that is just being
//! replaced. The third does so for the other sharers. All are held for a walk, never for a fence or
//! a transfer.

use core::cell::Cell;

use arrayvec::ArrayVec;
use sync::atomic::{AtomicU32, AtomicU64, Ordering};
use sync::{Counted, LeafLock};

use crate::addr::{FrameNo, PageNo};
use crate::handshake::{Stale, Users};
use crate::list::{Linked, Links, List};
use crate::machine::{Asid, Machine};
use crate::memory::Memory;
use crate::pt::{Entry, Format, Pte, Table, UserPage, Walk};

/// The number of a family. Numbers are reused after 2^32 families. A walk then also looks at spaces
/// of the other family, in vain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct FamilyNo(pub(crate) u32);

/// A page of private memory, which all members of its family have at the same address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FamilyPage {
    pub(crate) family: FamilyNo,
    pub(crate) page: PageNo,
}

/// An address space as other threads see it: its root, and the harts that must be fenced when an
/// entry changes.
pub(crate) struct Member {
    pub(crate) root: FrameNo,
    pub(crate) asid: Asid,
    pub(crate) family: FamilyNo,
    pub(crate) active: Users,
    pub(crate) stale: Stale,
    pub(crate) code_stale: Stale,
    /// Held while another thread walks the tables, while a table is freed, and while a table is
    /// forked.
    pub(crate) entries: LeafLock<()>,
    /// The number of entries that other threads have tightened, and how many of them all harts have
    /// forgotten.
    tightened: AtomicU64,
    flushed: AtomicU64,
    links: LeafLock<Links<Member>>,
}

impl Linked for Member {
    fn links(&self) -> &LeafLock<Links<Self>> {
        &self.links
    }
}

impl Member {
    /// Returns a member that is in no list yet.
    pub(crate) fn new(root: FrameNo, asid: Asid, family: FamilyNo) -> Self {
        Self {
            root,
            asid,
            family,
            active: Users::none(),
            stale: Stale::all(),
            code_stale: Stale::all(),
            entries: LeafLock::new(()),
            tightened: AtomicU64::new(0),
            flushed: AtomicU64::new(0),
            links: Links::new(),
        }
    }

    /// Notes that entries are tightened which the next flush of the family must cover. Returns how
    /// many have been so far.
    pub(crate) fn note_tightened(&self) -> u64 {
        self.tightened.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Notes that all harts have forgotten the first `tightened` entries.
    pub(crate) fn note_flushed(&self, tightened: u64) {
        // Another thread may have flushed more meanwhile.
        self.flushed.fetch_max(tightened, Ordering::Release);
    }

    /// Returns whether a hart may still have a right that another thread has taken from an entry.
    /// The entry may have changed again since.
    pub(crate) fn has_stale_rights(&self) -> bool {
        self.flushed.load(Ordering::Acquire) < self.tightened.load(Ordering::Relaxed)
    }
}

const LISTS: usize = 64;

/// All families. The list of a family follows from its number.
pub(crate) struct Families {
    last: AtomicU32,
    visits: AtomicU64,
    lists: [List<Member>; LISTS],
}

impl Families {
    pub(crate) fn new() -> Self {
        Self {
            last: AtomicU32::new(0),
            visits: AtomicU64::new(0),
            lists: core::array::from_fn(|_| List::new()),
        }
    }

    /// Returns the number of a new family.
    pub(crate) fn found(&self) -> FamilyNo {
        FamilyNo(self.last.fetch_add(1, Ordering::Relaxed))
    }

    /// Returns a number for a walk through the tables of a family: even, and not 0.
    fn number_visit(&self) -> u64 {
        self.visits.fetch_add(2, Ordering::Relaxed) + 2
    }

    fn list(&self, family: FamilyNo) -> &List<Member> {
        &self.lists[family.0 as usize % LISTS]
    }

    /// Adds a member to its family: others find it from now on.
    pub(crate) fn join(&self, member: &Counted<Member>) {
        self.list(member.family).join(member);
    }

    /// Removes a member from its family. When this returns, no other thread walks its tables.
    pub(crate) fn leave(&self, member: &Counted<Member>) {
        self.list(member.family).leave(member);
    }

    fn for_each(&self, family: FamilyNo, mut visit: impl FnMut(&Counted<Member>)) {
        self.list(family).for_each(|member| {
            if member.family == family {
                visit(member);
            }
        });
    }
}

/// The leaf table of a member in which a page has its entry.
pub(crate) struct Leaf<'a, 'm, F: Format> {
    member: &'a Member,
    table: Table<'m, F>,
    /// Whether this visit has tightened an entry.
    tightened: Cell<bool>,
}

impl<F: Format> Leaf<'_, '_, F> {
    /// Returns the entry of a page of this table, if it maps the frame.
    pub(crate) fn mapping(&self, page: UserPage, frame: FrameNo) -> Option<Pte<F>> {
        let pte = self.table.get(F::index(page, 0));
        (pte.decode(0) == Entry::Page(frame)).then_some(pte)
    }

    /// Replaces the entry of a page if it is still `old`. Returns whether it did.
    pub(crate) fn replace(&self, page: UserPage, old: Pte<F>, new: Pte<F>) -> bool {
        self.table.replace(F::index(page, 0), old, new)
    }

    /// Replaces the entry of a page by one that permits less, if it is still `old`. Returns whether
    /// it did. [`Memory::flush_families`] must follow.
    pub(crate) fn tighten(&self, page: UserPage, old: Pte<F>, new: Pte<F>) -> bool {
        let replaced = self.replace(page, old, new);
        if replaced {
            self.member.note_tightened();
            self.tightened.set(true);
        }
        replaced
    }
}

impl<F: Format> Leaf<'_, '_, F> {
    /// Visits a table that may be shared, unless the walk of this number has come to it through
    /// another member. If that visit tightened an entry, this member may have it in a TLB too.
    fn visit_once(&self, number: u64, visit: impl FnOnce(&Self)) {
        let record = self.table.record();
        let tightened = number | 1;
        match record.visit() {
            before if before == tightened => {
                self.member.note_tightened();
            }
            before if before == number => {}
            _ => {
                visit(self);
                record.set_visit(number | u64::from(self.tightened.get()));
            }
        }
    }

    /// Removes the right to write from the entry of a page, as long as it maps the frame. Bits that
    /// the hardware sets meanwhile are kept. [`Memory::flush_families`] must follow.
    pub(crate) fn protect(&self, page: UserPage, frame: FrameNo) {
        self.change(page, frame, Pte::read_only);
    }

    /// Replaces the entry of a page by that of an evicted page, if it maps the frame. Returns
    /// whether it did; the entry's reference to the frame is the caller's then.
    /// [`Memory::flush_families`] must follow.
    pub(crate) fn remove(&self, page: UserPage, frame: FrameNo) -> bool {
        self.change(page, frame, |_| Pte::EVICTED)
    }

    fn change(&self, page: UserPage, frame: FrameNo, change: impl Fn(Pte<F>) -> Pte<F>) -> bool {
        while let Some(pte) = self.mapping(page, frame) {
            let new = change(pte);
            if new == pte {
                break;
            }
            if self.tighten(page, pte, new) {
                return true;
            }
        }
        false
    }
}

/// How many members one fence is for. More members need another fence.
const MEMBERS: usize = 32;

/// Members to be flushed, each with its count of tightened entries when it was added.
type Tightened = ArrayVec<(Counted<Member>, u64), MEMBERS>;

impl<M: Machine> Memory<M> {
    /// Visits each leaf table in which members of a family have the entry of a page, once. The
    /// visitor runs under the locks of the list, of the member and, if others may share it, of the
    /// table. If the visitor tightens an entry of a shared table, all sharers of the table are
    /// marked for the next flush.
    pub(crate) fn for_each_leaf(
        &self,
        family: FamilyNo,
        page: UserPage,
        mut visit: impl FnMut(&Leaf<'_, '_, M::Format>),
    ) {
        let number = self.families.number_visit();
        self.families.for_each(family, |member| {
            member.entries.with(|()| {
                let Walk::Leaf(table, _) = self.walk(member.root, page) else {
                    return;
                };
                let tightened = Cell::new(false);
                let leaf = Leaf {
                    member,
                    table,
                    tightened,
                };
                if table.is_shared() {
                    let lock = self.tables.of(table.frame());
                    lock.with(|()| leaf.visit_once(number, &mut visit));
                } else {
                    visit(&leaf);
                }
            });
        });
    }

    /// Marks every space of the family for the next flush, because owners do not record the entries
    /// they change: an owner may have unmapped or protected a page a moment ago, and not fenced
    /// yet.
    pub(crate) fn note_family(&self, family: FamilyNo) {
        self.families.for_each(family, |member| {
            member.note_tightened();
        });
    }

    /// Makes all harts forget what was tightened in these families, with as few fences as possible.
    /// No family may occur twice.
    ///
    /// When this returns, every hart has forgotten what the caller has tightened. Another thread's
    /// fence may have done it: a member is passed over only after such a fence has returned.
    pub(crate) fn flush_families(&self, families: impl Iterator<Item = FamilyNo>) {
        let mut tightened = Tightened::new();
        for family in families {
            while !self.gather_tightened(family, &mut tightened) {
                self.flush_tightened(&mut tightened);
            }
        }
        self.flush_tightened(&mut tightened);
    }

    /// Adds the members of a family that must be flushed. Returns whether there was room for all.
    fn gather_tightened(&self, family: FamilyNo, gathered: &mut Tightened) -> bool {
        let mut fits = true;
        self.families.for_each(family, |member| {
            let tightened = member.tightened.load(Ordering::Relaxed);
            if member.flushed.load(Ordering::Acquire) < tightened {
                fits &= gathered.try_push((member.clone(), tightened)).is_ok();
            }
        });
        fits
    }

    fn flush_tightened(&self, gathered: &mut Tightened) {
        self.shoot_down_together(gathered.iter().map(|(member, _)| &**member));
        for (member, tightened) in gathered.drain(..) {
            member.note_flushed(tightened);
        }
    }
}
