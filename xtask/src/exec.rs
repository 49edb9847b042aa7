//! One shell line instead of an interactive shell. Cowslip's kernel gets the line on its command
//! line; for a foreign image the line is typed at the prompt.

use std::time::Instant;

use anyhow::Result;
use regex::bytes::Regex;

use crate::console::Screen;
use crate::outcome::Outcome;
use crate::session::{Session, Waited};
use crate::vm::Vm;

/// Shows the console until the guest powers off or, if a pattern is given, the console matches it.
pub fn to_the_end(vm: Vm, expect: Option<&Regex>, deadline: Option<Instant>) -> Result<Outcome> {
    let mut screen = Screen::default();
    let mut session = Session::new(vm, deadline, |bytes: &[u8]| screen.show(bytes));
    let waited = match expect {
        Some(pattern) => session.wait_for(pattern, 0),
        None => session.wait_closed(),
    };
    ended(&mut session, waited, expect)
}

/// Types a line at the first prompt. The run has passed when the output matches the pattern or,
/// without a pattern, when the shell's prompt is back.
pub fn at_the_prompt(
    vm: Vm,
    line: &str,
    expect: Option<&Regex>,
    deadline: Option<Instant>,
) -> Result<Outcome> {
    let mut screen = Screen::default();
    let mut session = Session::new(vm, deadline, |bytes: &[u8]| screen.show(bytes));
    let waited = session.wait_prompt(0);
    if waited != Waited::Seen {
        return ended(&mut session, waited, expect);
    }
    let typed_at = session.position();
    session.type_line(line)?;
    // The console echoes the line. If the line itself matches the pattern, the echo must not count.
    let echoed = Regex::new(r"\n")?;
    let waited = session.wait_for(&echoed, typed_at);
    if waited != Waited::Seen {
        return ended(&mut session, waited, expect);
    }
    let printed = &session.vm.transcript()[typed_at..];
    let from = typed_at
        + printed
            .iter()
            .position(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
    let mut waited = session.wait_either(expect, from);
    let matched = |session: &Session| {
        expect.is_some_and(|pattern| pattern.is_match(&session.vm.transcript()[from..]))
    };
    if waited == Waited::Seen && !matched(&session) {
        // What looked like a prompt may have been the program's output. The shell's answer decides.
        waited = session.shell_is_back()?;
        if waited == Waited::Seen && expect.is_some() && !matched(&session) {
            session.vm.kill();
            return Ok(Outcome::NeverMatched);
        }
    }
    ended(&mut session, waited, expect)
}

fn ended(session: &mut Session, waited: Waited, expect: Option<&Regex>) -> Result<Outcome> {
    match waited {
        Waited::Seen => {
            session.vm.kill();
            Ok(Outcome::Matched)
        }
        Waited::TimedOut => {
            session.vm.kill();
            Ok(Outcome::TimedOut)
        }
        Waited::Closed => Ok(match session.vm.outcome()? {
            Outcome::Status(0) if expect.is_some() => Outcome::NeverMatched,
            other => other,
        }),
    }
}
