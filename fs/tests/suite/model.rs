//! A model of the file system, as simple as possible: a tree in memory with the rules of xv6 and no
//! disk. The random tests and the power-cut tests run both and compare.

use std::collections::BTreeMap;

use abi::FileKind;
use fs::layout::MAX_FILE_SIZE;
use fs::{BlockDevice, FileSystem, FsError, InodeNo, NewNode};

use crate::support::{CREATE_WRITE, ROOT, Seen, Snapshot, pattern};

/// A call with its arguments.
#[derive(Clone, Debug)]
pub enum Call {
    Create(Vec<u8>),
    Mkdir(Vec<u8>),
    Mknod(Vec<u8>, u16, u16),
    Link(Vec<u8>, Vec<u8>),
    Unlink(Vec<u8>),
    /// Opens a file, making it if it does not exist, writes, and closes it.
    Write {
        path: Vec<u8>,
        offset: u32,
        length: usize,
        seed: u32,
    },
    Truncate(Vec<u8>),
    /// Opens a file and keeps it open.
    Open(Vec<u8>),
    /// Closes the file that was opened first.
    Close,
}

#[derive(Clone, Debug)]
enum Node {
    File(Vec<u8>),
    Device(u16, u16),
    Directory {
        parent: usize,
        names: BTreeMap<Vec<u8>, usize>,
    },
}

/// The model.
#[derive(Clone, Debug)]
pub struct Model {
    nodes: Vec<Node>,
}

const MODEL_ROOT: usize = 0;

fn components(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|&byte| byte == b'/')
        .filter(|name| !name.is_empty())
        .map(|name| name[..name.len().min(14)].to_vec())
        .collect()
}

impl Model {
    pub fn new() -> Self {
        let root = Node::Directory {
            parent: MODEL_ROOT,
            names: BTreeMap::new(),
        };
        Self { nodes: vec![root] }
    }

    fn names(&mut self, node: usize) -> Result<&mut BTreeMap<Vec<u8>, usize>, FsError> {
        match &mut self.nodes[node] {
            Node::Directory { names, .. } => Ok(names),
            _ => Err(FsError::NotADirectory),
        }
    }

    fn step(&self, node: usize, name: &[u8]) -> Result<usize, FsError> {
        match (&self.nodes[node], name) {
            (Node::Directory { .. }, b".") => Ok(node),
            (Node::Directory { parent, .. }, b"..") => Ok(*parent),
            (Node::Directory { names, .. }, _) => names.get(name).copied().ok_or(FsError::NotFound),
            _ => Err(FsError::NotADirectory),
        }
    }

    fn resolve(&self, path: &[u8]) -> Result<usize, FsError> {
        let mut node = MODEL_ROOT;
        for name in components(path) {
            node = self.step(node, &name)?;
        }
        Ok(node)
    }

    fn resolve_parent(&mut self, path: &[u8]) -> Result<(usize, Vec<u8>), FsError> {
        let mut names = components(path);
        let name = names.pop().ok_or(FsError::Invalid(""))?;
        let parent = self.resolve(&names.join(&b'/'))?;
        self.names(parent)?;
        Ok((parent, name))
    }

    fn add(&mut self, path: &[u8], node: Node) -> Result<(), FsError> {
        let (parent, name) = self.resolve_parent(path)?;
        let is_file = matches!(node, Node::File(_));
        match self.step(parent, &name) {
            Ok(existing) => match (is_file, &self.nodes[existing]) {
                (true, Node::Directory { .. }) => Err(FsError::IsADirectory),
                (true, _) => Ok(()),
                (false, _) => Err(FsError::Exists),
            },
            Err(_) => {
                let number = self.nodes.len();
                self.nodes.push(node);
                self.names(parent)?.insert(name, number);
                Ok(())
            }
        }
    }

    fn bytes(&mut self, path: &[u8]) -> Result<&mut Vec<u8>, FsError> {
        let node = self.resolve(path)?;
        match &mut self.nodes[node] {
            Node::File(bytes) => Ok(bytes),
            Node::Directory { .. } => Err(FsError::IsADirectory),
            Node::Device(..) => Err(FsError::Invalid("")),
        }
    }

    /// Returns the result of the call if the disk has room. For a write that is its length.
    pub fn apply(&mut self, call: &Call) -> Result<usize, FsError> {
        match call {
            Call::Create(path) => self.add(path, Node::File(Vec::new())).map(|()| 0),
            Call::Mkdir(path) => {
                let parent = self.resolve_parent(path).map_or(0, |(parent, _)| parent);
                let names = BTreeMap::new();
                self.add(path, Node::Directory { parent, names })
                    .map(|()| 0)
            }
            Call::Mknod(path, major, minor) => {
                self.add(path, Node::Device(*major, *minor)).map(|()| 0)
            }
            Call::Link(old, new) => {
                let node = self.resolve(old)?;
                if self.names(node).is_ok() {
                    return Err(FsError::IsADirectory);
                }
                let (parent, name) = self.resolve_parent(new)?;
                if self.step(parent, &name).is_ok() {
                    return Err(FsError::Exists);
                }
                self.names(parent)?.insert(name, node);
                Ok(0)
            }
            Call::Unlink(path) => {
                let (parent, name) = self.resolve_parent(path)?;
                if matches!(&name[..], b"." | b"..") {
                    return Err(FsError::Invalid(""));
                }
                let node = self.step(parent, &name)?;
                if self.names(node).is_ok_and(|names| !names.is_empty()) {
                    return Err(FsError::NotEmpty);
                }
                self.names(parent)?.remove(&name);
                Ok(0)
            }
            Call::Write { length, .. } => self.write_part(call, *length),
            Call::Truncate(path) => {
                self.bytes(path)?.clear();
                Ok(0)
            }
            Call::Open(path) => self.resolve(path).map(|_| 0),
            Call::Close => Ok(0),
        }
    }

