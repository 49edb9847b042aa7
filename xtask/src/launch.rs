//! `cargo xtask run`: from arguments to a running machine.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::build::{self, Guests};
use crate::cli::{MachineArguments, RunArguments};
use crate::console;
use crate::exec;
use crate::host_error;
use crate::image::{self, Extra, Geometry};
use crate::piped;
use crate::qemu::{Clock, Console, Disk, Keep, Machine, free_port};
use crate::setup::{Toolchain, ensure_emulator};
use crate::swap::Swap;
use crate::vm::{Keyboard, Vm};
use crate::workspace::Workspace;

/// The kernel option that makes the kernel audit its memory.
pub const AUDIT: &str = "audit";
/// The kernel option that makes every `sbrk` lazy.
pub const LAZY_SBRK: &str = "lazy-sbrk";

/// Returns the kernel option for stacks of this many pages.
pub fn stack_pages(count: u8) -> String {
    format!("stack-pages={count}")
}

/// Boots what the arguments describe. Returns the exit code for how the run ended.
pub fn run(workspace: &Workspace, arguments: RunArguments) -> Result<u8> {
    if arguments.icount && arguments.machine.smp != 1 {
        bail!("--icount counts the instructions of one hart; leave --smp at 1");
    }
    let arch = arguments.machine.arch;
    ensure_emulator(arch)?;
    let guests = build::guests(workspace, &Toolchain::ensure(workspace, arch)?)?;
    let mut machine = machine(&guests, &arguments.machine);
    machine.disk = Some(disk(workspace, &guests, &arguments)?);
    machine.options.extend(arguments.option.iter().cloned());
    machine.swap = Swap::asked_for(workspace, &arguments.swap)?;
    if arguments.icount {
        machine.clock = Clock::Instructions;
    }
    if arguments.gdb {
        let port = free_port()?;
        machine.debugger = Some(format!("tcp:127.0.0.1:{port}"));
        eprintln!(
            "xtask: halted; attach with\n    gdb-multiarch {} -ex 'target remote :{port}'",
            machine.kernel.display()
        );
    }
    host_error::tell(&mut machine)?;
    let kernel = machine.kernel.clone();
    let deadline = |arguments: &RunArguments| {
        arguments
            .timeout
            .map(|seconds| Instant::now() + Duration::from_secs(seconds.into()))
    };
    let expect = arguments.expect.as_ref();
    let outcome = match &arguments.exec {
        None if expect.is_none() && !arguments.gdb && !io::stdin().is_terminal() => {
            let vm = Vm::boot(&machine, &Console::Plain, Keyboard::Typed)?;
            piped::run(vm, deadline(&arguments))?
        }
        None if expect.is_none() => {
            let vm = Vm::boot(&machine, &Console::WithMonitor, Keyboard::Terminal)?;
            console::interactive(vm, deadline(&arguments))?
        }
        Some(line) if arguments.image.is_some() => {
            let vm = Vm::boot(&machine, &Console::Plain, Keyboard::Typed)?;
            exec::at_the_prompt(vm, line, expect, deadline(&arguments))?
        }
        line => {
            machine.line.clone_from(line);
            let vm = Vm::boot(&machine, &Console::Plain, Keyboard::Absent)?;
            exec::to_the_end(vm, expect, deadline(&arguments))?
        }
    };
    outcome.report(workspace, &kernel);
    Ok(outcome.exit_code())
}

/// Returns the machine without its disks.
pub fn machine(guests: &Guests, arguments: &MachineArguments) -> Machine {
    let mut machine = Machine::new(guests.arch, &guests.kernel);
    machine.smp = arguments.smp;
    machine.mem = arguments.mem;
    machine.cpu.clone_from(&arguments.cpu);
    machine.fork(arguments.fork);
    if let Some(count) = arguments.stack_pages {
        machine.options.push(stack_pages(count));
    }
    if arguments.lazy_sbrk {
        machine.options.push(LAZY_SBRK.to_owned());
    }
    if arguments.audit {
        machine.options.push(AUDIT.to_owned());
    }
    machine
}

fn disk(workspace: &Workspace, guests: &Guests, arguments: &RunArguments) -> Result<Disk> {
    let extras = Extra::read_all(workspace, guests.arch, &arguments.with)?;
    let contents = match &arguments.image {
        None => image::build(workspace, guests, &extras, Geometry::DEFAULT)?,
        Some(path) => {
            let contents = image::add_files(image::load(path)?, &extras)?;
            if arguments.write {
                if !extras.is_empty() {
                    image::write_over(path, &contents)?;
                }
                return Ok(Disk {
                    path: path.clone(),
                    keep: Keep::Everything,
                });
            }
            contents
        }
    };
    Ok(Disk {
        path: image::write_temporary(workspace, &contents)?,
        keep: Keep::Nothing,
    })
}
