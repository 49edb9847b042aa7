//! The pretended swap device: remembers what was written, counts, and fails when it is told to.

use std::collections::HashMap;
use std::sync::Mutex;

use abi::PAGE_SIZE;

use crate::machine::Machine;
use crate::swap::{PageWait, SwapIn, SwapOut, TransferError};

/// A swap device.
#[derive(Default)]
pub struct Disk(Mutex<State>);

#[derive(Default)]
struct State {
    pages: HashMap<u64, [u8; PAGE_SIZE]>,
    broken: bool,
}

impl Disk {
    /// Makes every transfer from here on fail, or none.
    pub fn set_broken(&self, broken: bool) {
        self.0.lock().unwrap().broken = broken;
    }

    /// Reads what was asked for.
    pub fn read<'m, M: Machine>(&self, mut read: SwapIn<'m, M>) -> PageWait<'m, M> {
        let state = self.0.lock().unwrap();
        if state.broken {
            return read.finish(Err(TransferError));
        }
        for index in 0..read.count() {
            let slot = read.first().0 + index as u64;
            *read.bytes_mut(index) = *state
                .pages
                .get(&slot)
                .expect("a slot is written before it is read");
        }
        read.finish(Ok(()))
    }

    /// Writes what was asked for; how many frames that made free.
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
