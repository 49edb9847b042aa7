//! What the harts share: memory, devices, the clock, and the record of what is watched.
//!
//! One hart runs at a time, so a change that concerns the private caches of the others is only
//! noted ([`Notes`]) and brought to them before any of them runs. Neighbours: [`crate::machine`]
//! delivers the notes, [`crate::sanitize`] judges.

use alloc::vec::Vec;

use crate::HARTS_MAX;
use crate::adversity::{Accessed, Adversity};
use crate::device::clint::Clint;
use crate::device::finisher::{self, Ending};
use crate::device::plic::Plic;
use crate::device::queue::Dma;
use crate::device::uart::Uart;
use crate::device::virtio::{Registers, Virtio};
use crate::device::{
    CLINT, CLINT_SIZE, FINISHER, PLIC, PLIC_SIZE, UART, UART_INTERRUPT, VIRTIO, VIRTIO_SLOTS,
    VIRTIO_STRIDE,
};
use crate::early::Past;
use crate::hart::csr::{ADUE, interrupt};
use crate::hart::{Hart, Place};
use crate::mmu::OBSERVED;
use crate::ram::{CODE, PAGE, Ram, TABLE, TEXT, WATCHED};
use crate::rng::Rng;
use crate::sanitize::Sanitizer;
use crate::sanitize::atomics::Atomics;
use crate::stored::stored;
use crate::symbols::Symbols;

/// Changes that other harts' private caches have yet to hear of.
#[derive(Clone, Default)]
pub(crate) struct Notes {
    /// Stores to entries of page tables: the address and the number of the change.
    pub entries: Vec<(u64, u32)>,
    /// Stores to pages with code: offset and size.
    pub code: Vec<(usize, usize, Place)>,
    /// Pages that were code and have become data.
    pub data: Vec<u32>,
    /// Pages that were tables and may have become data.
    pub former_tables: Vec<u64>,
}

stored!(Notes {
    entries,
    code,
    data,
    former_tables
});

/// Everything but the harts and the contents of memory and disks: what a snapshot copies.
#[derive(Clone)]
pub struct State {
    /// Core-local interruptor.
    pub clint: Clint,
    /// Interrupt controller.
    pub plic: Plic,
    /// Serial line.
    pub uart: Uart,
    /// Instructions that all harts together have run.
    pub steps: u64,
    /// Clock ticks that passed while every hart slept.
    pub(crate) skipped: u64,
    pub(crate) rng: Rng,
    pub(crate) notes: Notes,
    /// What loads may still see, if they may be early.
    pub(crate) past: Past,
    /// Stores to a page of tables that no cached entry was read from, per group of pages.
    quiet_tables: [u16; 64],
    /// How the machine was told to end.
    pub(crate) ending: Option<Ending>,
    pub(crate) sanitizer: Sanitizer,
}

stored!(State {
    clint,
    plic,
    uart,
    steps,
    skipped,
    rng,
    notes,
    past,
    quiet_tables,
    ending,
} with { sanitizer: Sanitizer::default() });

impl State {
    /// Whether nothing leads outside of a memory of this size, or beyond so many steps.
    pub(crate) fn is_sound(&self, memory: usize, steps: u64) -> bool {
        let inside = |offset: usize, size: usize| {
            let end = offset.checked_add(size);
            size > 0 && end.is_some_and(|end| end <= memory)
        };
        let code = &self.notes.code;
        self.steps < steps
            && self.past.is_sound(memory)
            && self.past.now() < steps
            && code.iter().all(|&(offset, size, _)| inside(offset, size))
    }
}

/// What the harts share.
pub struct Board {
    /// Main memory.
    pub ram: Ram,
    /// Virtio slots.
    pub slots: [Option<Virtio>; VIRTIO_SLOTS],
    /// The rest.
    pub state: State,
    /// How unkind the machine is.
    pub adversity: Adversity,
    /// Whether harts keep translations ([`crate::mmu::Tlb`]).
    pub keeps_translations: bool,
    /// Instructions per tick of the clock.
    pub tick: u64,
    /// How many harts there are.
    pub harts: usize,
    /// Whether an outdated instruction is remembered as such, to be executed or reported.
    pub keeps_code: bool,
    /// Whether somebody may type: a kernel that waits for that is not stuck.
    pub attended: bool,
    /// Whether calls of the supervisor are answered by this machine instead of firmware.
    pub firmware: bool,
    /// The kernel's functions, for backtraces.
    pub(crate) symbols: Symbols,
    /// The instructions that are known to be meant as atomic.
    pub(crate) atomics: Atomics,
}

/// An access that no memory and no device answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unanswered;

/// Stores to former tables after which the page is taken for data.
const TABLE_QUIET: u16 = 64;

