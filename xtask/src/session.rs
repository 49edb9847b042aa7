//! Typing at a guest's prompt, and reading its answers.
//!
//! A prompt is `$ ` at the start of a line, with no output after it for a moment. A program may
//! print that too. Where it matters that the shell is back, [`Session::shell_is_back`] makes the
//! shell say so.

use std::mem;
use std::time::{Duration, Instant};

use anyhow::Result;
use regex::bytes::Regex;

use crate::vm::{Event, Vm};

/// How long no output may follow a `$ ` that counts as a prompt.
const QUIET: Duration = Duration::from_millis(150);
/// How long [`Session::insist`] waits before it types again.
const REPEAT: Duration = Duration::from_secs(1);
/// The text that the shell is made to echo. No program prints it by chance.
const MARK: &str = "cowslip-is-back-at-its-prompt";

/// Why a wait has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waited {
    /// The expected output was seen.
    Seen,
    /// The guest has ended.
    Closed,
    /// The time limit was reached.
    TimedOut,
}

/// A listener to a guest's output.
type Listener<'a> = Box<dyn FnMut(&[u8]) + 'a>;

/// A guest with a keyboard, whose output also goes to a listener.
pub struct Session<'a> {
    /// The guest.
    pub vm: Vm,
    deadline: Option<Instant>,
    listener: Listener<'a>,
}

impl<'a> Session<'a> {
    /// Returns a session that ends at the deadline at the latest.
    pub fn new(vm: Vm, deadline: Option<Instant>, listener: impl FnMut(&[u8]) + 'a) -> Self {
        Self {
            vm,
            deadline,
            listener: Box::new(listener),
        }
    }

    /// Returns how many bytes the console has printed. Later output is searched from there.
    pub fn position(&self) -> usize {
        self.vm.transcript().len()
    }

    /// Waits until the output after `from` matches.
    pub fn wait_for(&mut self, pattern: &Regex, from: usize) -> Waited {
        self.wait_until(|printed| pattern.is_match(&printed[from..]))
    }

    /// Waits until the output after `from` ends with a prompt.
    pub fn wait_prompt(&mut self, from: usize) -> Waited {
        self.wait_either(None, from)
    }

    /// Waits for a prompt after `from`, but no longer than `time`.
    pub fn wait_prompt_within(&mut self, from: usize, time: Duration) -> Waited {
        let whole = self.deadline;
        let pause = Instant::now() + time;
        self.deadline = Some(whole.map_or(pause, |whole| whole.min(pause)));
        let waited = self.wait_prompt(from);
        self.deadline = whole;
        waited
    }

    /// Waits for a prompt or, if there is a pattern, for a match, whichever comes first.
    pub fn wait_either(&mut self, pattern: Option<&Regex>, from: usize) -> Waited {
        loop {
            let done = |printed: &[u8]| {
                ends_at_prompt(printed, from)
                    || pattern.is_some_and(|pattern| pattern.is_match(&printed[from..]))
            };
            match self.wait_until(done) {
                Waited::Seen => {}
                other => return other,
            }
            if !ends_at_prompt(self.vm.transcript(), from) {
                return Waited::Seen;
            }
            match self.step(Some(Instant::now() + QUIET)) {
                Event::Quiet => return Waited::Seen,
                Event::Output(_) => {}
                Event::Closed => return Waited::Closed,
            }
        }
    }

    /// Types a key again and again until the prompt is back. A program that is just starting does
    /// not see the first keys.
    pub fn insist(&mut self, key: &[u8]) -> Result<Waited> {
        let from = self.position();
        loop {
            self.vm.type_bytes(key)?;
            let waited = self.wait_prompt_within(from, REPEAT);
            if waited != Waited::TimedOut || self.is_over_time() {
                return Ok(waited);
            }
        }
    }

    /// Waits until the guest has ended.
    pub fn wait_closed(&mut self) -> Waited {
        self.wait_until(|_| false)
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) -> Result<()> {
        self.vm.type_bytes(format!("{line}\n").as_bytes())
    }

    /// Makes the shell echo a mark, which it does only when it reads lines again. The listener gets
    /// all output but the mark. That includes the output of a program whose text only looked like a
    /// prompt.
    pub fn shell_is_back(&mut self) -> Result<Waited> {
        let from = self.position();
        let listener = mem::replace(&mut self.listener, Box::new(|_| {}));
        let command = format!("echo {MARK}");
        self.type_line(&command)?;
        let answer = Regex::new(&format!(r"(?m)^(\$ )?{MARK}\r?$"))?;
        let waited = self.wait_for(&answer, from);
        self.listener = listener;
        let printed = &self.vm.transcript()[from..];
        let end = find(printed, command.as_bytes()).unwrap_or(printed.len());
        (self.listener)(&printed[..end]);
        Ok(waited)
    }

    fn wait_until(&mut self, mut done: impl FnMut(&[u8]) -> bool) -> Waited {
        loop {
            if done(self.vm.transcript()) {
                return Waited::Seen;
            }
            match self.step(self.deadline) {
                Event::Output(_) => {}
                Event::Closed => return Waited::Closed,
                Event::Quiet => return Waited::TimedOut,
            }
        }
    }

    /// Returns whether the session's deadline is over.
    pub fn is_over_time(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn step(&mut self, until: Option<Instant>) -> Event {
        let event = self.vm.next(until);
        if let Event::Output(bytes) = &event {
            (self.listener)(bytes);
        }
        event
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Returns whether the text ends with a prompt that begins at `from` or later.
fn ends_at_prompt(text: &[u8], from: usize) -> bool {
    match text.strip_suffix(b"$ ") {
        Some(before) => before.len() >= from && matches!(before.last(), None | Some(b'\n')),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::vm::Keyboard;

    /// Returns a session with a stand-in for a guest: a host shell without a terminal, which does
    /// not echo its input.
    fn session(script: &str) -> Session<'static> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let vm = Vm::start(command, Keyboard::Typed).expect("sh starts");
        Session::new(
            vm,
            Some(Instant::now() + Duration::from_secs(20)),
            |_: &[u8]| {},
        )
    }

    #[test]
    fn a_prompt_begins_a_line_and_ends_the_text() {
        assert!(ends_at_prompt(b"$ ", 0));
        assert!(ends_at_prompt(b"hello\n$ ", 0));
        assert!(!ends_at_prompt(b"hello\n$ ", 7), "an old prompt");
        assert!(!ends_at_prompt(b"costs 3$ ", 0));
        assert!(!ends_at_prompt(b"$ ls", 0));
    }

    #[test]
    fn a_program_that_prints_a_prompt_is_not_the_shell() {
        // The script prints what looks like a prompt, pauses, prints more, and only then reads
        // lines.
        let mut session = session(
            "printf '$ '; sleep 1; echo more; printf '$ '; read line; eval \"$line\"; printf '$ '; read line",
        );
        assert_eq!(session.wait_prompt(0), Waited::Seen);
        assert_eq!(session.shell_is_back().expect("typed"), Waited::Seen);
        let text = String::from_utf8_lossy(session.vm.transcript()).into_owned();
        assert!(
            text.contains("more\n"),
            "the mark came after the program had ended: {text}"
        );
    }

    #[test]
    fn waits_end_with_the_guest_and_with_the_time() {
        let mut over = session("echo done");
        let never = Regex::new("never").expect("a pattern");
        assert_eq!(over.wait_for(&never, 0), Waited::Closed);
        let mut slow = session("sleep 20");
        slow.deadline = Some(Instant::now() + Duration::from_millis(50));
        assert_eq!(slow.wait_prompt(0), Waited::TimedOut);
    }
}
