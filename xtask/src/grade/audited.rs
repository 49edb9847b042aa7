//! Runs of Cowslip's kernel with its audit on, to see whether it reports a mistake that it makes.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::image;
use crate::launch::AUDIT;
use crate::outcome::Outcome;
use crate::qemu::{Console, Disk, Keep};
use crate::session::Session;
use crate::vm::{Keyboard, Vm};
use crate::workspace::Workspace;

/// The limit. A finding ends the machine long before.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs `cowtest` on a kernel that was built with a mistake, with its audit on. Returns what the
/// audit reports.
pub fn finding(workspace: &Workspace, kernel: &Path, image: &[u8], harts: u8) -> Result<String> {
    let mut machine = super::machine(kernel, harts)?;
    let path = image::write_temporary(workspace, image)?;
    machine.disk = Some(Disk {
        path: path.clone(),
        keep: Keep::Nothing,
    });
    machine.options.push(AUDIT.to_owned());
    machine.line = Some("cowtest".to_owned());
    let vm = Vm::boot(&machine, &Console::Plain, Keyboard::Absent)?;
    let mut session = Session::new(vm, Some(Instant::now() + LIMIT), |_: &[u8]| {});
    // If the machine has not ended, there was no panic.
    session.wait_closed();
    session.vm.kill();
    let outcome = session.vm.outcome()?;
    fs::remove_file(&path)?;
    match outcome {
        Outcome::Panicked(panic) if panic.message.starts_with("audit: ") => Ok(panic.message),
        other => bail!("expected the audit to report the mistake, saw {other:?}"),
    }
}
