//! One run: the console, the shell line, and how it ended.

use std::fs;
use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result};
use emu::session::{self, Waited};
use emu::{Machine, Stop};

use super::gdb;
use super::reports::Printer;
use super::screen::Screen;
use super::setup::{Subject, began};
use crate::cli::EmuArguments;
use crate::outcome::{EXIT_TIMEOUT, EXIT_TROUBLE};
use crate::workspace::Workspace;

/// The number of steps between two looks at the keyboard.
const LOOK: u64 = 200_000;
/// Exit code: a sanitizer reported something.
pub const EXIT_FOUND: u8 = 1;

/// Runs a machine with the console on the standard streams.
pub fn once(workspace: &Workspace, arguments: &EmuArguments, subject: &Subject) -> Result<u8> {
    let config = subject.config(arguments, arguments.seed)?;
    let mut machine = subject.boot(arguments, &config)?;
    if arguments.speed {
        eprintln!("xtask: {} harts, {}", config.harts, began(&machine));
    }
    let mut screen = Screen::new(arguments.trace.as_deref(), &mut machine)?;
    if let Some(port) = arguments.gdb {
        gdb::serve(machine, subject, port, screen)?;
        return Ok(0);
    }
    let limit = arguments.limit.saturating_mul(1_000_000);
    let began = Instant::now();
    let first = machine.steps();
    let ended = match &arguments.exec {
        Some(line) if !subject.ours => typed(&mut machine, line, limit, &mut screen),
        Some(_) => unattended(&mut machine, limit, &mut screen),
        None => attended(&mut machine, limit, &mut screen),
    };
    screen.show(&mut machine);
    if arguments.speed {
        let seconds = began.elapsed().as_secs_f64();
        let millions = (machine.steps() - first) as f64 / 1e6;
        eprintln!(
            "xtask: {millions:.1} million instructions, {:.1} million a second",
            millions / seconds
        );
    }
    if let Some(path) = &arguments.snapshot {
        fs::write(path, machine.save())
            .with_context(|| format!("cannot write the snapshot {}", path.display()))?;
    }
    let found = Printer::new(workspace, &subject.path).print(&machine);
    if found > 0 {
        return Ok(EXIT_FOUND);
    }
    Ok(match ended {
        Ended::Code(code) => code,
        Ended::Limit => {
            eprintln!("xtask: the instructions that --limit allows are used up");
            Printer::new(workspace, &subject.path).print_harts(&machine);
            EXIT_TIMEOUT
        }
        Ended::Trouble(what) => {
            eprintln!("xtask: {what}");
            Printer::new(workspace, &subject.path).print_harts(&machine);
            EXIT_TROUBLE
        }
    })
}

/// How a run ended.
pub enum Ended {
    /// The kernel powered off, or the shell line has ended.
    Code(u8),
    /// The limit was reached.
    Limit,
    /// Something else.
    Trouble(String),
}

fn ended(stop: Stop) -> Ended {
    match stop {
        Stop::Off(code) => Ended::Code(code.min(255) as u8),
        Stop::Reset => Ended::Trouble("the kernel asked for a restart".into()),
        Stop::Idle => Ended::Trouble("every hart waits and nothing will come".into()),
        Stop::Reached | Stop::Reported => Ended::Limit,
    }
}

/// Types a line at the shell's first prompt, and ends the run at the second. Findings do not end
/// the run; they are printed after it.
pub fn typed(machine: &mut Machine, line: &str, limit: u64, screen: &mut Screen) -> Ended {
    let mut waited = session::wait_prompt(machine, 0, limit, |machine| screen.show(machine));
    if waited == Waited::Prompt {
        (_, waited) = session::run_line(machine, line, limit, |machine| screen.show(machine));
    }
    match waited {
        Waited::Prompt => Ended::Code(0),
        Waited::Limit => Ended::Limit,
        Waited::Stopped(stop) => ended(stop),
    }
}

/// Runs a kernel that needs no input and powers off by itself.
pub fn unattended(machine: &mut Machine, limit: u64, screen: &mut Screen) -> Ended {
    machine.set_attended(false);
    loop {
        let until = (machine.steps() + LOOK).min(limit);
        let stop = machine.run(until);
        screen.show(machine);
        match stop {
            Stop::Reached if machine.steps() < limit => {}
            Stop::Reported => {}
            stop => return ended(stop),
        }
    }
}

/// Runs the machine with input from the user.
fn attended(machine: &mut Machine, limit: u64, screen: &mut Screen) -> Ended {
    let keyboard = keyboard();
    let mut open = true;
    loop {
        let stop = machine.run((machine.steps() + LOOK).min(limit));
        screen.show(machine);
        match stop {
            Stop::Reached if machine.steps() < limit => {}
            Stop::Reported => {}
            Stop::Idle if open => {
                // Nothing happens until the user types.
                match keyboard.recv() {
                    Ok(bytes) => machine.type_bytes(&bytes),
                    Err(_) => open = false,
                }
            }
            stop => return ended(stop),
        }
        match keyboard.try_recv() {
            Ok(bytes) => machine.type_bytes(&bytes),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) if open => open = false,
            Err(TryRecvError::Disconnected) => return Ended::Code(0),
        }
    }
}

fn keyboard() -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 256];
        while let Ok(count @ 1..) = io::stdin().read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}
