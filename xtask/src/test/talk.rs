//! Conversations with a guest's console, for what only a keyboard can test.

use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use regex::bytes::Regex;

use crate::session::{Session, Waited};

/// A step of a conversation.
pub enum Step {
    /// Wait for the shell's prompt.
    Prompt,
    /// Type these bytes.
    Type(&'static str),
    /// Type this key until the shell's prompt comes back.
    Insist(&'static str),
    /// Wait until what the console printed since the last [`Step::Type`] matches.
    See(&'static str),
    /// Let some time pass, so that a program gets to where it waits.
    Pause(Duration),
}

/// Goes through a conversation; an error says which step failed and how.
pub fn talk(session: &mut Session, steps: &[Step]) -> Result<()> {
    let mut from = 0;
    for (number, step) in steps.iter().enumerate() {
        let (what, waited) = match step {
            Step::Prompt => ("a prompt".to_owned(), session.wait_prompt(from)),
            Step::Type(text) => {
                from = session.position();
                session.vm.type_bytes(text.as_bytes())?;
                continue;
            }
            Step::Insist(key) => {
                from = session.position();
                ("a prompt".to_owned(), session.insist(key.as_bytes())?)
            }
            Step::See(pattern) => {
                let waited = session.wait_for(&Regex::new(pattern)?, from);
                (format!("/{pattern}/"), waited)
            }
            Step::Pause(time) => {
                thread::sleep(*time);
                continue;
            }
        };
        match waited {
            Waited::Seen => {}
            Waited::Closed => bail!(
                "step {}: the guest ended instead of showing {what}",
                number + 1
            ),
            Waited::TimedOut => bail!("step {}: time ran out waiting for {what}", number + 1),
        }
    }
    Ok(())
}
