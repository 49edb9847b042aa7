//! Loads and stores off the plain path: translation, devices, odd alignment, and what is watched.

use super::{Cpu, Done};
use crate::device::clint;
use crate::early::NOW;
use crate::hart::Hart;
use crate::hart::csr::status;
use crate::hart::trap::Trap;
use crate::mmu::{Access, translate};
use crate::ram::PAGE;
use crate::sanitize::race;
use crate::store_buffer::Waiting;

/// How a place is used, for the race detector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Use {
    /// A plain load.
    Load,
    /// A plain store.
    Store,
    /// An atomic instruction.
    Atomic,
}

impl Cpu<'_> {
    /// Loads `size` bytes, not extended.
    #[inline(never)]
    pub fn load_slow<const WATCH: bool>(&mut self, address: u64, size: usize) -> Result<u64, Trap> {
        if crosses_page(address, size) {
            let mut value = 0;
            for byte in 0..size {
                let at = address.wrapping_add(byte as u64);
                value |= self.load_slow::<WATCH>(at, 1)? << (8 * byte);
            }
            return Ok(value);
        }
        self.hart.early.walked = false;
        let physical = translate(self.hart, self.board, address, Access::Load)?;
        match self.board.ram.offset(physical, size) {
            Some(offset) => {
                let value = self.board.ram.read(offset, size);
                if !WATCH {
                    return Ok(value);
                }
                if !self.is_programs(address) {
                    race::access(self.hart, self.board, offset, size, Use::Load);
                }
                Ok(self.satisfy(offset, size, value))
            }
            None => {
                self.order_loads();
                self.board
                    .device_read(physical, size)
                    .map_err(|_| Access::Load.access_fault(address))
            }
        }
    }

    /// The value of a load: `memory` is what is there now.
    fn satisfy(&mut self, offset: usize, size: usize, memory: u64) -> u64 {
        let Hart {
            id, early, stores, ..
        } = &mut *self.hart;
        let state = &mut self.board.state;
        let buffered = stores.overlaps(offset, size);
        let value = if !self.board.adversity.loads {
            memory
        } else if buffered || early.walked || early.address == NOW {
            early.read_now(&state.past, offset, size);
            memory
        } else {
            let step = state.steps;
            early.take(
                &state.past,
                &mut state.rng,
                *id,
                step,
                (offset, size),
                memory,
            )
        };
        early.address = NOW;
        match buffered {
            true => stores.forward(offset, size, value),
            false => value,
        }
    }

    /// No later load is satisfied before now.
    pub fn order_loads(&mut self) {
        self.hart.early.fence(self.board.state.past.now());
    }

    /// Stores the low `size` bytes of a value.
    #[inline(never)]
    pub fn store_slow<const WATCH: bool>(&mut self, address: u64, size: usize, value: u64) -> Done {
        if crosses_page(address, size) {
            // Both pages are asked before the first byte changes.
            for at in [address, address.wrapping_add(size as u64 - 1)] {
                translate(self.hart, self.board, at, Access::Store)?;
            }
            for byte in 0..size {
                let at = address.wrapping_add(byte as u64);
                self.store_slow::<WATCH>(at, 1, value >> (8 * byte))?;
            }
            return Ok(());
        }
        let physical = translate(self.hart, self.board, address, Access::Store)?;
        let Some(offset) = self.board.ram.offset(physical, size) else {
            // The device may raise or drop an interrupt: look before the next instruction.
            self.hart.end_turn();
            if let Some(other) = clint::interrupted(physical, value) {
                race::signal(self.board, self.hart.id, other);
            }
            return self
                .board
                .device_write(physical, size, value)
                .map_err(|_| Access::Store.access_fault(address));
        };
        if WATCH {
            if !self.is_programs(address) {
                race::access(self.hart, self.board, offset, size, Use::Store);
            }
            if self.board.adversity.stores {
                let place = self.hart.place(self.board.state.steps);
                self.delay_store(Waiting {
                    offset,
                    size,
                    value,
                    place,
                });
                return Ok(());
            }
        }
        self.write(offset, size, value);
        Ok(())
    }

    /// Whether the kernel accesses a program's memory, at the program's address: what programs do
    /// to each other's shared memory is no mistake of the kernel.
    fn is_programs(&self, address: u64) -> bool {
        let csr = &self.hart.csr;
        csr.mstatus & status::SUM != 0 && csr.satp >> 60 != 0 && address >> 63 == 0
    }

    /// Makes a store visible.
    pub fn write(&mut self, offset: usize, size: usize, value: u64) {
        let place = self.hart.place(self.board.state.steps);
        self.make_visible(Waiting {
            offset,
            size,
            value,
            place,
        });
    }

    fn make_visible(&mut self, store: Waiting) {
        let Waiting {
            offset,
            size,
            value,
            place,
        } = store;
        if self.board.adversity.loads {
            let old = self.board.ram.read(offset, size);
            let past = &mut self.board.state.past;
            past.stored(self.hart.id, offset, size, old);
        }
        let flags = self.board.ram.write(offset, size, value);
        self.board.stored(self.hart, offset, size, flags, place);
    }

    fn delay_store(&mut self, store: Waiting) {
        if self.hart.stores.is_full() || self.board.state.rng.one_in(4) {
            self.drain_one();
        }
        if self.hart.stores.is_full() {
            self.drain_one();
        }
        self.hart.stores.push(store);
    }

    /// Makes one waiting store visible.
    pub fn drain_one(&mut self) {
        if let Some(store) = self.hart.stores.any(&mut self.board.state.rng) {
            self.make_visible(store);
        }
    }

    /// Makes all waiting stores visible.
    pub fn drain(&mut self) {
        while let Some(store) = self.hart.stores.oldest() {
            self.make_visible(store);
        }
    }

    /// `cbo.zero`; the other cache-block operations have nothing to do here (Zicboz, Zicbom).
    pub fn cache_block<const WATCH: bool>(&mut self, word: u32) -> Done {
        use crate::hart::Mode;
        use crate::hart::csr::CBZE;
        const ZERO: u32 = 4;
        const BLOCK: u64 = 64;
        let allowed = match self.hart.mode {
            Mode::Machine => true,
            Mode::Supervisor => self.hart.csr.menvcfg & CBZE != 0,
            Mode::User => self.hart.csr.menvcfg & self.hart.csr.senvcfg & CBZE != 0,
        };
        if word >> 20 != ZERO || !allowed {
            return Err(Trap::illegal(word));
        }
        let start = self.hart.x[(word >> 15 & 31) as usize] & !(BLOCK - 1);
        for at in (0..BLOCK).step_by(8) {
            self.store_slow::<WATCH>(start + at, 8, 0)?;
        }
        Ok(())
    }
}

fn crosses_page(address: u64, size: usize) -> bool {
    (address as usize & (PAGE - 1)) + size > PAGE
}
