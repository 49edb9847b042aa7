//! The check that a disk holds what the calls of `promises` promised.

use anyhow::{Context, Result};
use regex::Regex;

use abi::PAGE_SIZE;
use user::promises::{ATOMIC_WRITE, Call, DONE, Model, Script, Seen, Tree, Way};

/// What must be on the disk: the effects of every call that was reported as returned, and perhaps
/// of the next one.
pub struct Promised {
    done: u64,
    before: Model,
    next: Call,
}

/// How far the call in progress had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InProgress {
    /// The disk shows nothing of the call, or the call changes nothing on a disk.
    NotBegun,
    /// Its effect is on the disk.
    Done,
    /// A long write is done up to some byte, or a store up to some page.
    Partly,
}

impl Promised {
    /// Returns the promises on a guest's console.
    pub fn read(seed: u64, console: &str) -> Result<Self> {
        let line = Regex::new(&format!(r"(?m)^{DONE}([0-9]+)\r?\n"))?;
        let done = match line.captures_iter(console).last() {
            Some(last) => last[1].parse().context("the number of a call")?,
            None => 0,
        };
        Ok(Self::new(seed, done))
    }

    fn new(seed: u64, done: u64) -> Self {
        let mut script = Script::new(seed);
        for _ in 0..done {
            let call = script.next_call();
            script.made(&call);
        }
        let next = script.next_call();
        Self {
            done,
            before: script.model().clone(),
            next,
        }
    }

    /// Returns how many calls had returned.
    pub fn calls(&self) -> u64 {
        self.done
    }

    /// Compares the promises with the contents of the disk.
    ///
    /// # Errors
    ///
    /// A description of what differs.
    pub fn check(&self, found: &Tree) -> Result<InProgress, String> {
        let before = self.before.tree();
        if *found == before {
            return Ok(InProgress::NotBegun);
        }
        let part = self.part_written(found);
        let mut after = self.before.clone();
        after.apply_part(&self.next, part);
        let after = after.tree();
        if *found != after {
            return Err(self.difference(found, &before, &after));
        }
        match self.next {
            Call::Write {
                way: Way::Write,
                length,
                ..
            } if part < length && length <= ATOMIC_WRITE => Err(format!(
                "after call {}, only {part} bytes are there of call {}, {}",
                self.done,
                self.done + 1,
                self.next
            )),
            Call::Write { length, .. } if part < length => Ok(InProgress::Partly),
            _ => Ok(InProgress::Done),
        }
    }

    /// Returns how many bytes of the call in progress can be on the disk, if it is a write. For
    /// stores they are whole pages.
    fn part_written(&self, found: &Tree) -> usize {
        let Call::Write {
            way,
            path,
            offset,
            length,
            seed,
        } = &self.next
        else {
            return 0;
        };
        let Some(Seen::File { bytes, .. }) = found.get(path) else {
            return 0;
        };
        let there = bytes.get(*offset..).unwrap_or_default();
        let written = Call::bytes(*seed, *length);
        let pairs = written.iter().zip(there);
        let part = pairs.take_while(|(a, b)| a == b).count();
        match way {
            Way::Store if part < *length => part.saturating_sub((offset + part) % PAGE_SIZE),
            Way::Store | Way::Write => part,
        }
    }

    /// Returns one name at which the disk differs both from the state before the call in progress
    /// and from the state after it.
    fn difference(&self, found: &Tree, before: &Tree, after: &Tree) -> String {
        let all = [found, before, after];
        let strange = all.iter().flat_map(|tree| tree.keys()).find(|path| {
            let found = found.get(*path);
            found != before.get(*path) && found != after.get(*path)
        });
        let next = format!("call {}, {}", self.done + 1, self.next);
        match strange {
            Some(path) => format!(
                "after call {}, {path} must be {}, but is {} ({next} may have been under way)",
                self.done,
                describe(before.get(path)),
                describe(found.get(path))
            ),
            None => format!("after call {}, {next}, is half done", self.done),
        }
    }
}

