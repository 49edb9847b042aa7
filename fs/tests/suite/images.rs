//! Making images, refusing disks that hold none, and images that other tools made.

use abi::{BLOCK_SIZE, FileKind};
use fs::layout::{LOG_BLOCKS, MAX_FILE_SIZE, SuperBlock};
use fs::mkfs::{BuildError, ImageBuilder, format};
use fs::{BlockDevice, FileSystem, FsError, InodeNo, MemoryDisk, MountError, fsck};
use zerocopy::FromBytes;

use crate::model::{Call, Subject};
use crate::support::{
    ROOT, assert_clean, disk, files, mounted, pattern, read_file, read_inode, snapshot, write_file,
};

#[test]
fn a_built_image_holds_what_was_added() {
    let mut builder = ImageBuilder::new(2000, 200).unwrap();
    builder.add_file("/init", &pattern(1, 60_000)).unwrap();
    builder
        .add_file("largest", &pattern(2, MAX_FILE_SIZE as usize))
        .unwrap();
    builder.add_directory("/bin").unwrap();
    builder.add_file("/bin/sh", b"shell").unwrap();
    builder.add_device("/console", 1, 0).unwrap();
    let image = builder.finish().unwrap();
    assert_eq!(image.len(), 2000 * 1024);

    let mut disk = MemoryDisk::from_bytes(image);
    assert_eq!(fsck::check(&mut disk), []);
    let mut files = FileSystem::mount(disk, 8).unwrap();
    assert_eq!(snapshot(&mut files).unwrap().len(), 5);
    assert_eq!(read_file(&mut files, b"/init").unwrap(), pattern(1, 60_000));
    assert_eq!(read_file(&mut files, b"/bin/sh").unwrap(), b"shell");
    let console = files.lookup(ROOT, b"/console").unwrap();
    assert_eq!(files.kind(console), Ok(FileKind::Device));
    assert_eq!(files.device_numbers(console), Ok((1, 0)));
    files.release(console).unwrap();
    assert_clean(files);
}

#[test]
fn what_cannot_be_built_is_said_in_one_line() {
    let line = |error: BuildError| error.to_string();
    let error = ImageBuilder::new(2000, 1).unwrap_err();
    assert_eq!(line(error), "an image has 2 to 65536 inodes, not 1");
    let error = ImageBuilder::new(47, 200).unwrap_err();
    assert_eq!(
        line(error),
        "47 blocks are too few for an image with so many inodes: it takes at least 48"
    );
    assert!(ImageBuilder::new(48, 200).is_ok());

    let mut builder = ImageBuilder::new(100, 20).unwrap();
    builder.add_file("a", b"").unwrap();
    let error = builder.add_file("a", b"").unwrap_err();
    assert_eq!(
        line(error),
        "cannot add a to the image: the name exists already"
    );
    let error = builder.add_file("b/a", b"").unwrap_err();
    assert_eq!(
        line(error),
        "cannot add b/a to the image: no such file or directory"
    );
    let error = builder.add_file("c", &[0; 100 << 10]).unwrap_err();
    assert_eq!(
        line(error),
        "cannot add c to the image: no free block is left on the disk"
    );
    let error = builder.add_file("d", &[0; 300 << 10]).unwrap_err();
    assert_eq!(
        line(error),
        "cannot add d to the image: a file can have at most 268 blocks"
    );
}

#[test]
fn images_of_any_size_are_sound() {
    for (blocks, inodes) in [
        (40, 3),
        (2000, 200),
        (8192, 17),
        (16_385, 5000),
        (20_000, 1 << 16),
    ] {
        let mut disk = disk(blocks, inodes);
        assert_eq!(
            fsck::check(&mut disk),
            [],
            "{blocks} blocks, {inodes} inodes"
        );
        let mut files = FileSystem::mount(disk, 8).unwrap();
        assert_eq!(files.free_inodes(), Ok(inodes - 2));
        write_file(&mut files, b"f", b"");
        assert_eq!(files.unlink(ROOT, b"f"), Ok(()));
        assert_clean(files);
    }
}

