//! `cargo xtask bench`: the cost of fork and of the faults after it in guest instructions, in every
//! fork mode and, if asked, on Linux.
//!
//! `forkbench` (a program of `user`) and `tests/linux/forkbench.c` measure. [`figures`] reads what
//! they print, [`table`] and [`plot`] show it, and [`costs`] keeps the figures that the suite holds
//! the kernel to. [`linux`] boots Debian's kernel, which [`kernel_package`] fetches, with the C
//! program as its init ([`initramfs`]).

mod costs;
mod figures;
mod initramfs;
mod kernel_package;
mod linux;
mod plot;
mod table;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

pub use costs::{Costs, Judgement};
pub use figures::Figures;

use crate::arch::Arch;
use crate::build::{self, Guests};
use crate::cli::{BenchArguments, Fork, Memory};
use crate::image::{self, Geometry};
use crate::outcome::Outcome;
use crate::progress::spinner;
use crate::qemu::{Clock, Console, Disk, Keep, Machine};
use crate::session::{Session, Waited};
use crate::setup::{Toolchain, ensure_emulator};
use crate::vm::{Keyboard, Vm};
use crate::workspace::Workspace;

/// The machine's memory: room for a process of 512 MiB and an eager copy of it.
const MEMORY: Memory = Memory::mebibytes(2048);
/// The limit of a run, which takes half a minute on an idle host.
const LIMIT: Duration = Duration::from_secs(600);

/// The fork modes that the suite holds to their figures. Eager copies are measured for comparison
/// alone.
pub const JUDGED: [Fork; 2] = [Fork::Cow, Fork::Shared];

/// The measurement of one system.
pub struct Measured {
    /// The architecture.
    pub arch: Arch,
    /// The name of the system. For Cowslip it is the fork mode.
    pub system: String,
    /// The fork mode, if the system is Cowslip.
    pub mode: Option<Fork>,
    /// The rows.
    pub figures: Figures,
}

/// Measures what the arguments ask for.
pub fn run(workspace: &Workspace, arguments: &BenchArguments) -> Result<u8> {
    let chosen = |arch: &Arch| arguments.arch.is_none_or(|wanted| wanted == *arch);
    let mut costs = Costs::load(workspace)?;
    let mut all = Vec::new();
    for arch in Arch::ALL.into_iter().filter(chosen) {
        ensure_emulator(arch)?;
        let mut measured = Vec::new();
        if arguments.against.is_some() {
            measured.push(linux::measure(workspace, arch)?);
        }
        let toolchain = Toolchain::ensure(workspace, arch)?;
        let guests = build::guests(workspace, &toolchain)?;
        for mode in Fork::ALL {
            let _sign = spinner(format!("forkbench {} on {}", mode.name(), arch.name()));
            let figures = measure(workspace, &guests, mode)?;
            if arguments.accept && JUDGED.contains(&mode) {
                costs.accept(&guests, mode, &figures);
            }
            measured.push(Measured {
                arch,
                system: format!("Cowslip, {}", mode.name()),
                mode: Some(mode),
                figures,
            });
        }
        if !arguments.json {
            println!("{}", table::of(arch, &measured));
        }
        all.extend(measured);
    }
    if arguments.json {
        println!("{}", table::json(&all));
    }
    if let Some(file) = &arguments.plot {
        plot::draw(file, &all)?;
    }
    if arguments.accept {
        costs.write(workspace)?;
    }
    Ok(0)
}

/// Runs `forkbench` on a machine that counts instructions. The disk holds Cowslip's programs and
/// nothing else, so that the figures depend on nothing else.
pub fn measure(workspace: &Workspace, guests: &Guests, mode: Fork) -> Result<Figures> {
    let contents = image::build(workspace, guests, &[], Geometry::DEFAULT)?;
    let mut machine = Machine::new(guests.arch, &guests.kernel);
    machine.disk = Some(Disk {
        path: image::write_temporary(workspace, &contents)?,
        keep: Keep::Nothing,
    });
    machine.mem = MEMORY;
    machine.clock = Clock::Instructions;
    machine.fork(mode);
    machine.line = Some("forkbench".to_owned());
    let mut session = boot(&machine)?;
    let outcome = match session.wait_closed() {
        Waited::Closed => session.vm.outcome()?,
        Waited::TimedOut | Waited::Seen => Outcome::TimedOut,
    };
    let console = console(&session);
    if outcome != Outcome::Status(0) {
        bail!("forkbench ended with {outcome:?}:\n{console}");
    }
    Figures::read(&console)
}

/// Boots a machine whose console is read.
fn boot(machine: &Machine) -> Result<Session<'static>> {
    let vm = Vm::boot(machine, &Console::Plain, Keyboard::Absent)?;
    Ok(Session::new(
        vm,
        Some(Instant::now() + LIMIT),
        |_: &[u8]| {},
    ))
}

/// Returns what the console has shown.
fn console(session: &Session<'_>) -> String {
    String::from_utf8_lossy(session.vm.transcript()).into_owned()
}
