//! Running what was parsed.
//!
//! A chain with `&` is run by a process whose parent ends at once, so that it becomes init's child.
//! The shell then need not reap it. It no longer descends from the shell, and this is how the
//! console knows which processes Ctrl-C ends.

use crate::builtin::{self, Builtin};
use crate::redirect;
use abi::ARG_MAX;
use alloc::ffi::CString;
use alloc::format;
use alloc::vec::Vec;
use user::file::{Fd, pipe};
use user::io::Lossy;
use user::path::PathBuffer;
use user::process::{self, Fork, KILLED, Pid};
use user::program::{self, Obstacle};
use user::shell::{Action, Chain, Command, Condition, List, Mode, Piece, Pipeline, Word};
use user::{Result, eprintln};

/// The status of a command that the shell itself could not carry out.
pub const FAILURE: i32 = 1;
/// The status of a line that cannot be parsed.
pub const SYNTAX_ERROR: i32 = 2;
/// The status of a command that exists but is no program.
const CANNOT_EXECUTE: i32 = 126;
/// The status of a command that does not exist.
const NOT_FOUND: i32 = 127;

/// The state of a shell.
#[derive(Default)]
pub struct Shell {
    /// The status of the last command.
    pub status: i32,
    /// The script being read. Commands do not get its descriptor.
    pub script: Option<Fd>,
}

impl Shell {
    /// Runs a list and sets [`Shell::status`] to the status of its last command.
    pub fn run_list(&mut self, list: &List) {
        for chain in &list.0 {
            match chain.mode {
                Mode::Foreground => self.run_chain(chain),
                Mode::Background => self.status = self.run_in_background(chain),
            }
        }
    }

    fn run_chain(&mut self, chain: &Chain) {
        self.status = self.run_pipeline(&chain.first);
        for (condition, pipeline) in &chain.rest {
            if (*condition == Condition::Success) == (self.status == 0) {
                self.status = self.run_pipeline(pipeline);
            }
        }
    }

    fn run_in_background(&mut self, chain: &Chain) -> i32 {
        let parent = self.start(|shell| {
            let started = shell.start(|shell| {
                shell.run_chain(chain);
                shell.status
            });
            started.map_or(FAILURE, |_| 0)
        });
        parent.map_or(FAILURE, wait_for_status)
    }

    /// Runs `body` in a process of its own, which exits with its result.
    fn start(&mut self, body: impl FnOnce(&mut Self) -> i32) -> Result<Pid> {
        match process::fork() {
            Ok(Fork::Parent(pid)) => Ok(pid),
            Ok(Fork::Child) => {
                if let Some(script) = self.script.take() {
                    // The script is open, because lines are read from it.
                    let _ = script.close();
                }
                process::exit(body(self))
            }
            Err(failed) => {
                eprintln!("sh: cannot fork: too many processes or too little memory");
                Err(failed)
            }
        }
    }

    fn run_pipeline(&mut self, pipeline: &Pipeline) -> i32 {
        match pipeline.0.as_slice() {
            [command] => self.run_alone(command),
            commands => self.run_connected(commands),
        }
    }

    /// Runs a command that is no part of a pipe. A built-in command runs in the shell's own
    /// process.
    fn run_alone(&mut self, command: &Command) -> i32 {
        let words = self.words(command);
        if let Some((builtin, words)) = words.as_deref().and_then(built_in) {
            // Built-in commands neither read nor print, so the files are only opened and, if
            // missing, made.
            for redirection in &command.redirections {
                let opened = redirect::open(self, redirection);
                if opened.and_then(|(file, _)| file.close()).is_err() {
                    return FAILURE;
                }
            }
            return builtin(self, words);
        }
        match self.start(|shell| shell.run_here(command)) {
            Ok(pid) => report(wait_for_status(pid), words.as_deref()),
            Err(_) => FAILURE,
        }
    }

