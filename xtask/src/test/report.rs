//! The report: one line per test as it ends, and the count at the end.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

/// The result of a test.
pub enum Verdict {
    /// The test passed.
    Passed,
    /// The test failed. The text says how and may have many lines.
    Failed(String),
}

/// A collector of the results of several threads.
pub struct Report {
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    passed: usize,
    failed: Vec<String>,
    notes: Vec<String>,
}

impl Report {
    /// Returns a report without results.
    pub fn new() -> Self {
        Self {
            counts: Mutex::default(),
        }
    }

    /// Runs a group of tests. If the group cannot even begin, that counts as one failed test.
    pub fn attempt(&self, name: &str, group: impl FnOnce() -> Result<()>) {
        let begin = Instant::now();
        if let Err(error) = group() {
            self.result(name, begin.elapsed(), Verdict::Failed(format!("{error:#}")));
        }
    }

    /// Adds the result of a test, and prints its line.
    pub fn result(&self, name: &str, time: Duration, verdict: Verdict) {
        let mut counts = self.counts();
        match verdict {
            Verdict::Passed => {
                counts.passed += 1;
                say(&format!("ok     {:7.2} s  {name}", time.as_secs_f64()));
            }
            Verdict::Failed(how) => {
                counts.failed.push(name.to_owned());
                say(&format!("FAILED {:7.2} s  {name}", time.as_secs_f64()));
                for line in how.lines() {
                    say(&format!("       | {line}"));
                }
            }
        }
    }

    /// Adds a text that is shown after all tests, such as a table of figures.
    pub fn note(&self, text: String) {
        self.counts().notes.push(text);
    }

    /// Prints the notes, the failures and the count. Returns the exit code.
    pub fn finish(self) -> Result<u8> {
        let counts = self.counts();
        for note in &counts.notes {
            say(&format!("\n{note}"));
        }
        if !counts.failed.is_empty() {
            say("\nFailed:");
            for name in &counts.failed {
                say(&format!("  {name}"));
            }
        }
        if counts.passed + counts.failed.len() == 0 {
            say("\nno test has a name like that");
        }
        say(&format!(
            "\n{} passed, {} failed",
            counts.passed,
            counts.failed.len()
        ));
        Ok(u8::from(!counts.failed.is_empty()))
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        // The counts are consistent after every statement, so a panic of another thread leaves them
        // usable.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn say(line: &str) {
    let mut output = io::stdout().lock();
    // If standard output is closed, the exit code still counts.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
