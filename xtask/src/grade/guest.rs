//! A machine under test: it gets commands, its output is read, and it is given up on when it shows
//! no more.
//!
//! Nothing here waits for a fixed time. A wait ends with the expected output, with the end of the
//! kernel, or when the console has been silent for as long as the user allows.

use std::time::{Duration, Instant};

use anyhow::Result;
use regex::bytes::Regex;

use super::suite::tail;
use super::verdict::Verdict;
use crate::outcome::Outcome;
use crate::qemu::{Console, Machine};
use crate::vm::{Event, Keyboard, Vm};

/// A command that prints more than this makes no progress any more.
const FLOOD: usize = 1 << 20;
/// How long the rest of a panic message's line may take.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long the prompt after a command's mark may take. The session goes on without it.
const PROMPT: Duration = Duration::from_secs(3);

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
                what: format!("the shell did not survive it; the console:\n{last}"),
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
    /// Boots a machine and waits for the shell's first prompt.
    pub fn boot(machine: &Machine, stall: Duration) -> Result<Result<Self, Stopped>> {
        let mut guest = Self {
            vm: Vm::boot(machine, &Console::Plain, Keyboard::Typed)?,
            stall,
            commands: 0,
        };
        let prompt = Regex::new(r"(?m)^\$ ")?;
        let waited = guest.wait(0, stall, |printed| prompt.is_match(printed));
        Ok(waited.map(|()| guest))
    }

    /// Runs a command in the shell, which prints a mark for success or failure.
    pub fn run(&mut self, command: &str) -> Result<Result<Answer, Stopped>> {
        self.commands += 1;
        let mark = format!("graded-{}", self.commands);
        let from = self.vm.transcript().len();
        let line = format!("{command} && echo {mark}-well || echo {mark}-badly\n");
        if self.vm.type_bytes(line.as_bytes()).is_err() {
            return Ok(Err(self.gone()));
        }
        // The console echoes the command, but the echo does not begin with the mark.
        let end = Regex::new(&format!(r"(?m)^{mark}-(well|badly)\r?$"))?;
        let reborn = Regex::new("init: starting sh")?;
        let waited = self.wait(from, self.stall, |printed| {
            end.is_match(printed) || reborn.is_match(printed)
        });
        if let Err(stopped) = waited {
            return Ok(Err(stopped));
        }
        let printed = &self.vm.transcript()[from..];
        let Some(found) = end.captures(printed) else {
            return Ok(Err(Stopped::ShellDied(self.last(from))));
        };
        let (begin, status_is_zero) = (from + found[0].len(), &found[1] == b"well");
        let answer = Answer {
            printed: String::from_utf8_lossy(&printed[..found.get(0).map_or(0, |at| at.start())])
                .into_owned(),
            status_is_zero,
        };
        let prompt = Regex::new(r"(?m)^\$ ")?;
        match self.wait(begin, PROMPT, |printed| prompt.is_match(printed)) {
            Err(Stopped::Gone(message)) => Ok(Err(Stopped::Gone(message))),
            _ => Ok(Ok(answer)),
        }
    }

    /// Waits until the output after `from` matches.
    fn wait(
        &mut self,
        from: usize,
        stall: Duration,
        done: impl Fn(&[u8]) -> bool,
    ) -> Result<(), Stopped> {
        loop {
            if let Some(message) = self.panic() {
                return Err(Stopped::Gone(message));
            }
            let printed = &self.vm.transcript()[from..];
            if done(printed) {
                return Ok(());
            }
            if printed.len() > FLOOD {
                return Err(Stopped::Hung(self.last(from)));
            }
            match self.vm.next(Some(Instant::now() + stall)) {
                Event::Output(_) => {}
                Event::Quiet => return Err(Stopped::Hung(self.last(from))),
                Event::Closed => return Err(self.gone()),
            }
        }
    }

    /// Returns the message of the kernel's panic, if there was one. xv6 prints `panic: `, Cowslip
    /// `PANIC: `.
    fn panic(&mut self) -> Option<String> {
        let begun = Regex::new(r"(?:panic|PANIC): ([^\r\n]*)").ok()?;
        let whole = Regex::new(r"(?:panic|PANIC): ([^\r\n]*)[\r\n]").ok()?;
        begun.find(self.vm.transcript())?;
        let deadline = Instant::now() + LAST_WORDS;
        while !whole.is_match(self.vm.transcript()) {
            match self.vm.next(Some(deadline)) {
                Event::Output(_) => {}
                Event::Quiet | Event::Closed => break,
            }
        }
        let found = begun.captures(self.vm.transcript())?;
        Some(String::from_utf8_lossy(&found[1]).into_owned())
    }

    /// Returns what is known about a machine that has ended.
    fn gone(&mut self) -> Stopped {
        if let Some(message) = self.panic() {
            return Stopped::Gone(message);
        }
        let how = match self.vm.outcome() {
            Ok(Outcome::Status(code)) => format!("the machine powered off with code {code}"),
            Ok(Outcome::Refused) => "the kernel refused to start".to_owned(),
            Ok(Outcome::Emulator(said)) => format!("the emulator failed: {said}"),
            Ok(other) => format!("the machine stopped: {other:?}"),
            Err(error) => format!("{error:#}"),
        };
        Stopped::Gone(format!("{how}\n{}", self.last(0)))
    }

    /// Returns the last lines of the output after `from`.
    fn last(&self, from: usize) -> String {
        tail(&String::from_utf8_lossy(&self.vm.transcript()[from..]))
    }
}
