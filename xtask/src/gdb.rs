//! `cargo xtask gdb`: boots a halted machine with a debugger attached that knows the kernel's
//! symbols.
//!
//! The debugger starts the emulator itself and talks to it through a pipe. So there is no port to
//! agree on, Ctrl-C stops the guest and not the emulator, and the emulator ends with the debugger.
//! This process becomes the debugger, so that only one process uses the terminal.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Error, Result};

use crate::build;
use crate::cli::GdbArguments;
use crate::guard::guarded_by_successor;
use crate::image::{self, Geometry};
use crate::launch;
use crate::qemu::{Console, Disk, Keep};
use crate::setup::{Toolchain, ensure_debugger, ensure_emulator};
use crate::swap::Swap;
use crate::workspace::Workspace;

/// Boots a halted machine with a debugger attached. Returns only if that fails.
pub fn run(workspace: &Workspace, arguments: GdbArguments) -> Result<u8> {
    let arch = arguments.machine.arch;
    ensure_emulator(arch)?;
    ensure_debugger()?;
    let guests = build::guests(workspace, &Toolchain::ensure(workspace, arch)?)?;
    let image = image::build(workspace, &guests, &[], Geometry::DEFAULT)?;
    let mut machine = launch::machine(&guests, &arguments.machine);
    machine.disk = Some(Disk {
        path: image::write_temporary(workspace, &image)?,
        keep: Keep::Nothing,
    });
    machine.swap = Swap::asked_for(workspace, &arguments.swap)?;
    machine.line = arguments.exec;
    machine.debugger = Some("stdio".to_owned());
    let log = workspace.temporary("console.log");
    eprintln!("xtask: the console is written to {}", log.display());
    let emulator = guarded_by_successor(&machine.command(&Console::File(log)))?;
    let emulator = shell_command(&emulator);
    let failure = Command::new("gdb-multiarch")
        .arg("-q")
        .arg(&guests.kernel)
        .args(["-ex", "set confirm off"])
        .args(["-ex", &format!("target remote | exec {emulator}")])
        .args(&arguments.gdb)
        .exec();
    Err(Error::new(failure).context("cannot start gdb-multiarch"))
}

/// Returns a command as a line for a shell.
fn shell_command(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| shell_word(&word.to_string_lossy()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn shell_word(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reaches_the_program_unchanged() {
        let mut command = Command::new("printf");
        command.args(["%s|", "a b", "it's", "$HOME", ""]);
        let line = shell_command(&command);
        let output = Command::new("sh")
            .args(["-c", &line])
            .output()
            .expect("sh runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "a b|it's|$HOME||");
    }
}
