//! Programs that end with this one, whatever ends it: SIGKILL too, which nothing can catch.
//!
//! A guarded program is started as `xtask guard PARENT PROGRAM ARGUMENTS...`. That process asks
//! Linux for SIGTERM at the death of its parent and then becomes the program; the request outlives
//! `exec` (prctl(2), `PR_SET_PDEATHSIG`). SIGTERM and not SIGKILL, because the emulator then puts
//! the terminal's settings back.
//!
//! Invariant: the thread that starts a guarded program outlives it, because Linux takes the end of
//! that thread for the death of the parent. Neighbours: [`crate::ending`] is for the signals that
//! can be caught, and for programs that need more gentleness.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Command};

use anyhow::{Error, Result};

use crate::cli::GuardArguments;

/// The name of the command, as [`crate::cli`] has it.
const NAME: &str = "guard";
/// This very program, also when the file it was started from has been replaced meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Returns the same command, for a program that ends with this one.
pub fn guarded(command: &Command) -> Command {
    wrapped(Path::new(THIS_PROGRAM), command)
}

/// Returns the same command for a program that a successor of this process starts, one that this
/// process has become by `exec`.
pub fn guarded_by_successor(command: &Command) -> Result<Command> {
    Ok(wrapped(&env::current_exe()?, command))
}

fn wrapped(this_program: &Path, command: &Command) -> Command {
    let mut guarded = Command::new(this_program);
    guarded
        .args([NAME, &process::id().to_string()])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => guarded.env(name, value),
            None => guarded.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        guarded.current_dir(folder);
    }
    guarded
}

/// Becomes the program; returns only if that fails.
pub fn run(arguments: &GuardArguments) -> Result<u8> {
    let [program, rest @ ..] = arguments.command.as_slice() else {
        return Ok(0);
    };
    ask_for_signal(arguments.parent)?;
    let failure = Command::new(program).args(rest).exec();
    Err(Error::new(failure).context(format!("cannot start {}", name(program))))
}

fn name(program: &OsString) -> String {
    program.to_string_lossy().into_owned()
}

/// Has this process die with its parent; at once, if that is dead already.
#[cfg(target_os = "linux")]
fn ask_for_signal(parent: i32) -> Result<()> {
    use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

    set_parent_process_death_signal(Some(Signal::TERM))?;
    if getppid().map(Pid::as_raw_pid) != Some(parent) {
        anyhow::bail!("the process {parent} that asked for this is gone");
    }
    Ok(())
}

/// Other systems have no such signal.
#[cfg(not(target_os = "linux"))]
fn ask_for_signal(_parent: i32) -> Result<()> {
    Ok(())
}
