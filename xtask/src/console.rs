//! The guest's console on the user's terminal.
//!
//! The emulator has the keyboard. It switches the terminal to raw mode, passes every key to the
//! guest and keeps Ctrl-A for itself. The emulator's output passes through this module, which can
//! so turn a panic's backtrace into source lines.
//!
//! Invariant: the terminal is left as it was, however the run ends.

use std::io::{self, IsTerminal, Write};
use std::mem;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Result;

use crate::outcome::Outcome;
use crate::vm::{Event, Vm};
use crate::watch::Curtain;

/// Shows the console until the guest ends or time runs out.
pub fn interactive(mut vm: Vm, deadline: Option<Instant>) -> Result<Outcome> {
    let _terminal = Terminal::remember();
    let mut screen = Screen::default();
    loop {
        match vm.next(deadline) {
            Event::Output(bytes) => screen.show(&bytes),
            Event::Quiet => {
                vm.kill();
                return Ok(Outcome::TimedOut);
            }
            Event::Closed => return vm.outcome(),
        }
    }
}

/// Standard output behind a [`Curtain`].
#[derive(Default)]
pub struct Screen {
    curtain: Curtain,
    last: Option<u8>,
}

impl Screen {
    /// Shows output immediately.
    pub fn show(&mut self, output: &[u8]) {
        let shown = self.curtain.pass(output);
        self.print(&shown);
    }

    fn print(&mut self, bytes: &[u8]) {
        self.last = bytes.last().copied().or(self.last);
        let mut output = io::stdout().lock();
        // If standard output is closed, the run goes on, because the guest's status still counts.
        let _ = output.write_all(bytes).and_then(|()| output.flush());
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let held = mem::take(&mut self.curtain).lift();
        self.print(&held);
        // A message about the run begins on a line of its own.
        if self.last.is_some_and(|last| last != b'\n') {
            self.print(b"\n");
        }
    }
}

/// The settings of the terminal. They are restored on drop.
struct Terminal {
    settings: Option<String>,
}

impl Terminal {
    fn remember() -> Self {
        let settings = io::stdin().is_terminal().then(settings).flatten();
        Self { settings }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(settings) = &self.settings {
            let _ = Command::new("stty").arg(settings).status();
        }
    }
}

fn settings() -> Option<String> {
    let asked = Command::new("stty")
        .arg("-g")
        .stdin(Stdio::inherit())
        .output()
        .ok()?;
    asked
        .status
        .success()
        .then(|| String::from_utf8_lossy(&asked.stdout).trim().to_owned())
}
