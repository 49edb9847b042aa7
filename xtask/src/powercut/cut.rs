//! A power cut: boots a guest, waits for the moment, and kills the emulator.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use regex::bytes::Regex;

use user::promises::DONE;

use super::Site;
use super::plan::{Moment, Plan};
use super::recording::Recording;
use crate::image;
use crate::qemu::{Console, Disk, Keep};
use crate::vm::{Event, Keyboard, Vm};

/// How long a guest may take to show an expected output before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is left after a cut.
pub struct Remains {
    /// The output of the console.
    pub console: String,
    /// The disk with all writes.
    pub disk: Vec<u8>,
    /// The writes and flushes.
    pub recording: Recording,
}

/// Runs the workload of a plan and cuts the power.
pub fn cut(site: &Site, plan: &Plan) -> Result<Remains> {
    let disk = image::write_temporary(site.workspace, &site.image)?;
    let recording = site.workspace.temporary("recording");
    fs::write(&recording, []).with_context(|| format!("cannot write {}", recording.display()))?;
    let mut machine = site.machine.clone();
    machine.disk = Some(Disk {
        path: disk.clone(),
        keep: Keep::Recorded(recording.clone()),
    });
    machine.line = Some(plan.line());

    let mut vm = Vm::boot(&machine, &Console::Plain, Keyboard::Absent)?;
    let mut patience = Instant::now() + PATIENCE;
    let first = Regex::new(&format!("(?m)^{}", plan.first_output()))?;
    wait_for(&mut vm, &first, patience)?;
    match plan.moment {
        Moment::After(time) => wait_until(&mut vm, Instant::now() + time)?,
        Moment::Promise(number) => {
            patience = Instant::now() + PATIENCE;
            wait_for(
                &mut vm,
                &Regex::new(&format!(r"(?m)^{DONE}{number}\r?\n"))?,
                patience,
            )?;
        }
    }
    vm.kill();
    // The emulator's last output is still in the pipe.
    while !matches!(vm.next(None), Event::Closed) {}

    let remains = Remains {
        console: String::from_utf8_lossy(vm.transcript()).into_owned(),
        disk: fs::read(&disk).with_context(|| format!("cannot read {}", disk.display()))?,
        recording: Recording::load(&recording)?,
    };
    fs::remove_file(disk)?;
    fs::remove_file(recording)?;
    Ok(remains)
}

/// Waits until the console shows a match.
fn wait_for(vm: &mut Vm, pattern: &Regex, until: Instant) -> Result<()> {
    // Each search begins at the last line, because that line may have grown.
    let mut from = 0;
    loop {
        let printed = &vm.transcript()[from..];
        if pattern.is_match(printed) {
            return Ok(());
        }
        from += printed
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        match vm.next(Some(until)) {
            Event::Output(_) => {}
            Event::Quiet => bail!("the guest hangs: its console never shows /{pattern}/"),
            Event::Closed => return ended(vm),
        }
    }
}

/// Lets the guest run until `moment`.
fn wait_until(vm: &mut Vm, moment: Instant) -> Result<()> {
    loop {
        match vm.next(Some(moment)) {
            Event::Output(_) => {}
            Event::Quiet => return Ok(()),
            Event::Closed => return ended(vm),
        }
    }
}

fn ended(vm: &mut Vm) -> Result<()> {
    let outcome = vm.outcome()?;
    let console = String::from_utf8_lossy(vm.transcript());
    bail!(
        "the guest ended before the power was cut: {outcome:?}, its last line: {}",
        last_line(&console)
    )
}

/// Returns the last line that a console shows.
pub fn last_line(console: &str) -> &str {
    console.trim_end().lines().last().unwrap_or_default()
}
