//! The lines of a source file that are tests.
//!
//! The module relies on rustfmt: a module that begins in the first column ends at the next brace in
//! the first column.

use std::collections::BTreeSet;

/// Returns the numbers of the lines of test modules (`#[cfg(test)] mod tests { ... }`).
pub fn test_lines(text: &str) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut lines = (1..).zip(text.lines()).peekable();
    while let Some((number, line)) = lines.next() {
        if line != "#[cfg(test)]" {
            continue;
        }
        let Some((_, next)) = lines.peek() else { break };
        if !(next.starts_with("mod ") && next.ends_with('{')) {
            continue;
        }
        found.insert(number);
        for (number, line) in lines.by_ref() {
            found.insert(number);
            if line == "}" {
                break;
            }
        }
    }
    found
}

/// Returns whether a path below a room's `src` is a file of tests.
pub fn is_test_file(path: &str) -> bool {
    path.split('/')
        .any(|part| matches!(part, "tests" | "tests.rs" | "testing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_modules_end_where_they_end() {
        let text = "fn a() {\n}\n#[cfg(test)]\nmod tests {\n    fn t() {\n    }\n}\n\nfn b() {}\n";
        assert_eq!(test_lines(text), BTreeSet::from([3, 4, 5, 6, 7]));
        assert!(test_lines("#[cfg(test)]\nmod tests;\nfn a() {}\n").is_empty());
        assert!(test_lines("#[cfg(test)]\nuse a;\nfn a() {}\n").is_empty());
    }

    #[test]
    fn test_files_are_known_by_their_names() {
        assert!(is_test_file("tests/model.rs") && is_test_file("parse/tests.rs"));
        assert!(is_test_file("testing/machine.rs") && !is_test_file("space/fault.rs"));
    }
}
