//! Steps that begin and end processes.

use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use abi::ForkMode;
use mm::addr::{FrameNo, PageNo, PageRange, VirtAddr};
use mm::file::{FileMap, FilePage, Sharing};
use mm::pt::Permissions;
use mm::space::Promise;

use super::mapped::named;
use super::{PROCESSES, Process, Space, World};
use crate::file::{FILES, Mapping};
use crate::isa::Isa;
use crate::machine::WORD;
use crate::model::{Model, slot};
use crate::words::SLOTS;

impl<'m, I: Isa> World<'m, I> {
    pub(super) fn fork(&self, process: &Process<'m, I>, mode: ForkMode) {
        let Ok(mut space) = process.space.try_borrow_mut() else {
            return;
        };
        let Some(space) = space.as_mut() else { return };
        if self.processes.borrow().len() >= PROCESSES {
            return;
        }
        process.stored.replace(Some(Vec::new()));
        let forked = space.fork(mode);
        let stored = process.stored.take().unwrap_or_default();
        match forked {
            Ok(mut child) => {
                self.count(|tally| tally.forks += 1);
                let mut model = process.model.borrow().child();
                // A child whose memory cannot be checked is killed before it runs.
                if self.adopt_stores(&mut child, &mut model, &stored) {
                    self.add(child, model);
                }
            }
            Err(_) => self.note_refusal(true),
        }
    }

    /// Adopts the child's memory into the model where other threads stored during the fork. The
    /// child may have the word from before or after such a store, and keeps the one that it has.
    /// Returns whether the words could be read.
    pub(super) fn adopt_stores(
        &self,
        child: &mut Space<'m, I>,
        model: &mut Model,
        stored: &[(VirtAddr, u64)],
    ) -> bool {
        for &(address, _) in stored {
            let (Some(slot), Some(page)) = (slot(address), model.page_mut(address.page())) else {
                continue;
            };
            if !page.is_own() {
                continue;
            }
            if !self.bring_in(child, address) {
                return false;
            }
            let Some(words) = page.words() else { continue };
            let now = words.get(slot);
            let before = stored
                .iter()
                .filter(|(at, _)| *at == address)
                .map(|&(_, word)| word);
            let frame = FrameNo(child.page_info(address.page()).frame());
            let cell = self.memory.machine().ram().word(frame, address.offset());
            let word = cell.load(Ordering::Relaxed);
            if word != now && !before.into_iter().any(|before| before == word) {
                self.diverge(|| {
                    format!(
                        "a child has {word:#x} at {:#x}, never stored there",
                        address.0
                    )
                });
            }
            words.replace(slot, word);
        }
        true
    }

    /// Ends a process for which no hart is in the kernel.
    pub(super) fn exit(&self, process: &Rc<Process<'m, I>>) {
        self.processes
            .borrow_mut()
            .retain(|other| !Rc::ptr_eq(other, process));
        self.abandon(process);
    }

    pub(super) fn exec(&self, hart: usize, process: &Rc<Process<'m, I>>) {
        match self.image() {
            Some((space, model)) => {
                self.abandon(process);
                process.space.replace(Some(space));
                process.model.replace(model);
                self.run_process(hart, Some(process.clone()));
            }
            None => self.note_refusal(true),
        }
    }

    /// Returns a program: two pages of text, at random from a file, one page of data, and a heap.
    pub(super) fn image(&self) -> Option<(Space<'m, I>, Model)> {
        let (mut space, mut model) = (Space::new(self.memory).ok()?, Model::new(I::USER_TOP));
        let pages = |start, end| PageRange::new(PageNo(start), PageNo(end));
        let text = Permissions::READ | Permissions::EXECUTE;
        let data = Permissions::READ | Permissions::WRITE;
        let file = FILES.get(self.memory.machine().chance(6) as usize);
        let loaded = match file {
            Some(&file) => {
                let map = FileMap {
                    first: FilePage { file, index: 0 },
                    sharing: Sharing::Program,
                };
                space.map_file(pages(0, 2), text, map, None).ok()?;
                let mapping = Mapping::new(self.file(file).clone(), map);
                model.map_file(pages(0, 2), text, &mapping);
                2..3
            }
            None => {
                space.map(pages(0, 2), text, Promise::Charged).ok()?;
                model.map(pages(0, 2), text, Promise::Charged);
                0..3
            }
        };
        space.map(pages(2, 3), data, Promise::Charged).ok()?;
        model.map(pages(2, 3), data, Promise::Charged);
        for page in loaded.map(PageNo) {
            let bytes = space.bytes_mut(page.address()).ok()?;
            let entry = model.page_mut(page)?;
            entry.touch();
            let words = entry.words()?;
            for (slot, offset) in SLOTS.into_iter().enumerate() {
                let word = self.new_word();
                words.replace(slot, word);
                bytes[offset..offset + WORD].copy_from_slice(&word.to_ne_bytes());
            }
        }
        space.publish();
        let end = PageNo(3).address();
        space.set_heap_break(end);
        model.heap_break = end;
        Some((space, model))
    }

    /// Takes the space from a process and drops it.
    pub(super) fn abandon(&self, process: &Rc<Process<'m, I>>) {
        // Taken out first, so that no hart enters the space while it is dropped. It is leaked if a
        // panic unwinds.
        let mut space = ManuallyDrop::new(process.space.borrow_mut().take());
        self.leave(process);
        let all = PageRange::new(PageNo(0), I::USER_TOP.page());
        let owed = process.model.borrow().shared_file_pages(all);
        let (_, named) = named(&mut *space, |space, ending| match space.as_ref() {
            Some(space) => space.end(ending),
            None => Ok(()),
        });
        self.check_named(all, &named, &owed);
        drop(ManuallyDrop::into_inner(space));
        process.model.replace(Model::new(I::USER_TOP));
        self.write_named_back(named);
    }
}