    /// Applies a [`Call::Write`] of which only the first `part` bytes were written.
    pub fn write_part(&mut self, call: &Call, part: usize) -> Result<usize, FsError> {
        let Call::Write {
            path,
            offset,
            length,
            seed,
        } = call
        else {
            panic!("not a write");
        };
        self.add(path, Node::File(Vec::new()))?;
        let bytes = self.bytes(path)?;
        let offset = *offset as usize;
        if offset > bytes.len() {
            return Err(FsError::Invalid(""));
        }
        if offset + length > MAX_FILE_SIZE as usize {
            return Err(FsError::TooLarge);
        }
        let end = offset + part;
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset..end].copy_from_slice(&pattern(*seed, *length)[..part]);
        Ok(part)
    }

    /// Returns everything that can be seen from the root, in the form in which `support::snapshot`
    /// finds it on a disk.
    pub fn snapshot(&self) -> Snapshot {
        let mut names = Vec::new();
        self.collect(MODEL_ROOT, b"", &mut names);
        names.sort();
        let mut seen = Snapshot::new();
        for (path, node) in &names {
            let same = || names.iter().filter(|(_, other)| other == node);
            let (kind, links, bytes) = match &self.nodes[*node] {
                Node::File(bytes) => (FileKind::File, same().count(), bytes.clone()),
                Node::Device(major, minor) => (
                    FileKind::Device,
                    same().count(),
                    [major.to_le_bytes(), minor.to_le_bytes()].concat(),
                ),
                Node::Directory { names, .. } => {
                    let inside = names.values().map(|child| &self.nodes[*child]);
                    let directories = inside.filter(|node| matches!(node, Node::Directory { .. }));
                    (FileKind::Directory, 1 + directories.count(), Vec::new())
                }
            };
            let same_as = same().next().unwrap().0.clone();
            seen.insert(
                path.clone(),
                Seen {
                    kind,
                    links: links as u16,
                    same_as,
                    bytes,
                },
            );
        }
        seen
    }

    fn collect(&self, node: usize, prefix: &[u8], names: &mut Vec<(Vec<u8>, usize)>) {
        if let Node::Directory { names: inside, .. } = &self.nodes[node] {
            for (name, child) in inside {
                let path = [prefix, b"/", name].concat();
                self.collect(*child, &path, names);
                names.push((path, *child));
            }
        }
    }
}

/// A file system, and the files that calls left open.
pub struct Subject<D> {
    pub files: FileSystem<D>,
    open: Vec<InodeNo>,
}

impl<D: BlockDevice> Subject<D> {
    pub fn new(files: FileSystem<D>) -> Self {
        Self {
            files,
            open: Vec::new(),
        }
    }

    /// Makes the call. A write that finds no space has written nothing, but may have made the file.
    /// Here that counts as a success with 0 bytes.
    pub fn apply(&mut self, call: &Call) -> Result<usize, FsError> {
        let files = &mut self.files;
        match call {
            Call::Create(path) => {
                let inode = files.create(ROOT, path, NewNode::File)?;
                files.release(inode).map(|()| 0)
            }
            Call::Mkdir(path) => files.mkdir(ROOT, path).map(|()| 0),
            Call::Mknod(path, major, minor) => files.mknod(ROOT, path, *major, *minor).map(|()| 0),
            Call::Link(old, new) => files.link(ROOT, old, new).map(|()| 0),
            Call::Unlink(path) => files.unlink(ROOT, path).map(|()| 0),
            Call::Write {
                path,
                offset,
                length,
                seed,
            } => {
                let inode = files.open(ROOT, path, CREATE_WRITE)?;
                let bytes = pattern(*seed, *length);
                let written = files.write_at(inode, u64::from(*offset), &bytes);
                files.release(inode)?;
                match written {
                    Err(FsError::NoSpace) => Ok(0),
                    written => written,
                }
            }
            Call::Truncate(path) => {
                let inode = files.lookup(ROOT, path)?;
                let outcome = files.truncate(inode);
                files.release(inode)?;
                outcome.map(|()| 0)
            }
            Call::Open(path) => {
                self.open.push(files.lookup(ROOT, path)?);
                Ok(0)
            }
            Call::Close => {
                if !self.open.is_empty() {
                    files.release(self.open.remove(0))?;
                }
                Ok(0)
            }
        }
    }

    /// Closes all files. Returns the file system.
    pub fn finish(mut self) -> FileSystem<D> {
        for inode in self.open.drain(..) {
            self.files.release(inode).unwrap();
        }
        self.files
    }
}

/// Returns whether two outcomes are equal, apart from reasons in words.
pub fn same_outcome(a: Result<usize, FsError>, b: Result<usize, FsError>) -> bool {
    matches!((a, b), (Err(FsError::Invalid(_)), Err(FsError::Invalid(_)))) || a == b
}