impl Board {
    /// A board with this much zeroed memory.
    pub fn new(ram: Ram, harts: usize) -> Self {
        Self {
            ram,
            slots: [const { None }; VIRTIO_SLOTS],
            state: State {
                clint: Clint::default(),
                plic: Plic::default(),
                uart: Uart::default(),
                steps: 0,
                skipped: 0,
                rng: Rng::new(0),
                notes: Notes::default(),
                past: Past::default(),
                quiet_tables: [0; 64],
                ending: None,
                sanitizer: Sanitizer::default(),
            },
            adversity: Adversity::NONE,
            keeps_translations: false,
            tick: 10,
            harts: harts.clamp(1, HARTS_MAX),
            keeps_code: false,
            attended: true,
            firmware: false,
            symbols: Symbols::default(),
            atomics: Atomics::default(),
        }
    }

    /// The clock.
    pub fn time(&self) -> u64 {
        (self.state.steps / self.tick).wrapping_add(self.state.skipped)
    }

    /// The clock in instructions, as devices count: pauses included.
    fn now(&self) -> u64 {
        let skipped = self.state.skipped.wrapping_mul(self.tick);
        self.state.steps.wrapping_add(skipped)
    }

    /// The serial line tells the controller whether it interrupts.
    fn uart_speaks(&mut self) {
        let high = self.state.uart.interrupts();
        self.state.plic.set_line(UART_INTERRUPT, high);
    }

    /// Hands typed bytes to the serial line.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.state.uart.receive(bytes);
        self.state.sanitizer.progress.answered();
        self.uart_speaks();
    }

    /// The interrupts that devices raise at a hart, as bits of `mip`.
    pub fn lines(&self, hart: &Hart) -> u64 {
        let id = hart.id;
        let time = self.time();
        let mut bits = 0;
        let mut set = |bit, on| bits |= if on { bit } else { 0 };
        set(interrupt::MSI, self.state.clint.msip[id]);
        set(interrupt::MTI, time >= self.state.clint.mtimecmp[id]);
        set(
            interrupt::STI,
            hart.csr.own_timer() && time >= hart.csr.stimecmp,
        );
        set(interrupt::MEI, self.state.plic.interrupts(2 * id));
        set(interrupt::SEI, self.state.plic.interrupts(2 * id + 1));
        bits
    }

    /// Reads a device's register.
    pub fn device_read(&mut self, address: u64, size: usize) -> Result<u64, Unanswered> {
        let time = self.time();
        match address {
            FINISHER..=0x10_0fff => Ok(0),
            CLINT.. if address - CLINT < CLINT_SIZE => {
                Ok(self.state.clint.read(address - CLINT, size, time))
            }
            PLIC.. if address - PLIC < PLIC_SIZE => Ok(self.state.plic.read((address - PLIC) & !3)),
            UART..=0x1000_00ff => {
                let value = self.state.uart.read(address - UART).into();
                // Polling the line status says nothing new.
                if address - UART < 3 {
                    self.uart_speaks();
                }
                Ok(value)
            }
            _ => {
                let (slot, offset) = slot(address).ok_or(Unanswered)?;
                Ok(self.slots[slot].as_ref().map_or(
                    // An empty slot: magic and version, but no device.
                    match offset {
                        0 => 0x7472_6976,
                        4 => 2,
                        _ => 0,
                    },
                    |device| device.read(offset, size),
                ))
            }
        }
    }

    /// Writes a device's register.
    pub fn device_write(
        &mut self,
        address: u64,
        size: usize,
        value: u64,
    ) -> Result<(), Unanswered> {
        match address {
            FINISHER..=0x10_0fff => {
                self.state.ending = finisher::ending(value).or(self.state.ending);
            }
            CLINT.. if address - CLINT < CLINT_SIZE => {
                self.state.clint.write(address - CLINT, size, value);
            }
            PLIC.. if address - PLIC < PLIC_SIZE => {
                self.state.plic.write((address - PLIC) & !3, value);
            }
            UART..=0x1000_00ff => {
                self.state.uart.write(address - UART, value as u8);
                self.uart_speaks();
            }
            _ => {
                let (number, offset) = slot(address).ok_or(Unanswered)?;
                let Some(mut device) = self.slots[number].take() else {
                    return Ok(());
                };
                if device.write(offset, value) {
                    let now = self.now();
                    let mut rng = self.state.rng.clone();
                    let late = self.adversity.devices.then_some(&mut rng);
                    device.notified(&Memory(self), now, late);
                    self.state.rng = rng;
                }
                self.state
                    .plic
                    .set_line(number as u32 + 1, device.interrupts());
                self.slots[number] = Some(device);
            }
        }
        Ok(())
    }

    /// Lets devices answer what is due.
    pub fn advance_devices(&mut self) {
        let now = self.now();
        for number in 0..VIRTIO_SLOTS {
            let due = self.slots[number].as_ref().and_then(Virtio::due);
            if due.is_none_or(|due| due > now) {
                continue;
            }
            self.state.sanitizer.progress.answered();
            if let Some(mut device) = self.slots[number].take() {
                device.advance(&mut Memory(self), now);
                self.state
                    .plic
                    .set_line(number as u32 + 1, device.interrupts());
                self.slots[number] = Some(device);
            }
        }
    }

    /// When the next answer of a device is due, in ticks of the clock.
    pub(crate) fn device_due(&self) -> Option<u64> {
        let due = self.slots.iter().flatten().filter_map(Virtio::due).min()?;
        Some(due.div_ceil(self.tick).saturating_add(1))
    }

    /// A page-table walk reads from here: stores to the page concern translations from now on.
    pub(crate) fn note_table(&mut self, hart: &mut Hart, offset: usize) {
        if self.keeps_translations && self.ram.set_flags(offset, TABLE) {
            hart.fast.forget_writable();
        }
    }

    /// Whether the hart's walks set accessed and dirty bits.
    pub(crate) fn updates_accessed(&self, hart: &Hart) -> bool {
        self.adversity.accessed == Accessed::Hardware && hart.csr.menvcfg & ADUE != 0
    }

    /// Sets accessed and dirty bits in an entry, as a walk does.
    pub(crate) fn update_entry(&mut self, address: u64, entry: u64) {
        if let Some(offset) = self.ram.offset(address, 8) {
            self.ram.write(offset, 8, entry);
        }
    }

    /// Acts on a store to a page with flags. `place` is where the store was executed.
    #[inline]
    pub(crate) fn stored(
        &mut self,
        hart: &mut Hart,
        offset: usize,
        size: usize,
        flags: u8,
        place: Place,
    ) {
        if flags & OBSERVED == 0 {
            return;
        }
        if flags & CODE != 0 {
            let data = hart.code.stored(offset, size, self.keeps_code, place);
            self.state.notes.code.push((offset, size, place));
            if data {
                self.state.notes.data.push((offset / PAGE) as u32);
            }
        }
        if flags & TABLE != 0 {
            self.table_stored(hart, offset, size, place);
        }
        if flags & WATCHED != 0 {
            self.watched_stored(offset, place);
        }
        if flags & TEXT != 0 {
            self.text_stored(hart, offset, place);
        }
    }

    fn table_stored(&mut self, hart: &mut Hart, offset: usize, size: usize, place: Place) {
        let first = (offset & !7) as u64 + self.ram.base();
        let last = ((offset + size - 1) & !7) as u64 + self.ram.base();
        for address in [first, last] {
            let known = self.entry_stored(hart, address, place);
            let group = &mut self.state.quiet_tables[offset / PAGE % 64];
            *group = if known { 0 } else { group.saturating_add(1) };
            if *group >= TABLE_QUIET {
                *group = 0;
                self.state.notes.former_tables.push(address & !0xfff);
            }
            if first == last {
                break;
            }
        }
        self.point(hart, 4);
    }

    /// Ends the hart's turn by choice, once in `n` times.
    #[inline]
    pub(crate) fn point(&mut self, hart: &mut Hart, n: u64) {
        if self.adversity.turns && self.state.rng.one_in(n) {
            hart.yield_turn();
        }
    }
}

