//! The two ways to recover a disk after a cut.

use std::fs as files;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use fs::{FileSystem, MemoryDisk};

use super::Site;
use super::cut::last_line;
use super::plan::Recovery;
use crate::image;
use crate::outcome::Outcome;
use crate::qemu::{Console, Disk, Keep};
use crate::session::{Session, Waited};
use crate::vm::{Keyboard, Vm};

/// The number of blocks of metadata that a mount caches.
const CACHE_BLOCKS: usize = 64;
/// The limit for a guest that recovers a disk.
const BOOT_LIMIT: Duration = Duration::from_secs(120);

/// Recovers a disk and unmounts it.
pub fn recover(site: &Site, disk: MemoryDisk, recovery: Recovery) -> Result<MemoryDisk> {
    match recovery {
        Recovery::Mount => Ok(mount(disk)?.unmount()?),
        Recovery::Boot => boot(site, &disk.into_bytes()).context("it does not boot"),
    }
}

/// Mounts a disk on the host.
pub fn mount(disk: MemoryDisk) -> Result<FileSystem<MemoryDisk>> {
    FileSystem::mount(disk, CACHE_BLOCKS).context("it cannot be mounted")
}

/// Boots from a disk and powers off. Returns the contents of the disk afterwards.
fn boot(site: &Site, disk: &[u8]) -> Result<MemoryDisk> {
    const SIGN: &str = "recovered";
    let path = image::write_temporary(site.workspace, disk)?;
    let mut machine = site.machine.clone();
    machine.disk = Some(Disk {
        path: path.clone(),
        keep: Keep::Nothing,
    });
    machine.line = Some(format!("echo {SIGN}"));
    let vm = Vm::boot(&machine, &Console::Plain, Keyboard::Absent)?;
    let mut session = Session::new(vm, Some(Instant::now() + BOOT_LIMIT), |_: &[u8]| {});
    let outcome = match session.wait_closed() {
        Waited::Closed => session.vm.outcome()?,
        Waited::Seen | Waited::TimedOut => Outcome::TimedOut,
    };
    let console = String::from_utf8_lossy(session.vm.transcript());
    ensure!(
        outcome == Outcome::Status(0) && console.contains(SIGN),
        "it ended with {outcome:?}, its last line: {}",
        last_line(&console)
    );
    let bytes = files::read(&path)?;
    files::remove_file(path)?;
    Ok(MemoryDisk::from_bytes(bytes))
}