    /// Runs commands connected by pipes and waits for all. Returns the status of the last.
    fn run_connected(&mut self, commands: &[Command]) -> i32 {
        let mut pids = Vec::new();
        let mut input = None;
        for (index, command) in commands.iter().enumerate() {
            let last = index + 1 == commands.len();
            let ends = if last { Ok(None) } else { pipe().map(Some) };
            let Ok(ends) = ends else {
                eprintln!("sh: cannot make a pipe: too many open files or too little memory");
                break;
            };
            let started = self.start(|shell| {
                let connected = connect(input, ends);
                connected.map_or(FAILURE, |()| shell.run_here(command))
            });
            // The shell closes its own copies. Otherwise readers would never see the end of the
            // pipe.
            let write_end = ends.map(|(_, write_end)| write_end);
            for fd in [input, write_end].into_iter().flatten() {
                // The descriptor is open: it was made or kept a moment ago.
                let _ = fd.close();
            }
            input = ends.map(|(read_end, _)| read_end);
            let Ok(pid) = started else { break };
            pids.push(pid);
        }
        if let Some(fd) = input {
            // A descriptor is left here only if something failed half-way.
            let _ = fd.close();
        }
        let complete = pids.len() == commands.len();
        let mut statuses = Vec::new();
        statuses.resize(pids.len(), FAILURE);
        for _ in 0..pids.len() {
            let Ok((ended, status)) = process::wait() else {
                break;
            };
            if let Some(index) = pids.iter().position(|&pid| pid == ended) {
                let words = self.words(&commands[index]);
                statuses[index] = report(status, words.as_deref());
            }
        }
        match statuses.last() {
            Some(&status) if complete => status,
            _ => FAILURE,
        }
    }

    /// Runs a command in this process, which was made for it. Returns its exit status.
    fn run_here(&mut self, command: &Command) -> i32 {
        if redirect::apply(self, &command.redirections).is_err() {
            return FAILURE;
        }
        if let Action::Group(list) = &command.action {
            self.run_list(list);
            return self.status;
        }
        match self.words(command).as_deref() {
            None | Some([]) => 0,
            Some(words) => match built_in(words) {
                Some((builtin, words)) => builtin(self, words),
                None => execute(words),
            },
        }
    }

    /// Returns the words of a command, expanded; `None` for a group.
    fn words(&self, command: &Command) -> Option<Vec<CString>> {
        match &command.action {
            Action::Program(words) => Some(words.iter().map(|word| self.expand(word)).collect()),
            Action::Group(_) => None,
        }
    }

    /// Returns a word as programs see it.
    pub fn expand(&self, word: &Word) -> CString {
        let mut bytes = Vec::new();
        for piece in &word.0 {
            match piece {
                Piece::Text(text) => bytes.extend_from_slice(text),
                Piece::LastStatus => {
                    bytes.extend_from_slice(format!("{}", self.status).as_bytes());
                }
            }
        }
        CString::new(bytes).expect("the parser lets no NUL through")
    }
}

/// Returns the built-in command that `words` begin with, if there is one.
fn built_in(words: &[CString]) -> Option<(Builtin, &[CString])> {
    let builtin = builtin::named(words.first()?)?;
    Some((builtin, words))
}

/// Connects this process to the pipes on both sides of its command.
fn connect(input: Option<Fd>, ends: Option<(Fd, Fd)>) -> Result<()> {
    if let Some(input) = input {
        redirect::move_to(input, Fd::INPUT)?;
    }
    if let Some((read_end, write_end)) = ends {
        read_end.close()?;
        redirect::move_to(write_end, Fd::OUTPUT)?;
    }
    Ok(())
}

/// Waits for the child `pid`. Other children that end meanwhile are ignored, because the shell
/// waits for every process that it starts.
fn wait_for_status(pid: Pid) -> i32 {
    process::wait_for(pid).unwrap_or(FAILURE)
}

/// Prints that a program was killed. The program within a group has been reported by the group's
/// own process.
fn report(status: i32, words: Option<&[CString]>) -> i32 {
    if let (KILLED, Some([name, ..])) = (status, words) {
        eprintln!("sh: {}: killed", Lossy::from(name.as_c_str()));
    }
    status
}

/// Executes the program that `words` name, as given or in the root directory. If there is none,
/// prints why and returns the exit status.
fn execute(words: &[CString]) -> i32 {
    let given = words[0].as_c_str();
    let name = Lossy::from(given);
    if words.len() > ARG_MAX {
        eprintln!("sh: {name}: more than {ARG_MAX} words");
        return CANNOT_EXECUTE;
    }
    let arguments = || words.iter().map(CString::as_c_str);
    let in_root = PathBuffer::join(&[b"/", given.to_bytes()]);
    let in_root = in_root.as_ref().ok().map(PathBuffer::as_c_str);
    let mut in_the_way = Obstacle::NotFound;
    // An empty name is no command, although it would name `/`.
    let candidates = [Some(given), in_root].into_iter().flatten();
    for path in candidates.filter(|_| !given.is_empty()) {
        process::exec(path, arguments());
        if in_the_way == Obstacle::NotFound {
            in_the_way = program::obstacle(path, arguments());
        }
    }
    if in_the_way == Obstacle::NotFound {
        eprintln!("sh: {name}: command not found");
        NOT_FOUND
    } else {
        eprintln!("sh: {name}: cannot execute: {in_the_way}");
        CANNOT_EXECUTE
    }
}
