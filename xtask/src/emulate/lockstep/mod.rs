//! Random programs, run in step by this machine and by QEMU: after every instruction both must have
//! the same registers, and at the end the same memory, floating-point registers and flags.
//!
//! QEMU is driven by its debugger's port ([`qemu`]); [`program`] makes the programs. A seed makes
//! the same programs again.

mod program;
mod qemu;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use emu::rng::Rng;
use emu::{Boot, Config, Machine, Rules, Stop, image};

use crate::arch::Arch;
use crate::setup::ensure_emulator;
use crate::test::{Filter, Report, Verdict};
use crate::workspace::Workspace;
use program::{BASE, DATA, DATA_SIZE, Program};
use qemu::Qemu;

const NAME: &str = "emu lockstep: random programs leave the same registers as on QEMU";
/// Programs of the test, which takes some seconds.
const PROGRAMS: u64 = 100;
/// Memory of this machine, in MiB.
const MEBIBYTES: usize = 16;
/// Steps that no program needs.
const STEPS: u64 = 10_000;

/// The general registers, then the program counter and `fcsr`.
type Registers = [u64; 34];

/// Runs the test if the filter admits it.
pub fn test(workspace: &Workspace, filter: &Filter<'_>, report: &Report) {
    if !filter.admits(NAME) {
        return;
    }
    report.attempt(NAME, || {
        let begin = Instant::now();
        let compared = compare(workspace, PROGRAMS, 1)?;
        ensure!(
            compared > 4000,
            "only {compared} instructions were compared"
        );
        report.result(NAME, begin.elapsed(), Verdict::Passed);
        Ok(())
    });
}

/// `cargo xtask emu --lockstep N`: compares so many programs, from a seed on.
pub fn run(workspace: &Workspace, programs: u64, seed: u64) -> Result<u8> {
    ensure_emulator(Arch::Riscv64)?;
    let compared = compare(workspace, programs, seed)?;
    eprintln!("xtask: {compared} instructions of {programs} programs are the same on QEMU");
    Ok(0)
}

/// Returns how many instructions were compared.
fn compare(workspace: &Workspace, programs: u64, seed: u64) -> Result<u64> {
    let first = Program::new(&mut Rng::new(seed));
    let file = workspace.temporary("lockstep.elf");
    std::fs::write(&file, image::elf(BASE, &first.bytes))?;
    let socket = workspace.temporary("lockstep.socket");
    let mut qemu = Qemu::start(&file, &socket, Duration::from_secs(30))?;
    let mut compared = 0;
    for number in seed..seed.saturating_add(programs) {
        let program = Program::new(&mut Rng::new(number));
        compared += one(&mut qemu, &program).with_context(|| {
            format!("the program of seed {number} (--lockstep 1 --seed {number})")
        })?;
    }
    Ok(compared)
}

/// Runs one program on both.
fn one(qemu: &mut Qemu, program: &Program) -> Result<u64> {
    let mut machine = boot(program)?;
    qemu.write(BASE, &program.bytes)?;
    qemu.go_to(BASE)?;
    // Loading the registers is not compared; its result is.
    qemu.run_to(program.body)?;
    run_to(&mut machine, program.body)?;
    let mut compared = 0;
    loop {
        let (ours, theirs) = (registers(&machine), qemu.registers()?);
        if let Some(difference) = difference(&ours, &theirs) {
            anyhow::bail!(
                "after {compared} instructions, the last of them {}: {difference}",
                program.instruction(before(&machine, program))
            );
        }
        if ours[32] >= program.end {
            break;
        }
        qemu.step()?;
        step(&mut machine)?;
        compared += 1;
    }
    // What is left is stored to memory by the program itself.
    qemu.run_to(program.stop)?;
    run_to(&mut machine, program.stop)?;
    let theirs = qemu.read(DATA, DATA_SIZE)?;
    let mut ours = vec![0; DATA_SIZE];
    machine.peek(0, DATA, &mut ours).context("no memory")?;
    let differs = ours
        .chunks(8)
        .zip(theirs.chunks(8))
        .position(|(a, b)| a != b);
    if let Some(word) = differs {
        anyhow::bail!(
            "at the end, doubleword {word} of the data is {:02x?} here and {:02x?} on QEMU ({})",
            &ours[8 * word..8 * word + 8],
            &theirs[8 * word..8 * word + 8],
            program::place(word)
        );
    }
    Ok(compared)
}

fn boot(program: &Program) -> Result<Machine> {
    let config = Config {
        harts: 1,
        memory: MEBIBYTES << 20,
        rules: Rules::default(),
        ..Config::default()
    };
    let boot = Boot {
        kernel: &image::elf(BASE, &program.bytes),
        command_line: "",
        disks: &[],
    };
    Machine::boot(&config, &boot).map_err(anyhow::Error::msg)
}

fn step(machine: &mut Machine) -> Result<()> {
    let next = machine.steps() + 1;
    let stop = machine.run(next);
    ensure!(stop == Stop::Reached, "this machine stopped: {stop:?}");
    Ok(())
}

fn run_to(machine: &mut Machine, pc: u64) -> Result<()> {
    for _ in 0..STEPS {
        if machine.harts()[0].pc == pc {
            return Ok(());
        }
        step(machine)?;
    }
    anyhow::bail!(
        "this machine never comes to {pc:#x}; it is at {:#x}",
        machine.harts()[0].pc
    );
}

fn registers(machine: &Machine) -> Registers {
    let hart = &machine.harts()[0];
    let mut all: Registers = [0; 34];
    all[..32].copy_from_slice(&hart.registers());
    (all[32], all[33]) = (hart.pc, hart.csr.fcsr);
    all
}

/// Returns the first register that differs, in words.
fn difference(ours: &Registers, theirs: &Registers) -> Option<String> {
    let at = (0..ours.len()).find(|&at| ours[at] != theirs[at])?;
    let name = match at {
        32 => "the program counter".to_owned(),
        33 => "fcsr".to_owned(),
        at => format!("x{at}"),
    };
    Some(format!(
        "{name} is {:#x} here and {:#x} on QEMU",
        ours[at], theirs[at]
    ))
}

/// Returns the place of the instruction that was executed last: the one before the program
/// counter, as far as can be told.
fn before(machine: &Machine, program: &Program) -> u64 {
    program.before(machine.harts()[0].pc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_that_differs_is_named() {
        let ours: Registers = std::array::from_fn(|at| at as u64);
        assert_eq!(difference(&ours, &ours), None);
        let mut theirs = ours;
        theirs[7] = 8;
        let text = difference(&ours, &theirs).expect("a difference");
        assert_eq!(text, "x7 is 0x7 here and 0x8 on QEMU");
        theirs[7] = 7;
        theirs[32] = 0;
        assert!(difference(&ours, &theirs).is_some_and(|text| text.contains("counter")));
    }

    #[test]
    fn every_program_comes_to_its_end_here() {
        for seed in 0..200 {
            let program = Program::new(&mut Rng::new(seed));
            let mut machine = boot(&program).expect("a program");
            for place in [program.body, program.stop] {
                run_to(&mut machine, place).expect("no trap and no loop");
            }
        }
    }
}
