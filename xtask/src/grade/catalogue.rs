//! The tests of `lab/`, as `lab/tests.toml` describes them: what each does, what it is worth, and
//! how long it may run.
//!
//! Invariants: a name is one test's; a test is in the program that it names. The file is part of
//! the program, so a grader is one piece with its tests.

use anyhow::{Context, Result, bail};
use toml_edit::{DocumentMut, Item};

use super::year::Year;

/// The programs that have the tests, in the order in which they are run.
pub const PROGRAMS: [&str; 4] = ["cowbasic", "cowshare", "cowmemory", "cowprotect"];

const TESTS: &str = include_str!("../../../lab/tests.toml");

/// What a test is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// What any xv6 must do, with or without copy-on-write.
    Xv6,
    /// What only sharing makes possible: an unmodified xv6 fails it.
    CopyOnWrite,
}

/// A test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// The program that has it.
    pub program: String,
    /// What it is about.
    pub purpose: Purpose,
    /// The first year whose unmodified xv6 passes it, if not all do.
    pub since: Option<Year>,
    /// What it is worth.
    pub points: u32,
    /// How often it runs with harts that take turns at random, each time by another seed. With 0
    /// it runs once and the turns are regular.
    pub seeds: u64,
    /// Millions of instructions of each hart in which it ends, several times what it takes.
    pub millions: u64,
    /// What it does.
    pub does: String,
    /// What must come of it, and why: a rule of the lab.
    pub rule: String,
}

impl Test {
    /// Returns the name by which a person finds it: `cowbasic simple`.
    pub fn full_name(&self) -> String {
        format!("{} {}", self.program, self.name)
    }

    /// Returns the line that starts it.
    pub fn line(&self, nonce: &str) -> String {
        format!("{} {} {nonce}", self.program, self.name)
    }
}

/// Returns all tests, in the order of the file.
pub fn all() -> Result<Vec<Test>> {
    parse(TESTS).context("lab/tests.toml")
}

fn parse(text: &str) -> Result<Vec<Test>> {
    let document: DocumentMut = text.parse()?;
    document
        .iter()
        .map(|(name, item)| one(name, item).with_context(|| format!("[{name}]")))
        .collect()
}

fn one(name: &str, item: &Item) -> Result<Test> {
    let text = |key: &str| {
        let value = item.get(key).and_then(Item::as_str);
        value
            .map(str::to_owned)
            .with_context(|| format!("no {key}"))
    };
    let number = |key: &str| {
        let value = item.get(key).and_then(Item::as_integer);
        value.with_context(|| format!("no number {key}"))
    };
    Ok(Test {
        name: name.to_owned(),
        program: text("program")?,
        purpose: match text("purpose")?.as_str() {
            "xv6" => Purpose::Xv6,
            "copy-on-write" => Purpose::CopyOnWrite,
            other => bail!("purpose `{other}`"),
        },
        since: match item.get("since") {
            None => None,
            Some(_) => {
                let year = number("since")?;
                Some(Year::named(year).with_context(|| format!("no kernels of {year}"))?)
            }
        },
        seeds: match item.get("seeds") {
            None => 0,
            Some(_) => number("seeds")?.try_into()?,
        },
        points: number("points")?.try_into()?,
        millions: number("millions")?.try_into()?,
        does: text("does")?,
        rule: text("rule")?,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_test_is_in_its_program() {
        for test in all().expect("the file is well-formed") {
            assert!(PROGRAMS.contains(&test.program.as_str()), "{}", test.name);
            let path = format!("{}/../lab/{}.c", env!("CARGO_MANIFEST_DIR"), test.program);
            let source = fs::read_to_string(path).expect("a program of the lab");
            assert!(
                source.contains(&format!("{{\"{}\", ", test.name)),
                "{}",
                test.name
            );
        }
    }

    #[test]
    fn a_test_that_is_not_described_whole_is_refused() {
        let whole = "[a]\nprogram = \"p\"\npurpose = \"xv6\"\npoints = 1\nmillions = 2\n\
                     does = \"d\"\nrule = \"r\"\n";
        assert_eq!(parse(whole).expect("whole")[0].full_name(), "p a");
        for line in whole.lines().skip(1) {
            assert!(parse(&whole.replace(line, "")).is_err(), "without {line}");
        }
        assert!(parse(&whole.replace("xv6", "x")).is_err());
        assert!(parse(&whole.replace("= 1", "= -1")).is_err());
    }
}
