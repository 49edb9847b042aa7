//! Simple regular expressions for `grep`: `^` and `$` anchor, `.` is any byte, and `x*` is any
//! number of `x`. Every other byte stands for itself.
//!
//! All ways to match are followed at once. The time is therefore bounded by the pattern's length
//! times the line's length.

use alloc::vec;
use alloc::vec::Vec;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Byte {
    Any,
    Just(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    Once,
    AnyNumber,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    steps: Vec<(Byte, Repeat)>,
    from_start: bool,
    to_end: bool,
}

impl Pattern {
    /// Compiles `text`. Every text is a pattern: a `*` with nothing before it, and a `^` or `$`
    /// away from the ends, stand for themselves.
    pub fn new(text: &[u8]) -> Self {
        let (from_start, text) = match text.strip_prefix(b"^") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (to_end, text) = match text.strip_suffix(b"$") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut steps: Vec<(Byte, Repeat)> = Vec::new();
        for &byte in text {
            match (byte, steps.last_mut()) {
                (b'*', Some((_, repeat))) => *repeat = Repeat::AnyNumber,
                (b'.', _) => steps.push((Byte::Any, Repeat::Once)),
                (byte, _) => steps.push((Byte::Just(byte), Repeat::Once)),
            }
        }
        Self {
            steps,
            from_start,
            to_end,
        }
    }

    /// Returns whether the pattern is found in `line`, which has no newline.
    pub fn matches(&self, line: &[u8]) -> bool {
        // `states[n]` is whether the first n steps can match a text that ends here.
        let mut states = vec![false; self.steps.len() + 1];
        self.enter(&mut states, 0);
        for &byte in line {
            if self.accepts(&states) && !self.to_end {
                return true;
            }
            let mut next = vec![false; states.len()];
            for (index, &(wanted, repeat)) in self.steps.iter().enumerate() {
                let fits = wanted == Byte::Any || wanted == Byte::Just(byte);
                if states[index] && fits {
                    match repeat {
                        Repeat::Once => self.enter(&mut next, index + 1),
                        Repeat::AnyNumber => self.enter(&mut next, index),
                    }
                }
            }
            if !self.from_start {
                self.enter(&mut next, 0);
            }
            states = next;
        }
        self.accepts(&states)
    }

    /// Marks `state`, and the states that follow it if the next steps repeat nothing.
    fn enter(&self, states: &mut [bool], state: usize) {
        states[state] = true;
        for (index, &(_, repeat)) in self.steps.iter().enumerate().skip(state) {
            if repeat == Repeat::Once {
                break;
            }
            states[index + 1] = true;
        }
    }

    fn accepts(&self, states: &[bool]) -> bool {
        states.last() == Some(&true)
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    fn found(pattern: &str, line: &str) -> bool {
        Pattern::new(pattern.as_bytes()).matches(line.as_bytes())
    }

    #[test]
    fn plain_text_is_found_anywhere() {
        assert!(found("cow", "a cow"));
        assert!(found("", ""));
        assert!(found("", "anything"));
        assert!(!found("cow", "co w"));
    }

    #[test]
    fn anchors_bind_to_the_ends() {
        assert!(found("^cow", "cowslip"));
        assert!(!found("^slip", "cowslip"));
        assert!(found("slip$", "cowslip"));
        assert!(!found("cow$", "cowslip"));
        assert!(found("^$", ""));
        assert!(!found("^$", "x"));
        assert!(found("a^b", "xa^b"));
    }

    #[test]
    fn repetition_takes_none_one_or_many() {
        assert!(found("^ab*c$", "ac"));
        assert!(found("^ab*c$", "abbbc"));
        assert!(!found("^ab*c$", "abxc"));
        assert!(found("^.*$", "whatever"));
        assert!(found("^a*a$", "aaa"));
        assert!(found("*x", "a*x"));
        assert!(found("^a*b*$", ""));
    }

    #[test]
    fn a_pattern_that_invites_backtracking_is_quick() {
        let pattern = "a*".repeat(30) + "b";
        assert!(!found(&pattern, &"a".repeat(1000)));
    }
}
