//! What each operation does, fails with, and leaves behind, by the manner of xv6.

use abi::{FileKind, OpenFlags};
use fs::layout::{MAX_FILE_SIZE, MAX_LINKS};
use fs::mkfs::format;
use fs::{FileSystem, FsError, InodeNo, MemoryDisk, NewNode};

type Files = FileSystem<MemoryDisk>;

const ROOT: InodeNo = InodeNo::ROOT;
const CREATE_WRITE: OpenFlags = OpenFlags::CREATE.with(OpenFlags::READ_WRITE);

/// A file system of 1000 blocks (about 950 for data) and 100 inodes.
fn files() -> Files {
    sized(1000, 100)
}

fn sized(blocks: u32, inodes: u32) -> Files {
    let mut disk = MemoryDisk::new(blocks);
    format(&mut disk, blocks, inodes).unwrap();
    FileSystem::mount(disk, 64).unwrap()
}

/// Bytes that differ from block to block and from one seed to the next.
fn pattern(seed: u32, length: usize) -> Vec<u8> {
    (0..length as u32)
        .map(|i| (i.wrapping_mul(31) ^ (i >> 8) ^ seed) as u8)
        .collect()
}

fn write_file(files: &mut Files, path: &[u8], bytes: &[u8]) {
    let inode = files.open(ROOT, path, CREATE_WRITE).unwrap();
    assert_eq!(files.write_at(inode, 0, bytes), Ok(bytes.len()));
    files.release(inode).unwrap();
}

fn read_file(files: &mut Files, path: &[u8]) -> Result<Vec<u8>, FsError> {
    let inode = files.lookup(ROOT, path)?;
    let size = files.stat(inode)?.size as usize;
    let mut bytes = vec![0; size + 1];
    let read = files.read_at(inode, 0, &mut bytes)?;
    files.release(inode)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// What is free, to see that nothing was lost.
fn free(files: &mut Files) -> (u32, u32) {
    (files.free_blocks().unwrap(), files.free_inodes().unwrap())
}

fn exists(files: &mut Files, path: &[u8]) -> bool {
    match files.lookup(ROOT, path) {
        Ok(inode) => {
            files.release(inode).unwrap();
            true
        }
        Err(FsError::NotFound) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_file_holds_what_was_written_at_every_size() {
    let mut files = files();
    for size in [0, 1, 1023, 1024, 1025, 12 * 1024, 12 * 1024 + 1, 100_000] {
        let bytes = pattern(size as u32, size);
        write_file(&mut files, b"/f", &bytes);
        assert_eq!(read_file(&mut files, b"f").unwrap(), bytes, "{size} bytes");
        files.unlink(ROOT, b"f").unwrap();
    }
}
