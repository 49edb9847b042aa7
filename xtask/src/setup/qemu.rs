//! The emulator and its firmware.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::packages;
use super::programs::{Version, version_line};
use crate::process::run_bounded;
use crate::qemu::EMULATOR;

/// Older ones hang silently or lack devices this kernel relies on.
const NEEDED: Version = Version { major: 7, minor: 2 };
/// What `-bios default` loads, in one of the emulator's data folders.
const FIRMWARE: &str = "opensbi-riscv64-generic-fw_dynamic.bin";
/// Newest first: later suites gave riscv a package of its own.
const EMULATOR_PACKAGES: [&str; 2] = ["qemu-system-riscv", "qemu-system-misc"];

/// Finds or installs the emulator and its firmware; the line tells the version.
pub fn ensure_emulator() -> Result<String> {
    let line = match version_line(EMULATOR) {
        Some(line) => line,
        None => install()?,
    };
    match Version::find(&line) {
        Some(found) if found >= NEEDED => {}
        Some(found) => bail!(
            "{EMULATOR} {NEEDED} or later is needed, found {found}; \
             install a newer one and put it first on PATH"
        ),
        None => bail!(
            "{EMULATOR} does not tell its version (it said: {line}); {NEEDED} or later is needed"
        ),
    }
    if !firmware_is_there()? {
        packages::install(&["opensbi"], "the emulator has no OpenSBI firmware")?;
        if !firmware_is_there()? {
            bail!("{EMULATOR} finds no {FIRMWARE} in its data folders (see `{EMULATOR} -L help`)");
        }
    }
    Ok(line)
}

fn install() -> Result<String> {
    packages::refresh();
    let package = EMULATOR_PACKAGES
        .into_iter()
        .find(|package| packages::candidate(package).is_some())
        .unwrap_or(EMULATOR_PACKAGES[1]);
    packages::install(
        &[package, "opensbi"],
        &format!("booting needs {EMULATOR} {NEEDED} or later"),
    )?;
    match version_line(EMULATOR) {
        Some(line) => Ok(line),
        None => bail!("the package {package} is installed, but there is no {EMULATOR} on PATH"),
    }
}

fn firmware_is_there() -> Result<bool> {
    let folders = run_bounded(
        Command::new(EMULATOR).args(["-L", "help"]),
        Duration::from_secs(20),
    )?;
    Ok(folders
        .output
        .lines()
        .any(|folder| Path::new(folder).join(FIRMWARE).exists()))
}
