//! A kernel on QEMU: it gets commands, its output is read, and it is given up on when it shows no
//! more.
//!
//! Nothing here waits for a fixed time. A wait ends with the expected output, with the end of the
//! kernel, or when the console has been silent for as long as the user allows.

use std::time::{Duration, Instant};

use anyhow::Result;
use regex::Regex;

use super::console::{Console, Heard};
use super::suite::tail;
use super::verdict::Verdict;
use crate::outcome::Outcome;
use crate::qemu::{self, Machine};
use crate::vm::{Event, Keyboard, Vm};

/// How long the rest of a panic message's line may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why a guest no longer answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stopped {
    /// Its console fell silent or printed without end. The text is the end of its output.
    Hung(String),
    /// It panicked or ended in another way. The text is its message or the end of its output.
    Gone(String),
    /// The shell ended. Another may have been started.
    ShellDied(String),
}

impl Stopped {
    /// Returns the verdict on the test under way.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Hung(last) => Verdict::Hung(last),
            Self::Gone(message) => Verdict::Panicked(message),
            Self::ShellDied(last) => Verdict::Failed(super::verdict::Failure {
                symptom: "first-process-died".to_owned(),
                what: format!("the first process did not survive it; the console:\n{last}"),
                expected: None,
                seen: None,
            }),
        }
    }
}

/// The result of a command.
pub struct Answer {
    /// The console's output since the command was typed.
    pub printed: String,
    /// Whether the command's status was 0.
    pub status_is_zero: bool,
}

/// A booted machine with a shell.
pub struct Guest {
    vm: Vm,
    /// The longest silence allowed.
    stall: Duration,
    commands: u32,
}

impl Guest {
    /// Boots a machine and waits for the first prompt.
    pub fn boot(machine: &Machine, stall: Duration) -> Result<Result<Self, Stopped>> {
        let mut guest = Self {
            vm: Vm::boot(machine, &qemu::Console::Plain, Keyboard::Typed)?,
            stall,
            commands: 0,
        };
        let waited = guest.wait(&mut Console::new(0));
        Ok(waited.map(|()| guest))
    }

    /// Types a line and returns what was printed up to the next prompt.
    pub fn line(&mut self, line: &str) -> Result<String, Stopped> {
        let from = self.vm.transcript().len();
        let mut console = Console::new(from);
        if self.vm.type_bytes(format!("{line}\n").as_bytes()).is_err() {
            return Err(self.gone(&console));
        }
        self.wait(&mut console)?;
        Ok(String::from_utf8_lossy(&self.vm.transcript()[from..]).into_owned())
    }

    /// Runs a command in a shell that knows `&&` and `||`. The shell prints a mark for success or
    /// failure.
    pub fn run(&mut self, command: &str) -> Result<Result<Answer, Stopped>> {
        self.commands += 1;
        let mark = format!("graded-{}", self.commands);
        let line = format!("{command} && echo {mark}-well || echo {mark}-badly");
        let printed = match self.line(&line) {
            Ok(printed) => printed,
            Err(stopped) => return Ok(Err(stopped)),
        };
        // The console echoes the command, but the echo does not begin with the mark.
        let end = Regex::new(&format!(r"(?m)^{mark}-(well|badly)\r?$"))?;
        let Some(found) = end.captures(&printed) else {
            return Ok(Err(Stopped::ShellDied(tail(&printed))));
        };
        let before = found.get(0).map_or(0, |at| at.start());
        Ok(Ok(Answer {
            status_is_zero: &found[1] == "well",
            printed: printed[..before].to_owned(),
        }))
    }

    /// Waits for the prompt.
    fn wait(&mut self, console: &mut Console) -> Result<(), Stopped> {
        loop {
            match console.hear(self.vm.transcript()) {
                Heard::Nothing => {}
                Heard::Prompt => return Ok(()),
                Heard::Panic => return Err(self.last_words(console)),
                Heard::Reborn => return Err(Stopped::ShellDied(self.last(console))),
                Heard::Flood => return Err(Stopped::Hung(self.last(console))),
            }
            match self.vm.next(Some(Instant::now() + self.stall)) {
                Event::Output(_) => {}
                Event::Quiet => return Err(Stopped::Hung(self.last(console))),
                Event::Closed => return Err(self.gone(console)),
            }
        }
    }

    /// Lets a panic come to the end of its line: xv6 says `panic: `, Cowslip `PANIC: `.
    fn last_words(&mut self, console: &Console) -> Stopped {
        let deadline = Instant::now() + LAST_WORDS;
        while !console.panic_is_whole(self.vm.transcript()) {
            match self.vm.next(Some(deadline)) {
                Event::Output(_) => {}
                Event::Quiet | Event::Closed => break,
            }
        }
        Stopped::Gone(console.panic(self.vm.transcript()))
    }

    /// Returns what is known about a machine that has ended.
    fn gone(&mut self, console: &Console) -> Stopped {
        let how = match self.vm.outcome() {
            Ok(Outcome::Status(code)) => format!("the machine powered off with code {code}"),
            Ok(Outcome::Refused) => "the kernel refused to start".to_owned(),
            Ok(Outcome::Emulator(said)) => format!("the emulator failed: {said}"),
            Ok(other) => format!("the machine stopped: {other:?}"),
            Err(error) => format!("{error:#}"),
        };
        Stopped::Gone(format!("{how}\n{}", self.last(console)))
    }

    /// Returns the last lines.
    fn last(&self, console: &Console) -> String {
        console.tail(self.vm.transcript())
    }
}
