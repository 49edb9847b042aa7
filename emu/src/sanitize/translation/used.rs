//! Uses of translations that the tables took back: which are mistakes, and their reports.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::super::report::rights;
use super::super::{Kind, Report, Scene, stack};
use super::{Change, peek_level};
use crate::board::Board;
use crate::hart::{Hart, Mode};
use crate::mmu::tlb::Entry;
use crate::mmu::walk::{Geometry, peek};
use crate::mmu::{Access, pte};
use crate::ram::PAGE;

impl Board {
    /// An access uses a right that the tables have taken back.
    pub(crate) fn stale_use(
        &mut self,
        hart: &Hart,
        entry: &Entry,
        address: u64,
        physical: u64,
        access: Access,
    ) {
        if !self.state.sanitizer.watch.translations {
            return;
        }
        self.state.sanitizer.translations.through_stale = access == Access::Store;
        let now = peek(self, hart.csr.satp, address).unwrap_or((0, 0, 0));
        let geometry = Geometry::of(hart.csr.satp);
        let same_frame = geometry.physical(now.0, now.1, address) == physical;
        if now.0 & access.right() != 0 && same_frame {
            return;
        }
        let frame = self
            .ram
            .offset(physical & !0xfff, PAGE)
            .map(|offset| offset / PAGE);
        let record = &self.state.sanitizer.translations;
        let Some(change) = record.change(entry.cause).cloned() else {
            return;
        };
        let writer = frame.and_then(|frame| record.frames.get(&frame).copied().flatten());
        let writer = writer.filter(|writer| writer.step > change.place.step);
        let same_hart = usize::from(change.place.hart) == hart.id;
        let done = record
            .returns
            .get(&change.root)
            .is_some_and(|&step| step > change.place.step);
        let remade = record
            .change(entry.latest)
            .filter(|made| {
                let by = usize::from(made.place.hart);
                now.0 & pte::V != 0
                    && !same_frame
                    && record.heard.knows(hart.id, by, made.place.step)
            })
            .cloned();
        if !same_hart && !done && writer.is_none() && remade.is_none() {
            return;
        }
        let kind = if writer.is_some() {
            Kind::ReusedFrame
        } else {
            Kind::StaleTranslation
        };
        let key = (change.place.pc, 0);
        if self.state.sanitizer.is_filed(kind, key) {
            return;
        }
        let verb = match access {
            Access::Load => "reads",
            Access::Store => "writes",
            Access::Fetch => "executes",
        };
        let whose = if hart.mode == Mode::User {
            "a program"
        } else {
            "the kernel"
        };
        let mut scenes = vec![
            Scene {
                what: format!(
                    "{whose} {verb} {address:#x} under satp {:#x} and reaches frame {:#x} with \
                     rights {}",
                    hart.csr.satp,
                    physical & !0xfff,
                    rights(entry.pte)
                ),
                place: Some(hart.place(self.state.steps)),
                stack: stack::walk(self, hart),
            },
            changed(&change, self.state.steps, now.0),
        ];
        if let Some(made) = remade.filter(|_| entry.latest != entry.cause) {
            scenes.push(Scene {
                what: "since then the page table was given another frame for this address".into(),
                place: Some(made.place),
                stack: made.stack,
            });
        }
        if let Some(writer) = writer {
            scenes.push(Scene {
                what: "since then the frame has been written for another use".into(),
                place: (writer.hart != u8::MAX).then_some(writer),
                stack: if writer.hart == u8::MAX {
                    Vec::new()
                } else {
                    vec![writer.pc, writer.ra]
                },
            });
        }
        let report = Report {
            kind,
            headline: headline(kind, hart, verb, address),
            scenes,
            missing: missing(same_hart, hart.id, change.place.hart),
        };
        self.state.sanitizer.file(key, report);
    }

    /// A walk goes on from a cached pointer that the tables have taken back.
    pub(crate) fn stale_walk(&mut self, hart: &Hart, entry: &Entry, address: u64) {
        if !self.state.sanitizer.watch.translations {
            return;
        }
        // Under the present root the pointer may be as good as ever.
        let now = peek_level(self, hart.csr.satp, address, entry.level);
        if now == Some(entry.pte & pte::PPN) {
            return;
        }
        let record = &self.state.sanitizer.translations;
        let Some(change) = record.change(entry.cause).cloned() else {
            return;
        };
        let same_hart = usize::from(change.place.hart) == hart.id;
        let done = record
            .returns
            .get(&change.root)
            .is_some_and(|&step| step > change.place.step);
        if !same_hart && !done {
            return;
        }
        let key = (change.place.pc, 1);
        let now = self
            .ram
            .offset(entry.pte_address, 8)
            .map_or(0, |at| self.ram.read(at, 8));
        let report = Report {
            kind: Kind::StaleTable,
            headline: format!(
                "hart {} walks for {address:#x} through a page table that is no longer in use",
                hart.id
            ),
            scenes: vec![
                Scene {
                    what: format!(
                        "the walk goes through the table at {:#x}",
                        (entry.pte & pte::PPN) << 2
                    ),
                    place: Some(hart.place(self.state.steps)),
                    stack: stack::walk(self, hart),
                },
                changed(&change, self.state.steps, now),
            ],
            missing: missing(same_hart, hart.id, change.place.hart),
        };
        self.state.sanitizer.file(key, report);
    }
}

fn headline(kind: Kind, hart: &Hart, verb: &str, address: u64) -> String {
    match kind {
        Kind::ReusedFrame => format!(
            "hart {} {verb} {address:#x} in a frame that was freed and has another use",
            hart.id
        ),
        _ => format!(
            "hart {} {verb} {address:#x} through a translation that the page table no longer gives",
            hart.id
        ),
    }
}

fn changed(change: &Change, now: u64, entry: u64) -> Scene {
    Scene {
        what: format!(
            "the entry was changed {} instructions ago; the page table now gives {}",
            now.saturating_sub(change.place.step),
            rights(entry)
        ),
        place: Some(change.place),
        stack: change.stack.clone(),
    }
}

fn missing(same_hart: bool, user: usize, changer: u8) -> String {
    if same_hart {
        format!("an sfence.vma on hart {user} after the entry was changed and before the access")
    } else {
        format!(
            "an sfence.vma on hart {user}: hart {changer} changed the entry, and nobody made hart \
             {user} forget the old one"
        )
    }
}
