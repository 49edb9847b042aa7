//! One line per test as it ends, and the count at the end.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

/// How a test ended.
pub enum Verdict {
    /// As it should.
    Passed,
    /// Otherwise; the text says how and may have many lines.
    Failed(String),
}

/// Collects results from several threads.
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
    /// Nothing has run yet.
    pub fn new() -> Self {
        Self {
            counts: Mutex::default(),
        }
    }

    /// Runs a group of tests; if it cannot even begin, that counts as one that failed.
    pub fn attempt(&self, name: &str, group: impl FnOnce() -> Result<()>) {
        let begin = Instant::now();
        if let Err(error) = group() {
            self.result(name, begin.elapsed(), Verdict::Failed(format!("{error:#}")));
        }
    }

    /// A test has ended.
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

    /// Something to be shown when everything has run, such as a table of figures.
    pub fn note(&self, text: String) {
        self.counts().notes.push(text);
    }

    /// The notes, what failed, and the count; the exit code.
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
        // The counts are whole after every statement, so a panic elsewhere leaves them usable.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn say(line: &str) {
    let mut output = io::stdout().lock();
    // Nobody reads any more: the exit code still counts.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
