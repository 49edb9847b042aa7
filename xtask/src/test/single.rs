//! One shell line on one kernel, for callers that have a kernel of their own: the museum.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::foreign;
use crate::arch::Arch;
use crate::image::{self, Extra};
use crate::outcome::Outcome;
use crate::qemu::{Console, Disk, Keep, Machine};
use crate::session::{Session, Waited};
use crate::vm::{Keyboard, Vm};
use crate::workspace::Workspace;

/// Compiles the tests' programs in C, for a caller's disk.
pub fn c_programs(workspace: &Workspace, arch: Arch) -> Result<Vec<Extra>> {
    foreign::compile(workspace, arch)
}

/// Returns whether a kernel runs a shell line to its end with success, and prints `shows`.
pub fn passes(
    workspace: &Workspace,
    arch: Arch,
    kernel: &Path,
    image: &[u8],
    line: &str,
    shows: &[String],
) -> Result<bool> {
    /// The limit. A kernel that makes a mistake may hang.
    const LIMIT: Duration = Duration::from_secs(180);
    let mut machine = Machine::new(arch, kernel);
    machine.line = Some(line.to_owned());
    machine.smp = 2;
    machine.disk = Some(Disk {
        path: image::write_temporary(workspace, image)?,
        keep: Keep::Nothing,
    });
    let vm = Vm::boot(&machine, &Console::Plain, Keyboard::Absent)?;
    let mut session = Session::new(vm, Some(Instant::now() + LIMIT), |_: &[u8]| {});
    match session.wait_closed() {
        Waited::Closed => {
            let printed = String::from_utf8_lossy(session.vm.transcript()).into_owned();
            Ok(session.vm.outcome()? == Outcome::Status(0)
                && shows.iter().all(|text| printed.contains(text)))
        }
        Waited::Seen | Waited::TimedOut => Ok(false),
    }
}
