//! Checks that comments and documents refer to what exists: rules by their numbers, pages and files
//! by their paths, sections by their headings. Nothing may refer to what is outside the tree.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use regex::Regex;

use super::text::{self, Text};

/// The page that lists the rules, each under a heading of its own.
const RULES: &str = "docs/rules.md";
/// References that have no target in the tree.
const OUTSIDE: [&str; 3] = ["ABI: \"", "the issue of", "the design's"];
/// Files that may name what does not exist: the record of the past, and the tests of this file.
const SPARED: [&str; 2] = ["CHANGELOG.md", "xtask/src/check/citation.rs"];

/// The patterns by which citations are found.
struct Patterns {
    rule: Regex,
    link: Regex,
    path: Regex,
    heading: Regex,
}

/// Returns the citations that lead nowhere.
pub fn problems(root: &Path) -> Vec<String> {
    let Ok(patterns) = Patterns::new() else {
        return vec!["the patterns of citations are not well formed".to_owned()];
    };
    let rules = match fs::read_to_string(root.join(RULES)) {
        Ok(page) => patterns.rules(&page),
        Err(error) => return vec![format!("{RULES}: {error}")],
    };
    text::texts(root)
        .iter()
        .filter(|text| !SPARED.iter().any(|spared| text.path.starts_with(spared)))
        .flat_map(|text| patterns.problems_in(root, &rules, text))
        .collect()
}

impl Patterns {
    fn new() -> Result<Self, regex::Error> {
        Ok(Self {
            rule: Regex::new(r"\bR(\d{1,2})\b")?,
            link: Regex::new(r"\]\(([^)\s]+)\)")?,
            path: Regex::new(
                r"`((?:abi|sync|mm|fs|fuzz|kernel|user|sim|emu|tests|xtask|docs|museum)/[\w./-]*)`",
            )?,
            heading: Regex::new(r"(?m)^#+ (.+)$")?,
        })
    }

    /// Returns the numbers of the rules that have a heading.
    fn rules(&self, page: &str) -> HashSet<String> {
        self.heading
            .captures_iter(page)
            .filter_map(|heading| Some(self.rule.captures(heading.get(1)?.as_str())?[1].to_owned()))
            .collect()
    }

    fn problems_in(&self, root: &Path, rules: &HashSet<String>, text: &Text) -> Vec<String> {
        let mut problems = Vec::new();
        let is_page = text.path.extension().is_some_and(|kind| kind == "md");
        for prose in text.prose() {
            let mut found = |what: String| {
                problems.push(format!("{}:{}: {what}", text.path.display(), prose.number));
            };
            for rule in self.rule.captures_iter(prose.prose) {
                if !rules.contains(&rule[1]) {
                    found(format!("there is no rule {} in {RULES}", &rule[0]));
                }
            }
            for path in self.path.captures_iter(prose.prose) {
                if !root.join(&path[1]).exists() {
                    found(format!("there is no {}", &path[1]));
                }
            }
            for outside in OUTSIDE {
                if prose.prose.contains(outside) {
                    found(format!("`{outside}` is nothing in this tree"));
                }
            }
            if is_page {
                for link in self.link.captures_iter(prose.prose) {
                    if !link[1].contains("://") && !self.leads_somewhere(root, text, &link[1]) {
                        found(format!("the link {} leads nowhere", &link[1]));
                    }
                }
            }
        }
        problems
    }

    /// Returns whether a link's file exists, and in it the heading that it names.
    fn leads_somewhere(&self, root: &Path, from: &Text, link: &str) -> bool {
        let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = if path.is_empty() {
            from.path.clone()
        } else {
            beside(&from.path, Path::new(path))
        };
        let target = root.join(target);
        if anchor.is_empty() {
            return target.exists();
        }
        fs::read_to_string(target).is_ok_and(|page| {
            self.heading
                .captures_iter(&page)
                .any(|heading| anchor_of(&heading[1]) == anchor)
        })
    }
}

/// Returns the path of what a page refers to, as seen from the root of the tree.
fn beside(page: &Path, link: &Path) -> PathBuf {
    let mut path = page.parent().unwrap_or(Path::new("")).to_owned();
    for part in link.components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            other => path.push(other),
        }
    }
    path
}

/// Returns the anchor that a heading gets.
fn anchor_of(heading: &str) -> String {
    heading
        .chars()
        .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(path: &str, text: &str) -> Vec<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let patterns = Patterns::new().expect("well formed");
        let rules = patterns.rules("# Rules\n## R1 Counting\n## R12 Allegations\n");
        patterns.problems_in(root.expect("a workspace"), &rules, &Text::new(path, text))
    }

    #[test]
    fn a_citation_of_what_exists_is_none_of_the_problems() {
        for (path, text) in [
            ("a.rs", "/// Counts (R1)."),
            ("a.rs", "let R99 = 1;"),
            (
                "docs/a.md",
                "R12, `mm/src/lib.rs`, [x](abi.md), [y](../README.md)",
            ),
            (
                "README.md",
                "[x](docs/rules.md#known-mistakes), <https://a.org>",
            ),
        ] {
            assert_eq!(problems_of(path, text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_citation_of_what_does_not_exist_is_found() {
        for (path, text) in [
            ("a.rs", "/// Counts (R13)."),
            ("a.rs", "// See `mm/src/missing.rs`."),
            ("a.rs", "//! Layout (ABI: \"Image\")."),
            ("docs/a.md", "[x](missing.md)"),
            ("docs/a.md", "[x](rules.md#no-such-heading)"),
        ] {
            assert_eq!(problems_of(path, text).len(), 1, "{text}");
        }
    }

    #[test]
    fn anchors_are_those_of_the_usual_renderers() {
        assert_eq!(anchor_of("Known mistakes"), "known-mistakes");
        assert_eq!(
            anchor_of("R3 Tightening: break, flush"),
            "r3-tightening-break-flush"
        );
    }
}
