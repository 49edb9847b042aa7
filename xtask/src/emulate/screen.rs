//! The screen of a run: what the machine has printed, and the turns of its harts in a file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use emu::Machine;

/// The console output and the trace, up to what has been shown and written.
#[derive(Default)]
pub struct Screen {
    shown: usize,
    silent: bool,
    trace: Option<BufWriter<File>>,
}

impl Screen {
    /// Returns a screen that shows nothing.
    pub fn silent() -> Self {
        Self {
            silent: true,
            ..Self::default()
        }
    }

    /// Returns a screen. If a file is named, the turns of harts are written to it.
    pub fn new(trace: Option<&Path>, machine: &mut Machine) -> Result<Self> {
        let mut screen = Self::default();
        if let Some(path) = trace {
            let file = File::create(path)
                .with_context(|| format!("cannot write the trace {}", path.display()))?;
            screen.trace = Some(BufWriter::new(file));
            machine.take_turns();
        }
        Ok(screen)
    }

    /// Shows what is new.
    pub fn show(&mut self, machine: &mut Machine) {
        let text = machine.console();
        if text.len() > self.shown && !self.silent {
            let mut out = io::stdout().lock();
            // The run goes on if standard output is closed.
            let _ = out
                .write_all(&text[self.shown..])
                .and_then(|()| out.flush());
        }
        // Output that a debugger runs again was shown the first time.
        self.shown = self.shown.max(text.len());
        let Some(file) = &mut self.trace else {
            return;
        };
        for turn in machine.take_turns() {
            let place = machine.symbols().describe(turn.pc);
            let line = writeln!(
                file,
                "{:12} hart {} {:?} {place}",
                turn.step, turn.hart, turn.mode
            );
            if line.is_err() {
                eprintln!("xtask: the trace cannot be written on");
                self.trace = None;
                return;
            }
        }
    }
}
