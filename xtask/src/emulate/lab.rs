//! The tests of the sanitizers. The lab kernel (`tests/lab-kernel`) must be clean. Of each of its
//! variants, which make one mistake each, the mistake must be found and named.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use emu::{Machine, Stop, replay};

use super::reports::Printer;
use crate::arch::Arch;
use crate::process::run_bounded;
use crate::test::{Filter, Report, Verdict};
use crate::workspace::Workspace;

/// The longest time to compile one kernel.
const LIMIT: Duration = Duration::from_secs(60);
/// The number of seeds under which the correct kernel runs.
const CLEAN_SEEDS: u64 = 12;
/// The number of seeds among which each mistake is found.
const MISTAKE_SEEDS: u64 = 40;
/// The most steps of a kernel that ends.
const STEPS: u64 = 30_000_000;
const HARTS: usize = 3;

const FLAGS: [&str; 17] = [
    "-march=rv64gc",
    "-mabi=lp64d",
    "-mcmodel=medany",
    "-ffreestanding",
    "-fno-pic",
    "-no-pie",
    "-fno-omit-frame-pointer",
    "-fno-stack-protector",
    "-msmall-data-limit=0",
    "-ggdb",
    "-O1",
    "-nostdlib",
    "-static",
    "-Wall",
    "-Wextra",
    "-Wl,--build-id=none",
    "-Wl,--no-warn-rwx-segments",
];
const SOURCES: [&str; 6] = [
    "start.S", "main.c", "lock.c", "frames.c", "space.c", "proc.c",
];

/// A known mistake.
struct Mistake {
    number: u32,
    kinds: Vec<String>,
    function: String,
    what: String,
}

/// Runs the tests that the filter admits.
pub fn tests(workspace: &Workspace, filter: &Filter<'_>, report: &Report) {
    report.attempt("emu lab kernel", || {
        let folder = workspace.root().join("tests/lab-kernel");
        let mistakes = mistakes(&folder)?;
        let clean = "emu lab kernel: the correct one is clean";
        if filter.admits(clean) {
            one(report, clean, || correct(workspace, &folder))?;
        }
        for mistake in &mistakes {
            let name = format!("emu lab kernel: {}", mistake.what);
            if filter.admits(&name) {
                one(report, &name, || found(workspace, &folder, mistake))?;
            }
        }
        Ok(())
    });
}

fn one(report: &Report, name: &str, test: impl FnOnce() -> Result<()>) -> Result<()> {
    let begin = Instant::now();
    test().with_context(|| name.to_owned())?;
    report.result(name, begin.elapsed(), Verdict::Passed);
    Ok(())
}

fn mistakes(folder: &Path) -> Result<Vec<Mistake>> {
    fs::read_to_string(folder.join("variants.txt"))?
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<_> = line.split("; ").collect();
            let [number, kinds, function, what] = fields[..] else {
                bail!("variants.txt: {line}");
            };
            Ok(Mistake {
                number: number.parse()?,
                kinds: kinds.split(' ').map(str::to_owned).collect(),
                function: function.to_owned(),
                what: what.to_owned(),
            })
        })
        .collect()
}

/// Compiles the kernel with a mistake (0 for none). Returns its path.
pub fn compile(workspace: &Workspace, folder: &Path, mistake: u32) -> Result<PathBuf> {
    let program = |other: bool| -> Result<PathBuf> {
        let file = workspace.temporary("lab-program");
        let mut command = compiler(folder);
        if other {
            command.arg("-DOTHER");
        }
        command.args(["-Tprogram.ld", "program.c", "-o"]).arg(&file);
        bounded(&mut command)?;
        // The copier comes with the compiler. It overwrites its input.
        let copier = Arch::Riscv64.c_compiler().0.replace("gcc", "objcopy");
        bounded(Command::new(copier).args(["-O", "binary"]).arg(&file))?;
        Ok(file)
    };
    let kernel = workspace.temporary("lab-kernel");
    let mut command = compiler(folder);
    command
        .arg(format!("-DMISTAKE={mistake}"))
        .arg(format!("-DPROGRAM=\"{}\"", program(false)?.display()))
        .arg(format!("-DOTHER_PROGRAM=\"{}\"", program(true)?.display()))
        .arg("-Tkernel.ld")
        .args(SOURCES)
        .arg("-o")
        .arg(&kernel);
    bounded(&mut command)?;
    Ok(kernel)
}

/// Returns the compiler for small kernels, in a folder.
pub fn compiler(folder: &Path) -> Command {
    let mut command = Command::new(Arch::Riscv64.c_compiler().0);
    command.current_dir(folder).args(FLAGS);
    command
}

/// Runs the compiler. What it says is the error.
pub fn bounded(command: &mut Command) -> Result<()> {
    let done = run_bounded(command, LIMIT)?;
    ensure!(
        done.success(),
        "the kernel does not compile:\n{}",
        done.errors
    );
    Ok(())
}

/// Runs a kernel to its end, in pieces of `piece` steps.
fn run(kernel: &[u8], seed: u64, piece: u64) -> Result<(Machine, Stop)> {
    let mut machine = replay::machine(kernel, HARTS, seed).map_err(anyhow::Error::msg)?;
    loop {
        match machine.run((machine.steps() + piece).min(STEPS)) {
            Stop::Reached if machine.steps() < STEPS => {}
            Stop::Reported => {}
            stop => return Ok((machine, stop)),
        }
    }
}

/// The correct kernel ends well without a report. The run does not depend on the size of its
/// pieces.
fn correct(workspace: &Workspace, folder: &Path) -> Result<()> {
    let path = compile(workspace, folder, 0)?;
    let kernel = fs::read(&path)?;
    let printer = Printer::new(workspace, &path);
    for seed in 0..CLEAN_SEEDS {
        let (machine, stop) = run(&kernel, seed, STEPS)?;
        if let Some(report) = machine.reports().first() {
            bail!("seed {seed}:\n{}", printer.text(report));
        }
        ensure!(stop == Stop::Off(0), "seed {seed} ends with {stop:?}");
        if seed == 0 {
            let (again, _) = run(&kernel, seed, 777)?;
            ensure!(
                again.steps() == machine.steps() && again.console() == machine.console(),
                "a run that is cut into pieces is another run"
            );
        }
    }
    Ok(())
}

/// A mistake is found by a report of the right kind that names the right function in a backtrace.
fn found(workspace: &Workspace, folder: &Path, mistake: &Mistake) -> Result<()> {
    let path = compile(workspace, folder, mistake.number)?;
    let kernel = fs::read(&path)?;
    let printer = Printer::new(workspace, &path);
    let line = format!(" {} at tests/lab-kernel/", mistake.function);
    for seed in 0..MISTAKE_SEEDS {
        let (machine, _) = run(&kernel, seed, STEPS)?;
        let named = machine.reports().iter().any(|report| {
            mistake.kinds.iter().any(|kind| kind == report.kind.name())
                && printer.text(report).contains(&line)
        });
        if named {
            return Ok(());
        }
    }
    bail!("no report names it under {MISTAKE_SEEDS} seeds")
}