/// Returns a disk whose superblock has been changed.
fn with_superblock(change: impl FnOnce(&mut SuperBlock)) -> MemoryDisk {
    let mut disk = disk(1000, 100);
    let mut block = [0; BLOCK_SIZE];
    disk.read(1, &mut block).unwrap();
    change(SuperBlock::mut_from_prefix(&mut block).unwrap().0);
    disk.write(1, &block).unwrap();
    disk
}

#[test]
fn superblocks_that_lie_are_refused() {
    type Change = fn(&mut SuperBlock);
    let cases: &[(Change, &str)] = &[
        (|s| s.magic.set(7), "magic number is 0x7"),
        (
            |s| s.size.set(1001),
            "says 1001 blocks but the disk has 1000",
        ),
        (|s| s.size.set(30), "the bitmap overlaps the data"),
        (|s| s.nblocks.set(1001), "the bitmap overlaps the data"),
        (|s| s.nblocks.set(u32::MAX), "the bitmap overlaps the data"),
        (|s| s.nblocks.set(0), "there are no data blocks"),
        (|s| s.ninodes.set(u32::MAX), "the inodes overlap the bitmap"),
        (|s| s.ninodes.set(1), "no inode for the root"),
        (|s| s.nlog.set(32), "the log overlaps the inodes"),
        (|s| s.nlog.set(u32::MAX), "the log overlaps the inodes"),
        (|s| s.nlog.set(10), "the log has 10 blocks, at least 11"),
        (|s| s.logstart.set(1), "the log overlaps the superblock"),
        (|s| s.logstart.set(u32::MAX), "the log overlaps the inodes"),
        (|s| s.inodestart.set(0), "the log overlaps the inodes"),
        (
            |s| s.inodestart.set(u32::MAX),
            "the inodes overlap the bitmap",
        ),
        (|s| s.bmapstart.set(0), "the inodes overlap the bitmap"),
        (
            |s| s.bmapstart.set(u32::MAX),
            "the bitmap overlaps the data",
        ),
    ];
    for (change, expected) in cases {
        let mut disk = with_superblock(change);
        let error = FileSystem::mount(&mut disk, 8).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}, not {expected}");
        let findings = fsck::check(&mut disk);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].to_string(), error);
    }
}

#[test]
fn disks_that_are_no_file_system_are_refused() {
    for blocks in [0, 1] {
        let error = FileSystem::mount(MemoryDisk::new(blocks), 8).unwrap_err();
        let needed = 0;
        let present = blocks;
        assert_eq!(error, MountError::DeviceTooSmall { needed, present });
    }
    let error = FileSystem::mount(MemoryDisk::new(100), 8).unwrap_err();
    assert_eq!(error, MountError::NotXv6 { magic: 0 });

    let mut cut_off = disk(1000, 100).into_bytes();
    cut_off.truncate(700 << 10);
    let error = FileSystem::mount(MemoryDisk::from_bytes(cut_off), 8).unwrap_err();
    let (needed, present) = (1000, 700);
    assert_eq!(error, MountError::DeviceTooSmall { needed, present });

    let mut image = disk(100, 20).into_bytes();
    image[33 * BLOCK_SIZE + 64] = 0;
    let error = FileSystem::mount(MemoryDisk::from_bytes(image), 8).unwrap_err();
    assert_eq!(error, MountError::NoRoot);
}

#[test]
fn a_disk_may_be_larger_than_its_file_system() {
    let mut device = MemoryDisk::new(500);
    format(&mut device, 100, 20).unwrap();
    let mut files = FileSystem::mount(device, 8).unwrap();
    let inode = files.create(ROOT, b"f", fs::NewNode::File).unwrap();
    assert!(files.write_at(inode, 0, &[1; 200 << 10]).unwrap() < 100 << 10);
    files.release(inode).unwrap();
    assert_clean(files);
}

