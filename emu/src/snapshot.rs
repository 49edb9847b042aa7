//! Snapshots: the whole state at a step, to which a machine can go back.
//!
//! Pages of memory and disks that did not change between two snapshots are shared, so a snapshot
//! costs what was written since the last one, plus the caches of the harts.

use alloc::vec::Vec;

use crate::board::{self, State};
use crate::device::virtio::Registers;
use crate::hart::Hart;
use crate::machine::{Machine, Rules, Schedule, Stop};
use crate::ram::Image;

/// A machine at a step. It fits only the machine it was taken from, or one booted alike.
#[derive(Clone)]
pub struct Snapshot {
    memory: Image,
    flags: Vec<u8>,
    disks: Vec<Option<Image>>,
    registers: Vec<Option<Registers>>,
    rules: Rules,
    state: State,
    harts: Vec<Hart>,
    schedule: Schedule,
}

impl Snapshot {
    /// The step.
    pub fn step(&self) -> u64 {
        self.state.steps
    }
}

impl Machine {
    /// The state now.
    pub fn snapshot(&mut self) -> Snapshot {
        let board = &mut self.board;
        Snapshot {
            memory: board.ram.image(),
            flags: board.ram.all_flags(),
            disks: board
                .slots
                .iter_mut()
                .map(|slot| slot.as_mut().map(|device| device.disk.sectors.image()))
                .collect(),
            registers: board::registers(board),
            rules: self.rules(),
            state: self.board.state.clone(),
            harts: self.harts.clone(),
            schedule: self.schedule.clone(),
        }
    }

    /// Goes to the state of a snapshot. False, and nothing is changed, if it is another machine's.
    pub fn restore(&mut self, snapshot: &Snapshot) -> bool {
        if snapshot.harts.len() != self.harts.len() || !self.board.ram.restore(&snapshot.memory) {
            return false;
        }
        self.board.ram.set_all_flags(&snapshot.flags);
        let saved = snapshot.disks.iter().zip(&snapshot.registers);
        for (slot, (image, registers)) in self.board.slots.iter_mut().zip(saved) {
            if let (Some(device), Some(image), Some(registers)) = (slot, image, registers) {
                device.disk.sectors.restore(image);
                device.registers = registers.clone();
            }
        }
        self.follow(&snapshot.rules);
        self.board.state = snapshot.state.clone();
        self.harts.clone_from(&snapshot.harts);
        for hart in &mut self.harts {
            hart.fast.forget_writable();
        }
        self.schedule = snapshot.schedule.clone();
        true
    }

    /// Goes to an earlier or later step by way of the nearest snapshot before it.
    pub fn go_to(&mut self, snapshots: &[Snapshot], step: u64) -> Stop {
        let nearest = snapshots
            .iter()
            .filter(|snapshot| snapshot.step() <= step)
            .max_by_key(|snapshot| snapshot.step());
        if let Some(nearest) = nearest
            && (self.steps() > step || nearest.step() > self.steps())
        {
            self.restore(nearest);
        }
        // A report that is made again does not end the way back.
        loop {
            match self.run(step) {
                Stop::Reported => {}
                stop => return stop,
            }
        }
    }
}