fn describe(seen: Option<&Seen>) -> String {
    match seen {
        None => "missing".to_owned(),
        Some(Seen::Directory) => "a directory".to_owned(),
        Some(Seen::File { same_as, bytes }) => {
            // FNV-1a (Fowler, Noll and Vo), so that different contents of one length can be told
            // apart.
            let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
            });
            format!(
                "a file of {} bytes (hash {hash:016x}), first named {same_as}",
                bytes.len()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u64 = 5;

    /// Returns the trees after each of the first `count` calls of a seed.
    fn trees(count: u64) -> Vec<Tree> {
        let tree = |done| Promised::new(SEED, done).before.tree();
        (0..=count).map(tree).collect()
    }

    #[test]
    fn the_last_whole_line_counts() {
        let done = |console| Promised::read(SEED, console).expect("readable").calls();
        assert_eq!(done("did 1\r\ndid 2\r\ndid 3"), 2);
        assert_eq!(done("promises: seed 5\n"), 0);
        assert_eq!(done("I did 7\ndid 9\n"), 9);
    }

    #[test]
    fn the_state_after_the_call_in_progress_may_be_there_and_older_ones_may_not() {
        let trees = trees(150);
        let mut older = 0;
        for (done, states) in (1..).zip(trees.windows(3)) {
            let promised = Promised::new(SEED, done);
            assert_eq!(promised.check(&states[1]), Ok(InProgress::NotBegun));
            assert!(promised.check(&states[2]).is_ok(), "call {}", done + 1);
            // A refused call changes nothing, and a call may undo the one before it.
            if states[0] != states[1] && states[0] != states[2] {
                older += 1;
                assert!(promised.check(&states[0]).is_err(), "call {done}");
            }
        }
        assert!(older > 60, "{older}");
    }

    #[test]
    fn long_writes_may_stop_half_way_and_short_ones_may_not() {
        let (mut long, mut short) = (0, 0);
        for done in 0..300 {
            let promised = Promised::new(SEED, done);
            let Call::Write {
                way: Way::Write,
                length,
                ..
            } = promised.next
            else {
                continue;
            };
            if !promised.before.accepts(&promised.next) {
                continue;
            }
            let mut model = promised.before.clone();
            model.apply_part(&promised.next, length / 2);
            let tree = model.tree();
            if tree == promised.before.tree() {
                continue;
            }
            if length > ATOMIC_WRITE {
                long += 1;
                assert_eq!(promised.check(&tree), Ok(InProgress::Partly));
            } else {
                short += 1;
                assert!(promised.check(&tree).is_err());
            }
        }
        assert!(long > 10 && short > 10, "{long} {short}");
    }

    #[test]
    fn stores_may_stop_between_pages_and_nowhere_else() {
        let (mut between, mut within) = (0, 0);
        for done in 0..600 {
            let promised = Promised::new(SEED, done);
            let Call::Write {
                way: Way::Store,
                offset,
                length,
                ..
            } = promised.next
            else {
                continue;
            };
            if !promised.before.accepts(&promised.next) {
                continue;
            }
            let state = |part| {
                let mut model = promised.before.clone();
                model.apply_part(&promised.next, part);
                model.tree()
            };
            let first = PAGE_SIZE - offset % PAGE_SIZE;
            if first < length {
                between += 1;
                assert_eq!(promised.check(&state(first)), Ok(InProgress::Partly));
            }
            let half = length / 2;
            let new = ![state(0), state(length)].contains(&state(half));
            if new && (offset + half) % PAGE_SIZE != 0 {
                within += 1;
                assert!(promised.check(&state(half)).is_err(), "call {}", done + 1);
            }
        }
        assert!(between > 5 && within > 10, "{between} {within}");
    }

    #[test]
    fn a_byte_that_changed_is_named() {
        let promised = Promised::new(SEED, 100);
        let mut tree = promised.before.tree();
        let damaged = tree.iter_mut().find_map(|(path, seen)| match seen {
            Seen::File { bytes, .. } if !bytes.is_empty() => {
                bytes[0] ^= 1;
                Some(path.clone())
            }
            _ => None,
        });
        let damaged = damaged.expect("some file has bytes");
        let fault = promised.check(&tree).expect_err("a byte is wrong");
        assert!(fault.contains(&format!("{damaged} must be")), "{fault}");
    }
}
