//! The past of a run: snapshots at intervals, and the ways back to any step between them.
//!
//! Running back is running forward again from the nearest earlier snapshot, because a run depends
//! on nothing but its beginning. Invariant: the first snapshot is never given up, so every step
//! since then can be reached; when there are too many, the interval doubles.

use alloc::vec;
use alloc::vec::Vec;

use crate::machine::{Machine, Stop};
use crate::snapshot::Snapshot;

/// Steps between two snapshots in the beginning.
const INTERVAL: u64 = 500_000;
/// Most snapshots.
const SNAPSHOTS_MAX: usize = 64;

/// Snapshots of one machine, in the order of their steps.
pub struct History {
    snapshots: Vec<Snapshot>,
    interval: u64,
}

impl History {
    /// A history that begins now.
    pub fn new(machine: &mut Machine) -> Self {
        Self::with_interval(machine, INTERVAL)
    }

    /// The same, with so many steps between two snapshots.
    pub fn with_interval(machine: &mut Machine, interval: u64) -> Self {
        Self {
            snapshots: vec![machine.snapshot()],
            interval: interval.max(1),
        }
    }

    /// The first step that can be reached.
    pub fn begin(&self) -> u64 {
        self.snapshots[0].step()
    }

    /// Runs on until step `until` or another stop, and remembers the way.
    pub fn run(&mut self, machine: &mut Machine, until: u64) -> Stop {
        loop {
            let due = self.last() + self.interval;
            if machine.steps() >= due {
                self.remember(machine);
                continue;
            }
            let stop = machine.run(until.min(due));
            if stop != Stop::Reached || machine.steps() >= until {
                return stop;
            }
        }
    }

    fn last(&self) -> u64 {
        self.snapshots.last().map_or(0, Snapshot::step)
    }

    fn remember(&mut self, machine: &mut Machine) {
        if self.snapshots.len() >= SNAPSHOTS_MAX {
            let mut index = 0;
            self.snapshots.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.interval *= 2;
        }
        self.snapshots.push(machine.snapshot());
    }

    /// Goes to a step, earlier or later, at the earliest to the first one.
    pub fn go_to(&self, machine: &mut Machine, step: u64) -> Stop {
        machine.go_to(&self.snapshots, step.max(self.begin()))
    }

    /// Goes back to the last step before the present one at which `wanted` holds, or else to the
    /// beginning. Returns whether it was found.
    pub fn go_back(
        &self,
        machine: &mut Machine,
        mut wanted: impl FnMut(&mut Machine) -> bool,
    ) -> bool {
        let mut end = machine.steps();
        for snapshot in self.snapshots.iter().rev() {
            if snapshot.step() >= end {
                continue;
            }
            machine.restore(snapshot);
            let mut found = None;
            while machine.steps() < end {
                if wanted(machine) {
                    found = Some(machine.steps());
                }
                let next = machine.steps() + 1;
                if !matches!(machine.run(next), Stop::Reached | Stop::Reported) {
                    break;
                }
            }
            if let Some(step) = found {
                self.go_to(machine, step);
                return true;
            }
            end = snapshot.step();
        }
        self.go_to(machine, self.begin());
        false
    }
}
