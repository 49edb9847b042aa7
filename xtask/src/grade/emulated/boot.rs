//! Finding a machine for a kernel: by its code, by its year, and by trial.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use emu::hart::Hart;
use emu::session::Session;
use emu::symbols::Symbols;
use emu::{Boot, Config, Disk, Machine};

use super::{Booted, keep, wait};
use crate::grade::console::Console;
use crate::grade::guest::Stopped;
use crate::grade::year::Year;

/// Instructions of each hart in which a kernel says something.
const SILENT: u64 = 300_000_000;
/// Instructions of each hart in which it comes to its first process.
const TO_INIT: u64 = 1_500_000_000;
/// Instructions of each hart in which the first process has taken most of memory.
const TO_PROMPT: u64 = 6_000_000_000;
/// Where memory begins.
const RAM: u64 = 0x8000_0000;
/// Most memory that a kernel is given.
const MOST: usize = 2 << 30;
/// Access faults of a load and of a store: there is nothing at the address.
const ACCESS_FAULTS: [u64; 2] = [5, 7];

/// A kernel's file.
pub struct Kernel {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its year, if its symbols say.
    pub year: Option<Year>,
    /// Whether it sets up the protection of physical memory.
    pub protects: bool,
}

/// What the machine is, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    legacy: bool,
    pmp: bool,
    memory: usize,
    /// One clause for each thing that was chosen.
    pub reasons: Vec<String>,
}

/// Why a kernel did not come to its prompt on any machine.
pub struct Refused {
    /// How it ended on the last machine.
    pub stopped: Stopped,
    /// That machine as the kernel left it.
    pub machine: Machine,
    /// What the machine was.
    pub choice: Choice,
}

impl Kernel {
    /// Reads a kernel.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path)
            .with_context(|| format!("cannot read the kernel {}", path.display()))?;
        let year = Year::of(&Symbols::read(&bytes));
        Ok(Self {
            protects: writes_pmp(&bytes),
            bytes,
            year,
        })
    }

    fn first_choice(&self) -> Choice {
        let mut reasons = Vec::new();
        let pmp = self.protects;
        if !pmp {
            reasons.push("no memory protection, for it sets none up".to_owned());
        }
        let legacy = self.year.is_some_and(Year::is_legacy);
        if let (true, Some(year)) = (legacy, self.year) {
            reasons.push(format!("a legacy disk, as kernels of {} want", year.name()));
        }
        Choice {
            legacy,
            pmp,
            memory: 128 << 20,
            reasons,
        }
    }
}

impl Choice {
    /// Returns what else to try after a boot on this machine has failed, if anything.
    fn next(&self, year: Option<Year>, harts: &[Hart]) -> Option<Self> {
        let end = RAM + self.memory as u64;
        let beyond = harts.iter().any(|hart| {
            ACCESS_FAULTS.contains(&hart.csr.scause)
                && (end..RAM + MOST as u64).contains(&hart.csr.stval)
        });
        let mut next = self.clone();
        if beyond && self.memory < MOST {
            next.memory *= 2;
            let size = next.memory >> 20;
            next.reasons.retain(|reason| !reason.contains("MiB"));
            next.reasons.push(format!(
                "{size} MiB, for it used memory beyond {} MiB",
                size / 2
            ));
            return Some(next);
        }
        if year.is_none() && !self.legacy {
            next.legacy = true;
            next.reasons
                .push("a legacy disk, for it came to no prompt with a modern one".to_owned());
            return Some(next);
        }
        None
    }
}

/// Boots a kernel with so many harts to the prompt of the grader's `init`.
pub fn boot(kernel: &Kernel, image: &[u8], harts: usize) -> Result<Result<Booted, Box<Refused>>> {
    let mut choice = kernel.first_choice();
    loop {
        let disk = Disk {
            slot: 0,
            contents: image,
            serial: "cowslip-files",
        };
        let boot = Boot {
            kernel: &kernel.bytes,
            command_line: "",
            disks: &[disk],
        };
        let config = Config {
            harts,
            memory: choice.memory,
            legacy: choice.legacy,
            pmp: choice.pmp,
            ..Config::default()
        };
        let mut machine = Machine::boot(&config, &boot).map_err(|error| anyhow!(error))?;
        let stopped = match to_prompt(&mut machine, harts as u64) {
            Ok(()) => {
                let steps = machine.steps();
                let mut session = Session::new(machine);
                anyhow::ensure!(keep(&mut session), "the prompt went away");
                return Ok(Ok(Booted {
                    session,
                    choice,
                    steps,
                }));
            }
            Err(stopped) => stopped,
        };
        match choice.next(kernel.year, machine.harts()) {
            Some(next) => choice = next,
            None => {
                return Ok(Err(Box::new(Refused {
                    stopped,
                    machine,
                    choice,
                })));
            }
        }
    }
}

/// Runs to the prompt. Each stretch on the way has a limit of its own, so that a kernel which is
/// silent is given up early.
fn to_prompt(machine: &mut Machine, harts: u64) -> Result<(), Stopped> {
    let mut console = Console::new(0);
    for stretch in [SILENT, TO_INIT] {
        let limit = stretch * harts;
        let ended = wait(machine, &mut console, limit);
        let goes_on = match stretch {
            SILENT => !machine.console().is_empty(),
            _ => console.has_begun(),
        };
        if !goes_on || machine.steps() < limit || !matches!(ended, Err(Stopped::Hung(_))) {
            return ended;
        }
    }
    wait(machine, &mut console, TO_PROMPT * harts)
}

/// Returns whether there is an instruction that writes the first PMP address anywhere in a file.
fn writes_pmp(file: &[u8]) -> bool {
    const PMPADDR0: u32 = 0x3b0;
    const SYSTEM: u32 = 0x73;
    file.windows(4).step_by(2).any(|bytes| {
        let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        word & 0x7f == SYSTEM && word >> 20 == PMPADDR0 && matches!(word >> 12 & 7, 1 | 5)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice() -> Choice {
        Choice {
            legacy: false,
            pmp: true,
            memory: 128 << 20,
            reasons: Vec::new(),
        }
    }

    #[test]
    fn protection_is_known_by_the_instruction_that_sets_it_up() {
        // csrw pmpaddr0, a5
        assert!(writes_pmp(&[0, 0, 0x73, 0x90, 0x07, 0x3b]));
        // csrr a5, pmpaddr0; nothing
        assert!(!writes_pmp(&[0xf3, 0x27, 0x00, 0x3b]));
        assert!(!writes_pmp(&[]));
    }

    #[test]
    fn memory_grows_while_a_kernel_uses_what_is_not_there() {
        let mut hart = Hart::new(0, RAM);
        hart.csr.scause = 7;
        hart.csr.stval = RAM + (200 << 20);
        let next = choice().next(Some(Year::Y2022), &[hart.clone()]);
        let next = next.expect("there is more to try");
        assert_eq!(next.memory, 256 << 20);
        assert_eq!(
            next.next(Some(Year::Y2022), &[hart]),
            None,
            "it is there now"
        );
    }

    #[test]
    fn a_kernel_of_no_known_year_is_tried_with_both_kinds_of_disks() {
        let next = choice().next(None, &[]).expect("there is more to try");
        assert!(next.legacy);
        assert_eq!(next.next(None, &[]), None);
        assert_eq!(choice().next(Some(Year::Y2024), &[]), None);
    }
}
