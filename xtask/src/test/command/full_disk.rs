//! A guest whose disks are on a full file system of the host.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::Test;
use super::fakes::xtask;
use crate::process::run_bounded;
use crate::workspace::Workspace;

/// The tests of full disks.
pub const TESTS: [Test; 1] = [("goes on where the host's disk is full, and says so", full)];

const LIMIT: Duration = Duration::from_secs(200);

/// Mounts a small file system, which no other process sees, where runs keep their disks, and
/// executes the rest of the line.
const SMALL: &str = r#"mount -t tmpfs -o size=16m none "$1" && shift && exec "$@""#;

/// Runs a program whose memory goes to swap until the host's file system is full. The program may
/// fail, but the guest must go on.
fn full(workspace: &Workspace) -> Result<()> {
    let run = xtask(&["run", "--timeout", "150", "--mem", "24M", "--swap", "128M"])?;
    let mut command = Command::new("unshare");
    command
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            SMALL,
            "-",
        ])
        .arg(workspace.target().join("xtask"))
        .arg(run.get_program())
        .args(run.get_args())
        .args(["--exec", "swaptest large; echo alive"]);
    let finished = run_bounded(&mut command, LIMIT)?;
    let said = format!("{}{}", finished.output, finished.errors);
    let shows = |what: &str| said.contains(what);
    ensure!(shows("\nalive"), "the guest did not go on:\n{said}");
    ensure!(
        shows("the swap disk failed to write"),
        "the guest was told of no error:\n{said}"
    );
    ensure!(
        shows("the host cannot write the guest's swap disk: No space left on device"),
        "the person was told of no error:\n{said}"
    );
    Ok(())
}