/// Logs of other lengths: the 30 blocks of older versions of xv6, and the least.
#[test]
fn shorter_logs_hold_every_operation() {
    for nlog in [11, 30, LOG_BLOCKS] {
        let disk = with_superblock(|superblock| superblock.nlog.set(nlog));
        let mut subject = Subject::new(FileSystem::mount(disk, 8).unwrap());
        let path = |name: &str| name.as_bytes().to_vec();
        let bytes = pattern(1, 200_000);
        for number in 0..65 {
            subject
                .apply(&Call::Mkdir(path(&format!("/{number}"))))
                .unwrap();
        }
        let write = Call::Write {
            path: path("/f"),
            offset: 0,
            length: bytes.len(),
            seed: 1,
        };
        assert_eq!(subject.apply(&write), Ok(bytes.len()));
        assert_eq!(read_file(&mut subject.files, b"/f").unwrap(), bytes);
        subject.apply(&Call::Truncate(path("/f"))).unwrap();
        assert_eq!(subject.apply(&write), Ok(bytes.len()));
        subject.apply(&Call::Unlink(path("/f"))).unwrap();
        assert_clean(subject.files);
    }
}

/// xv6's own `mkfs` pads the root directory to whole blocks with unused entries.
#[test]
fn a_padded_directory_is_one() {
    let mut image = disk(1000, 100).into_bytes();
    let size = 33 * BLOCK_SIZE + 64 + 8;
    image[size..size + 4].copy_from_slice(&1024u32.to_le_bytes());
    let mut files = FileSystem::mount(MemoryDisk::from_bytes(image), 8).unwrap();
    write_file(&mut files, b"f", b"x");
    let root = files.lookup(ROOT, b"").unwrap();
    assert_eq!(
        files.stat(root).unwrap().size,
        1024,
        "an unused entry was taken"
    );
    files.release(root).unwrap();
    assert_clean(files);
}

/// If the directory fills its blocks already, `mkfs` records one block more than there is.
#[test]
fn a_directory_may_be_said_to_have_one_block_more() {
    let mut files = mounted(1000, 200);
    for number in 0..62 {
        write_file(&mut files, format!("{number}").as_bytes(), b"x");
    }
    let mut image = files.unmount().unwrap().into_bytes();
    let size = 33 * BLOCK_SIZE + 64 + 8;
    assert_eq!(image[size..size + 4], 1024u32.to_le_bytes());
    image[size..size + 4].copy_from_slice(&2048u32.to_le_bytes());

    let mut files = FileSystem::mount(MemoryDisk::from_bytes(image), 8).unwrap();
    let entries = read_inode(&mut files, ROOT).unwrap();
    assert_eq!(entries.len(), 2048);
    assert_eq!(
        entries[1024..],
        [0; 1024],
        "an absent block is unused entries"
    );
    assert_eq!(files.lookup(ROOT, b"absent"), Err(FsError::NotFound));
    let free = files.free_blocks().unwrap();
    files.mkdir(ROOT, b"d").unwrap();
    write_file(&mut files, b"f", b"y");
    assert_eq!(
        free - files.free_blocks().unwrap(),
        3,
        "one of them the root's"
    );
    assert_eq!(files.stat(ROOT).unwrap().size, 2048);
    assert_eq!(read_file(&mut files, b"f").unwrap(), b"y");
    files.unlink(ROOT, b"f").unwrap();
    assert_eq!(files.lookup(ROOT, b"f"), Err(FsError::NotFound));
    assert_clean(files);
}

#[test]
fn stat_tells_what_xv6_tells() {
    let mut files = files();
    write_file(&mut files, b"f", b"12345");
    let inode = files.lookup(ROOT, b"f").unwrap();
    let stat = files.stat(inode).unwrap();
    assert_eq!(stat.device, 1);
    assert_eq!(stat.inode, inode.number());
    assert_eq!(stat.kind, FileKind::File as u16);
    assert_eq!((stat.links, stat.size), (1, 5));
    assert_eq!(files.kind(InodeNo::ROOT), Ok(FileKind::Directory));
    let numbers = files.device_numbers(inode);
    assert!(matches!(numbers, Err(FsError::Invalid(_))));
    files.release(inode).unwrap();
}
