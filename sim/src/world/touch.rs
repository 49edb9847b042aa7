//! Accesses to memory, by programs and by the kernel for them.

use mm::addr::{PageNo, VirtAddr};
use mm::space::copy::{CopyFailure, copy_in, copy_out};
use mm::space::{Access, Resolution, Wait};

use abi::{MemCounter, PageInfo};

use super::{Process, World};
use crate::isa::Isa;
use crate::machine::{SimMachine, WORD};
use crate::model::Page;
use crate::walker::Touch;

/// The most faults in a row at one access, each of them resolved. Further ones are a divergence.
const TRIES: u32 = 150;

impl<'m, I: Isa> World<'m, I> {
    /// Makes the program access a word, with as many faults as it takes.
    pub(super) fn touch(&self, process: &Process<'m, I>, address: VirtAddr, touch: Touch) {
        let machine = self.memory.machine();
        for _ in 0..TRIES {
            let word = if touch == Touch::Store {
                self.new_word()
            } else {
                0
            };
            if machine.touch(address, touch, word) {
                return;
            }
            let resolved = self.resolve(process, address, touch.access());
            if resolved.is_err() {
                return;
            }
        }
        self.diverge(|| format!("{touch:?} at {:#x} faults for ever", address.0));
    }

    /// Makes `mm` resolve a fault, and compares the answer with the model. An error ends the copy
    /// or the program's access; its cause may also be that another hart has locked the space, or
    /// that the page comes later.
    pub(super) fn resolve(
        &self,
        process: &Process<'m, I>,
        address: VirtAddr,
        access: Access,
    ) -> Result<(), CopyFailure> {
        let wait = match self.resolve_once(process, address, access)? {
            Some(wait) => wait,
            None => return Ok(()),
        };
        let frames = matches!(wait, Wait::Frames);
        if self.wait(wait) {
            // The fault is not resolved yet: the program repeats its access later.
            return Ok(());
        }
        if frames {
            self.judge_shortage(process, address, access);
            return Err(CopyFailure::NoMemory);
        }
        Err(CopyFailure::Denied)
    }

    /// Checks a claim that no frame can be freed, which must not happen to a promised page.
    fn judge_shortage(&self, process: &Process<'m, I>, address: VirtAddr, access: Access) {
        self.count(|tally| tally.refusals += 1);
        let model = process.model.borrow();
        let page = model.page(address.page());
        // The pages of a file that is being cut can be freed only after the cut.
        let excused = self.cuts_a_file() || self.is_held_up();
        if page.is_some_and(|page| page.is_due(access)) && !excused {
            self.diverge(|| format!("no frame for a promise at {:#x}", address.0));
        }
    }

    fn resolve_once(
        &self,
        process: &Process<'m, I>,
        address: VirtAddr,
        access: Access,
    ) -> Result<Option<Wait<'m, SimMachine<I>>>, CopyFailure> {
        let mut space = process
            .space
            .try_borrow_mut()
            .or(Err(CopyFailure::Denied))?;
        let space = space.as_mut().ok_or(CopyFailure::Denied)?;
        let before = space.page_info(address.page());
        process.prepare_to_copy(address.page(), access);
        let resolution = space.resolve(address, access);
        process.copying.take();
        let after = space.page_info(address.page());
        let stayed = before.is_present() && after.is_present();
        self.count(|tally| tally.faults += 1);
        let mut model = process.model.borrow_mut();
        let mut page = model.page_mut(address.page());
        self.check_owner(address.page(), page.as_deref(), before, after);
        let allowed = page.as_ref().is_some_and(|page| page.allows::<I>(access));
        if let Some(page) = &mut page
            && !page.is_own()
            && after.0 != 0
        {
            // The page may be present and only wait to be written back.
            page.touch();
        }
        match (resolution, page) {
            (Resolution::Done, Some(page))
                if allowed && !(access == Access::Write && page.waits_for_copy()) =>
            {
                page.touch();
                Ok(None)
            }
            (Resolution::Wait(wait), Some(_)) if allowed => Ok(Some(wait)),
            (Resolution::Denied, _) if !allowed => Err(CopyFailure::Denied),
            (Resolution::Lost, Some(_)) if allowed && self.may_be_lost() => Err(CopyFailure::Lost),
            // The frame that a file's page is read into is promised to no process. The page may
            // have been evicted or cut off while the process's page table was unshared.
            (Resolution::NoMemory, Some(page))
                if allowed && (!page.is_due(access) || page.waits_for_copy() && !stayed) =>
            {
                self.count(|tally| tally.refusals += 1);
                Err(CopyFailure::NoMemory)
            }
            (resolution, page) => {
                let page = page.map(|page| page.clone());
                self.diverge(|| {
                    format!(
                        "{access:?} at {:#x} was {resolution:?}, on {page:?}",
                        address.0
                    )
                });
                Err(CopyFailure::Denied)
            }
        }
    }

    /// Checks that a private page with one owner stays in its frame, unless it goes through swap or
    /// to a file.
    fn check_owner(&self, page: PageNo, model: Option<&Page>, before: PageInfo, after: PageInfo) {
        let of_file = before.0 & PageInfo::FILE_OR_SHARED != 0
            && model.is_some_and(|page| page.view().is_some());
        let swap = self.memory.stats()[MemCounter::SwapSlots as usize] != 0;
        if !swap
            && !of_file
            && before.0 & PageInfo::EXCLUSIVE != 0
            && after.frame() != before.frame()
        {
            self.diverge(|| format!("page {:#x} was copied by its only owner", page.0));
        }
    }

    pub(super) fn new_word(&self) -> u64 {
        self.last_word.set(self.last_word.get() + 1);
        self.last_word.get()
    }

    pub(super) fn kernel_read(&self, process: &Process<'m, I>, address: VirtAddr, words: usize) {
        let mut buffer = vec![0; words * WORD];
        let copied = copy_in(self.memory.machine(), address, &mut buffer, |at, access| {
            self.resolve(process, at, access)
        });
        self.note_refusal(copied.is_err_and(|error| error.why == CopyFailure::NoMemory));
    }

    pub(super) fn kernel_write(&self, process: &Process<'m, I>, address: VirtAddr, words: usize) {
        let buffer: Vec<u8> = (0..words)
            .flat_map(|_| self.new_word().to_ne_bytes())
            .collect();
        let copied = copy_out(self.memory.machine(), address, &buffer, |at, access| {
            self.resolve(process, at, access)
        });
        self.note_refusal(copied.is_err_and(|error| error.why == CopyFailure::NoMemory));
    }
}
