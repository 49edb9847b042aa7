//! The tests that need no guest: cargo builds them, the test programs are run here one by one, so
//! that each test has a time of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use regex::Regex;

use super::Filter;
use super::report::{Report, Verdict};
use crate::build;
use crate::check::host_cargo;
use crate::process::run_bounded;
use crate::workspace::Workspace;

/// What is built and tested on the host: whole packages, and of what runs in the guest only the libraries.
const TESTED: [&[&str]; 2] = [
    &[
        "-p",
        "abi",
        "-p",
        "sync",
        "-p",
        "mm",
        "-p",
        "fs",
        "-p",
        "xtask",
        "--all-targets",
    ],
    &["-p", "user", "-p", "kernel", "--lib"],
];

/// One test program takes no longer than this.
const LIMIT: Duration = Duration::from_secs(300);
const LIST_LIMIT: Duration = Duration::from_secs(20);

/// A program with tests in it.
struct Suite {
    /// The room it belongs to.
    room: String,
    /// The folder of the room, where cargo would run it.
    folder: PathBuf,
    program: PathBuf,
}

/// Builds and runs them, two programs at a time.
pub fn run(workspace: &Workspace, filter: &Filter, report: &Report) -> Result<()> {
    let mut suites = Vec::new();
    for tested in TESTED {
        suites.extend(build_suites(workspace, tested)?);
    }
    let suites = Mutex::new(suites.into_iter());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = suites.lock().map(|mut suites| suites.next());
                    let Ok(Some(suite)) = next else { return };
                    if let Err(error) = suite.run(filter, report) {
                        let name = format!("host {}", suite.room);
                        report.result(&name, Duration::ZERO, Verdict::Failed(format!("{error:#}")));
                    }
                }
            });
        }
    });
    Ok(())
}

fn build_suites(workspace: &Workspace, what: &[&str]) -> Result<Vec<Suite>> {
    let built = host_cargo(
        workspace,
        &[
            "test",
            "--no-run",
            "--message-format=json-render-diagnostics",
        ],
    )
    .args(what)
    .stdin(Stdio::null())
    .stderr(Stdio::inherit())
    .output()
    .context("cannot start cargo")?;
    anyhow::ensure!(
        built.status.success(),
        "the host tests do not build (see above)"
    );
    let manifest = Regex::new(r#""manifest_path":"([^"]*)/Cargo.toml""#)?;
    let mut suites = Vec::new();
    for message in String::from_utf8_lossy(&built.stdout).lines() {
        // Build scripts and the binaries that tests may call are no tests.
        if !message.contains(r#""test":true}"#) {
            continue;
        }
        let Some(folder) = manifest
            .captures(message)
            .map(|found| PathBuf::from(&found[1]))
        else {
            continue;
        };
        let room = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        for program in build::executables(message)? {
            suites.push(Suite {
                room: room.clone(),
                folder: folder.clone(),
                program,
            });
        }
    }
    Ok(suites)
}

impl Suite {
    fn run(&self, filter: &Filter, report: &Report) -> Result<()> {
        let chosen: Vec<String> = self
            .list()?
            .into_iter()
            .filter(|test| filter.admits(&self.label(test)))
            .collect();
        if chosen.is_empty() {
            return Ok(());
        }
        let mut child = self
            .command()
            .args(["--exact", "--test-threads=1"])
            .args(&chosen)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let output = child.stdout.take().context("the tests have no output")?;
        let mut lines = BufReader::new(output).lines();
        let mut results = Vec::new();
        let mut rest = String::new();
        thread::scope(|scope| -> Result<()> {
            let (over, watch) = std::sync::mpsc::channel::<()>();
            let child = &mut child;
            let watchdog = scope.spawn(move || {
                let timed_out = watch
                    .recv_timeout(LIMIT)
                    .is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout);
                if timed_out {
                    let _ = child.kill();
                }
                let _ = child.wait();
                timed_out
            });
            let mut last = Instant::now();
            while let Some(Ok(line)) = lines.next() {
                match test_line(&line) {
                    Some((test, passed)) => {
                        results.push((test.to_owned(), passed, last.elapsed()));
                        last = Instant::now();
                        if passed {
                            let (test, _, time) = &results[results.len() - 1];
                            report.result(&self.label(test), *time, Verdict::Passed);
                        }
                    }
                    None => {
                        rest.push_str(&line);
                        rest.push('\n');
                    }
                }
            }
            drop(over);
            if watchdog.join().unwrap_or(false) {
                rest.push_str(&format!("stopped after {} s", LIMIT.as_secs()));
            }
            Ok(())
        })?;
        for test in &chosen {
            match results.iter().find(|(name, ..)| name == test) {
                Some((_, true, _)) => {}
                Some((_, false, time)) => {
                    let how = explanation(&rest, test);
                    report.result(&self.label(test), *time, Verdict::Failed(how));
                }
                None => {
                    let how = format!("it did not come to an end\n{rest}");
                    report.result(&self.label(test), Duration::ZERO, Verdict::Failed(how));
                }
            }
        }
        Ok(())
    }

    fn list(&self) -> Result<Vec<String>> {
        let listed = run_bounded(
            self.command().args(["--list", "--format", "terse"]),
            LIST_LIMIT,
        )?;
        Ok(listed
            .output
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .map(str::to_owned)
            .collect())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(Path::new(&self.folder));
        command
    }

    fn label(&self, test: &str) -> String {
        format!("host {} {test}", self.room)
    }
}

/// Reads a line such as `test frame::tests::counts ... ok`: the test, and whether it passed.
/// Ignored tests have not passed: there are to be none.
fn test_line(line: &str) -> Option<(&str, bool)> {
    let (test, verdict) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let test = test.trim_end_matches(" - should panic");
    Some((test, verdict == "ok"))
}

/// The part of the output that explains one failure; all of it if there is none.
fn explanation(output: &str, test: &str) -> String {
    let head = format!("---- {test} stdout ----");
    let Some((_, after)) = output.split_once(&head) else {
        return output.to_owned();
    };
    let end = after
        .find("\n---- ")
        .or_else(|| after.find("\nfailures:"))
        .unwrap_or(after.len());
    after[..end].trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_from_the_harness() {
        assert_eq!(test_line("test a::b ... ok"), Some(("a::b", true)));
        assert_eq!(test_line("test a::b ... FAILED"), Some(("a::b", false)));
        assert_eq!(
            test_line("test a::b - should panic ... ok"),
            Some(("a::b", true))
        );
        assert_eq!(test_line("test a::b ... ignored"), Some(("a::b", false)));
        assert_eq!(test_line("test result: ok. 3 passed"), None);
        assert_eq!(test_line("running 3 tests"), None);
    }

    #[test]
    fn a_failure_is_explained_by_its_own_output() {
        let output = "failures:\n\n---- a stdout ----\nbecause\n\n---- b stdout ----\nwhy\n\nfailures:\n    a\n";
        assert_eq!(explanation(output, "a"), "because");
        assert_eq!(explanation(output, "b"), "why");
    }
}
