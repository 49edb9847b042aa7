//! The swap device, and the kernel's part in swapping. Transfers end late, in any order, or with an
//! error; this includes transfers of files ([`super::files`]).
//!
//! Invariants: a token is removed from its list before anything is done with it, because other
//! harts act meanwhile. A page that is being written does not change before the write has ended,
//! which is checked.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use abi::MemCounter;
use mm::addr::VirtAddr;
use mm::file::FileRead;
use mm::space::{Access, Resolution, Wait};
use mm::swap::{PageWait, SwapIn, SwapOut, TransferError};
use mm::{Reclaimed, Retry, Round};

use super::transfer::{Bytes, Luck, Transfer};
use super::{Space, World};
use crate::isa::Isa;
use crate::machine::SimMachine;
use crate::ram::NEVER_WRITTEN;

/// The device, and its transfers.
pub(super) struct Device<'m, I: Isa> {
    slots: RefCell<HashMap<u64, Bytes>>,
    transfers: RefCell<Vec<Transfer<'m, I>>>,
    /// The waits of programs for pages. A program may try its access again.
    waiting: RefCell<Vec<PageWait<'m, SimMachine<I>>>>,
    /// Whether a read has failed, so that a page may be lost.
    failed: Cell<bool>,
    /// The number of rounds of reclaim and write-backs that are just beginning. Other harts may act
    /// inside them.
    beginning: Cell<u32>,
}

impl<I: Isa> Device<'_, I> {
    /// Returns an empty device without transfers.
    pub(super) fn new() -> Self {
        Self {
            slots: RefCell::default(),
            transfers: RefCell::default(),
            waiting: RefCell::default(),
            failed: Cell::new(false),
            beginning: Cell::new(0),
        }
    }
}

/// The most programs that wait at a time.
const WAITING: usize = 4;

impl<'m, I: Isa> World<'m, I> {
    /// Does the wait that a fault asks for, now or later. Returns whether the program may try again
    /// at once.
    pub(super) fn wait(&self, wait: Wait<'m, SimMachine<I>>) -> bool {
        let chance = self.memory.machine().chance(4);
        match wait {
            Wait::Page(page) => {
                self.keep_waiting(page);
                false
            }
            Wait::Read(mut read) => {
                for index in 0..read.count() {
                    // The frame's old contents must not be seen by any program.
                    for bytes in read.bytes_mut(index).chunks_exact_mut(8) {
                        bytes.copy_from_slice(&NEVER_WRITTEN.to_ne_bytes());
                    }
                }
                self.begin_transfer(Transfer::In(read));
                if chance != 0 {
                    let last = self.device.transfers.borrow().len() - 1;
                    self.end_transfer(last, false);
                }
                chance != 0
            }
            Wait::File(mut read) => {
                for bytes in read.bytes_mut().chunks_exact_mut(8) {
                    bytes.copy_from_slice(&NEVER_WRITTEN.to_ne_bytes());
                }
                if chance == 0 {
                    self.begin_transfer(Transfer::FromFile(read));
                    return false;
                }
                self.end_file_read(read)
            }
            Wait::Frames => self.make_room(u64::from(chance) + 1),
        }
    }

    /// Frees frames as the kernel's pager does. Returns whether to try again. The pages that `mm`
    /// itself finds must be enough: this function only writes what `mm` asks it to.
    fn make_room(&self, wanted: u64) -> bool {
        let mut retry = Retry::new();
        let mut luck = Luck::Any;
        loop {
            let round = self.reclaim(wanted, luck);
            self.end_all_writes();
            self.dirty_again();
            if round.made_progress() {
                return true;
            }
            if retry.after(round).is_err() {
                return false;
            }
            // Transfers and waiting programs may hold the last frames. If they did, the program
            // tries once more before the next look.
            let free = || self.memory.stats()[MemCounter::Free as usize];
            let before = free();
            self.finish_transfers();
            if free() > before {
                return true;
            }
            luck = Luck::Good;
        }
    }

    pub(super) fn begin_transfer(&self, transfer: Transfer<'m, I>) {
        self.device.transfers.borrow_mut().push(transfer);
    }

    fn keep_waiting(&self, page: PageWait<'m, SimMachine<I>>) {
        let mut waiting = self.device.waiting.borrow_mut();
        waiting.push(page);
        let gone = (waiting.len() > WAITING).then(|| waiting.remove(0));
        drop(waiting);
        drop(gone);
    }

