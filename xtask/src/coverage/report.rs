//! The figures of one room as text.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::lcov::Counted;
use super::source;

/// A room and its files.
pub struct Room {
    name: &'static str,
    /// The percentage of lines that must have been run.
    needed: Option<u64>,
    files: Vec<File>,
}

struct File {
    path: String,
    lines: u64,
    /// The lines that no test ran, in order.
    missed: Vec<usize>,
}

impl Room {
    /// Returns the figures of the room `name` in the checkout at `root`.
    pub fn new(
        name: &'static str,
        needed: Option<u64>,
        root: &Path,
        counted: &Counted,
    ) -> Result<Self> {
        let prefix = root.join(name).join("src");
        let mut files = Vec::new();
        for (path, counts) in counted {
            let Ok(inside) = Path::new(path).strip_prefix(&prefix) else {
                continue;
            };
            let inside = inside.to_string_lossy();
            if source::is_test_file(&inside) {
                continue;
            }
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
            let tests = source::test_lines(&text);
            let code = counts.iter().filter(|(line, _)| !tests.contains(line));
            files.push(File {
                path: format!("{name}/src/{inside}"),
                lines: code.clone().count() as u64,
                missed: code
                    .filter(|(_, times)| **times == 0)
                    .map(|(line, _)| *line)
                    .collect(),
            });
        }
        anyhow::ensure!(
            files.iter().any(|file| file.lines > 0),
            "llvm-cov knows no line of {name}"
        );
        Ok(Self {
            name,
            needed,
            files,
        })
    }

    /// Returns whether the tests run as many lines as they must.
    pub fn has_enough(&self) -> bool {
        let (lines, covered) = self.totals();
        self.needed
            .is_none_or(|needed| covered * 100 >= lines * needed)
    }

    fn totals(&self) -> (u64, u64) {
        let sum = |figure: fn(&File) -> u64| self.files.iter().map(figure).sum();
        (sum(|file| file.lines), sum(File::covered))
    }
}

impl File {
    fn covered(&self) -> u64 {
        self.lines - self.missed.len() as u64
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            write!(f, "{}", row(&file.path, file.lines, file.covered()))?;
            if !file.missed.is_empty() {
                write!(f, "  not {}", ranges(&file.missed))?;
            }
            writeln!(f)?;
        }
        let (lines, covered) = self.totals();
        write!(f, "{}", row(self.name, lines, covered))?;
        match self.needed {
            Some(needed) if self.has_enough() => writeln!(f, "  at least {needed} % are wanted"),
            Some(needed) => writeln!(f, "  FAILED: at least {needed} % are wanted"),
            None => writeln!(f),
        }
    }
}

fn row(name: &str, lines: u64, covered: u64) -> String {
    // Rounded down: 100.0 % means all.
    let tenths = covered * 1000 / lines.max(1);
    format!(
        "{name:30} {covered:5} of {lines:5} lines {:4}.{} %",
        tenths / 10,
        tenths % 10
    )
}

/// Returns ascending numbers as ranges: `3-5, 9`.
fn ranges(numbers: &[usize]) -> String {
    numbers
        .chunk_by(|one, next| one + 1 == *next)
        .map(|range| match range {
            [first, .., last] => format!("{first}-{last}"),
            _ => range[0].to_string(),
        })
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(lines: u64, missed: Vec<usize>) -> Room {
        let path = "mm/src/a.rs".to_owned();
        Room {
            name: "mm",
            needed: Some(95),
            files: vec![File {
                path,
                lines,
                missed,
            }],
        }
    }

    #[test]
    fn enough_is_exact() {
        assert!(room(100, (1..=5).collect()).has_enough());
        assert!(!room(100, (1..=6).collect()).has_enough());
        assert!(!room(1000, (1..=51).collect()).has_enough());
    }

    #[test]
    fn a_file_is_a_line_and_the_room_the_last() {
        let said = room(1000, vec![3, 4, 5, 9]).to_string();
        let lines: Vec<_> = said.lines().collect();
        assert!(lines[0].starts_with("mm/src/a.rs "), "{said}");
        assert!(
            lines[0].ends_with("996 of  1000 lines   99.6 %  not 3-5, 9"),
            "{said}"
        );
        assert!(
            lines[1].ends_with("99.6 %  at least 95 % are wanted"),
            "{said}"
        );
    }

    #[test]
    fn no_rounding_up_to_all() {
        assert!(row("mm", 10_000, 9_999).ends_with("99.9 %"));
        assert!(row("mm", 10_000, 10_000).ends_with("100.0 %"));
    }
}
