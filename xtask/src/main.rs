//! `cargo xtask`: the only tool that a user of the project calls. It finds or installs what is
//! missing, builds the kernel, the programs and the disk image, boots them under QEMU, and checks
//! all of it.
//!
//! Invariants: the exit code says how a command ended (see [`outcome`]); every wait has a limit;
//! two runs at once do not meet, because each keeps its files in a folder of its own
//! ([`workspace`]). Neighbours: `fs` lays out the disk image and checks it, `abi` defines the exit
//! codes; an inner cargo builds the guests ([`build`]).

#![forbid(unsafe_code)]

mod arch;
mod bench;
mod build;
mod c_program;
mod check;
mod cli;
mod console;
mod coverage;
mod drive;
mod emulate;
mod ending;
mod exec;
mod gdb;
mod grade;
mod guard;
mod host_error;
mod image;
mod json;
mod launch;
mod museum;
mod mutants;
mod oracle;
mod outcome;
mod piped;
mod powercut;
mod process;
mod progress;
mod qemu;
mod session;
mod setup;
mod swap;
mod symbols;
mod test;
mod vm;
mod watch;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use cli::{Cli, Command, Invocation};
use outcome::EXIT_TROUBLE;
use workspace::Workspace;

fn main() -> ExitCode {
    let done = match Cli::parse().invocation {
        Invocation::Command(command) => dispatch(command),
        Invocation::Guard(arguments) => guard::run(&arguments),
    };
    ending::wait_if_ending();
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(EXIT_TROUBLE)
        }
    }
}

fn dispatch(command: Command) -> Result<u8> {
    ending::end_children_too()?;
    let workspace = Workspace::open()?;
    match command {
        Command::Setup => setup::everything(&workspace),
        Command::Run(arguments) => launch::run(&workspace, arguments),
        Command::Test(arguments) => test::run(&workspace, &arguments),
        Command::Bench(arguments) => bench::run(&workspace, &arguments),
        Command::Powercut(arguments) => powercut::run(&workspace, &arguments),
        Command::Check(arguments) if arguments.editor => check::for_editor(&workspace),
        Command::Check(arguments) => check::run(&workspace, arguments.filter.as_deref()),
        Command::Gdb(arguments) => gdb::run(&workspace, arguments),
        Command::Emu(arguments) => emulate::run(&workspace, &arguments),
        Command::Grade(arguments) => grade::run(&workspace, &arguments),
        Command::Oracle(arguments) => {
            oracle::run(&workspace, oracle::SIMULATOR, &arguments.arguments)
        }
        Command::Model(arguments) => oracle::run(&workspace, oracle::MODEL, &arguments.arguments),
        Command::Coverage => coverage::run(&workspace),
        Command::Mutants(arguments) => mutants::run(&workspace, &arguments),
        Command::Museum(arguments) => museum::run(&workspace, arguments.filter.as_deref()),
    }
}
