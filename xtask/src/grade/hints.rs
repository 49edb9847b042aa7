//! From what was seen to the likely mistake: the table `lab/hints.toml`.
//!
//! A hint is for a symptom of a test, for a symptom of any test, or for words of a panic; the first
//! one in the file that fits is given.

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Table};

use super::verdict::Verdict;

const HINTS: &str = include_str!("../../../lab/hints.toml");

/// The table.
pub struct Hints(Vec<Hint>);

struct Hint {
    /// The tests it is for; all if there are none.
    tests: Vec<String>,
    /// The symptom: a word of the test's, or `hung`, `panic`.
    symptom: String,
    /// Words that the message must have.
    words: Option<String>,
    mistake: String,
}

impl Hints {
    /// Reads the table.
    pub fn read() -> Result<Self> {
        let document: DocumentMut = HINTS.parse().context("lab/hints.toml")?;
        let list = document
            .get("hint")
            .and_then(|item| item.as_array_of_tables());
        let list = list.context("lab/hints.toml has no [[hint]]")?;
        let hints = list.iter().map(one).collect::<Result<_>>();
        hints.context("lab/hints.toml").map(Self)
    }

    /// Returns the likely mistake behind what a test showed.
    pub fn likely(&self, test: &str, verdict: &Verdict) -> Option<&str> {
        let (symptom, message) = match verdict {
            Verdict::Passed | Verdict::Skipped(_) => return None,
            Verdict::Failed(failure) => (failure.symptom.as_str(), failure.what.as_str()),
            Verdict::Hung(last) => ("hung", last.as_str()),
            Verdict::Panicked(message) => ("panic", message.as_str()),
        };
        let fits = |hint: &&Hint| {
            hint.symptom == symptom
                && (hint.tests.is_empty() || hint.tests.iter().any(|name| name == test))
                && hint
                    .words
                    .as_ref()
                    .is_none_or(|words| message.contains(words.as_str()))
        };
        self.0.iter().find(fits).map(|hint| hint.mistake.as_str())
    }

    /// Returns the hints that a test can lead to, in the order of the file.
    pub fn of_test(&self, test: &str) -> impl Iterator<Item = &str> {
        let named = move |hint: &&Hint| hint.tests.iter().any(|name| name == test);
        self.0
            .iter()
            .filter(named)
            .map(|hint| hint.mistake.as_str())
    }
}

fn one(table: &Table) -> Result<Hint> {
    let text = |key: &str| {
        table
            .get(key)
            .and_then(|item| item.as_str())
            .map(str::to_owned)
    };
    let tests = text("tests").unwrap_or_default();
    Ok(Hint {
        tests: tests.split_whitespace().map(str::to_owned).collect(),
        symptom: text("symptom").context("a hint without a symptom")?,
        words: text("words"),
        mistake: text("mistake").context("a hint without a mistake")?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::catalogue;
    use super::super::verdict::Failure;
    use super::*;

    fn failed(symptom: &str) -> Verdict {
        Verdict::Failed(Failure {
            symptom: symptom.to_owned(),
            ..Failure::parse("page 1: expected 2, saw 3")
        })
    }

    #[test]
    fn the_first_hint_that_fits_is_given() {
        let hints = Hints::read().expect("the file is well-formed");
        let of_file = hints.likely("file", &failed("kernel-wrote-parent"));
        assert!(of_file.expect("a hint").contains("copyout"));
        let of_panic = Verdict::Panicked("uvmunmap: not mapped".to_owned());
        assert!(hints.likely("leak", &of_panic).is_some());
        assert_eq!(hints.likely("file", &Verdict::Passed), None);
        assert_eq!(hints.likely("file", &failed("no such symptom")), None);
    }

    #[test]
    fn hints_are_for_tests_and_symptoms_that_there_are() {
        let hints = Hints::read().expect("the file is well-formed");
        let tests = catalogue::all().expect("the file is well-formed");
        let sources = catalogue::PROGRAMS.map(|name| {
            let path = format!("{}/../lab/{name}.c", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(path).expect("a program of the lab")
        });
        let header = concat!(env!("CARGO_MANIFEST_DIR"), "/../lab/lab.h");
        let header = std::fs::read_to_string(header).expect("the header of the lab");
        for hint in &hints.0 {
            for name in &hint.tests {
                assert!(tests.iter().any(|test| test.name == *name), "{name}");
            }
            let word = format!("\"{}\"", hint.symptom);
            let known = ["panic", "hung", "no-verdict", "first-process-died"]
                .contains(&hint.symptom.as_str())
                || header.contains(&word)
                || sources.iter().any(|source| source.contains(&word));
            assert!(known, "{}", hint.symptom);
        }
    }
}
