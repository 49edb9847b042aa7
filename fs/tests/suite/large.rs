//! A disk so large and so full that the blocks of one file are spread over more blocks of the
//! bitmap than a transaction can change.

use std::collections::BTreeMap;

use abi::BLOCK_SIZE;
use fs::fsck::{self, Finding};
use fs::layout::BITS_PER_BLOCK;
use fs::mkfs::format;
use fs::{BlockDevice, DeviceError, FileSystem, FsError, InodeNo, MemoryDisk};

use crate::support::{CREATE_WRITE, ROOT, lines, pattern, read_inode};

const GROUPS: u32 = 40;
const BLOCKS: u32 = GROUPS * BITS_PER_BLOCK;
const LENGTH: usize = 60 * BLOCK_SIZE;

/// A disk that stores only the blocks that were written.
#[derive(Clone)]
struct SparseDisk {
    blocks: BTreeMap<u32, Vec<u8>>,
    /// The number of block writes after which none reaches the disk.
    power: u32,
}

impl BlockDevice for SparseDisk {
    fn blocks(&self) -> u32 {
        BLOCKS
    }

    fn read(&mut self, first: u32, buffer: &mut [u8]) -> Result<(), DeviceError> {
        for (number, buffer) in (first..).zip(buffer.chunks_mut(BLOCK_SIZE)) {
            match self.blocks.get(&number) {
                Some(bytes) => buffer.copy_from_slice(bytes),
                None => buffer.fill(0),
            }
        }
        Ok(())
    }

