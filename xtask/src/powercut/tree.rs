//! The contents of a directory of a disk, in the form of `user::promises`.

use std::collections::BTreeMap;

use abi::{FileKind, NAME_MAX};
use anyhow::{Context, Result, bail};
use fs::{FileSystem, InodeNo, MemoryDisk};
use user::promises::{Seen, Tree};

/// The size of a directory entry: the number of the inode, then the name.
const ENTRY: usize = 2 + NAME_MAX;

/// Reads everything in the directory at `root`.
pub fn read(disk: &mut FileSystem<MemoryDisk>, root: &str) -> Result<Tree> {
    let mut reader = Reader {
        disk,
        root,
        found: BTreeMap::new(),
    };
    reader.read_directory("")?;
    let mut first_paths = BTreeMap::new();
    let seen = reader.found.into_iter().map(|(path, node)| {
        let seen = match node {
            Node::Directory => Seen::Directory,
            Node::File { inode, bytes } => Seen::File {
                same_as: first_paths
                    .entry(inode)
                    .or_insert_with(|| path.clone())
                    .clone(),
                bytes,
            },
        };
        (path, seen)
    });
    Ok(seen.collect())
}

enum Node {
    Directory,
    File { inode: u32, bytes: Vec<u8> },
}

struct Reader<'a> {
    disk: &'a mut FileSystem<MemoryDisk>,
    root: &'a str,
    found: BTreeMap<String, Node>,
}

impl Reader<'_> {
    /// Reads a directory. Its path from the root is empty or ends in a slash.
    fn read_directory(&mut self, directory: &str) -> Result<()> {
        let (_, _, entries) = self.look(directory)?;
        for entry in entries.chunks_exact(ENTRY) {
            let (inode, name) = entry.split_at(2);
            let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
            if inode == [0, 0] || name == b"." || name == b".." {
                continue;
            }
            let path = format!("{directory}{}", String::from_utf8_lossy(name));
            let (inode, kind, bytes) = self.look(&path)?;
            let node = match kind {
                FileKind::Directory => {
                    self.read_directory(&format!("{path}/"))?;
                    Node::Directory
                }
                FileKind::File => Node::File { inode, bytes },
                FileKind::Device => bail!("{path} is a device file"),
            };
            self.found.insert(path, node);
        }
        Ok(())
    }

    /// Returns the number, the kind and the bytes of the inode at a path from the root.
    fn look(&mut self, path: &str) -> Result<(u32, FileKind, Vec<u8>)> {
        let full = format!("{}/{path}", self.root);
        let failed = || format!("cannot read {full}");
        let inode = self
            .disk
            .lookup(InodeNo::ROOT, full.as_bytes())
            .with_context(failed)?;
        let stat = self.disk.stat(inode).with_context(failed)?;
        let kind = self.disk.kind(inode).with_context(failed)?;
        let mut bytes = Vec::new();
        if kind != FileKind::Device {
            bytes.resize(usize::try_from(stat.size)?, 0);
            let count = self
                .disk
                .read_at(inode, 0, &mut bytes)
                .with_context(failed)?;
            bytes.truncate(count);
        }
        self.disk.release(inode).with_context(failed)?;
        Ok((stat.inode, kind, bytes))
    }
}
