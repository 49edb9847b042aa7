//! Images of the file-system lab, whose inodes have a double-indirect block, are told apart from
//! the usual ones and from damage.

use abi::BLOCK_SIZE;
use fs::layout::{DIRECT, DiskInode, INDIRECT, MAX_FILE_BLOCKS, MAX_FILE_SIZE, SuperBlock};
use fs::{FileSystem, MemoryDisk, MountError};
use zerocopy::FromBytes;
use zerocopy::little_endian::U32;

use crate::support::{files, pattern, write_file};

/// The inode of the file that the tests make. The root directory has inode 1.
const FILE: usize = 2;

/// Returns a disk whose one file has `blocks` blocks.
fn with_file(blocks: usize) -> Vec<u8> {
    let mut files = files();
    write_file(&mut files, b"/file", &pattern(7, blocks * BLOCK_SIZE));
    files.unmount().unwrap().into_bytes()
}

fn inode(disk: &mut [u8], number: usize) -> &mut DiskInode {
    let start = SuperBlock::ref_from_prefix(&disk[BLOCK_SIZE..]).unwrap().0;
    let place = start.inodestart.get() as usize * BLOCK_SIZE + number * size_of::<DiskInode>();
    DiskInode::mut_from_prefix(&mut disk[place..]).unwrap().0
}

fn numbers(disk: &mut [u8], block: u32) -> &mut [U32; INDIRECT] {
    let place = block as usize * BLOCK_SIZE;
    <[U32; INDIRECT]>::mut_from_prefix(&mut disk[place..])
        .unwrap()
        .0
}

/// Returns the disk with the file's blocks named as the lab names them: the indirect block one
/// place earlier, with one more number in it.
fn as_in_the_lab(mut disk: Vec<u8>, number: usize) -> Vec<u8> {
    let addresses = &mut inode(&mut disk, number).addresses;
    let (last_direct, indirect) = (addresses[DIRECT - 1], addresses[DIRECT]);
    addresses[DIRECT - 1] = indirect;
    addresses[DIRECT] = U32::ZERO;
    let list = numbers(&mut disk, indirect.get());
    list.rotate_right(1);
    list[0] = last_direct;
    disk
}

fn mount(disk: &[u8]) -> Result<(), MountError> {
    let mut device = MemoryDisk::from_bytes(disk.to_vec());
    let outcome = FileSystem::mount(&mut device, 8).map(drop);
    assert!(device.into_bytes() == disk, "a refused disk is left alone");
    outcome
}

#[test]
fn a_file_of_the_lab_is_known_by_its_indirect_block() {
    for blocks in [DIRECT + 1, DIRECT + 2, 100, MAX_FILE_BLOCKS - 1] {
        let usual = with_file(blocks);
        assert_eq!(mount(&usual), Ok(()), "{blocks}");
        assert_eq!(
            mount(&as_in_the_lab(usual, FILE)),
            Err(MountError::DoubleIndirect),
            "{blocks}"
        );
    }
}

#[test]
fn a_file_that_is_longer_than_files_can_be_is_the_labs_too() {
    let mut disk = as_in_the_lab(with_file(MAX_FILE_BLOCKS - 1), FILE);
    let record = inode(&mut disk, FILE);
    // This is its double-indirect block, whose contents do not matter.
    record.addresses[DIRECT] = record.addresses[0];
    record.size.set(65_803 * BLOCK_SIZE as u32);
    let indirect = record.addresses[DIRECT - 1].get();
    assert_ne!(numbers(&mut disk, indirect)[INDIRECT - 1], U32::ZERO);
    assert_eq!(mount(&disk), Err(MountError::DoubleIndirect));
}

#[test]
fn damage_is_not_taken_for_the_lab() {
    // The indirect block is missing: the last direct block holds bytes of the file.
    let mut disk = with_file(100);
    inode(&mut disk, FILE).addresses[DIRECT] = U32::ZERO;
    assert_eq!(mount(&disk), Ok(()));
    // The size is impossible.
    let mut disk = with_file(100);
    inode(&mut disk, FILE).size.set(MAX_FILE_SIZE + 1);
    assert_eq!(mount(&disk), Ok(()));
    // The list has a hole within the size, or a number beyond the disk.
    for (place, number) in [(50, 0), (200, 1_000_000)] {
        let mut disk = as_in_the_lab(with_file(100), FILE);
        let list = inode(&mut disk, FILE).addresses[DIRECT - 1].get();
        numbers(&mut disk, list)[place].set(number);
        assert_eq!(mount(&disk), Ok(()), "{place}");
    }
}

#[test]
fn the_first_telling_file_decides() {
    let mut files = files();
    for name in [b"/first", b"/other"] {
        write_file(&mut files, name, &pattern(1, 20 * BLOCK_SIZE));
    }
    let disk = files.unmount().unwrap().into_bytes();
    assert_eq!(mount(&as_in_the_lab(disk.clone(), FILE + 1)), Ok(()));
    assert_eq!(
        mount(&as_in_the_lab(disk, FILE)),
        Err(MountError::DoubleIndirect)
    );
}
