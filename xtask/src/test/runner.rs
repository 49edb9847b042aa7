//! Runs guest tests, two at a time.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Result, ensure};
use regex::Regex;

use super::case::{Action, Case, DiskCheck, DiskContents, End};
use super::course::Course;
use super::report::{Report, Verdict};
use super::talk::talk;
use crate::arch::Arch;
use crate::build::Guests;
use crate::image::{self, Extra, Geometry};
use crate::outcome::Outcome;
use crate::piped;
use crate::qemu::{Console, Disk, Keep, Machine};
use crate::session::{Session, Waited};
use crate::swap::Swap;
use crate::symbols;
use crate::vm::{Keyboard, Vm};
use crate::watch::Curtain;
use crate::workspace::Workspace;

/// The number of guests that run at once. Each may have several harts, and the host has few cores.
const AT_ONCE: usize = 2;
/// The number of the console's last lines that are shown when a test fails.
const TAIL: usize = 40;

/// Runs guest tests.
pub struct Runner<'a> {
    workspace: &'a Workspace,
    guests: Guests,
    extras: Vec<Extra>,
    images: Mutex<HashMap<Geometry, Arc<Vec<u8>>>>,
    courses: Mutex<HashMap<Course, Arc<Vec<u8>>>>,
}

impl<'a> Runner<'a> {
    /// Returns a runner whose disks hold the programs of the guests and `extras`.
    pub fn new(workspace: &'a Workspace, guests: Guests, extras: Vec<Extra>) -> Self {
        Self {
            workspace,
            guests,
            extras,
            images: Mutex::default(),
            courses: Mutex::default(),
        }
    }

    /// Returns the architecture that the guests were built for.
    pub fn arch(&self) -> Arch {
        self.guests.arch
    }

    /// Returns the guests.
    pub fn guests(&self) -> &Guests {
        &self.guests
    }

    /// Returns the checkout.
    pub fn workspace(&self) -> &Workspace {
        self.workspace
    }

    /// Runs the tests.
    pub fn run(&self, cases: Vec<Case>, report: &Report) {
        let queue = Mutex::new(cases.into_iter());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while let Some(case) = next() {
                        self.run_and_report(&case, report);
                    }
                });
            }
        });
    }

    fn run_and_report(&self, case: &Case, report: &Report) {
        let begin = Instant::now();
        let (console, result) = self.run_case(case);
        let verdict = match result {
            Ok(()) => Verdict::Passed,
            Err(error) => Verdict::Failed(format!("{error:#}\n{}", tail(&console))),
        };
        report.result(&case.name, begin.elapsed(), verdict);
    }

    /// Runs one test. Returns the console's output, and whether everything was as it must be.
    pub fn run_case(&self, case: &Case) -> (String, Result<()>) {
        let mut console = String::new();
        let result = self.drive_and_judge(case, &mut console);
        (console, result)
    }

    fn drive_and_judge(&self, case: &Case, console: &mut String) -> Result<()> {
        let machine = self.machine(case)?;
        let keyboard = match case.action {
            Action::Line(_) => Keyboard::Absent,
            Action::Talk(_) | Action::Piped(_) => Keyboard::Typed,
        };
        let vm = Vm::boot(&machine, &Console::Plain, keyboard)?;
        let mut session = Session::new(vm, Some(Instant::now() + case.limit), |_: &[u8]| {});
        let outcome = drive(&mut session, &case.action);
        *console = shown(session.vm.transcript());
        let outcome = outcome?;
        if let Some(Outcome::Panicked(panic)) = &outcome {
            let frames = symbols::backtrace(self.workspace, self.kernel(), &panic.backtrace);
            console.push_str(&frames.join("\n"));
        }
        judge(case, outcome.as_ref(), console)?;
        if let Some(disk) = &machine.disk {
            check_disk(case.disk_check, &disk.path)?;
            // The run's folder is removed only at the end, and would hold a disk for every test
            // until then.
            fs::remove_file(&disk.path)?;
        }
        if let Some(swap) = &machine.swap {
            fs::remove_file(&swap.path)?;
        }
        Ok(())
    }

    fn machine(&self, case: &Case) -> Result<Machine> {
        let mut machine = Machine::new(self.guests.arch, self.kernel());
        machine.cpu = case.cpu.map(str::to_owned);
        machine.smp = case.smp;
        machine.mem = case.mem;
        machine.clock = case.clock;
        machine.fork(case.fork);
        machine.options.extend(case.options.iter().cloned());
        if let Action::Line(line) = &case.action {
            machine.line = Some(line.clone());
        }
        let swap = |size| Swap::create(self.workspace, size, case.swap_faults.clone());
        machine.swap = case.swap.map(swap).transpose()?;
        let contents = match case.disk {
            DiskContents::NoDisk => return Ok(machine),
            DiskContents::Bytes(bytes) => Arc::new(bytes()),
            DiskContents::Ours(geometry) => self.image(geometry)?,
            DiskContents::Course(course) => self.course(course)?,
        };
        machine.disk = Some(Disk {
            path: image::write_temporary(self.workspace, &contents)?,
            keep: Keep::Nothing,
        });
        Ok(machine)
    }

    /// Returns Cowslip's image of this size. Makes it at the first call.
    fn image(&self, geometry: Geometry) -> Result<Arc<Vec<u8>>> {
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = images.get(&geometry) {
            return Ok(Arc::clone(image));
        }
        let image = image::build(self.workspace, &self.guests, &self.extras, geometry)?;
        let image = Arc::new(image);
        images.insert(geometry, Arc::clone(&image));
        Ok(image)
    }

    /// Returns the disk of a course. Makes it at the first call.
    fn course(&self, course: Course) -> Result<Arc<Vec<u8>>> {
        let mut courses = self.courses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = courses.get(&course) {
            return Ok(Arc::clone(image));
        }
        let image = Arc::new(course.image(self.workspace)?);
        courses.insert(course, Arc::clone(&image));
        Ok(image)
    }

    fn kernel(&self) -> &Path {
        &self.guests.kernel
    }
}

