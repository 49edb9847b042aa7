//! A guest test: a machine, an action on it, and what must come of it.

use std::time::Duration;

use super::course::Course;
use super::talk::Step;
use crate::cli::{Fault, Fork, Memory};
use crate::image::Geometry;
use crate::qemu::Clock;

/// A guest test.
pub struct Case {
    /// The name, by which the test can be chosen.
    pub name: String,
    /// The processor. None means the emulator's default.
    pub cpu: Option<&'static str>,
    /// The number of harts.
    pub smp: u8,
    /// The size of memory.
    pub mem: Memory,
    /// How fork copies memory.
    pub fork: Fork,
    /// Kernel options.
    pub options: Vec<String>,
    /// What the guest's clock counts.
    pub clock: Clock,
    /// The contents of the machine's disk.
    pub disk: DiskContents,
    /// The size of the disk to swap to, if there is one.
    pub swap: Option<Memory>,
    /// The faults of the disk to swap to.
    pub swap_faults: Vec<Fault>,
    /// The action on the machine.
    pub action: Action,
    /// How the guest must end.
    pub end: End,
    /// Patterns that the console must match, each on its own.
    pub shows: Vec<String>,
    /// Patterns that the console must not match.
    pub hides: Vec<String>,
    /// Whether the disk is checked afterwards.
    pub disk_check: DiskCheck,
    /// The limit of the test.
    pub limit: Duration,
}

/// The contents of a machine's disk.
#[derive(Clone)]
pub enum DiskContents {
    /// Cowslip's programs, and those of the tests.
    Ours(Geometry),
    /// These bytes.
    Bytes(fn() -> Vec<u8>),
    /// A course's disk, see [`course`](super::course).
    Course(Course),
    /// There is no disk.
    NoDisk,
}

/// An action on a machine.
pub enum Action {
    /// One shell line, after which the guest powers off.
    Line(String),
    /// A conversation at the shell's prompt.
    Talk(Vec<Step>),
    /// The whole input, which is there before the boot.
    Piped(&'static str),
}

/// How a guest must end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// With this status.
    Status(u8),
    /// With a status of the shell line that is not 0. The kernel goes on.
    Failure,
    /// With a panic.
    Panic,
    /// With the kernel's refusal to start.
    Refusal,
    /// Not by itself: it is stopped when the conversation is over.
    Stopped,
}

/// Whether a disk is checked when its guest has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DiskCheck {
    /// The disk must be sound.
    Sound,
    /// The disk must hold these bytes.
    Holds(&'static [u8]),
    /// The disk is not checked.
    Skipped,
}

impl Case {
    /// Returns the test of a shell line that must end with status 0, on one hart and 128 MiB.
    pub fn line(name: impl Into<String>, line: impl Into<String>) -> Self {
        Self::new(name, Action::Line(line.into()), End::Status(0))
    }

    /// Returns the test of a conversation with the shell.
    pub fn talk(name: impl Into<String>, steps: Vec<Step>) -> Self {
        Self::new(name, Action::Talk(steps), End::Stopped)
    }

    /// Returns the test of an input that is no terminal.
    pub fn piped(name: impl Into<String>, input: &'static str) -> Self {
        Self::new(name, Action::Piped(input), End::Status(0))
    }

    fn new(name: impl Into<String>, action: Action, end: End) -> Self {
        Self {
            name: format!("guest {}", name.into()),
            cpu: None,
            smp: 1,
            mem: Memory::mebibytes(128),
            fork: Fork::Cow,
            options: Vec::new(),
            clock: Clock::Time,
            disk: DiskContents::Ours(Geometry::DEFAULT),
            swap: None,
            swap_faults: Vec::new(),
            action,
            end,
            shows: Vec::new(),
            // However a guest ends, it must not panic on the way.
            hides: vec!["PANIC: ".to_owned()],
            disk_check: DiskCheck::Skipped,
            limit: Duration::from_secs(60),
        }
    }

    /// Sets the number of harts.
    pub fn harts(mut self, count: u8) -> Self {
        self.smp = count;
        self
    }

    /// Sets the processor, in the form of the emulator's `-cpu`.
    pub fn cpu(mut self, model: &'static str) -> Self {
        self.cpu = Some(model);
        self
    }

    /// Makes the clock count instructions, so that waits are equal on every run and every host.
    pub fn counts_instructions(mut self) -> Self {
        self.clock = Clock::Instructions;
        self
    }

    /// Sets the size of memory, in MiB.
    pub fn mebibytes(mut self, count: u64) -> Self {
        self.mem = Memory::mebibytes(count);
        self
    }

    /// Sets the contents of the disk.
    pub fn disk(mut self, disk: DiskContents) -> Self {
        self.disk = disk;
        self
    }

    /// Adds a disk to swap to, of this size in MiB.
    pub fn swap(mut self, mebibytes: u64) -> Self {
        self.swap = Some(Memory::mebibytes(mebibytes));
        self
    }

    /// Adds a fault to the disk to swap to, in the form of `--swap-fault`.
    pub fn swap_fault(mut self, fault: &str) -> Self {
        let fault = Fault::parse(fault).expect("a fault of a test case is well formed");
        self.swap_faults.push(fault);
        self
    }

    /// Adds a kernel option.
    pub fn option(mut self, option: &str) -> Self {
        self.options.push(option.to_owned());
        self
    }

    /// Sets how the guest must end.
    pub fn ends(mut self, end: End) -> Self {
        self.end = end;
        if end == End::Panic {
            self.hides.clear();
        }
        self
    }

    /// Adds a pattern that the console must match.
    pub fn shows(mut self, pattern: &str) -> Self {
        self.shows.push(pattern.to_owned());
        self
    }

    /// Adds a pattern that the console must not match.
    pub fn hides(mut self, pattern: &str) -> Self {
        self.hides.push(pattern.to_owned());
        self
    }

    /// Requires that the disk is sound afterwards.
    pub fn leaves_disk_sound(mut self) -> Self {
        self.disk_check = DiskCheck::Sound;
        self
    }

    /// Requires that these bytes are on the disk afterwards, as after a power cut.
    pub fn leaves_on_disk(mut self, bytes: &'static [u8]) -> Self {
        self.disk_check = DiskCheck::Holds(bytes);
        self
    }

    /// Sets the limit, in seconds.
    pub fn within(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }
}
