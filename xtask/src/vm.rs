//! A running guest: its console as a stream of events, its keyboard, and its end.
//!
//! Invariant: an emulator does not outlive its [`Vm`], nor the thread that booted it.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::arch::Arch;
use crate::guard::guarded;
use crate::outcome::Outcome;
use crate::process::{self, collect};
use crate::qemu::{Console, Machine};

/// A guest's keyboard.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keyboard {
    /// The user's terminal.
    Terminal,
    /// The bytes that [`Vm::type_bytes`] types.
    Typed,
    /// There is no keyboard.
    Absent,
}

/// An event of a guest.
pub enum Event {
    /// Its console printed these bytes.
    Output(Vec<u8>),
    /// It has ended.
    Closed,
    /// Nothing happened until the given time.
    Quiet,
}

/// A running guest.
pub struct Vm {
    child: Child,
    keyboard: Option<ChildStdin>,
    console: Receiver<Vec<u8>>,
    errors: Option<JoinHandle<String>>,
    transcript: Vec<u8>,
    /// The architecture, which determines the meaning of the exit code.
    arch: Arch,
}

impl Vm {
    /// Boots a machine, on an emulator that ends with this program.
    pub fn boot(machine: &Machine, console: &Console, keyboard: Keyboard) -> Result<Self> {
        let mut vm = Self::start(guarded(&machine.command(console)), keyboard)?;
        vm.arch = machine.arch;
        Ok(vm)
    }

    /// Starts a command that plays the guest. Its exit code is the guest's status.
    pub fn start(mut command: Command, keyboard: Keyboard) -> Result<Self> {
        let mut child = command
            .stdin(match keyboard {
                Keyboard::Terminal => Stdio::inherit(),
                Keyboard::Typed => Stdio::piped(),
                Keyboard::Absent => Stdio::null(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", process::name(&command)))?;
        let (sender, console) = mpsc::channel();
        let mut output = child.stdout.take().context("the emulator has no output")?;
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            keyboard: child.stdin.take(),
            errors: Some(collect(child.stderr.take())),
            child,
            console,
            transcript: Vec::new(),
            arch: Arch::Riscv64,
        })
    }

    /// Waits for the next event, at most until `until`.
    pub fn next(&mut self, until: Option<Instant>) -> Event {
        let received = match until {
            Some(until) => self
                .console
                .recv_timeout(until.saturating_duration_since(Instant::now())),
            None => self.console.recv().map_err(RecvTimeoutError::from),
        };
        match received {
            Ok(bytes) => {
                self.transcript.extend_from_slice(&bytes);
                Event::Output(bytes)
            }
            Err(RecvTimeoutError::Timeout) => Event::Quiet,
            Err(RecvTimeoutError::Disconnected) => Event::Closed,
        }
    }

    /// Returns everything that the console has printed so far.
    pub fn transcript(&self) -> &[u8] {
        &self.transcript
    }

    /// Types at the guest's keyboard.
    pub fn type_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let keyboard = self
            .keyboard
            .as_mut()
            .context("this guest has no keyboard")?;
        keyboard
            .write_all(bytes)
            .and_then(|()| keyboard.flush())
            .context("the guest is gone and cannot be typed at")
    }

    /// Stops the guest.
    pub fn kill(&mut self) {
        // The guest may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Returns how a guest that closed its console ended.
    pub fn outcome(&mut self) -> Result<Outcome> {
        let code = self
            .child
            .wait()
            .context("cannot wait for the emulator")?
            .code();
        let said = self
            .errors
            .take()
            .and_then(|errors| errors.join().ok())
            .unwrap_or_default();
        let console = String::from_utf8_lossy(&self.transcript);
        let code = code.and_then(|code| u8::try_from(code).ok());
        Ok(Outcome::of(
            code.and_then(|code| self.arch.status(code)),
            &console,
            &said,
        ))
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.kill();
    }
}
