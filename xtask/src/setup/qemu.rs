//! The emulator and its firmware.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::packages;
use super::programs::{Version, version_line};
use super::unpacked;
use crate::arch::{Arch, Emulator};
use crate::process::run_bounded;

/// The oldest version that works. Older ones hang silently or lack devices that this kernel needs.
const NEEDED: Version = Version { major: 7, minor: 2 };
/// The limit for an emulator's answer about itself.
const CHECK_LIMIT: Duration = Duration::from_secs(20);
/// The emulator that [`ensure_emulator`] chose for each architecture, in the order of
/// [`Arch::ALL`].
static CHOSEN: [OnceLock<PathBuf>; Arch::ALL.len()] = [const { OnceLock::new() }; Arch::ALL.len()];

/// Returns the emulator to start: the choice of [`ensure_emulator`], or its plain name before that.
pub fn emulator(arch: Arch) -> &'static Path {
    let chosen = CHOSEN[arch as usize].get();
    chosen.map_or(Path::new(arch.emulator().program), PathBuf::as_path)
}

/// Finds or installs the emulator and its firmware. Returns a line that names the version.
pub fn ensure_emulator(arch: Arch) -> Result<String> {
    let emulator = arch.emulator();
    let name = emulator.program;
    let program = match find(emulator) {
        Some(program) => program,
        None => install(emulator)?,
    };
    let Some(line) = version_line(&program) else {
        bail!("{} is there but does not start", program.display());
    };
    match Version::find(&line) {
        Some(found) if found >= NEEDED => {}
        Some(found) => bail!(
            "{name} {NEEDED} or later is needed, found {found}; \
             install a newer one and put it first on PATH"
        ),
        None => {
            bail!("{name} does not tell its version (it said: {line}); {NEEDED} or later is needed")
        }
    }
    let program = CHOSEN[arch as usize].get_or_init(|| program);
    if !firmware_is_there(emulator, program)? {
        packages::install(&[emulator.firmware_package], "the emulator has no firmware")?;
        if !firmware_is_there(emulator, program)? {
            let firmware = emulator.firmware;
            bail!("{name} finds no {firmware} in its data folders (see `{name} -L help`)");
        }
    }
    Ok(line)
}

/// Returns the emulator on PATH or, without one, the unpacked one. An unpacked one that does not
/// work counts as missing, because it can be unpacked anew: an update of the system may have
/// removed a library that it needs.
fn find(emulator: &Emulator) -> Option<PathBuf> {
    let plain = PathBuf::from(emulator.program);
    if version_line(&plain).is_some() {
        return Some(plain);
    }
    let unpacked = unpacked::find(emulator)?;
    match check(emulator, &unpacked) {
        Ok(()) => Some(unpacked),
        Err(trouble) => {
            let place = unpacked.display();
            eprintln!("xtask: {place} is of no use and is replaced: {trouble:#}");
            None
        }
    }
}

/// Returns an error with the reason if an emulator does not start or would not find the firmware.
fn check(emulator: &Emulator, program: &Path) -> Result<()> {
    let asked = run_bounded(Command::new(program).arg("--version"), CHECK_LIMIT)?;
    ensure!(asked.success(), "it does not start: {}", asked.last_words());
    ensure!(
        firmware_is_there(emulator, program)?,
        "it finds no {} in its data folders",
        emulator.firmware
    );
    Ok(())
}

/// Installs the emulator or, if that fails, unpacks a copy.
fn install(emulator: &Emulator) -> Result<PathBuf> {
    packages::refresh();
    let (name, packages) = (emulator.program, emulator.packages);
    let package = packages
        .iter()
        .copied()
        .find(|package| packages::candidate(package).is_some())
        .unwrap_or(packages[packages.len() - 1]);
    let wanted = [package, emulator.firmware_package];
    let why = format!("booting needs {name} {NEEDED} or later");
    let Err(refused) = packages::install(&wanted, &why) else {
        return match find(emulator) {
            Some(program) => Ok(program),
            None => {
                bail!("the package {package} is installed, but there is no {name} on PATH")
            }
        };
    };
    unpacked::fetch(&wanted, emulator, |program| check(emulator, program)).map_err(|error| {
        // The refusal comes last, because it names the cure.
        refused.context(format!("no copy can be unpacked ({error:#})"))
    })
}

fn firmware_is_there(emulator: &Emulator, program: &Path) -> Result<bool> {
    let folders = run_bounded(Command::new(program).args(["-L", "help"]), CHECK_LIMIT)?;
    Ok(folders
        .output
        .lines()
        .any(|folder| Path::new(folder).join(emulator.firmware).exists()))
}
