//! The emulator and its firmware.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::packages;
use super::programs::{Version, version_line};
use super::unpacked;
use crate::process::run_bounded;

/// The program that emulates the machine.
const EMULATOR: &str = "qemu-system-riscv64";
/// Older ones hang silently or lack devices this kernel relies on.
const NEEDED: Version = Version { major: 7, minor: 2 };
/// What `-bios default` loads, in one of the emulator's data folders.
const FIRMWARE: &str = "opensbi-riscv64-generic-fw_dynamic.bin";
/// For an answer about itself.
const CHECK_LIMIT: Duration = Duration::from_secs(20);
/// Newest first: later suites gave riscv a package of its own.
const EMULATOR_PACKAGES: [&str; 2] = ["qemu-system-riscv", "qemu-system-misc"];

/// Which emulator [`ensure_emulator`] chose.
static CHOSEN: OnceLock<PathBuf> = OnceLock::new();

/// Returns the emulator to start: what [`ensure_emulator`] chose, or its plain name before that.
pub fn emulator() -> &'static Path {
    CHOSEN.get().map_or(Path::new(EMULATOR), PathBuf::as_path)
}

/// Finds or installs the emulator and its firmware; the line tells the version.
pub fn ensure_emulator() -> Result<String> {
    let program = match find() {
        Some(program) => program,
        None => install()?,
    };
    let Some(line) = version_line(&program) else {
        bail!("{} is there but does not start", program.display());
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
    let program = CHOSEN.get_or_init(|| program);
    if !firmware_is_there(program)? {
        packages::install(&["opensbi"], "the emulator has no OpenSBI firmware")?;
        if !firmware_is_there(program)? {
            bail!("{EMULATOR} finds no {FIRMWARE} in its data folders (see `{EMULATOR} -L help`)");
        }
    }
    Ok(line)
}

/// The one on PATH before the unpacked one. An unpacked one that is of no use counts as none, since
/// it can be unpacked anew: an update of the system may have taken a library from it.
fn find() -> Option<PathBuf> {
    let plain = PathBuf::from(EMULATOR);
    if version_line(&plain).is_some() {
        return Some(plain);
    }
    let unpacked = unpacked::find(EMULATOR)?;
    match check(&unpacked) {
        Ok(()) => Some(unpacked),
        Err(trouble) => {
            let place = unpacked.display();
            eprintln!("xtask: {place} is of no use and is replaced: {trouble:#}");
            None
        }
    }
}

/// Fails with the reason if an emulator does not start, or would not find the firmware.
fn check(program: &Path) -> Result<()> {
    let asked = run_bounded(Command::new(program).arg("--version"), CHECK_LIMIT)?;
    ensure!(asked.success(), "it does not start: {}", asked.last_words());
    ensure!(
        firmware_is_there(program)?,
        "it finds no {FIRMWARE} in its data folders"
    );
    Ok(())
}

/// Installs it, or else unpacks a copy.
fn install() -> Result<PathBuf> {
    packages::refresh();
    let package = EMULATOR_PACKAGES
        .into_iter()
        .find(|package| packages::candidate(package).is_some())
        .unwrap_or(EMULATOR_PACKAGES[1]);
    let wanted = [package, "opensbi"];
    let why = format!("booting needs {EMULATOR} {NEEDED} or later");
    let Err(refused) = packages::install(&wanted, &why) else {
        return match find() {
            Some(program) => Ok(program),
            None => {
                bail!("the package {package} is installed, but there is no {EMULATOR} on PATH")
            }
        };
    };
    unpacked::fetch(&wanted, EMULATOR, check).map_err(|error| {
        // The refusal goes last, because it tells the cure.
        refused.context(format!("no copy can be unpacked ({error:#})"))
    })
}

fn firmware_is_there(program: &Path) -> Result<bool> {
    let folders = run_bounded(Command::new(program).args(["-L", "help"]), CHECK_LIMIT)?;
    Ok(folders
        .output
        .lines()
        .any(|folder| Path::new(folder).join(FIRMWARE).exists()))
}
