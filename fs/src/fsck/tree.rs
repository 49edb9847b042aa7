//! The second pass: directories, the names in them, link counts, and which inodes can be reached
//! from the root.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use abi::FileKind;
use zerocopy::transmute_ref;

use super::blocks::Node;
use super::finding::Finding;
use super::image::Image;
use crate::device::BlockDevice;
use crate::layout::{DirEntry, ENTRIES_PER_BLOCK, ENTRY_SIZE, ROOT_INODE};

/// The facts that the directories state about the inodes, by number.
struct Tree<'a> {
    nodes: &'a [Option<Node>],
    /// How many names other than `.` and `..` lead to each inode.
    names: Vec<u32>,
    /// The directory in which each directory was met first.
    parents: BTreeMap<u32, u32>,
    /// The entries of each directory, without `.` and `..`.
    children: BTreeMap<u32, Vec<u32>>,
    /// The inodes that `.` and `..` of each directory name.
    dots: BTreeMap<u32, [Option<u32>; 2]>,
}

/// Checks that the inodes form a tree of directories and that their link counts are right.
pub(super) fn check<D: BlockDevice>(image: &mut Image<'_, D>, nodes: &[Option<Node>]) {
    let mut tree = Tree {
        nodes,
        names: vec![0; nodes.len()],
        parents: BTreeMap::new(),
        children: BTreeMap::new(),
        dots: BTreeMap::new(),
    };
    if !tree.is_directory(ROOT_INODE) {
        image.findings.push(Finding::NoRoot);
    }
    for number in 1..nodes.len() as u32 {
        // The names in a directory that waits to be freed are not counted, because it has lost its
        // own names.
        if tree.is_directory(number) && tree.links(number) > 0 {
            tree.read_directory(image, number);
        }
    }
    tree.check_dots(&mut image.findings);
    tree.check_links(&mut image.findings);
}

impl Tree<'_> {
    fn node(&self, inode: u32) -> Option<&Node> {
        self.nodes.get(inode as usize)?.as_ref()
    }

    fn is_directory(&self, inode: u32) -> bool {
        self.node(inode)
            .is_some_and(|node| node.record.file_kind() == Some(FileKind::Directory))
    }

    fn links(&self, inode: u32) -> u32 {
        self.node(inode)
            .map_or(0, |node| node.record.nlink.get().into())
    }

    fn read_directory<D: BlockDevice>(&mut self, image: &mut Image<'_, D>, directory: u32) {
        let Some(node) = self.node(directory) else {
            return;
        };
        let size = node.record.size.get();
        if !(size as usize).is_multiple_of(ENTRY_SIZE) {
            image
                .findings
                .push(Finding::PartialEntry { directory, size });
        }
        let mut left = size as usize / ENTRY_SIZE;
        let mut entries = Vec::new();
        for &block in &node.blocks {
            let present = left.min(ENTRIES_PER_BLOCK as usize);
            left -= present;
            if block != 0 && present > 0 {
                let contents = image.block(block);
                let block: &[DirEntry; ENTRIES_PER_BLOCK as usize] = transmute_ref!(&contents);
                entries.extend_from_slice(&block[..present]);
            }
        }
        self.dots.insert(directory, [None; 2]);
        let mut seen = BTreeSet::new();
        for entry in entries.iter().filter(|entry| entry.inode.get() != 0) {
            if !seen.insert(entry.name().to_vec()) {
                image.findings.push(Finding::DuplicateName {
                    directory,
                    name: printable(entry),
                });
            }
            self.read_entry(&mut image.findings, directory, entry);
        }
    }

    fn read_entry(&mut self, findings: &mut Vec<Finding>, directory: u32, entry: &DirEntry) {
        let inode = u32::from(entry.inode.get());
        if inode as usize >= self.nodes.len() {
            findings.push(Finding::NoSuchInode {
                directory,
                name: printable(entry),
                inode,
            });
            return;
        }
        if self.node(inode).is_none() {
            findings.push(Finding::EntryToFreeInode {
                directory,
                name: printable(entry),
                inode,
            });
        }
        match entry.name() {
            b"." => self.dots.entry(directory).or_default()[0] = Some(inode),
            b".." => self.dots.entry(directory).or_default()[1] = Some(inode),
            name => {
                if name.is_empty() || name.contains(&b'/') {
                    findings.push(Finding::BadName { directory, inode });
                }
                self.names[inode as usize] += 1;
                self.children.entry(directory).or_default().push(inode);
                if self.is_directory(inode) {
                    self.add_parent(findings, directory, entry, inode);
                }
            }
        }
    }

    fn add_parent(
        &mut self,
        findings: &mut Vec<Finding>,
        directory: u32,
        entry: &DirEntry,
        inode: u32,
    ) {
        // `parents` never contains a cycle, so following it ends.
        let ancestors = core::iter::successors(Some(directory), |at| self.parents.get(at).copied());
        if inode == ROOT_INODE || ancestors.into_iter().any(|ancestor| ancestor == inode) {
            findings.push(Finding::DirectoryCycle {
                directory,
                name: printable(entry),
                inode,
            });
        } else if let Some(&first) = self.parents.get(&inode) {
            findings.push(Finding::SeveralParents {
                directory: inode,
                first,
                second: directory,
            });
        } else {
            self.parents.insert(inode, directory);
        }
    }

    fn check_dots(&self, findings: &mut Vec<Finding>) {
        for (&directory, &[itself, parent]) in &self.dots {
            if itself != Some(directory) {
                findings.push(Finding::WrongDots {
                    directory,
                    name: ".",
                    found: itself,
                    expected: Some(directory),
                });
            }
            let expected = match directory {
                ROOT_INODE => Some(ROOT_INODE),
                _ => self.parents.get(&directory).copied(),
            };
            if parent.is_none() || (expected.is_some() && parent != expected) {
                findings.push(Finding::WrongDots {
                    directory,
                    name: "..",
                    found: parent,
                    expected,
                });
            }
        }
    }

    fn check_links(&self, findings: &mut Vec<Finding>) {
        let reached = self.reached();
        for inode in 1..self.nodes.len() as u32 {
            if self.node(inode).is_none() {
                continue;
            }
            let found = self.links(inode);
            let expected = self.expected_links(inode);
            if found == 0 && expected == 0 {
                findings.push(Finding::Orphan { inode });
            } else if found > 0 && !reached.contains(&inode) {
                findings.push(Finding::Unreachable {
                    inode,
                    links: found,
                });
            } else if found != expected {
                findings.push(Finding::WrongLinkCount {
                    inode,
                    found,
                    expected,
                });
            }
        }
    }

    /// Returns the number of links that an inode must have: its names, one more for the root, and
    /// for a directory the `..` of each directory in it.
    fn expected_links(&self, inode: u32) -> u32 {
        let children = self.children.get(&inode).map_or(&[][..], Vec::as_slice);
        let directories = children.iter().filter(|child| self.is_directory(**child));
        let root = u32::from(inode == ROOT_INODE);
        self.names[inode as usize] + root + directories.count() as u32
    }

    /// Returns the inodes that can be reached from the root.
    fn reached(&self) -> BTreeSet<u32> {
        let mut reached = BTreeSet::from([ROOT_INODE]);
        let mut unread = vec![ROOT_INODE];
        while let Some(directory) = unread.pop() {
            let children = self.children.get(&directory).into_iter().flatten();
            unread.extend(children.filter(|child| reached.insert(**child)));
        }
        reached
    }
}

/// Returns an entry's name on one line, with any bytes made printable.
fn printable(entry: &DirEntry) -> String {
    entry.name().escape_ascii().to_string()
}
