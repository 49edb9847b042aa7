//! Running other programs, with a limit on their time.
//!
//! Invariant: a program that exceeds its limit is killed together with every process that it
//! started, so that none goes on unnoticed. Every such program therefore leads a process group.
//! [`crate::ending`] passes Ctrl-C to it.

use std::env;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

/// How a bounded program ended.
pub struct Finished {
    /// The status. None if the time ran out.
    pub status: Option<ExitStatus>,
    /// Its standard output.
    pub output: String,
    /// Its standard error.
    pub errors: String,
}

impl Finished {
    /// Returns whether the program ended in time with status 0.
    pub fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// Returns one line for a message about the program: an error that it printed or, without one,
    /// its last line.
    pub fn last_words(&self) -> &str {
        if self.status.is_none() {
            return "its time ran out";
        }
        let text = if self.errors.trim().is_empty() {
            &self.output
        } else {
            &self.errors
        };
        let error = text
            .lines()
            .find(|line| line.starts_with("error") || line.starts_with("E: "));
        error
            .or_else(|| text.trim().lines().last())
            .unwrap_or("it said nothing")
    }
}

/// Runs a program without input for at most `limit`.
pub fn run_bounded(command: &mut Command, limit: Duration) -> Result<Finished> {
    let deadline = Instant::now() + limit;
    run_until(command, || Instant::now() >= deadline)
}

/// Runs a program without input. Kills it after `most`, or when `progress` has returned one number
/// for as long as `quiet`.
pub fn run_while_progressing(
    command: &mut Command,
    quiet: Duration,
    most: Duration,
    mut progress: impl FnMut() -> u64,
) -> Result<Finished> {
    let begin = Instant::now();
    let (mut seen, mut last) = (progress(), begin);
    run_until(command, || {
        let now = progress();
        if now != seen {
            (seen, last) = (now, Instant::now());
        }
        last.elapsed() >= quiet || begin.elapsed() >= most
    })
}

/// Runs a program without input until `is_over` returns `true`.
fn run_until(command: &mut Command, is_over: impl FnMut() -> bool) -> Result<Finished> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}", name(command)))?;
    let output = collect(child.stdout.take());
    let errors = collect(child.stderr.take());
    let status = wait_until(&mut child, is_over)?;
    if status.is_none() {
        kill_group(&mut child);
    }
    Ok(Finished {
        status,
        output: joined(output),
        errors: joined(errors),
    })
}

/// Runs a program on the user's terminal and waits for it.
pub fn run_inherited(command: &mut Command) -> Result<ExitStatus> {
    command
        .status()
        .with_context(|| format!("cannot start {}", name(command)))
}

/// Returns whether a folder of PATH has a file of this name.
pub fn is_on_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Returns the name of a program, for messages.
pub fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// Collects a stream as text in the background.
pub fn collect(stream: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // If reading fails, the text before the error is kept.
            let _ = stream.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn joined(collector: JoinHandle<String>) -> String {
    collector.join().unwrap_or_default()
}

fn wait_until(child: &mut Child, mut is_over: impl FnMut() -> bool) -> Result<Option<ExitStatus>> {
    // The first sleeps are short, so that quick programs are not delayed.
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if is_over() {
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Kills a child that leads a process group, and the group.
fn kill_group(child: &mut Child) {
    // The group may be empty already.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_status_are_kept() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo first >&2; echo last >&2; exit 3"]);
        let finished = run_bounded(&mut command, Duration::from_secs(10)).expect("sh runs");
        assert_eq!(finished.status.and_then(|status| status.code()), Some(3));
        assert_eq!(finished.output, "out\n");
        assert_eq!(finished.last_words(), "last");
    }

    #[test]
    fn an_error_says_more_than_the_last_line() {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "echo 'error: no route' >&2; echo '  15: main' >&2; exit 1",
        ]);
        let finished = run_bounded(&mut command, Duration::from_secs(10)).expect("sh runs");
        assert_eq!(finished.last_words(), "error: no route");
    }

    #[test]
    fn an_overstaying_program_goes_with_its_children() {
        let mut command = Command::new("sh");
        // The inner sleep holds the pipe open. If it were not killed too, the test would take a
        // minute.
        command.args(["-c", "sleep 60 & sleep 60"]);
        let begin = Instant::now();
        let finished = run_bounded(&mut command, Duration::from_millis(200)).expect("sh runs");
        assert!(finished.status.is_none());
        assert_eq!(finished.last_words(), "its time ran out");
        assert!(begin.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_slow_program_may_go_on_while_it_gets_further() {
        let run = |seconds, progress: &mut dyn FnMut() -> u64| {
            let mut command = Command::new("sleep");
            let (quiet, most) = (Duration::from_millis(300), Duration::from_secs(30));
            let finished = run_while_progressing(command.arg(seconds), quiet, most, progress);
            finished.expect("sleep runs").success()
        };
        let mut bytes = 0;
        assert!(run("1", &mut || {
            bytes += 1;
            bytes
        }));
        assert!(!run("60", &mut || 7), "nothing moves");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run_bounded(&mut Command::new("no-such-program"), Duration::from_secs(1))
            .err()
            .expect("it cannot start");
        assert!(error.to_string().contains("no-such-program"));
    }
}
