//! What a guest test is: a machine, something to do on it, and what must come of it.

use std::time::Duration;

use super::course::Course;
use super::talk::Step;
use crate::cli::{Fork, Memory};
use crate::image::Geometry;
use crate::qemu::Clock;
use crate::swap::Fault;

/// A guest test.
pub struct Case {
    /// Its name, by which it can be chosen.
    pub name: String,
    /// The processor, if it is not the emulator's usual one.
    pub cpu: Option<&'static str>,
    /// Harts.
    pub smp: u8,
    /// Memory.
    pub mem: Memory,
    /// How fork copies memory.
    pub fork: Fork,
    /// Kernel options.
    pub options: Vec<String>,
    /// What the guest's clock counts.
    pub clock: Clock,
    /// What is in the machine's disk.
    pub disk: DiskContents,
    /// How large the disk to swap to is, if it has one.
    pub swap: Option<Memory>,
    /// The faults of that disk.
    pub swap_faults: Vec<Fault>,
    /// What is done.
    pub action: Action,
    /// How it must end.
    pub end: End,
    /// Patterns the console must match, each on its own.
    pub shows: Vec<String>,
    /// Patterns it must not match.
    pub hides: Vec<String>,
    /// Whether the disk is checked afterwards.
    pub disk_check: DiskCheck,
    /// Longest it may take.
    pub limit: Duration,
}

/// What is in a machine's disk.
#[derive(Clone)]
pub enum DiskContents {
    /// Our programs, and those of the tests.
    Ours(Geometry),
    /// These bytes.
    Bytes(fn() -> Vec<u8>),
    /// A stranger's disk, see [`course`](super::course).
    Course(Course),
    /// There is no disk.
    NoDisk,
}

/// What is done on a machine.
pub enum Action {
    /// One shell line, after which it powers off.
    Line(String),
    /// A conversation at the shell's prompt.
    Talk(Vec<Step>),
    /// This is the whole input, there from before the boot.
    Piped(&'static str),
}

/// How a guest must end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// With this status.
    Status(u8),
    /// With a status of the line that is not 0; the kernel is alive.
    Failure,
    /// In a panic.
    Panic,
    /// Refusing to start.
    Refusal,
    /// Still talking: it is stopped when all has been said.
    Stopped,
}

/// Whether a disk is checked when its guest has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DiskCheck {
    /// It must be sound.
    Sound,
    /// These bytes must be on it.
    Holds(&'static [u8]),
    /// It may be what it likes.
    Skipped,
}

impl Case {
    /// Returns a shell line that must end with status 0, on one hart and 128 MiB.
    pub fn line(name: impl Into<String>, line: impl Into<String>) -> Self {
        Self::new(name, Action::Line(line.into()), End::Status(0))
    }

    /// Returns a conversation with the shell.
    pub fn talk(name: impl Into<String>, steps: Vec<Step>) -> Self {
        Self::new(name, Action::Talk(steps), End::Stopped)
    }

    /// An input that is no terminal.
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
            // However a guest ends: a panic on the way there is one.
            hides: vec!["PANIC: ".to_owned()],
            disk_check: DiskCheck::Skipped,
            limit: Duration::from_secs(60),
        }
    }

    /// With this many harts.
    pub fn harts(mut self, count: u8) -> Self {
        self.smp = count;
        self
    }

    /// With this processor, as the emulator's `-cpu` has it.
    pub fn cpu(mut self, model: &'static str) -> Self {
        self.cpu = Some(model);
        self
    }

    /// With a clock that counts instructions: waits are the same on every run and every host.
    pub fn counts_instructions(mut self) -> Self {
        self.clock = Clock::Instructions;
        self
    }

    /// With this much memory, in MiB.
    pub fn mebibytes(mut self, count: u64) -> Self {
        self.mem = Memory::mebibytes(count);
        self
    }

    /// With this disk.
    pub fn disk(mut self, disk: DiskContents) -> Self {
        self.disk = disk;
        self
    }

    /// With a disk to swap to, of this size in MiB.
    pub fn swap(mut self, mebibytes: u64) -> Self {
        self.swap = Some(Memory::mebibytes(mebibytes));
        self
    }

    /// With this fault of that disk, as `--swap-fault` has it.
    pub fn swap_fault(mut self, fault: &str) -> Self {
        let fault = Fault::parse(fault).expect("a fault of a test case is well formed");
        self.swap_faults.push(fault);
        self
    }

    /// With this kernel option.
    pub fn option(mut self, option: &str) -> Self {
        self.options.push(option.to_owned());
        self
    }

    /// Ending like this.
    pub fn ends(mut self, end: End) -> Self {
        self.end = end;
        if end == End::Panic {
            self.hides.clear();
        }
        self
    }

    /// The console must match this pattern.
    pub fn shows(mut self, pattern: &str) -> Self {
        self.shows.push(pattern.to_owned());
        self
    }

    /// The console must not match this pattern.
    pub fn hides(mut self, pattern: &str) -> Self {
        self.hides.push(pattern.to_owned());
        self
    }

    /// Afterwards the disk must be sound.
    pub fn leaves_disk_sound(mut self) -> Self {
        self.disk_check = DiskCheck::Sound;
        self
    }

    /// Afterwards these bytes must be on the disk, as after a power cut.
    pub fn leaves_on_disk(mut self, bytes: &'static [u8]) -> Self {
        self.disk_check = DiskCheck::Holds(bytes);
        self
    }

    /// At most this long.
    pub fn within(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }
}
