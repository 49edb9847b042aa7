//! The measurements on Linux: `tests/linux/forkbench.c` runs alone on a machine like the one that
//! Cowslip gets.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use regex::bytes::Regex;

use super::{Figures, MEMORY, Measured, boot, console, initramfs, kernel_package};
use crate::arch::Arch;
use crate::process::run_bounded;
use crate::progress::spinner;
use crate::qemu::{Clock, Machine};
use crate::session::Waited;
use crate::setup::ensure_c_compiler;
use crate::workspace::Workspace;

/// The longest time to compile the program.
const COMPILE_LIMIT: Duration = Duration::from_secs(60);
/// The flags for a static program without a library.
const FLAGS: [&str; 11] = [
    "-std=gnu11",
    "-O2",
    "-Wall",
    "-Wextra",
    "-static",
    "-nostdlib",
    "-ffreestanding",
    "-fno-pic",
    "-no-pie",
    "-fno-stack-protector",
    "-fno-tree-loop-distribute-patterns",
];
/// Kernel options: pages of 4 KiB, as Cowslip has, and a machine that stops if init ends.
const OPTIONS: [&str; 4] = [
    "console=ttyS0",
    "quiet",
    "transparent_hugepage=never",
    "panic=-1",
];

/// Boots Debian's kernel with the program as its init.
pub fn measure(workspace: &Workspace, arch: Arch) -> Result<Measured> {
    ensure_c_compiler(arch)?;
    let kernel = kernel_package::ensure(arch)?;
    let initrd = workspace.temporary("initramfs");
    fs::write(&initrd, initramfs::with_init(&compile(workspace, arch)?))?;
    let mut machine = Machine::new(arch, &kernel.file);
    machine.initrd = Some(initrd);
    machine.mem = MEMORY;
    machine.clock = Clock::Instructions;
    machine.options = OPTIONS.map(str::to_owned).to_vec();
    let _sign = spinner(format!("forkbench on Linux {}", kernel.version));
    let mut session = boot(&machine)?;
    let done = Regex::new(r"(?m)^forkbench done\r?$")?;
    if session.wait_for(&done, 0) != Waited::Seen {
        bail!("Linux did not finish:\n{}", console(&session));
    }
    session.vm.kill();
    Ok(Measured {
        arch,
        system: format!("Linux {}", short(&kernel.version)),
        mode: None,
        figures: Figures::read(&console(&session))?,
    })
}

/// Returns the version without Debian's part: `6.12.1` of `6.12.1+deb13-riscv64`.
fn short(version: &str) -> &str {
    let end = version.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    &version[..end.unwrap_or(version.len())]
}

fn compile(workspace: &Workspace, arch: Arch) -> Result<Vec<u8>> {
    let program = workspace.temporary("forkbench");
    let (compiler, _) = arch.c_compiler();
    let compiled = run_bounded(
        Command::new(compiler)
            .args(FLAGS)
            .arg("-o")
            .arg(&program)
            .arg(workspace.root().join("tests/linux/forkbench.c")),
        COMPILE_LIMIT,
    )?;
    eprint!("{}{}", compiled.output, compiled.errors);
    if !compiled.success() {
        bail!("forkbench.c does not compile for {}", arch.name());
    }
    fs::read(&program).context("the compiler made no program")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_shortened() {
        assert_eq!(short("6.12.117+deb13-riscv64"), "6.12.117");
        assert_eq!(short("6.12"), "6.12");
    }
}