/// Checks the disk of a guest that has ended or was stopped.
fn check_disk(check: DiskCheck, disk: &Path) -> Result<()> {
    match check {
        DiskCheck::Skipped => {}
        DiskCheck::Sound => {
            let faults = image::faults(disk)?;
            let told = faults.join("\n");
            ensure!(faults.is_empty(), "the disk is not sound:\n{told}");
        }
        DiskCheck::Holds(bytes) => {
            let image = fs::read(disk)?;
            ensure!(
                image.windows(bytes.len()).any(|piece| piece == bytes),
                "the disk does not hold what was stored"
            );
        }
    }
    Ok(())
}

/// Performs the action. Returns how the guest ended, or nothing if it was stopped after a
/// conversation.
fn drive(session: &mut Session, action: &Action) -> Result<Option<Outcome>> {
    match action {
        Action::Line(_) => match session.wait_closed() {
            Waited::Closed => Ok(Some(session.vm.outcome()?)),
            Waited::TimedOut | Waited::Seen => {
                session.vm.kill();
                Ok(Some(Outcome::TimedOut))
            }
        },
        Action::Talk(steps) => {
            let talked = talk(session, steps);
            session.vm.kill();
            talked.map(|()| None)
        }
        Action::Piped(input) => piped::feed(session, input.as_bytes()).map(Some),
    }
}

fn judge(case: &Case, outcome: Option<&Outcome>, console: &str) -> Result<()> {
    let as_it_must = match (outcome, case.end) {
        (None, End::Stopped) => true,
        (Some(Outcome::Status(status)), End::Status(wanted)) => *status == wanted,
        (Some(Outcome::Status(status)), End::Failure) => *status != 0,
        (Some(Outcome::Panicked(_)), End::Panic) | (Some(Outcome::Refused), End::Refusal) => true,
        _ => false,
    };
    ensure!(
        as_it_must,
        "it ended with {outcome:?} instead of {:?}",
        case.end
    );
    for pattern in &case.shows {
        ensure!(
            multiline(pattern)?.is_match(console),
            "the console does not show /{pattern}/"
        );
    }
    for pattern in &case.hides {
        ensure!(
            !multiline(pattern)?.is_match(console),
            "the console shows /{pattern}/"
        );
    }
    Ok(())
}

/// Returns a console's output without the firmware's greeting.
fn shown(transcript: &[u8]) -> String {
    let mut curtain = Curtain::default();
    let mut shown = curtain.pass(transcript);
    shown.extend(curtain.lift());
    String::from_utf8_lossy(&shown).replace('\r', "")
}

/// Returns a pattern in which `^` and `$` match at lines.
fn multiline(pattern: &str) -> Result<Regex> {
    Ok(Regex::new(&format!("(?m){pattern}"))?)
}

fn tail(console: &str) -> String {
    let lines: Vec<_> = console.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(case: Case, outcome: Outcome, console: &str) -> bool {
        judge(&case, Some(&outcome), console).is_ok()
    }

    #[test]
    fn status_and_console_must_both_be_right() {
        let case = || {
            Case::line("x", "echo hello")
                .shows("^hello$")
                .hides("goodbye")
        };
        assert!(verdict(case(), Outcome::Status(0), "hello\n"));
        assert!(!verdict(case(), Outcome::Status(1), "hello\n"));
        assert!(!verdict(case(), Outcome::Status(0), "hello there\n"));
        assert!(!verdict(case(), Outcome::Status(0), "hello\ngoodbye\n"));
        assert!(!verdict(case(), Outcome::TimedOut, "hello\n"));
    }

    #[test]
    fn a_panic_is_never_a_status() {
        let panicked = || Outcome::Panicked(crate::outcome::Panic::default());
        assert!(!verdict(
            Case::line("x", "x").ends(End::Failure),
            panicked(),
            ""
        ));
        assert!(verdict(
            Case::line("x", "x").ends(End::Panic),
            panicked(),
            "PANIC: x"
        ));
        assert!(!verdict(
            Case::line("x", "x").ends(End::Failure),
            Outcome::Status(1),
            "PANIC: x"
        ));
    }
}
