//! What several tests use: small file systems, files as byte strings, snapshots of whole trees.

use std::collections::BTreeMap;

use abi::{FileKind, OpenFlags};
use fs::layout::{DirEntry, ENTRY_SIZE};
use fs::mkfs::format;
use fs::{BlockDevice, FileSystem, FsError, InodeNo, MemoryDisk, fsck};
use zerocopy::FromBytes;

pub type Files = FileSystem<MemoryDisk>;

pub const ROOT: InodeNo = InodeNo::ROOT;
pub const CREATE_WRITE: OpenFlags = OpenFlags::CREATE.with(OpenFlags::READ_WRITE);

/// Returns an empty disk.
pub fn disk(blocks: u32, inodes: u32) -> MemoryDisk {
    let mut disk = MemoryDisk::new(blocks);
    format(&mut disk, blocks, inodes).unwrap();
    disk
}

/// Returns an empty file system with a cache small enough to evict.
pub fn mounted(blocks: u32, inodes: u32) -> Files {
    FileSystem::mount(disk(blocks, inodes), 16).unwrap()
}

/// Returns an empty file system of 1000 blocks and 100 inodes.
pub fn files() -> Files {
    mounted(1000, 100)
}

/// Returns bytes that differ from block to block and from seed to seed.
pub fn pattern(seed: u32, length: usize) -> Vec<u8> {
    (0..length as u32)
        .map(|i| (i.wrapping_mul(31) ^ (i >> 8) ^ seed.wrapping_mul(97)) as u8)
        .collect()
}

/// Makes a file with these bytes, or overwrites the beginning of an existing one.
pub fn write_file(files: &mut Files, path: &[u8], bytes: &[u8]) {
    let inode = files.open(ROOT, path, CREATE_WRITE).unwrap();
    assert_eq!(files.write_at(inode, 0, bytes), Ok(bytes.len()));
    files.release(inode).unwrap();
}

/// Returns all bytes of a file or directory.
pub fn read_inode<D: BlockDevice>(
    files: &mut FileSystem<D>,
    inode: InodeNo,
) -> Result<Vec<u8>, FsError> {
    let size = files.stat(inode)?.size as usize;
    let mut bytes = vec![0; size + 1];
    let read = files.read_at(inode, 0, &mut bytes)?;
    assert_eq!(read, size, "reading ends where the file ends");
    bytes.truncate(read);
    Ok(bytes)
}

/// Returns all bytes of a file.
pub fn read_file<D: BlockDevice>(
    files: &mut FileSystem<D>,
    path: &[u8],
) -> Result<Vec<u8>, FsError> {
    let inode = files.lookup(ROOT, path)?;
    let bytes = read_inode(files, inode);
    files.release(inode)?;
    bytes
}

/// Returns the names in a directory with their inodes, `.` and `..` included.
pub fn entries<D: BlockDevice>(
    files: &mut FileSystem<D>,
    path: &[u8],
) -> Result<Vec<(Vec<u8>, u32)>, FsError> {
    let bytes = read_file(files, path)?;
    let entries = bytes.chunks_exact(ENTRY_SIZE).map(|bytes| {
        let entry = DirEntry::read_from_bytes(bytes).unwrap();
        (entry.name().to_vec(), u32::from(entry.inode.get()))
    });
    Ok(entries.filter(|(_, inode)| *inode != 0).collect())
}

/// Returns whether a path exists.
pub fn exists(files: &mut Files, path: &[u8]) -> bool {
    match files.lookup(ROOT, path) {
        Ok(inode) => {
            files.release(inode).unwrap();
            true
        }
        Err(FsError::NotFound) => false,
        Err(error) => panic!("{error}"),
    }
}

/// Returns the numbers of free blocks and free inodes. They show whether anything was lost.
pub fn free(files: &mut Files) -> (u32, u32) {
    (files.free_blocks().unwrap(), files.free_inodes().unwrap())
}

/// Ends the mount. Fails if the checker finds anything, even a note.
pub fn assert_clean(files: Files) {
    let mut disk = files.unmount().unwrap();
    let findings = fsck::check(&mut disk);
    assert!(findings.is_empty(), "{}", lines(&findings));
}

/// Returns findings as text.
pub fn lines(findings: &[fsck::Finding]) -> String {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// What can be seen of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub kind: FileKind,
    pub links: u16,
    /// The alphabetically first path of the inode.
    pub same_as: Vec<u8>,
    /// A file's bytes or a device's numbers. Empty for a directory.
    pub bytes: Vec<u8>,
}

/// Everything that can be seen from the root, by path.
pub type Snapshot = BTreeMap<Vec<u8>, Seen>;

/// Returns everything that can be seen from the root.
pub fn snapshot<D: BlockDevice>(files: &mut FileSystem<D>) -> Result<Snapshot, FsError> {
    let mut first_paths = BTreeMap::new();
    let mut seen = BTreeMap::new();
    let mut unread = vec![Vec::new()];
    while let Some(directory) = unread.pop() {
        let mut names = entries(files, &[&directory[..], b"/"].concat())?;
        names.retain(|(name, _)| !matches!(&name[..], b"." | b".."));
        for (name, number) in names {
            let path = [&directory[..], b"/", &name].concat();
            let inode = files.lookup(ROOT, &path)?;
            let stat = files.stat(inode)?;
            assert_eq!(stat.inode, number);
            let kind = files.kind(inode)?;
            let bytes = match kind {
                FileKind::File => read_inode(files, inode)?,
                FileKind::Directory => {
                    unread.push(path.clone());
                    Vec::new()
                }
                FileKind::Device => {
                    let (major, minor) = files.device_numbers(inode)?;
                    [major.to_le_bytes(), minor.to_le_bytes()].concat()
                }
            };
            files.release(inode)?;
            let same_as: &mut Vec<u8> = first_paths.entry(number).or_insert(path.clone());
            if path < *same_as {
                *same_as = path.clone();
            }
            seen.insert(path, (number, kind, stat.links, bytes));
        }
    }
    let with_first_path = |(number, kind, links, bytes)| Seen {
        kind,
        links,
        same_as: first_paths[&number].clone(),
        bytes,
    };
    let seen = seen.into_iter();
    Ok(seen
        .map(|(path, found)| (path, with_first_path(found)))
        .collect())
}

/// Numbers that look random and are equal in every run (xorshift, Marsaglia 2003).
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}
