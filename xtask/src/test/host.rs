//! The tests that need no guest. cargo builds them, and this module runs the test programs one by
//! one, so that each test has a time of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use regex::Regex;

use super::Filter;
use super::report::{Report, Verdict};
use crate::build;
use crate::check::{MODEL_CHECKERS, MODELLED, host_cargo, modelled_cargo};
use crate::process::run_bounded;
use crate::workspace::Workspace;

/// The packages that are built and tested on the host. Of what runs in the guest, only the
/// libraries are among them.
const TESTED: [&[&str]; 2] = [
    &[
        "-p",
        "cowslip-abi",
        "-p",
        "cowslip-sync",
        "-p",
        "cowslip-mm",
        "-p",
        "cowslip-fs",
        "-p",
        "sim",
        "-p",
        "model",
        "-p",
        "fuzz",
        "-p",
        "xtask",
        "--all-targets",
    ],
    &["-p", "user", "-p", "kernel", "--lib"],
];

/// The module of the tests for a model checker. Other tests in its build would use its atomics
/// outside of an execution.
const INTERLEAVINGS: &str = "interleavings::";

/// The limit of one test program.
const LIMIT: Duration = Duration::from_secs(300);
const LIST_LIMIT: Duration = Duration::from_secs(20);

/// A program with tests in it.
struct Suite {
    /// The room that the program belongs to. If it is built for a model checker, the checker's name
    /// follows.
    room: String,
    /// The text that the names of its tests contain.
    only: &'static str,
    /// The folder of the room, which is cargo's working folder for its tests.
    folder: PathBuf,
    program: PathBuf,
}

/// The result of one test.
struct TestResult {
    test: String,
    passed: bool,
    time: Duration,
}

/// Builds and runs the test programs, two at a time.
pub fn run(workspace: &Workspace, filter: &Filter, report: &Report) -> Result<()> {
    let mut suites = Vec::new();
    for tested in TESTED {
        let cargo = host_cargo(workspace, &["test"]);
        suites.extend(build_suites(cargo, tested, "", "")?);
    }
    for checker in MODEL_CHECKERS {
        let cargo = modelled_cargo(workspace, checker, &["test", "--lib"]);
        let room = format!("{checker} ");
        suites.extend(build_suites(cargo, &MODELLED, &room, INTERLEAVINGS)?);
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

/// Builds tests with a `cargo test`. `prefix` is put before the rooms' names.
fn build_suites(
    mut cargo: Command,
    what: &[&str],
    prefix: &str,
    only: &'static str,
) -> Result<Vec<Suite>> {
    let built = cargo
        .args(["--no-run", "--message-format=json-render-diagnostics"])
        .args(what)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    anyhow::ensure!(
        built.status.success(),
        "the host tests do not build (see above)"
    );
    // cargo lists build scripts and binaries that tests call, too, but they are not built as tests.
    let built_as_test = Regex::new(r#""profile":\{[^}]*"test":true\}"#)?;
    let manifest = Regex::new(r#""manifest_path":"([^"]*)/Cargo.toml""#)?;
    let mut suites = Vec::new();
    for message in String::from_utf8_lossy(&built.stdout).lines() {
        if !built_as_test.is_match(message) {
            continue;
        }
        let Some(folder) = manifest
            .captures(message)
            .map(|found| PathBuf::from(&found[1]))
        else {
            continue;
        };
        let folder_name = folder.file_name().unwrap_or_default().to_string_lossy();
        let room = format!("{prefix}{folder_name}");
        for program in build::executables(message)? {
            suites.push(Suite {
                room: room.clone(),
                only,
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
            .filter(|test| test.contains(self.only) && filter.admits(&self.label(test)))
            .collect();
        if chosen.is_empty() {
            return Ok(());
        }
        let (results, rest) = self.run_tests(&chosen, report)?;
        for test in &chosen {
            let (time, how) = match results.iter().find(|result| result.test == *test) {
                Some(result) if result.passed => continue,
                Some(result) => (result.time, explanation(&rest, test)),
                None => (Duration::ZERO, format!("it did not come to an end\n{rest}")),
            };
            report.result(&self.label(test), time, Verdict::Failed(how));
        }
        Ok(())
    }

    /// Runs tests one after another, and reports each that passes as it ends. Returns the results,
    /// and the rest of the output.
    fn run_tests(&self, chosen: &[String], report: &Report) -> Result<(Vec<TestResult>, String)> {
        let mut child = self
            .command()
            .args(["--exact", "--test-threads=1"])
            .args(chosen)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let output = child.stdout.take().context("the tests have no output")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.map(|line| sender.send(line)).all(|sent| sent.is_ok())
        });
        let (mut results, mut rest) = (Vec::new(), String::new());
        let begin = Instant::now();
        let mut last = begin;
        loop {
            let line = match lines.recv_timeout(LIMIT.saturating_sub(begin.elapsed())) {
                Ok(line) => line,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    rest.push_str(&format!("stopped after {} s", LIMIT.as_secs()));
                    break;
                }
            };
            let Some((test, passed)) = test_line(&line) else {
                rest.push_str(&line);
                rest.push('\n');
                continue;
            };
            let time = last.elapsed();
            last = Instant::now();
            if passed {
                report.result(&self.label(test), time, Verdict::Passed);
            }
            results.push(TestResult {
                test: test.to_owned(),
                passed,
                time,
            });
        }
        // The program has ended already, unless its time ran out.
        let _ = child.kill();
        let _ = child.wait();
        Ok((results, rest))
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

/// Reads a line such as `test frame::tests::counts ... ok`. Returns the test, and whether it
/// passed. An ignored test counts as failed, because there must be none.
fn test_line(line: &str) -> Option<(&str, bool)> {
    let (test, verdict) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let test = test.trim_end_matches(" - should panic");
    Some((test, verdict == "ok"))
}

/// Returns the part of the output that explains a failure, or all of it if there is no such part.
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
