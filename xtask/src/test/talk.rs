//! Conversations with a guest's console, for what only a keyboard can test.

use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use regex::bytes::Regex;

use crate::session::{Session, Waited};

/// A step of a conversation.
pub enum Step {
    /// Waits for the shell's prompt.
    Prompt,
    /// Types these bytes.
    Type(&'static str),
    /// Types this key until the shell's prompt is back.
    Insist(&'static str),
    /// Waits until the output since the last [`Step::Type`] matches.
    See(&'static str),
    /// Waits for some time, so that a program comes to the point where it waits.
    Pause(Duration),
}

/// Does the steps of a conversation.
///
/// # Errors
///
/// Which step failed, and how.
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
