//! A kernel on the machine of our own: the same verdict on every run and under any load, for
//! everything is counted in guest instructions.
//!
//! [`boot`](boot::boot) finds a machine on which the kernel comes to the prompt of the grader's own
//! `init`, and keeps a snapshot of it. [`Booted::ask`] goes back to the snapshot and types one
//! line, so tests cannot disturb each other and a kernel boots once. [`places`]
//! says where harts are.

mod boot;
mod places;

use emu::session::{Session, Waited};
use emu::{Machine, Rules, Stop};

pub use boot::{Choice, Kernel, boot};
pub use places::describe;

use super::console::{Console, Heard};
use super::guest::Stopped;

/// Instructions between two looks at the console.
const LOOK: u64 = 100_000;
/// Instructions in which a panic message comes to the end of its line.
const LAST_WORDS: u64 = 3_000_000;

/// A kernel at the prompt.
pub struct Booted {
    session: Session,
    /// What the machine is, and why.
    pub choice: Choice,
    /// Instructions until the prompt, of all harts.
    pub steps: u64,
}

impl Booted {
    /// Goes back to the first prompt, types a line and runs to the next, for at most `steps`
    /// instructions of each hart. Returns what was printed.
    pub fn ask(&mut self, line: &str, rules: &Rules, steps: u64) -> Result<String, Stopped> {
        self.session.again(rules);
        let machine = self.session.machine_mut();
        let begin = machine.steps();
        let from = machine.console().len();
        machine.type_bytes(line.as_bytes());
        machine.type_bytes(b"\n");
        let steps = steps.saturating_mul(machine.harts().len() as u64);
        wait(
            machine,
            &mut Console::new(from),
            begin.saturating_add(steps),
        )?;
        Ok(String::from_utf8_lossy(&machine.console()[from..]).into_owned())
    }

    /// The machine.
    pub fn machine(&self) -> &Machine {
        self.session.machine()
    }

    /// The machine, to be told what its kernel means.
    pub fn machine_mut(&mut self) -> &mut Machine {
        self.session.machine_mut()
    }
}

/// Runs until the prompt, at most until step `limit`.
fn wait(machine: &mut Machine, console: &mut Console, limit: u64) -> Result<(), Stopped> {
    loop {
        let stop = machine.run((machine.steps() + LOOK).min(limit));
        match console.hear(machine.console()) {
            Heard::Panic => return Err(last_words(machine, console)),
            Heard::Flood => return Err(Stopped::Hung(console.tail(machine.console()))),
            Heard::Reborn => return Err(Stopped::ShellDied(console.tail(machine.console()))),
            Heard::Prompt if machine.input_is_read() => return Ok(()),
            Heard::Prompt | Heard::Nothing => {}
        }
        match stop {
            Stop::Reached if machine.steps() >= limit => {
                return Err(Stopped::Hung(console.tail(machine.console())));
            }
            Stop::Reached | Stop::Reported => {}
            Stop::Idle => return Err(Stopped::Hung(console.tail(machine.console()))),
            Stop::Off(code) => {
                return Err(gone(machine, console, &format!("powered off with {code}")));
            }
            Stop::Reset => return Err(gone(machine, console, "asked for a restart")),
        }
    }
}

fn gone(machine: &Machine, console: &Console, how: &str) -> Stopped {
    Stopped::Gone(format!(
        "the kernel {how}\n{}",
        console.tail(machine.console())
    ))
}

/// Lets a panic come to the end of its line.
fn last_words(machine: &mut Machine, console: &mut Console) -> Stopped {
    let limit = machine.steps() + LAST_WORDS;
    while machine.steps() < limit
        && !console.panic_is_whole(machine.console())
        && machine.run((machine.steps() + LOOK).min(limit)) == Stop::Reached
    {}
    Stopped::Gone(console.panic(machine.console()))
}

/// Takes the prompt that has been reached for the one to go back to.
fn keep(session: &mut Session) -> bool {
    // The prompt is there already: the session only has to see it.
    let limit = session.machine().steps() + LAST_WORDS;
    session.start(limit) == Waited::Prompt
}
