//! Harts: which processes they run, and what they do during the steps of others.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use fastrand::Rng;
use mm::addr::{FrameNo, VirtAddr};
use mm::machine::Machine;
use mm::space::Access;

use super::{Process, Running, World};
use crate::isa::Isa;
use crate::machine::Bystanders;
use crate::model::{Page, slot};
use crate::step::{Action, Chances, Place};
use crate::walker::Touch;
use crate::words::{SLOTS, Words};

/// The most steps that are nested in one another.
pub(super) const DEPTH: usize = 3;

impl<'m, I: Isa> World<'m, I> {
    /// Returns the process of the current hart.
    fn at_work(&self) -> Option<Rc<Process<'m, I>>> {
        self.process_on(self.memory.machine().hart())
    }

    /// Returns the process that a hart runs.
    pub(super) fn process_on(&self, hart: usize) -> Option<Rc<Process<'m, I>>> {
        let running = self.running.borrow();
        let running = running[hart].as_ref()?;
        Some(running.process.clone())
    }

    /// Makes a hart leave its process and run another, unless that one is locked or has ended.
    pub(super) fn run_process(&self, hart: usize, process: Option<Rc<Process<'m, I>>>) {
        let before = self.memory.machine().work_as(hart);
        let busy = self.busy.get();
        self.busy.set(busy | 1 << hart);
        let left = self.running.borrow_mut()[hart].take();
        if let Some(left) = left {
            left.context.leave();
        }
        if let Some(process) = process {
            process.pin(|| {
                let context = match process.space.try_borrow() {
                    Ok(space) => space.as_ref().map(|space| space.context().clone()),
                    Err(_) => None,
                };
                if let Some(context) = context {
                    context.enter();
                    let process = process.clone();
                    self.running.borrow_mut()[hart] = Some(Running { process, context });
                }
            });
        }
        self.busy.set(busy);
        self.memory.machine().work_as(before);
    }

    /// Makes all harts leave a process.
    pub(super) fn leave(&self, process: &Rc<Process<'m, I>>) {
        for hart in 0..self.harts() {
            let in_it = self.running.borrow()[hart]
                .as_ref()
                .is_some_and(|running| Rc::ptr_eq(&running.process, process));
            if in_it {
                self.run_process(hart, None);
            }
        }
    }

    /// Returns whether a frame holds these words.
    fn holds(&self, frame: FrameNo, words: &Words) -> bool {
        let ram = self.memory.machine().ram();
        let mut slots = SLOTS.iter().enumerate();
        slots.all(|(slot, &offset)| {
            words.get(slot) == ram.word(frame, offset).load(Ordering::Relaxed)
        })
    }

    /// Returns an idle hart.
    fn idle_hart(&self, rng: &mut Rng) -> Option<usize> {
        let harts = self.harts();
        let start = rng.usize(0..harts);
        (0..harts)
            .map(|offset| (start + offset) % harts)
            .find(|hart| self.busy.get() >> hart & 1 == 0)
    }

    /// Makes programs on idle harts access one or two pages, and skip those that they may not
    /// access.
    fn glance(&self, rng: &mut Rng) {
        let machine = self.memory.machine();
        let before = machine.hart();
        for hart in 0..self.harts() {
            machine.work_as(hart);
            let idle = self.busy.get() >> hart & 1 == 0;
            let Some(process) = self.at_work().filter(|_| idle) else {
                continue;
            };
            for _ in 0..rng.u32(0..4) {
                let place = Place::Mapped(rng.usize(0..64), rng.usize(0..SLOTS.len()));
                let touch = [Touch::Load, Touch::Store, Touch::Fetch][rng.usize(0..3)];
                machine.touch(process.address(place), touch, self.new_word());
            }
        }
        machine.work_as(before);
    }
}

impl<I: Isa> Bystanders for World<'_, I> {
    fn interfere(&self) {
        if !self.crowded.get() || self.depth.get() > DEPTH {
            return;
        }
        let mut rng = self.memory.machine().fork_rng();
        if rng.bool() {
            self.glance(&mut rng);
        }
        for _ in 0..rng.u32(0..3) / self.depth.get() as u32 {
            let Some(hart) = self.idle_hart(&mut rng) else {
                return;
            };
            self.count(|tally| tally.inside += 1);
            let mut chances = Chances::new(rng.fork(), I::USER_TOP);
            let action = match chances.u32(0..3) {
                0 => Action::awkward(&mut chances, self.mode),
                _ => Action::random(&mut chances, self.mode),
            };
            self.act(hart, action);
            if rng.bool() {
                self.glance(&mut rng);
            }
        }
    }

    fn copied(&self, frame: FrameNo) {
        let Some(process) = self.at_work() else {
            return;
        };
        let copying = process.copying.borrow();
        let Some((number, before)) = &*copying else {
            return;
        };
        let mut model = process.model.borrow_mut();
        let Some(page) = model.page_mut(*number) else {
            return;
        };
        // While the process's page table was unshared, the file may have been cut and written anew,
        // before `mm` looked for the page.
        let now = page.words();
        let mut either = [before, &now].into_iter().flatten();
        let copied = either.clone().find(|words| self.holds(frame, words));
        if let Some(words) = copied.or_else(|| either.next()) {
            page.become_copy(words);
            self.count(|tally| tally.files.copied += 1);
        }
    }

    fn saw(&self, address: VirtAddr, word: u64, touch: Touch) {
        let (Some(slot), Some(process)) = (slot(address), self.at_work()) else {
            return;
        };
        self.count(|tally| tally.words += 1);
        let model = process.model.borrow();
        let page = model.page(address.page());
        let allowed = page.is_some_and(|page| process.allows(page, address.page(), touch.access()));
        let words = page.and_then(Page::words);
        if !(allowed && words.is_some_and(|words| words.get(slot) == word)) {
            self.diverge(|| format!("{touch:?} at {:#x} gave {word:#x}, on {page:x?}", address.0));
        }
    }

    fn stored(&self, address: VirtAddr, word: u64) {
        let (Some(slot), Some(process)) = (slot(address), self.at_work()) else {
            return;
        };
        self.count(|tally| tally.words += 1);
        let model = process.model.borrow();
        let page = model.page(address.page());
        let allowed = page.is_some_and(|page| {
            process.allows(page, address.page(), Access::Write) && !page.waits_for_copy()
        });
        match page.and_then(Page::words) {
            Some(words) if allowed => {
                let before = words.replace(slot, word);
                if let Some(stored) = &mut *process.stored.borrow_mut() {
                    stored.push((address, before));
                }
            }
            _ => {
                self.diverge(|| format!("a store to {:#x} succeeded, on {page:x?}", address.0));
            }
        }
    }
}
