//! A kernel with a shell, typed at and listened to: what graders and tests do with a machine.
//!
//! [`Session::start`] boots to the first prompt and keeps a snapshot of it. [`Session::again`] goes
//! back to that snapshot under new [`Rules`], so a kernel boots once, on a kind and fast machine,
//! and each test starts from the same prompt with a seed, an unkindness and watchers of its own.
//! [`Session::line`] types a line and runs to the next prompt, or for as many steps as are allowed.
//! What the watchers found is in [`Machine::reports`]; a finding ends nothing.
//!
//! ```no_run
//! # use emu::adversity::Adversity;
//! # use emu::sanitize::Watch;
//! # use emu::session::{Session, Waited};
//! # use emu::{Boot, Config, Disk, Machine, Rules};
//! # fn grade(kernel: &[u8], image: &[u8]) -> Result<(), String> {
//! let disk = Disk { slot: 0, contents: image, serial: "" };
//! let boot = Boot { kernel, command_line: "", disks: &[disk] };
//! let config = Config { harts: 2, ..Config::default() };
//! let mut session = Session::new(Machine::boot(&config, &boot)?);
//! if session.start(2_000_000_000) != Waited::Prompt {
//!     return Err("no shell".into());
//! }
//! for seed in 1..4 {
//!     session.again(&Rules { seed, adversity: Adversity::ALL, watch: Watch::ALL });
//!     let answer = session.line("cowtest simple", 500_000_000);
//!     let printed = session.printed(&answer);
//!     for report in session.machine().reports() { /* ... */ }
//!     for place in session.places() { /* where each hart is, and in which functions */ }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A prompt is `$ ` at the start of a line after which nothing more is printed. Everything here is
//! counted in steps, so a session is as repeatable as the machine.

use alloc::string::String;
use alloc::vec::Vec;

use crate::hart::{Activity, Mode};
use crate::machine::{Machine, Rules, Stop};
use crate::snapshot::Snapshot;

/// Steps between two looks at the console.
const LOOK: u64 = 20_000;
/// Steps for which nothing may follow a `$ ` for it to be taken for a prompt.
const QUIET: u64 = 60_000;

/// What a wait ended with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waited {
    /// The shell waits for a line.
    Prompt,
    /// The steps were used up.
    Limit,
    /// The machine stopped for another reason.
    Stopped(Stop),
}

/// What became of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Where in the console's text the answer begins, with the echo of the line.
    pub from: usize,
    /// What ended it.
    pub waited: Waited,
    /// The steps it took.
    pub steps: u64,
}

/// Where a hart is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Whereabouts {
    /// The hart.
    pub hart: usize,
    /// Its mode.
    pub mode: Mode,
    /// Whether it runs.
    pub activity: Activity,
    /// The functions it is in, innermost first: addresses for a printer of source lines.
    pub stack: Vec<u64>,
    /// The same with the names that the kernel's symbols give.
    pub functions: Vec<String>,
}

/// A machine, and the prompt to which it can go back.
pub struct Session {
    machine: Machine,
    prompt: Option<Snapshot>,
}

impl Session {
    /// A session on a machine that has just been made.
    pub fn new(machine: Machine) -> Self {
        Self {
            machine,
            prompt: None,
        }
    }

    /// Runs to the first prompt, at most until step `limit`, and remembers it.
    pub fn start(&mut self, limit: u64) -> Waited {
        let waited = wait_prompt(&mut self.machine, 0, limit, |_| {});
        if waited == Waited::Prompt {
            self.prompt = Some(self.machine.snapshot());
        }
        waited
    }

    /// Goes back to the first prompt and on under these rules. False if it was never reached.
    pub fn again(&mut self, rules: &Rules) -> bool {
        let Some(prompt) = &self.prompt else {
            return false;
        };
        let restored = self.machine.restore(prompt);
        // The lines that were typed since then are not to be typed again.
        self.machine.forget_typing();
        self.machine.set_rules(rules);
        restored
    }

    /// Types a line at the prompt and runs to the next prompt, for at most `steps` steps.
    pub fn line(&mut self, line: &str, steps: u64) -> Answer {
        let begin = self.machine.steps();
        let (from, waited) = run_line(&mut self.machine, line, begin.saturating_add(steps), |_| {});
        Answer {
            from,
            waited,
            steps: self.machine.steps() - begin,
        }
    }

    /// What was printed from the beginning of an answer on. Bytes that are no text are replaced.
    pub fn printed(&self, answer: &Answer) -> String {
        let console = self.machine.console();
        String::from_utf8_lossy(console.get(answer.from..).unwrap_or_default()).into_owned()
    }

    /// Where each hart is.
    pub fn places(&self) -> Vec<Whereabouts> {
        self.machine
            .harts()
            .iter()
            .map(|hart| {
                let stack = self.machine.stack(hart.id);
                let symbols = self.machine.symbols();
                Whereabouts {
                    hart: hart.id,
                    mode: hart.mode,
                    activity: hart.activity,
                    functions: stack.iter().map(|&at| symbols.describe(at)).collect(),
                    stack,
                }
            })
            .collect()
    }

    /// The machine.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The machine, to type and run in other ways.
    pub fn machine_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }
}

/// Whether the text ends in a prompt that begins at `from` or later.
fn ends_at_prompt(text: &[u8], from: usize) -> bool {
    match text.strip_suffix(b"$ ") {
        Some(before) => before.len() >= from && matches!(before.last(), None | Some(b'\n')),
        None => false,
    }
}

/// Runs until the shell prompts, at most until step `limit`, past any number of findings. Only what
/// is printed after `from`, a position in the console's text, counts. `each` is called between the
/// pieces of the run.
pub fn wait_prompt(
    machine: &mut Machine,
    from: usize,
    limit: u64,
    each: impl FnMut(&mut Machine),
) -> Waited {
    machine.set_attended(false);
    let waited = listen(machine, from, limit, each);
    machine.set_attended(true);
    waited
}

fn listen(
    machine: &mut Machine,
    from: usize,
    limit: u64,
    mut each: impl FnMut(&mut Machine),
) -> Waited {
    let mut quiet_since = None;
    loop {
        let until = (machine.steps() + LOOK).min(limit);
        let length = machine.console().len();
        let stop = machine.run(until);
        each(machine);
        if !matches!(stop, Stop::Reached | Stop::Idle | Stop::Reported) {
            return Waited::Stopped(stop);
        }
        let prompt = ends_at_prompt(machine.console(), from) && machine.input_is_read();
        if !prompt || quiet_since.is_none() || machine.console().len() != length {
            quiet_since = prompt.then_some(machine.steps());
        }
        if prompt && (stop == Stop::Idle || is_quiet(quiet_since, machine.steps())) {
            return Waited::Prompt;
        }
        if stop == Stop::Idle {
            return Waited::Stopped(stop);
        }
        if machine.steps() >= limit {
            return Waited::Limit;
        }
    }
}

fn is_quiet(since: Option<u64>, now: u64) -> bool {
    since.is_some_and(|since| now - since >= QUIET)
}

/// Types a line at the prompt and runs until the next prompt, at most until step `limit`. The text
/// printed since begins at the returned position.
pub fn run_line(
    machine: &mut Machine,
    line: &str,
    limit: u64,
    each: impl FnMut(&mut Machine),
) -> (usize, Waited) {
    let from = machine.console().len();
    machine.type_bytes(line.as_bytes());
    machine.type_bytes(b"\n");
    (from, wait_prompt(machine, from, limit, each))
}