    fn write(&mut self, first: u32, buffer: &[u8]) -> Result<(), DeviceError> {
        for (number, bytes) in (first..).zip(buffer.chunks(BLOCK_SIZE)) {
            if self.power > 0 {
                self.power -= 1;
                self.blocks.insert(number, bytes.to_vec());
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }
}

/// Returns a disk with two free blocks in each group of 8192 that one block of the bitmap
/// describes. The others are marked as in use, which the checker calls leaked. The log has `nlog`
/// blocks.
fn crowded(nlog: u8) -> SparseDisk {
    let mut disk = SparseDisk {
        blocks: BTreeMap::new(),
        power: u32::MAX,
    };
    format(&mut disk, BLOCKS, 20).unwrap();
    let mut superblock = [0; BLOCK_SIZE];
    disk.read(1, &mut superblock).unwrap();
    superblock[16] = nlog;
    disk.write(1, &superblock).unwrap();
    let bitmap = u32::from_le_bytes(superblock[28..32].try_into().unwrap());
    for group in 0..GROUPS {
        let mut bits = [0xff; BLOCK_SIZE];
        bits[900] = 0b1011_1110;
        disk.write(bitmap + group, &bits).unwrap();
    }
    disk
}

fn with_file(disk: SparseDisk) -> (FileSystem<SparseDisk>, InodeNo) {
    let mut files = FileSystem::mount(disk, 100).unwrap();
    assert_eq!(files.free_blocks(), Ok(2 * GROUPS));
    let inode = files.open(ROOT, b"/f", CREATE_WRITE).unwrap();
    assert_eq!(files.write_at(inode, 0, &pattern(1, LENGTH)), Ok(LENGTH));
    assert_eq!(files.free_blocks(), Ok(2 * GROUPS - 61));
    (files, inode)
}

/// Mounts a disk after a power cut. Returns the length of the file, or `None` if it is gone.
fn recovered(disk: SparseDisk) -> Option<usize> {
    let mut files = FileSystem::mount(
        SparseDisk {
            power: u32::MAX,
            ..disk
        },
        100,
    )
    .unwrap();
    let free = files.free_blocks().unwrap();
    let length = match files.lookup(ROOT, b"/f") {
        Ok(inode) => {
            let bytes = read_inode(&mut files, inode).unwrap();
            assert_eq!(bytes, pattern(1, LENGTH)[..bytes.len()]);
            Some(bytes.len())
        }
        Err(error) => {
            assert_eq!(error, FsError::NotFound);
            assert_eq!(free, 2 * GROUPS, "everything was reclaimed");
            None
        }
    };
    let findings = fsck::check(&mut files.unmount().unwrap());
    let leaks = |finding: &&Finding| !matches!(finding, Finding::Leaked { .. });
    let others: Vec<_> = findings.iter().filter(leaks).cloned().collect();
    assert!(others.is_empty(), "{}", lines(&others));
    length
}

/// The test uses logs of all lengths, so that every step of the work meets a full transaction.
#[test]
fn a_scattered_file_is_written_and_emptied_in_several_transactions() {
    for nlog in 11..=31 {
        let (mut files, inode) = with_file(crowded(nlog));
        files.truncate(inode).unwrap();
        assert_eq!(files.stat(inode).unwrap().size, 0);
        assert_eq!(files.free_blocks(), Ok(2 * GROUPS));
        files.release(inode).unwrap();
        let disk = files.unmount().unwrap();

        let (mut files, inode) = with_file(disk);
        files.release(inode).unwrap();
        files.unlink(ROOT, b"/f").unwrap();
        assert_eq!(files.free_blocks(), Ok(2 * GROUPS));
        let disk = files.unmount().unwrap();

        let (mut files, inode) = with_file(disk);
        files.unlink(ROOT, b"/f").unwrap();
        assert_eq!(files.free_blocks(), Ok(2 * GROUPS - 61));
        files.release(inode).unwrap();
        assert_eq!(files.free_blocks(), Ok(2 * GROUPS));
    }
}

#[test]
fn a_power_cut_between_the_transactions_leaves_a_shorter_file_or_none() {
    let (mut files, inode) = with_file(crowded(31));
    files.release(inode).unwrap();
    let disk = files.unmount().unwrap();
    let mut lengths = Vec::new();
    for power in 0.. {
        let cut = SparseDisk {
            power,
            ..disk.clone()
        };
        let mut files = FileSystem::mount(cut, 100).unwrap();
        let inode = files.lookup(ROOT, b"/f").unwrap();
        files.truncate(inode).unwrap();
        let disk = files.unmount().unwrap();
        let finished = disk.power > 0;
        lengths.push(recovered(disk).expect("truncating leaves the name"));
        if finished {
            break;
        }
    }
    assert!(lengths.is_sorted_by(|a, b| a >= b));
    lengths.dedup();
    assert!(lengths.len() > 2, "{lengths:?}");
    assert_eq!((lengths[0], lengths[lengths.len() - 1]), (LENGTH, 0));
}

#[test]
fn a_power_cut_while_a_scattered_file_is_unlinked_loses_no_block() {
    let (mut files, inode) = with_file(crowded(31));
    files.release(inode).unwrap();
    let disk = files.unmount().unwrap();
    let mut names = Vec::new();
    for power in 0.. {
        let cut = SparseDisk {
            power,
            ..disk.clone()
        };
        let mut files = FileSystem::mount(cut, 100).unwrap();
        files.unlink(ROOT, b"/f").unwrap();
        let disk = files.unmount().unwrap();
        let finished = disk.power > 0;
        names.push(recovered(disk));
        if finished {
            break;
        }
    }
    names.dedup();
    assert_eq!(names, [Some(LENGTH), None]);
}

#[test]
fn a_disk_in_memory_refuses_what_it_does_not_have() {
    let mut disk = MemoryDisk::new(3);
    let mut two = [0; 2 * BLOCK_SIZE];
    assert_eq!(disk.read(1, &mut two), Ok(()));
    assert_eq!(disk.read(2, &mut two), Err(DeviceError));
    assert_eq!(disk.write(u32::MAX, &two), Err(DeviceError));
    assert_eq!(disk.write(0, &two[..1000]), Err(DeviceError));
}
