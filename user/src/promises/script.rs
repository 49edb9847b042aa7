//! The choice of the next call.
//!
//! Most calls succeed. Now and then two meet on one name, or a directory is not empty, and one must
//! fail. There are few names and bytes, so that a disk of a few MiB is enough.

use super::call::{Call, Way};
use super::model::Model;
use crate::random::Random;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

/// The most names at one time: more than fit into one block of a directory.
const MOST_NAMES: usize = 160;
/// The number of possible names in each directory.
const NAMES: u64 = 100;
/// The greatest depth of a directory.
const DEPTH: usize = 3;
/// The largest file, in bytes. It has an indirect block.
const LARGEST_FILE: usize = 48 * 1024;
/// The greatest lengths of writes and stores, chosen equally often: within a block, within a
/// transaction, over several transactions.
const WRITE_LENGTHS: [usize; 3] = [700, 4 * 1024, 32 * 1024];

/// A kind of call.
#[derive(Clone, Copy)]
enum Action {
    Create,
    MakeDirectory,
    Link,
    Unlink,
    Truncate,
    Hold,
    Append,
    Overwrite,
    Store,
}

/// Every kind, as often as its share of the calls.
const ACTIONS: [Action; 18] = [
    Action::Create,
    Action::Create,
    Action::Create,
    Action::MakeDirectory,
    Action::Link,
    Action::Link,
    Action::Unlink,
    Action::Unlink,
    Action::Unlink,
    Action::Truncate,
    Action::Hold,
    Action::Append,
    Action::Append,
    Action::Append,
    Action::Overwrite,
    Action::Overwrite,
    Action::Store,
    Action::Store,
];

/// The calls of a seed, one after another, and the state after them.
#[derive(Clone, Debug)]
pub struct Script {
    random: Random,
    model: Model,
}

impl Script {
    /// Returns the calls that `seed` determines.
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            model: Model::default(),
        }
    }

    /// Returns the state after the calls made so far.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Returns the next call. It has not been made: see [`Script::made`].
    pub fn next_call(&mut self) -> Call {
        let mut action = self.random.choose(&ACTIONS);
        let adds = matches!(
            action,
            Action::Create | Action::MakeDirectory | Action::Link
        );
        if adds && self.model.len() >= MOST_NAMES {
            action = Action::Unlink;
        }
        match action {
            Action::Create => Call::Create(self.some_name()),
            Action::MakeDirectory => Call::MakeDirectory(self.some_name()),
            Action::Link => Call::Link {
                old: self.known_path(),
                new: self.some_name(),
            },
            Action::Unlink => Call::Unlink(self.known_path()),
            Action::Truncate => Call::Truncate(self.known_path()),
            Action::Hold => Call::Hold(self.known_path()),
            Action::Append => self.write(|_, size| size),
            Action::Overwrite => self.write(|random, size| random.below(size as u64 + 1) as usize),
            Action::Store => self.store(),
        }
    }

    /// Notes that the call which [`Script::next_call`] returned was made.
    pub fn made(&mut self, call: &Call) {
        self.model.apply(call);
    }

    /// Returns a path that exists, or, if there is none, one that does not.
    fn known_path(&mut self) -> String {
        let at = self.random.below(self.model.len() as u64) as usize;
        self.model.paths().nth(at).unwrap_or("nothing").to_owned()
    }

    /// Returns a name in a directory that exists. The name may be taken. Half of the names are in
    /// the folder itself, so that it becomes large.
    fn some_name(&mut self) -> String {
        let number = self.random.below(NAMES);
        if self.random.once_in(2) {
            return format!("{number}");
        }
        let is_parent =
            |path: &&str| self.model.is_directory(path) && path.matches('/').count() + 1 < DEPTH;
        let mut parents = self.model.paths().filter(is_parent);
        let at = self.random.below(parents.clone().count() as u64) as usize;
        match parents.nth(at) {
            Some(parent) => format!("{parent}/{number}"),
            None => format!("{number}"),
        }
    }

    /// Returns a write to some file at an offset that depends on the file's size. The path may be a
    /// directory's, and the write must fail then.
    fn write(&mut self, place: impl FnOnce(&mut Random, usize) -> usize) -> Call {
        let path = self.known_path();
        let size = self.model.file(&path).map_or(0, <[u8]>::len);
        let offset = place(&mut self.random, size);
        let longest = self.random.choose(&WRITE_LENGTHS);
        let length = 1 + self.random.below(longest as u64) as usize;
        if offset + length > LARGEST_FILE {
            return Call::Truncate(path);
        }
        Call::Write {
            way: Way::Write,
            path,
            offset,
            length,
            seed: self.random.bits(),
        }
    }

    /// Returns a store to a part of some file. It must fail if the file is empty or a directory.
    fn store(&mut self) -> Call {
        let path = self.known_path();
        let size = self.model.file(&path).map_or(0, <[u8]>::len);
        let offset = self.random.below(size.max(1) as u64) as usize;
        let longest = self.random.choose(&WRITE_LENGTHS).min(size - offset);
        Call::Write {
            way: Way::Store,
            path,
            offset,
            length: 1 + self.random.below(longest.max(1) as u64) as usize,
            seed: self.random.bits(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promises::ATOMIC_WRITE;
    use alloc::vec::Vec;

    fn calls(seed: u64, count: usize) -> Vec<Call> {
        let mut script = Script::new(seed);
        let calls = (0..count).map(|_| {
            let call = script.next_call();
            script.made(&call);
            call
        });
        calls.collect()
    }

    #[test]
    fn the_seed_alone_determines_the_calls() {
        assert_eq!(calls(7, 300), calls(7, 300));
        assert_ne!(calls(7, 300), calls(8, 300));
    }

    #[test]
    fn most_calls_must_succeed_and_some_must_fail() {
        let mut script = Script::new(1);
        let mut refused = 0;
        for _ in 0..2000 {
            let call = script.next_call();
            refused += usize::from(!script.model().accepts(&call));
            script.made(&call);
        }
        assert!((20..1000).contains(&refused), "{refused}");
    }

    #[test]
    fn files_stay_small_and_a_directory_outgrows_its_block() {
        const ENTRIES_PER_BLOCK: usize = 64;
        let mut script = Script::new(3);
        let (mut most, mut long, mut stored) = (0, 0, 0);
        for _ in 0..3000 {
            let call = script.next_call();
            if let Call::Write { way, length, .. } = call {
                long += usize::from(length > ATOMIC_WRITE);
                stored += usize::from(way == Way::Store && script.model().accepts(&call));
            }
            script.made(&call);
            let paths = || script.model().paths();
            most = most.max(paths().filter(|path| !path.contains('/')).count());
            let bytes = |path| script.model().file(path).map_or(0, <[u8]>::len);
            assert!(paths().count() <= MOST_NAMES);
            assert!(paths().all(|path| bytes(path) <= LARGEST_FILE));
        }
        assert!(most > ENTRIES_PER_BLOCK, "{most}");
        assert!(long > 100 && stored > 100, "{long} {stored}");
    }
}
