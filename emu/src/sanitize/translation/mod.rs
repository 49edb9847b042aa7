//! The sanitizer for translations.
//!
//! A store to a page-table entry is compared with what harts have cached of it. What an entry lost
//! (mapping, or rights) is marked in the cache ([`crate::mmu::tlb::Entry::lost`]), with the store
//! that took it; a fence removes the entry and the mark. A use of a lost right is a mistake if
//! nothing excuses it:
//!
//! - the hart that changed the entry uses it: no fence came between, in program order;
//! - or the process on whose behalf the entry was changed has gone back to user mode, so the change
//!   counts as done, and this hart was never told;
//! - or the frame has been written since by somebody else: it has another use;
//! - or the tables give another frame by now, and this hart has heard ([`super::heard`]) from the
//!   hart that made that entry: a mapping is made anew only when everybody has forgotten the old.
//!
//! Until then another hart may use what it remembers: the one that changed the entry may be about
//! to send the fence. Gained rights and accessed bits are no loss.

mod used;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::heard::Heard;
use super::{Sanitizer, stack};
use crate::board::Board;
use crate::hart::{Hart, Mode, Place};
use crate::mmu::pte;
use crate::mmu::tlb::{Content, Entry};
use crate::mmu::walk::{Geometry, peek};
use crate::ram::{PAGE, TABLE, WATCHED};

/// Changes that are remembered.
const CHANGES: usize = 8192;
/// Kept changes above which those are looked for that are of no use any more.
const KEPT: usize = 16 << 10;
/// Frames and roots that are remembered; beyond, the record starts anew.
const REMEMBERED: usize = 4096;
const RIGHTS: u64 = pte::R | pte::W | pte::X;

/// A store that took something from an entry that harts have cached.
#[derive(Clone)]
struct Change {
    place: Place,
    stack: Vec<u64>,
    /// `satp` of the process on whose behalf it was.
    root: u64,
}

/// The record.
#[derive(Clone, Default)]
pub struct Translations {
    changes: VecDeque<Change>,
    /// The number of the first one that is remembered.
    first: u32,
    /// Those of them, or of earlier ones, that concern an entry that some hart still has.
    kept: BTreeMap<u32, Change>,
    /// The step at which a process last went back to user mode, by its `satp`.
    returns: BTreeMap<u64, u64>,
    /// Frames that stale translations lead to, and who has written them since.
    frames: BTreeMap<usize, Option<Place>>,
    /// What harts know of each other.
    pub(crate) heard: Heard,
    /// The access under way goes through a stale translation.
    through_stale: bool,
}

impl Translations {
    fn change(&self, number: u32) -> Option<&Change> {
        let recent = number.checked_sub(self.first);
        recent
            .and_then(|at| self.changes.get(at as usize))
            .or_else(|| self.kept.get(&number))
    }

    /// Keeps a change for as long as an entry goes back to it.
    fn keep(&mut self, number: u32) {
        if let (false, Some(change)) = (self.kept.contains_key(&number), self.change(number)) {
            let change = change.clone();
            self.kept.insert(number, change);
        }
    }

    /// Forgets the changes that no entry goes back to, if there are many.
    pub(crate) fn sweep(&mut self, harts: &[Hart]) {
        if self.kept.len() < KEPT {
            return;
        }
        let entries = harts.iter().flat_map(|hart| hart.tlb.entries());
        let used: BTreeSet<u32> = entries
            .flat_map(|entry| [entry.cause, entry.latest])
            .collect();
        self.kept.retain(|number, _| used.contains(number));
    }
}

impl Board {
    /// `sfence.vma`, by the hart itself or for it.
    pub(crate) fn fence_translations(
        &mut self,
        hart: &mut Hart,
        address: Option<u64>,
        asid: Option<u64>,
    ) {
        match address {
            None => hart.fast.forget_translated(),
            Some(address) => hart.fast.forget_page(address),
        }
        if self.keeps_translations {
            hart.tlb.forget(address, asid);
        }
    }

    /// After a write to `satp`. A kind machine forgets everything with it, as QEMU does.
    pub(crate) fn rooted(&mut self, hart: &mut Hart) {
        if self.keeps_translations && !self.adversity.translations {
            hart.tlb.forget_all();
        }
        self.point(hart, 4);
    }

    /// After a return from a trap.
    pub(crate) fn returned(&mut self, hart: &Hart) {
        let sanitizer = &mut self.state.sanitizer;
        if sanitizer.watch.translations && self.harts > 1 && hart.mode == Mode::User {
            let returns = &mut sanitizer.translations.returns;
            if returns.len() >= REMEMBERED {
                returns.clear();
            }
            returns.insert(hart.csr.satp, self.state.steps);
        }
    }

