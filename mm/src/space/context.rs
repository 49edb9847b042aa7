//! The part of an address space that harts need: its root, its identifier, and the harts that use
//! it.
//!
//! Two masks keep TLBs coherent. `active` is the set of harts whose root is this one now; `stale`
//! is the set of harts that must fence before they use the space next. [`crate::handshake`]
//! explains why the two are enough.
//!
//! - A hart that enters is added to `active`, then looks at `stale`, fences if it must, and loads
//!   the root. A hart that leaves loads the kernel's root and is then removed from `active`.
//! - A shootdown, after the entry was changed, adds all other harts to `stale` and sends fences to
//!   those in `active`.
//!
//! Identifiers are reused, so a new context begins with every hart in `stale`. A space that is torn
//! down while no hart uses it therefore needs no fence. If there are more spaces than identifiers,
//! the surplus spaces share number 0 and are fenced each time they are entered.
//!
//! A second pair of masks (`code_stale`) plays the role of `stale` for instruction fences, after
//! code was written.

use abi::MemCounter;
use sync::atomic::Ordering;
use sync::{Counted, InterruptsOff};

use crate::addr::FrameNo;
use crate::asids::Asids;
use crate::commit::{Claim, NoMemory};
use crate::machine::{Fence, HartSet, Machine, Root};
use crate::memory::Memory;
use crate::pt::{ENTRIES, Format};
use crate::rmap::{FamilyNo, Member};
use crate::tlb::Scope;

/// The root of an address space and the harts that use it. Owns the root table.
pub struct Context<'m, M: Machine> {
    memory: &'m Memory<M>,
    member: Counted<Member>,
}

impl<'m, M: Machine> Context<'m, M> {
    /// Returns a context with an empty user half, in this family or in a new one.
    pub(crate) fn new(
        memory: &'m Memory<M>,
        claim: Claim,
        family: Option<FamilyNo>,
    ) -> Result<Self, NoMemory> {
        let mut reservation = memory.reserve_frames(1, claim)?;
        memory.may_allocate()?;
        let root = memory.allocate_table(&mut reservation);
        let family = family.unwrap_or_else(|| memory.families.found());
        let member = Member::new(root.frame(), memory.asids.take(), family);
        let asid = member.asid;
        let member = Counted::try_new(member).inspect_err(|_| {
            memory.asids.give(asid);
            memory.drop_reference(root.frame());
        })?;
        let kernel = memory.table(memory.kernel_root);
        for index in M::Format::KERNEL_ROOT..ENTRIES {
            root.entries()[index].store(kernel.get(index), Ordering::Relaxed);
        }
        Ok(Self { memory, member })
    }

    /// Returns the memory system that the space belongs to.
    pub fn memory(&self) -> &'m Memory<M> {
        self.memory
    }

    pub(crate) fn member(&self) -> &Counted<Member> {
        &self.member
    }

    pub(crate) fn root(&self) -> FrameNo {
        self.member.root
    }

    /// Makes this hart translate user addresses with this space. Interrupts must be off.
    pub fn enter(&self) {
        let (member, machine) = (&*self.member, &self.memory.machine);
        let me = HartSet::one(machine.hart());
        member.active.enter(me);
        if member.stale.take(me) || member.asid == Asids::SHARED {
            member.fence_local(self.memory, Scope::Space);
        }
        if member.code_stale.take(me) {
            self.synchronize_instructions(me);
        }
        machine.load_root(Some(Root {
            table: member.root,
            asid: member.asid,
        }));
    }

    /// Makes this hart translate no user address. Interrupts must be off.
    pub fn leave(&self) {
        let machine = &self.memory.machine;
        machine.load_root(None);
        self.member.active.leave(HartSet::one(machine.hart()));
    }

    /// Returns whether some hart translates with this space now.
    pub(crate) fn is_active(&self) -> bool {
        !self.member.active.now().is_empty()
    }

    /// Flushes translations in `scope` on all harts. Their entries must have been changed before.
    #[inline]
    pub(crate) fn shoot_down(&self, scope: Scope) {
        self.member.shoot_down(self.memory, scope);
    }

    /// If this hart uses the space, makes it see that an entry permits more (R4).
    #[inline]
    pub(crate) fn loosen(&self, scope: Scope) {
        let _interrupts = InterruptsOff::new();
        let me = HartSet::one(self.memory.machine.hart());
        if self.member.active.include(me) {
            self.member.fence_local(self.memory, scope);
        }
    }

    /// Makes all harts fetch instructions anew, because a page that they may execute has new
    /// contents.
    pub(crate) fn code_changed(&self) {
        let member = &*self.member;
        let active = member.code_stale.tell(self.memory.harts, &member.active);
        if !active.is_empty() {
            self.synchronize_instructions(active);
        }
    }

    fn synchronize_instructions(&self, harts: HartSet) {
        self.memory.machine.synchronize_instructions(harts);
    }
}

