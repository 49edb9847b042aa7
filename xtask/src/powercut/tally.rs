//! The count of cuts, and of the harm that they did.

use super::judge::{Failure, Fault, Findings};
use super::plan::Plan;

/// The count.
#[derive(Default)]
pub struct Tally {
    cuts: usize,
    lost_promises: usize,
    inconsistencies: usize,
    troubles: usize,
    met: Findings,
    failures: Vec<String>,
}

impl Tally {
    /// Adds a judged cut. Returns a line about it if it did harm.
    pub fn add(&mut self, plan: &Plan, verdict: Result<Findings, Failure>) -> Option<String> {
        self.cuts += 1;
        let Failure { fault, kept } = match verdict {
            Ok(findings) => {
                self.met.calls += findings.calls;
                self.met.logs += findings.logs;
                self.met.orphans += findings.orphans;
                self.met.lost_blocks += findings.lost_blocks;
                self.met.ahead += findings.ahead;
                return None;
            }
            Err(failure) => failure,
        };
        let (count, name, text) = match fault {
            Fault::LostPromise(text) => (&mut self.lost_promises, "lost promise", text),
            Fault::Inconsistency(text) => (&mut self.inconsistencies, "inconsistency", text),
            Fault::Trouble(text) => (&mut self.troubles, "trouble", text),
        };
        *count += 1;
        let kept = kept.map_or_else(String::new, |path| format!(" (kept as {})", path.display()));
        self.failures.push(format!("{plan}: {name}: {text}{kept}"));
        self.failures.last().cloned()
    }

    /// Returns how many cuts have been made.
    pub fn cuts(&self) -> usize {
        self.cuts
    }

    /// Returns a line for each cut that did harm.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Returns whether any cut did harm or could not be made.
    pub fn is_harmed(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Returns figures about what the disks survived in these cuts. They show what was tested.
    pub fn circumstances(&self) -> String {
        let Findings {
            calls,
            logs,
            orphans,
            lost_blocks,
            ahead,
        } = self.met;
        format!(
            "met on the two disks of each cut: {calls} calls that had returned, {ahead} that had \
             not and were there, {logs} transactions in the log, {orphans} inodes without names, \
             {lost_blocks} lost blocks"
        )
    }

    /// Returns the counts in one line.
    pub fn summary(&self) -> String {
        let mut summary = format!(
            "powercut: {} cuts, {} lost promises, {} inconsistencies",
            self.cuts, self.lost_promises, self.inconsistencies
        );
        if self.troubles > 0 {
            summary += &format!(", {} cuts that could not be made or judged", self.troubles);
        }
        summary
    }
}
