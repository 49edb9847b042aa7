//! The results of the mutants. cargo-mutants writes a list of names for each way in which a mutant
//! can end.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// The number of mutants that ended in each way.
#[derive(Debug)]
pub struct Tally {
    /// Mutants for which a test failed.
    caught: u64,
    /// Mutants under which the tests ran for ever, which is noticed too.
    timeout: u64,
    /// Mutants that did not compile.
    unviable: u64,
    /// The names of the mutants under which every test passed.
    missed: Vec<String>,
}

impl Tally {
    /// Counts the chosen mutants in the lists of a folder. The lists may hold others: cargo-mutants
    /// 27.1 always runs mutants that delete a field.
    pub fn read(folder: &Path, chosen: &[String]) -> Result<Self> {
        let list = |name: &str| -> Result<Vec<String>> {
            let path = folder.join(name);
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let names = text.lines().map(str::to_owned);
            Ok(names.filter(|name| chosen.contains(name)).collect())
        };
        let count = |name| Ok::<u64, anyhow::Error>(list(name)?.len() as u64);
        let tally = Self {
            caught: count("caught.txt")?,
            timeout: count("timeout.txt")?,
            unviable: count("unviable.txt")?,
            missed: list("missed.txt")?,
        };
        ensure!(tally.viable() > 0, "no mutant could be built");
        Ok(tally)
    }

    fn viable(&self) -> u64 {
        self.noticed() + self.missed.len() as u64
    }

    fn noticed(&self) -> u64 {
        self.caught + self.timeout
    }

    /// Returns whether at least `percent` of a hundred viable mutants were noticed.
    pub fn reaches(&self, percent: u64) -> bool {
        self.noticed() * 100 >= self.viable() * percent
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.missed {
            writeln!(f, "MISSED {name}")?;
        }
        // Rounded down: 100.0 % means all.
        let tenths = self.noticed() * 1000 / self.viable();
        writeln!(
            f,
            "mutants: {} caught, {} ran out of time, {} missed, {} did not compile; {}.{} % of those \
             that compiled were noticed",
            self.caught,
            self.timeout,
            self.missed.len(),
            self.unviable,
            tenths / 10,
            tenths % 10,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(caught: u64, timeout: u64, missed: usize) -> Tally {
        Tally {
            caught,
            timeout,
            unviable: 7,
            missed: vec!["mm/src/a.rs:1:1: replace + with -".to_owned(); missed],
        }
    }

    #[test]
    fn what_did_not_compile_does_not_count() {
        assert!(tally(90, 5, 5).reaches(95));
        assert!(!tally(90, 4, 6).reaches(95));
    }

    #[test]
    fn the_missed_are_named_and_the_rest_counted() {
        let said = tally(90, 5, 1).to_string();
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines[0], "MISSED mm/src/a.rs:1:1: replace + with -");
        assert!(
            lines[1].contains("90 caught, 5 ran out of time, 1 missed, 7 did not"),
            "{said}"
        );
        assert!(lines[1].contains("98.9 %"), "{said}");
    }

    #[test]
    fn a_missing_list_is_named() {
        let error = Tally::read(Path::new("/no/such/folder"), &[]).expect_err("no lists");
        assert!(format!("{error:#}").contains("caught.txt"));
    }
}