impl Member {
    /// Flushes translations in `scope` on all harts. Their entries must have been changed before.
    #[inline]
    pub(crate) fn shoot_down<M: Machine>(&self, memory: &Memory<M>, scope: Scope) {
        // With interrupts off the thread stays on this hart, so `me` stays true.
        let _interrupts = InterruptsOff::new();
        let me = HartSet::one(memory.machine.hart());
        let active = self.tell(memory, me);
        memory.fence(me, active, self.fence(scope));
    }

    /// Marks all harts but `me` as stale. Returns the active ones, which must be fenced now.
    #[inline]
    fn tell<M: Machine>(&self, memory: &Memory<M>, me: HartSet) -> HartSet {
        let active = self.stale.tell(memory.harts.without(me), &self.active);
        if active.without(me) == active {
            self.stale.remember(me);
        }
        active
    }

    fn fence_local<M: Machine>(&self, memory: &Memory<M>, scope: Scope) {
        memory.machine.fence_local(self.fence(scope));
        memory.count(MemCounter::LocalFences, 1);
    }

    fn fence(&self, scope: Scope) -> Fence {
        let asid = self.asid;
        match scope {
            Scope::Page(address) => Fence::Page { asid, address },
            Scope::Space => Fence::Space { asid },
        }
    }
}

impl<M: Machine> Memory<M> {
    /// Flushes translations of these spaces on all harts. Their entries must have been changed
    /// before. Several spaces are flushed by one fence of everything, because each hart must stop
    /// for each fence that it gets.
    pub(crate) fn shoot_down_together<'a>(&self, members: impl Iterator<Item = &'a Member>) {
        // With interrupts off the thread stays on this hart, so `me` stays true.
        let _interrupts = InterruptsOff::new();
        let me = HartSet::one(self.machine.hart());
        let mut active = HartSet::first(0);
        let mut fence = None;
        for member in members {
            active.0 |= member.tell(self, me).0;
            fence = Some(match fence {
                None => member.fence(Scope::Space),
                Some(_) => Fence::All,
            });
        }
        if let Some(fence) = fence {
            self.fence(me, active, fence);
        }
    }

    /// Fences these harts. `me` is this hart, which may be one of them.
    #[inline]
    fn fence(&self, me: HartSet, harts: HartSet, fence: Fence) {
        let others = harts.without(me);
        if others != harts {
            self.machine.fence_local(fence);
            self.count(MemCounter::LocalFences, 1);
        }
        if !others.is_empty() {
            self.machine.fence_remote(others, fence);
            self.count(MemCounter::RemoteFences, i64::from(others.0.count_ones()));
        }
    }
}

impl<M: Machine> Drop for Context<'_, M> {
    fn drop(&mut self) {
        debug_assert!(!self.is_active(), "a root was freed under a hart");
        self.memory.asids.give(self.member.asid);
        self.memory.drop_reference(self.member.root);
    }
}
