//! The pretended swap device. It stores what is written, counts transfers, and fails on request.

use std::collections::HashMap;
#[cfg(not(shuttle))]
use std::sync::Mutex;

use abi::PAGE_SIZE;
#[cfg(shuttle)]
use shuttle::sync::Mutex;

use crate::machine::Machine;
use crate::swap::{PageWait, SwapIn, SwapOut, TransferError};

/// A swap device. Its lock is held during a transfer, in which a model checker may run other
/// threads.
#[derive(Default)]
pub struct Disk(Mutex<State>);

#[derive(Default)]
struct State {
    pages: HashMap<u64, [u8; PAGE_SIZE]>,
    broken: bool,
    /// The slot that cannot be read.
    bad: Option<u64>,
}

impl Disk {
    /// Makes every transfer from now on fail, or makes transfers work again.
    pub fn set_broken(&self, broken: bool) {
        self.0.lock().unwrap().broken = broken;
    }

    /// Makes every read of this slot from now on fail.
    pub fn spoil(&self, slot: u64) {
        self.0.lock().unwrap().bad = Some(slot);
    }

    /// Does the read. Returns the wanted page.
    pub fn read<'m, M: Machine>(&self, read: SwapIn<'m, M>) -> PageWait<'m, M> {
        let state = self.0.lock().unwrap();
        read.finish_with(|read| state.read(read))
    }

    /// Does the write. Returns how many frames it freed.
    pub fn write<M: Machine>(&self, write: SwapOut<'_, M>) -> u64 {
        let mut state = self.0.lock().unwrap();
        if state.broken {
            return write.finish(Err(TransferError));
        }
        for index in 0..write.count() {
            let slot = write.first().0 + index as u64;
            state.pages.insert(slot, *write.bytes(index));
        }
        write.finish(Ok(()))
    }
}

impl State {
    fn read<M: Machine>(&self, read: &mut SwapIn<'_, M>) -> Result<(), TransferError> {
        let slots = read.first().0..read.first().0 + read.count() as u64;
        if self.broken || self.bad.is_some_and(|bad| slots.contains(&bad)) {
            return Err(TransferError);
        }
        for (index, slot) in slots.enumerate() {
            *read.bytes_mut(index) = *self
                .pages
                .get(&slot)
                .expect("a slot is written before it is read");
        }
        Ok(())
    }
}
