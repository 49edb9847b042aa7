//! Runs that are ended from outside. No process may be left of them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::Test;
use super::fakes::{Fakes, xtask};
use crate::workspace::Workspace;

/// The tests of endings.
pub const TESTS: [Test; 4] = [
    ("ends the emulator with it: SIGTERM", |_| {
        emulator_ends(Signal::TERM)
    }),
    ("ends the emulator with it: SIGKILL", |_| {
        emulator_ends(Signal::KILL)
    }),
    ("ends a slow helper with it: Ctrl-C", |workspace| {
        helper_ends(workspace)
    }),
    ("outlives a hangup under nohup", |_| nohup_is_kept()),
];

/// How long a loaded machine may take to come to the point at which the signal is sent.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long something may take that must end at once.
const SOON: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// Sends a signal to the process that a script would know, while a guest runs.
fn emulator_ends(signal: Signal) -> Result<()> {
    let (child, emulator) = guest()?;
    let status = end(child, signal)?;
    let gone = until(SOON, || !is_running(emulator));
    if !gone {
        // Without this, a failed test would leave the emulator running.
        let _ = kill_process(emulator, Signal::KILL);
    }
    ensure!(gone, "the emulator went on");
    ensure!(
        status.signal() == Some(signal.as_raw()),
        "the signal is not the status: {status}"
    );
    Ok(())
}

/// Ends a run while it waits for a helper in a process group of its own, which Ctrl-C at the
/// terminal does not reach.
fn helper_ends(workspace: &Workspace) -> Result<()> {
    let fakes = Fakes::new(workspace)?;
    let told = fakes.file("pid");
    fakes.add(
        "qemu-system-riscv64",
        &format!(
            "echo $$ > '{0}.new' && mv '{0}.new' '{0}' && exec sleep 60",
            told.display()
        ),
    )?;
    let child = fakes
        .xtask(&["run", "--exec", "true"])?
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    let asked = until(PATIENCE, || told.exists());
    ensure!(asked, "the helper was not asked for its version");
    let helper = pid(&fs::read_to_string(&told)?).context("the helper told no process")?;
    let status = end(child, Signal::INT)?;
    let gone = until(SOON, || !is_running(helper));
    if !gone {
        let _ = kill_process(helper, Signal::KILL);
    }
    ensure!(gone, "the helper went on");
    ensure!(status.signal() == Some(Signal::INT.as_raw()), "{status}");
    Ok(())
}

/// A signal that was ignored when the run began is ignored during the run.
fn nohup_is_kept() -> Result<()> {
    let this = xtask(&[])?.get_program().to_owned();
    let mut command = std::process::Command::new("nohup");
    command.arg(this).args(["run", "--timeout", "60"]);
    command.args(["--exec", "echo begun; sleep 20; echo done"]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    ensure!(
        lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.trim_end() == "begun"),
        "the guest did not begin"
    );
    kill_process(Pid::from_child(&child), Signal::HUP)?;
    let done = lines
        .map_while(Result::ok)
        .any(|line| line.trim_end() == "done");
    let status = child.wait()?;
    ensure!(done && status.success(), "the run was ended: {status}");
    Ok(())
}

/// Returns a run whose guest has printed its greeting, and the emulator's process.
fn guest() -> Result<(Child, Pid)> {
    let mut child = xtask(&["run", "--timeout", "120", "--exec", "sleep 100000"])?
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = child.stdout.take().context("no output")?;
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    ensure!(
        lines.any(|line| line.starts_with("Cowslip ")),
        "the guest did not boot"
    );
    // The run's output is not read any more. That must not matter to the guest, and the guest
    // prints no more.
    let children = Path::new("/proc").join(child.id().to_string()).join("task");
    for thread in fs::read_dir(children)?.flatten() {
        let children = fs::read_to_string(thread.path().join("children"))?;
        if let Some(emulator) = pid(&children) {
            return Ok((child, emulator));
        }
    }
    bail!("the run has no emulator")
}

/// Sends a signal to a run, and waits for its end.
fn end(mut child: Child, signal: Signal) -> Result<ExitStatus> {
    kill_process(Pid::from_child(&child), signal)?;
    if !until(SOON, || !matches!(child.try_wait(), Ok(None))) {
        child.kill()?;
        child.wait()?;
        bail!("the run went on");
    }
    Ok(child.wait()?)
}

fn pid(text: &str) -> Option<Pid> {
    Pid::from_raw(text.split_whitespace().next()?.parse().ok()?)
}

/// Returns whether a process exists and has not ended. An orphan may be waiting to be reaped.
fn is_running(process: Pid) -> bool {
    let stat = format!("/proc/{}/stat", process.as_raw_pid());
    fs::read_to_string(stat).is_ok_and(|stat| {
        let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
        !state.is_some_and(|state| state.starts_with('Z'))
    })
}

/// Waits until `so` returns `true`, at most for `limit`.
fn until(limit: Duration, mut so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !so() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(PAUSE);
    }
    true
}
