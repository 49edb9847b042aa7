//! Standard input that is no terminal, typed at the guest's shell.
//!
//! Nothing is typed before the first prompt, because input is lost on a serial line that has not
//! been set up. Then a line is typed at each prompt, or when a program seems to read. As with a
//! keyboard, the kernel keeps about 1,000 bytes that are typed ahead of a program that does not
//! read. At the end of the input, Ctrl-D is typed until init starts another shell, which shows that
//! the last program has ended. The run ends with status 0.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use regex::bytes::Regex;

use crate::console::Screen;
use crate::outcome::Outcome;
use crate::session::{Session, Waited};
use crate::vm::Vm;

/// If a program shows no prompt for this long, it is assumed to read the next line.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often this program checks for a line of input.
const LOOK: Duration = Duration::from_millis(20);
/// The key that ends the input of the program that reads the console.
const END_OF_FILE: &[u8] = b"\x04";
/// The line that init (of xv6 and of Cowslip) prints when a shell has ended.
const ANOTHER_SHELL: &str = r"(?m)^(\$ )?init: starting sh";
/// The most programs that read the console inside each other.
const ENDS_MAX: usize = 16;

/// Shows the console, and types standard input until it ends.
pub fn run(vm: Vm, deadline: Option<Instant>) -> Result<Outcome> {
    let mut screen = Screen::default();
    let mut session = Session::new(vm, deadline, |bytes: &[u8]| screen.show(bytes));
    feed(&mut session, std::io::stdin())
}

/// Types all of `input` at the prompt, and ends the guest when it has handled the input.
pub fn feed(session: &mut Session, input: impl Read + Send + 'static) -> Result<Outcome> {
    let mut waited = session.wait_prompt(0);
    let lines = lines(input);
    while waited == Waited::Seen {
        let from = session.position();
        let pause = match lines.try_recv() {
            Ok(line) => {
                session.vm.type_bytes(&line)?;
                PATIENCE
            }
            Err(TryRecvError::Empty) => LOOK,
            Err(TryRecvError::Disconnected) => break,
        };
        waited = match session.wait_prompt_within(from, pause) {
            Waited::TimedOut if !session.is_over_time() => Waited::Seen,
            other => other,
        };
    }
    if waited == Waited::Seen {
        waited = end_input(session)?;
    }
    Ok(match waited {
        Waited::Seen => {
            session.vm.kill();
            Outcome::Status(0)
        }
        Waited::TimedOut => {
            session.vm.kill();
            Outcome::TimedOut
        }
        Waited::Closed => session.vm.outcome()?,
    })
}

/// Returns the lines of the input as they arrive. A newline is added to the last line if it has
/// none.
fn lines(input: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut input = BufReader::new(input);
        loop {
            let mut line = Vec::new();
            // An input that cannot be read counts as ended.
            if !matches!(input.read_until(b'\n', &mut line), Ok(1..)) {
                break;
            }
            if !line.ends_with(b"\n") {
                line.push(b'\n');
            }
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// Ends the input of one program after another, and finally of the shell.
fn end_input(session: &mut Session) -> Result<Waited> {
    let another = Regex::new(ANOTHER_SHELL)?;
    for _ in 0..ENDS_MAX {
        let from = session.position();
        session.vm.type_bytes(END_OF_FILE)?;
        let waited = session.wait_either(Some(&another), from);
        if waited != Waited::Seen || another.is_match(&session.vm.transcript()[from..]) {
            return Ok(waited);
        }
    }
    Ok(Waited::Seen)
}
