//! Typing at a kernel's shell and reading what it answers: what graders and tests do with a
//! machine.
//!
//! A prompt is `$ ` at the start of a line after which nothing more is printed. Everything here is
//! counted in steps, so a session is as repeatable as the machine.

use crate::machine::{Machine, Stop};

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

/// Whether the text ends in a prompt that begins at `from` or later.
fn ends_at_prompt(text: &[u8], from: usize) -> bool {
    match text.strip_suffix(b"$ ") {
        Some(before) => before.len() >= from && matches!(before.last(), None | Some(b'\n')),
        None => false,
    }
}

/// Runs until the shell prompts, at most until step `limit`. Only what is printed after `from`, a
/// position in the console's text, counts.
pub fn wait_prompt(
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
        if !matches!(stop, Stop::Reached | Stop::Idle) {
            return Waited::Stopped(stop);
        }
        let prompt = ends_at_prompt(machine.console(), from) && machine.input_is_read();
        if !prompt || machine.console().len() != length {
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

/// Types a line at the prompt and runs until the next prompt. The text printed since begins at the
/// returned position.
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