/// The virtio slot at an address.
fn slot(address: u64) -> Option<(usize, u64)> {
    let from = address.checked_sub(VIRTIO)?;
    let number = (from / VIRTIO_STRIDE) as usize;
    (number < VIRTIO_SLOTS).then_some((number, from % VIRTIO_STRIDE))
}

/// Memory as devices reach it.
struct Memory<'a>(&'a mut Board);

impl Dma for Memory<'_> {
    fn read(&self, address: u64, into: &mut [u8]) {
        match self.0.ram.offset(address, into.len()) {
            Some(offset) => into.copy_from_slice(&self.0.ram.bytes()[offset..offset + into.len()]),
            None => into.fill(0),
        }
    }

    fn write(&mut self, address: u64, from: &[u8]) {
        let Board { ram, state, .. } = &mut *self.0;
        let place = Place {
            hart: u8::MAX,
            step: state.steps,
            ..Place::default()
        };
        let Some(offset) = ram.offset(address, from.len()) else {
            return;
        };
        state.past.forget();
        let mut pieces: Vec<(usize, usize)> = Vec::new();
        ram.write_bytes(offset, from, |at, count| pieces.push((at, count)));
        for (at, count) in pieces {
            let flags = ram.flags(at);
            if flags & CODE != 0 {
                state.notes.code.push((at, count, place));
            }
            if flags & WATCHED != 0 {
                state.sanitizer.device_wrote(at, place);
            }
        }
    }
}

/// The registers of the slots, for snapshots.
pub(crate) fn registers(board: &Board) -> Vec<Option<Registers>> {
    board
        .slots
        .iter()
        .map(|slot| slot.as_ref().map(|device| device.registers.clone()))
        .collect()
}