    /// A hart stored to an address in a page of tables. Returns whether it has cached that entry.
    pub(crate) fn entry_stored(&mut self, hart: &mut Hart, address: u64, place: Place) -> bool {
        let next = {
            let record = &self.state.sanitizer.translations;
            record.first + record.changes.len() as u32
        };
        let known = self.judge_entries(hart, address, next);
        self.state.notes.entries.push((address, next));
        // Whether another hart has it is known only later, so with others every change is recorded.
        if self.state.sanitizer.watch.translations && (known || self.harts > 1) {
            let stack = stack::walk_from(self, hart, place);
            let record = &mut self.state.sanitizer.translations;
            if record.changes.len() >= CHANGES {
                record.changes.pop_front();
                record.first += 1;
            }
            record.changes.push_back(Change {
                place,
                stack,
                root: hart.user_root,
            });
            if known {
                record.keep(next);
            }
        }
        known
    }

    /// Compares what a hart has cached of an entry with the tables.
    pub(crate) fn judge_entries(&mut self, hart: &mut Hart, address: u64, cause: u32) -> bool {
        let satp = hart.csr.satp;
        let mut frames: Vec<u64> = Vec::new();
        let judged = hart.tlb.judge(address, cause, |entry| {
            let lost = lost(self, satp, entry);
            if entry.content == Content::Leaf && lost & (pte::R | pte::X) != 0 {
                frames.push((entry.pte & pte::PPN) << 2);
            }
            lost
        });
        // The change of the hart itself is recorded after this.
        if judged.known && self.state.sanitizer.watch.translations {
            self.state.sanitizer.translations.keep(cause);
        }
        if judged.changed {
            hart.fast.forget_translated();
        }
        if judged.lost && self.state.sanitizer.watch.translations {
            for frame in frames {
                self.watch_frame(hart, frame);
            }
        }
        judged.known
    }

    fn watch_frame(&mut self, hart: &mut Hart, frame: u64) {
        let Some(offset) = self.ram.offset(frame, PAGE) else {
            return;
        };
        let frames = &mut self.state.sanitizer.translations.frames;
        if frames.len() >= REMEMBERED {
            frames.clear();
        }
        frames.insert(offset / PAGE, None);
        if self.ram.set_flags(offset, WATCHED) {
            hart.fast.forget_writable();
        }
    }

    /// A store to a frame that a stale translation leads to.
    pub(crate) fn watched_stored(&mut self, offset: usize, place: Place) {
        let record = &mut self.state.sanitizer.translations;
        if record.through_stale {
            record.through_stale = false;
            return;
        }
        match record.frames.get_mut(&(offset / PAGE)) {
            Some(writer) => {
                if !place.user {
                    writer.get_or_insert(place);
                }
            }
            None => self.ram.clear_flags(offset, WATCHED),
        }
    }

    /// The pages of a former table are plain memory again.
    pub(crate) fn forget_table(&mut self, page: u64) {
        if let Some(offset) = self.ram.offset(page, PAGE) {
            self.ram.clear_flags(offset, TABLE);
        }
    }

    /// The page holds no code any more.
    pub(crate) fn forget_code(&mut self, page: u32) {
        let offset = page as usize * PAGE;
        if offset < self.ram.len() {
            self.ram.clear_flags(offset, crate::ram::CODE);
        }
    }
}

impl Sanitizer {
    /// A device wrote to a frame that a stale translation leads to.
    pub(crate) fn device_wrote(&mut self, offset: usize, place: Place) {
        if let Some(writer) = self.translations.frames.get_mut(&(offset / PAGE)) {
            writer.get_or_insert(place);
        }
    }
}

/// The rights that a cached entry has and the tables no longer give.
fn lost(board: &Board, satp: u64, entry: &Entry) -> u64 {
    // A global entry counts under every root; the present one decides.
    let satp = if entry.global && satp >> 60 != 0 {
        satp
    } else {
        entry.satp
    };
    match entry.content {
        Content::Free | Content::Absent => 0,
        Content::Pointer => {
            let now = peek_level(board, satp, entry.address(), entry.level);
            let same = now == Some(entry.pte & pte::PPN);
            if same { 0 } else { pte::V }
        }
        Content::Leaf => {
            let had = entry.pte & RIGHTS;
            let Some((now, level, _)) = peek(board, satp, entry.address()) else {
                return had;
            };
            let geometry = Geometry::of(satp);
            let address = entry.address();
            let moved = geometry.physical(now, level, address)
                != geometry.physical(entry.pte, entry.level, address);
            let user = (now ^ entry.pte) & pte::U != 0;
            if now & pte::V == 0 || moved || user {
                had
            } else {
                had & !now
            }
        }
    }
}

/// The pointer that the tables hold for an address at a level.
fn peek_level(board: &Board, satp: u64, address: u64, level: u8) -> Option<u64> {
    let mut table = (satp & ((1 << 44) - 1)) << 12;
    let mut at = Geometry::of(satp).levels - 1;
    loop {
        let pte_address = table + 8 * (address >> (12 + 9 * u32::from(at)) & 511);
        let value = board.ram.read(board.ram.offset(pte_address, 8)?, 8);
        let pointer = value & pte::V != 0 && value & RIGHTS == 0;
        if at == level {
            return pointer.then_some(value & pte::PPN);
        }
        if !pointer || at == 0 {
            return None;
        }
        table = (value & pte::PPN) << 2;
        at -= 1;
    }
}
