//! The figures of one run: rows that `forkbench` has printed, in its order.

use anyhow::{Result, ensure};
use regex::Regex;

/// One row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Figure {
    /// The name, such as `fork-64m`.
    pub row: String,
    /// The value.
    pub value: u64,
    /// The unit: `instructions`, `bytes` or `faults`.
    pub unit: String,
}

/// The rows of one system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// Reads the lines `forkbench ROW VALUE UNIT` of a console.
    ///
    /// # Errors
    ///
    /// If there is no such line.
    pub fn read(console: &str) -> Result<Self> {
        let line = Regex::new(r"(?m)^forkbench ([a-z0-9-]+) ([0-9]+) ([a-z]+)\r?$")?;
        let figures: Vec<_> = line
            .captures_iter(console)
            .filter_map(|found| {
                Some(Figure {
                    row: found[1].to_owned(),
                    value: found[2].parse().ok()?,
                    unit: found[3].to_owned(),
                })
            })
            .collect();
        ensure!(!figures.is_empty(), "forkbench printed no figure");
        Ok(Self(figures))
    }

    /// Returns the rows.
    pub fn rows(&self) -> &[Figure] {
        &self.0
    }

    /// Returns the value of a row.
    pub fn get(&self, row: &str) -> Option<u64> {
        let found = self.0.iter().find(|figure| figure.row == row);
        found.map(|figure| figure.value)
    }

    /// Returns the cost of fork for each size of the process in MiB.
    pub fn forks(&self) -> Vec<(u64, u64)> {
        let size = |row: &str| row.strip_prefix("fork-")?.strip_suffix('m')?.parse().ok();
        self.0
            .iter()
            .filter_map(|figure| Some((size(&figure.row)?, figure.value)))
            .collect()
    }

    /// Returns the exponent with which the cost of fork grows with the size of the process, from
    /// the smallest size to the largest: 0 if the cost does not depend on the size, 1 if fork does
    /// something to each page.
    pub fn slope(&self) -> Option<f64> {
        let forks = self.forks();
        let (&first, &last) = (forks.first()?, forks.last()?);
        let logarithm = |from: u64, to: u64| (to as f64 / from as f64).ln();
        (last.0 > first.0).then(|| logarithm(first.1, last.1) / logarithm(first.0, last.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSOLE: &str = "boot\r\nforkbench getpid 187 instructions\r\n\
        forkbench fork-1m 100 instructions\nforkbench fork-exit-wait-1m 300 instructions\n\
        forkbench fork-64m 6400 instructions\nforkbench done\n";

    #[test]
    fn rows_are_read_from_a_console() {
        let figures = Figures::read(CONSOLE).expect("rows");
        assert_eq!(figures.rows().len(), 4);
        assert_eq!(figures.get("getpid"), Some(187));
        assert_eq!(figures.get("fork"), None);
        assert_eq!(figures.forks(), [(1, 100), (64, 6400)]);
        assert!(Figures::read("forkbench: a system call failed\n").is_err());
    }

    #[test]
    fn a_cost_per_page_has_the_slope_1() {
        let slope = |console: &str| Figures::read(console).expect("rows").slope();
        let linear = slope(CONSOLE).expect("two sizes");
        assert!((linear - 1.0).abs() < 1e-9);
        assert_eq!(slope("forkbench fork-1m 5 instructions\n"), None);
    }
}
