//! A model of the calls' effects, as simple as possible: names, and the bytes of files.

use super::call::{Call, Way};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// What a name refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// The alphabetically first name of the file.
        same_as: String,
        /// The bytes of the file.
        bytes: Vec<u8>,
    },
}

/// Everything that can be seen, by path.
pub type Tree = BTreeMap<String, Seen>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Directory,
    File(u64),
}

/// The files and directories after some calls.
#[derive(Clone, Debug, Default)]
pub struct Model {
    names: BTreeMap<String, Node>,
    contents: BTreeMap<u64, Vec<u8>>,
    /// The number of the next new file.
    next: u64,
}

/// Returns the path of the directory that `path` is in; empty for the folder itself.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

impl Model {
    /// Returns how many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Returns whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns the names in alphabetical order.
    pub fn paths(&self) -> impl Iterator<Item = &str> + Clone {
        self.names.keys().map(String::as_str)
    }

    /// Returns whether `path` is a directory; the empty path is.
    pub fn is_directory(&self, path: &str) -> bool {
        path.is_empty() || self.names.get(path) == Some(&Node::Directory)
    }

    /// Returns the bytes of the file at `path`.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        match self.names.get(path) {
            Some(Node::File(number)) => self.contents.get(number).map(Vec::as_slice),
            Some(Node::Directory) | None => None,
        }
    }

    fn is_vacant(&self, path: &str) -> bool {
        !self.names.contains_key(path) && self.is_directory(parent(path))
    }

    fn has_entries(&self, directory: &str) -> bool {
        self.names.keys().any(|path| parent(path) == directory)
    }

    /// Returns whether a kernel must accept the call.
    pub fn accepts(&self, call: &Call) -> bool {
        match call {
            Call::Create(path) => self.is_vacant(path) || self.file(path).is_some(),
            Call::MakeDirectory(path) => self.is_vacant(path),
            Call::Link { old, new } => self.file(old).is_some() && self.is_vacant(new),
            Call::Unlink(path) => match self.names.get(path) {
                Some(Node::Directory) => !self.has_entries(path),
                Some(Node::File(_)) => true,
                None => false,
            },
            Call::Truncate(path) => self.file(path).is_some(),
            Call::Hold(path) => self.names.contains_key(path),
            Call::Write {
                way,
                path,
                offset,
                length,
                ..
            } => self.file(path).is_some_and(|bytes| match way {
                Way::Write => *offset <= bytes.len(),
                Way::Store => offset + length <= bytes.len(),
            }),
        }
    }

    /// Makes the call. A call that is not accepted changes nothing.
    pub fn apply(&mut self, call: &Call) {
        let all = match call {
            Call::Write { length, .. } => *length,
            _ => 0,
        };
        self.apply_part(call, all);
    }

    /// Makes the call, but writes only the first `part` bytes if the call is a write.
    pub fn apply_part(&mut self, call: &Call, part: usize) {
        if !self.accepts(call) {
            return;
        }
        match call {
            Call::Create(path) => {
                if self.is_vacant(path) {
                    self.names.insert(path.clone(), Node::File(self.next));
                    self.contents.insert(self.next, Vec::new());
                    self.next += 1;
                }
            }
            Call::MakeDirectory(path) => {
                self.names.insert(path.clone(), Node::Directory);
            }
            Call::Link { old, new } => {
                let node = self.names[old];
                self.names.insert(new.clone(), node);
            }
            Call::Unlink(path) => self.unlink(path),
            Call::Truncate(path) => self.edit(path, Vec::clear),
            Call::Hold(_) => {}
            Call::Write {
                path,
                offset,
                length,
                seed,
                ..
            } => self.edit(path, |bytes| {
                let end = offset + part;
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(&Call::bytes(*seed, *length)[..part]);
            }),
        }
    }

    fn unlink(&mut self, path: &str) {
        let node = self.names.remove(path);
        if let Some(Node::File(number)) = node
            && !self.names.values().any(|other| Some(*other) == node)
        {
            self.contents.remove(&number);
        }
    }

    fn edit(&mut self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(Node::File(number)) = self.names.get(path)
            && let Some(bytes) = self.contents.get_mut(number)
        {
            change(bytes);
        }
    }

    /// Returns everything that can be seen.
    pub fn tree(&self) -> Tree {
        let mut first_names = BTreeMap::new();
        let seen = self.names.iter().map(|(path, node)| {
            let seen = match node {
                Node::Directory => Seen::Directory,
                Node::File(number) => Seen::File {
                    same_as: first_names.entry(number).or_insert(path).clone(),
                    bytes: self.contents[number].clone(),
                },
            };
            (path.clone(), seen)
        });
        seen.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;

    fn create(path: &str) -> Call {
        Call::Create(path.to_owned())
    }

    fn link(old: &str, new: &str) -> Call {
        Call::Link {
            old: old.to_owned(),
            new: new.to_owned(),
        }
    }

    fn write(path: &str, offset: usize, length: usize) -> Call {
        Call::Write {
            way: Way::Write,
            path: path.to_owned(),
            offset,
            length,
            seed: 1,
        }
    }

    fn store(path: &str, offset: usize, length: usize) -> Call {
        Call::Write {
            way: Way::Store,
            path: path.to_owned(),
            offset,
            length,
            seed: 2,
        }
    }

    fn after(calls: &[Call]) -> Model {
        let mut model = Model::default();
        for call in calls {
            assert!(model.accepts(call), "{call}");
            model.apply(call);
        }
        model
    }

    #[test]
    fn names_of_one_file_show_the_same_bytes() {
        let model = after(&[create("b"), link("b", "a"), write("b", 0, 10)]);
        let seen = Seen::File {
            same_as: "a".to_owned(),
            bytes: Call::bytes(1, 10),
        };
        assert_eq!(
            model.tree(),
            Tree::from([("a".to_owned(), seen.clone()), ("b".to_owned(), seen)])
        );
    }

    #[test]
    fn what_xv6_refuses_changes_nothing() {
        let directory = |path: &str| Call::MakeDirectory(path.to_owned());
        let mut model = after(&[create("a"), directory("d"), create("d/b")]);
        let before = model.tree();
        for call in [
            create("d"),
            create("x/y"),
            create("a/y"),
            directory("a"),
            link("d", "e"),
            link("a", "d/b"),
            link("x", "y"),
            Call::Unlink("d".to_owned()),
            Call::Unlink("x".to_owned()),
            Call::Truncate("d".to_owned()),
            Call::Hold("x".to_owned()),
            write("a", 1, 1),
        ] {
            assert!(!model.accepts(&call), "{call}");
            model.apply(&call);
        }
        assert_eq!(model.tree(), before);
    }

    #[test]
    fn a_write_in_part_keeps_what_was_behind_it() {
        let mut model = after(&[create("a"), write("a", 0, 8)]);
        let old = Call::bytes(1, 8);
        model.apply_part(&write("a", 2, 8), 3);
        assert_eq!(
            model.file("a"),
            Some(&[&old[..2], &old[..3], &old[5..]].concat()[..])
        );
        model.apply_part(&write("a", 8, 8), 4);
        assert_eq!(model.file("a").map(<[u8]>::len), Some(12));
    }

    #[test]
    fn stores_do_not_make_a_file_longer() {
        let mut model = after(&[create("a"), write("a", 0, 8), store("a", 2, 6)]);
        let expected = [&Call::bytes(1, 8)[..2], &Call::bytes(2, 6)[..]].concat();
        assert_eq!(model.file("a"), Some(&expected[..]));
        for call in [store("a", 3, 6), store("a", 8, 1), store("x", 0, 1)] {
            assert!(!model.accepts(&call), "{call}");
            model.apply(&call);
        }
        assert_eq!(model.file("a"), Some(&expected[..]));
    }

    #[test]
    fn the_bytes_go_with_the_last_name() {
        let mut model = after(&[create("a"), link("a", "b"), write("a", 0, 3)]);
        model.apply(&Call::Unlink("a".to_owned()));
        assert_eq!(model.file("b"), Some(&Call::bytes(1, 3)[..]));
        model.apply(&Call::Unlink("b".to_owned()));
        assert_eq!(model.tree(), Tree::new());
        assert_eq!(model.contents, BTreeMap::new());
    }
}
