//! The reverse map: from a frame to every entry that maps it.
//!
//! Processes that are related by fork form a *family*. A private page keeps its address in all of them, so the family and the
//! page number, which the record of a frame tells, lead to every entry that can map it: one walk in each member. (Linux keeps
//! trees of areas for this, `anon_vma`, because its areas can move.)
//!
//! A [`Member`] is an address space as others see it. It is in the list of its family from the moment its image is complete
//! until it is dropped. What the reverse map does not find, a space that is being built or forked, cannot be evicted; whoever evicts
//! compares the entries found with the frame's count.
//!
//! Locks: a list's, then a member's [`Member::entries`]. The second keeps the tables from going away under a walk, and a fork
//! from copying an entry that is just being replaced. Both are held for a walk, not for a fence or a transfer.

use arrayvec::ArrayVec;
use sync::atomic::{AtomicU32, AtomicU64, Ordering};
use sync::{Counted, LeafLock};

use crate::addr::FrameNo;
use crate::list::{Linked, Links, List};
use crate::machine::{Asid, Machine};
use crate::memory::Memory;
use crate::pt::{Entry, Format, Table, UserPage, Walk};
use crate::space::{Stale, Users};

/// What others need of an address space: its root, and the harts that must be told when an entry changes.
pub(crate) struct Member {
    pub(crate) root: FrameNo,
    pub(crate) asid: Asid,
    /// Its family's number. Numbers come again after 2^32; then a walk looks at some spaces in vain.
    pub(crate) family: u32,
    pub(crate) active: Users,
    pub(crate) stale: Stale,
    pub(crate) code_stale: Stale,
    /// Held while somebody else walks its tables, while a table of it is freed, and while a table of it is forked.
    pub(crate) entries: LeafLock<()>,
    /// How often an entry was tightened by others, and how many of those its harts have forgotten.
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
    /// A space of a family that nobody sees yet.
    pub(crate) fn new(root: FrameNo, asid: Asid, family: u32) -> Self {
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

    /// Whether harts may still have rights that somebody else has taken from an entry, although the entry may be another one by now.
    pub(crate) fn has_stale_rights(&self) -> bool {
        self.flushed.load(Ordering::Acquire) < self.tightened.load(Ordering::Relaxed)
    }
}

const LISTS: usize = 64;

/// All families. Each is in the list that its number says.
pub(crate) struct Families {
    last: AtomicU32,
    lists: [List<Member>; LISTS],
}

impl Families {
    pub(crate) fn new() -> Self {
        Self {
            last: AtomicU32::new(0),
            lists: core::array::from_fn(|_| List::new()),
        }
    }

    /// The number of a new family.
    pub(crate) fn found(&self) -> u32 {
        self.last.fetch_add(1, Ordering::Relaxed)
    }

    fn list(&self, family: u32) -> &List<Member> {
        &self.lists[family as usize % LISTS]
    }

    /// Lets others see a member.
    pub(crate) fn join(&self, member: &Counted<Member>) {
        self.list(member.family).join(member);
    }

    /// Hides a member that others see. Nobody walks its tables any more.
    pub(crate) fn leave(&self, member: &Counted<Member>) {
        self.list(member.family).leave(member);
    }

    fn for_each(&self, family: u32, mut visit: impl FnMut(&Counted<Member>)) {
        self.list(family).for_each(|member| {
            if member.family == family {
                visit(member);
            }
        });
    }
}

/// The leaf table of a member in which a page has its entry.
pub(crate) struct Leaf<'a, 'm> {
    member: &'a Member,
    table: Table<'m>,
}

impl Leaf<'_, '_> {
    /// The entry of a page of this table, if it maps the frame.
    pub(crate) fn mapping<F: Format>(&self, page: UserPage, frame: FrameNo) -> Option<u64> {
        let word = self.table.get(F::index(page, 0));
        (F::decode(word, 0) == Entry::Page(frame)).then_some(word)
    }

    /// Changes the entry of a page if nobody else has meanwhile; whether it did.
    pub(crate) fn replace<F: Format>(&self, page: UserPage, old: u64, new: u64) -> bool {
        self.table.replace(F::index(page, 0), old, new)
    }

    /// The same, to an entry that permits less; [`Memory::flush_families`] must follow.
    pub(crate) fn tighten<F: Format>(&self, page: UserPage, old: u64, new: u64) -> bool {
        let replaced = self.replace::<F>(page, old, new);
        if replaced {
            self.member.tightened.fetch_add(1, Ordering::Relaxed);
        }
        replaced
    }
}

impl Leaf<'_, '_> {
    /// Takes the right to write from the entry of a page, whatever the hardware notes in it meanwhile, as long as it maps the frame;
    /// [`Memory::flush_families`] must follow.
    pub(crate) fn protect<F: Format>(&self, page: UserPage, frame: FrameNo) {
        self.change::<F>(page, frame, |word| word & !F::WRITABLE);
    }

    /// Makes it the entry of an evicted page, likewise; whether it mapped the frame until now, and its reference is the caller's.
    pub(crate) fn remove<F: Format>(&self, page: UserPage, frame: FrameNo) -> bool {
        self.change::<F>(page, frame, |_| F::EVICTED)
    }

    fn change<F: Format>(
        &self,
        page: UserPage,
        frame: FrameNo,
        change: impl Fn(u64) -> u64,
    ) -> bool {
        while let Some(word) = self.mapping::<F>(page, frame) {
            let new = change(word);
            if new == word {
                break;
            }
            if self.tighten::<F>(page, word, new) {
                return true;
            }
        }
        false
    }
}

/// Most members that one fence is for. Others need another one.
const MEMBERS: usize = 32;

/// Members that were tightened, and how often when they were looked at.
type Tightened = ArrayVec<(Counted<Member>, u64), MEMBERS>;

impl<M: Machine> Memory<M> {
    /// Visits the leaf table of a page in every member of a family that has one. Inside, there are locks.
    pub(crate) fn for_each_leaf(
        &self,
        family: u32,
        page: UserPage,
        mut visit: impl FnMut(&Leaf<'_, '_>),
    ) {
        self.families.for_each(family, |member| {
            member.entries.with(|()| {
                if let Walk::Leaf(table, _) = self.walk(member.root, page) {
                    visit(&Leaf { member, table });
                }
            });
        });
    }

    /// Has the next flush of a family be for all its members. The owner of a space notes nothing of what it does: it may have unmapped or
    /// protected pages a moment ago, and tell its harts in a moment.
    pub(crate) fn note_family(&self, family: u32) {
        self.families.for_each(family, |member| {
            member.tightened.fetch_add(1, Ordering::Relaxed);
        });
    }

    /// Makes all harts forget what was tightened in these families, which are all different: one fence, whatever was in them.
    ///
    /// When this returns, what the caller has tightened is forgotten, whoever saw to it: a member is passed over only after
    /// somebody's fence has returned.
    pub(crate) fn flush_families(&self, families: impl Iterator<Item = u32>) {
        let mut tightened = Tightened::new();
        for family in families {
            while !self.gather_tightened(family, &mut tightened) {
                self.flush_tightened(&mut tightened);
            }
        }
        self.flush_tightened(&mut tightened);
    }

    /// Adds the members of a family that are to be flushed, and says whether there was room for all.
    fn gather_tightened(&self, family: u32, gathered: &mut Tightened) -> bool {
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
            // Somebody may have flushed later still.
            member.flushed.fetch_max(tightened, Ordering::Release);
        }
    }
}
