//! Programs that end with this one, however it ends, even by SIGKILL, which no process can catch.
//!
//! A guarded program is started as `xtask guard PARENT PROGRAM ARGUMENTS...`. That process asks
//! Linux for SIGTERM at the death of its parent and then becomes the program; the request outlives
//! `exec` (prctl(2), `PR_SET_PDEATHSIG`). It asks for SIGTERM and not SIGKILL, because the emulator
//! then restores the terminal's settings.
//!
//! Invariant: the thread that starts a guarded program outlives it, because Linux takes the end of
//! that thread for the death of the parent. Neighbours: [`crate::ending`] handles the signals that
//! can be caught, and programs that need more time to end.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Command};

use anyhow::{Error, Result};

use crate::cli::GuardArguments;

/// The name of the command in [`crate::cli`].
const NAME: &str = "guard";
/// The file of this program, even if its path names another file by now.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Returns `command` as a command that ends with this program.
pub fn guarded(command: &Command) -> Command {
    wrapped(Path::new(THIS_PROGRAM), command)
}

/// Returns `command` as a command that ends with the successor of this process, the program that
/// this process becomes by `exec`.
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

/// Executes the guarded program. Returns only if that fails.
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

/// Makes this process die with its parent. Ends it at once if the parent is dead already.
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