    /// Reclaims `wanted` frames. Begins the writes, except some of files unless all must succeed.
    pub(super) fn reclaim(&self, wanted: u64, luck: Luck) -> Round {
        let Reclaimed {
            freed,
            writes,
            dirty,
        } = self.while_beginning(|| self.memory.reclaim(wanted));
        let mut round = Round {
            freed,
            ..Round::default()
        };
        for write in writes {
            let pages = (0..write.count())
                .map(|index| *write.bytes(index))
                .collect();
            self.begin_transfer(Transfer::Out(write, pages));
        }
        for page in dirty {
            if luck == Luck::Good || self.memory.machine().chance(8) != 0 {
                round.add(self.evict(page, luck));
            }
        }
        let transfers = self.device.transfers.borrow();
        if transfers.iter().any(Transfer::is_write) {
            round.add(Round::of_others());
        }
        round
    }

    /// Runs `body`, which takes pages from programs in order to free or write them.
    pub(super) fn while_beginning<R>(&self, body: impl FnOnce() -> R) -> R {
        let beginning = &self.device.beginning;
        beginning.set(beginning.get() + 1);
        let result = body();
        beginning.set(beginning.get() - 1);
        result
    }

    /// Returns whether an enclosing step holds pages that it will free. A kernel would wait for
    /// that step, which here cannot continue before the inner step is over.
    pub(super) fn is_held_up(&self) -> bool {
        self.device.beginning.get() != 0
    }

    /// Ends all writes with success.
    pub(super) fn end_all_writes(&self) {
        loop {
            let Some(index) = self
                .device
                .transfers
                .borrow()
                .iter()
                .position(Transfer::is_write)
            else {
                return;
            };
            self.end_transfer(index, false);
        }
    }

    /// Ends one of the running transfers, with success or with an error.
    pub(super) fn end_transfer(&self, index: usize, fails: bool) {
        let transfer = {
            let mut transfers = self.device.transfers.borrow_mut();
            if transfers.is_empty() {
                return;
            }
            let index = index % transfers.len();
            transfers.swap_remove(index)
        };
        self.end(transfer, fails);
    }

    fn end(&self, transfer: Transfer<'m, I>, fails: bool) {
        match transfer {
            Transfer::In(read) => {
                let page = self.end_read(read, fails);
                self.keep_waiting(page);
            }
            Transfer::Out(write, pages) => self.end_write(write, pages, fails),
            // The fault that needed the read has failed.
            Transfer::FromFile(read) if fails => drop(read),
            Transfer::FromFile(read) => {
                self.end_file_read(read);
            }
            Transfer::ToFile(leaving) => drop(self.end_write_back(leaving, fails)),
        }
    }

    /// Reads a page of a file, unless the file is in use at this moment. Returns whether it did.
    fn end_file_read(&self, read: FileRead<'m, SimMachine<I>>) -> bool {
        if !self.file(read.page().file).is_free() {
            self.begin_transfer(Transfer::FromFile(read));
            return false;
        }
        let page = self.fill(read);
        let there = page.is_some();
        if let Some(page) = page {
            self.keep_waiting(page);
        }
        there
    }

    fn end_read(
        &self,
        mut read: SwapIn<'m, SimMachine<I>>,
        fails: bool,
    ) -> PageWait<'m, SimMachine<I>> {
        if fails {
            self.device.failed.set(true);
            return read.finish(Err(TransferError));
        }
        for index in 0..read.count() {
            let slot = read.first().0 + index as u64;
            match self.device.slots.borrow().get(&slot) {
                Some(page) => *read.bytes_mut(index) = *page,
                None => self.diverge(|| format!("slot {slot:#x} is read and was never written")),
            }
        }
        read.finish(Ok(()))
    }

    fn end_write(&self, write: SwapOut<'m, SimMachine<I>>, pages: Vec<Bytes>, fails: bool) {
        if fails {
            write.finish(Err(TransferError));
            return;
        }
        for (index, page) in pages.into_iter().enumerate() {
            let slot = write.first().0 + index as u64;
            if *write.bytes(index) != page {
                self.diverge(|| format!("slot {slot:#x}: its page changed while it was written"));
            }
            self.device.slots.borrow_mut().insert(slot, page);
        }
        write.finish(Ok(()));
    }

    /// Ends all transfers that can end now, with success, and all waits.
    pub(super) fn finish_transfers(&self) {
        self.end_all_writes();
        for read in self.device.transfers.take() {
            self.end(read, false);
        }
        self.device.waiting.take();
    }

    /// Returns whether a page may be lost to a program.
    pub(super) fn may_be_lost(&self) -> bool {
        self.device.failed.get()
    }

    /// Makes a page present in a space that no hart uses yet, without other harts acting. Returns
    /// whether it could.
    pub(super) fn bring_in(&self, space: &mut Space<'m, I>, address: VirtAddr) -> bool {
        let crowded = self.crowded.replace(false);
        let mut tries = 0;
        let here = loop {
            tries += 1;
            match space.resolve(address, Access::Read) {
                Resolution::Done => break true,
                Resolution::Wait(wait) if tries < 100 => {
                    self.wait(wait);
                    self.finish_transfers();
                }
                _ => break false,
            }
        };
        self.crowded.set(crowded);
        here
    }
}
