//! `cargo xtask oracle`: random programs against the model, for as many steps as asked.

use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use abi::ForkMode;
use clap::{Parser, ValueEnum};
use sim::run::{self, Plan, run};

/// Run random programs on a simulated machine that is out to break the memory system.
#[derive(Parser)]
#[command(name = "cargo xtask oracle", bin_name = "cargo xtask oracle")]
struct Arguments {
    /// Take at least N steps
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    steps: u64,

    /// Machines have 1 to N harts
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=8))]
    harts: u8,

    /// The format of page tables, and what TLBs may remember
    #[arg(long, value_enum, default_value_t = Arch::Riscv64)]
    arch: Arch,

    /// How processes fork; both ways in turn if not given
    #[arg(long, value_enum)]
    mode: Option<Mode>,

    /// The seed of all random choices; the time if not given
    #[arg(long, value_name = "S")]
    seed: Option<u64>,

    /// Programs that run at the same time; a seed repeats a run only with the same number
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Arch {
    /// Sv39
    #[value(name = "riscv64")]
    Riscv64,
    /// Four levels
    #[value(name = "x86_64")]
    X86_64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// Every page is copied
    Eager,
    /// Pages are shared until they are written
    Cow,
    /// Page tables are shared until they are changed
    Shared,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let plan = Plan {
        arch: match arguments.arch {
            Arch::Riscv64 => run::Arch::Riscv64,
            Arch::X86_64 => run::Arch::X86_64,
        },
        steps: arguments.steps,
        harts: usize::from(arguments.harts),
        mode: arguments.mode.map(|mode| match mode {
            Mode::Eager => ForkMode::Eager,
            Mode::Cow => ForkMode::CopyOnWrite,
            Mode::Shared => ForkMode::SharedTables,
        }),
        seed: arguments.seed.unwrap_or_else(time_seed),
        threads: usize::from(arguments.threads),
    };
    println!(
        "oracle: seed {}, 1 to {} harts, {} threads",
        plan.seed, plan.harts, plan.threads
    );
    let begin = Instant::now();
    match run(&plan) {
        Ok(tally) => {
            let seconds = begin.elapsed().as_secs_f64();
            println!(
                "oracle: {} words compared, {} faults, {} forks, {} refusals; {} steps inside others",
                tally.words, tally.faults, tally.forks, tally.refusals, tally.inside
            );
            println!(
                "oracle: {} pages swapped out, {} swapped in, {} page tables lent, {} unshared",
                tally.swapped.0, tally.swapped.1, tally.lent, tally.unshared
            );
            let files = tally.files;
            println!(
                "oracle: {} pages of files read, {} written back, {} cut off, {} copied by who had them mapped",
                files.read, files.written, files.cut, files.copied
            );
            println!(
                "oracle: {} steps in {seconds:.1} s, {:.0} steps/s, 0 divergences",
                tally.steps,
                tally.steps as f64 / seconds
            );
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}oracle: 1 divergence, seed {}", plan.seed);
            ExitCode::FAILURE
        }
    }
}

fn time_seed() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |since| since.as_secs())
}
