//! An image that the tests of the checker damage, and a disk with a bad block.

use abi::BLOCK_SIZE;
use fs::fsck::{self, Finding, Severity};
use fs::layout::{
    Block, DIRECT, DirEntry, DiskInode, ENTRIES_PER_BLOCK, Geometry, INDIRECT, INODES_PER_BLOCK,
    LogHeader,
};
use fs::{BlockDevice, FileSystem, InodeNo, MemoryDisk};
use zerocopy::little_endian::U32;
use zerocopy::transmute_mut;

use crate::support::{ROOT, disk, lines, pattern, write_file};

/// An image to damage: `/file` (with an indirect block), `/dir`, `/dir/sub`, `/dir/inner`.
pub struct Victim {
    pub disk: MemoryDisk,
    pub geometry: Geometry,
    pub file: u32,
    pub dir: u32,
    pub sub: u32,
    pub inner: u32,
}

impl Victim {
    pub fn new() -> Self {
        let mut files = FileSystem::mount(disk(300, 40), 8).unwrap();
        write_file(&mut files, b"/file", &pattern(1, 20_000));
        files.mkdir(ROOT, b"/dir").unwrap();
        files.mkdir(ROOT, b"/dir/sub").unwrap();
        write_file(&mut files, b"/dir/inner", b"inner");
        let number = |files: &mut FileSystem<MemoryDisk>, path: &[u8]| {
            let inode = files.lookup(ROOT, path).unwrap();
            files.release(inode).unwrap();
            inode.number()
        };
        let [file, dir, sub, inner] = [b"/file".as_slice(), b"/dir", b"/dir/sub", b"/dir/inner"]
            .map(|path| number(&mut files, path));
        let mut disk = files.unmount().unwrap();
        let mut superblock = [0; BLOCK_SIZE];
        disk.read(1, &mut superblock).unwrap();
        let geometry = Geometry::check(&superblock, disk.blocks()).unwrap();
        assert_eq!(fsck::check(&mut disk), [], "sound before the damage");
        Self {
            disk,
            geometry,
            file,
            dir,
            sub,
            inner,
        }
    }

    pub fn edit(&mut self, block: u32, change: impl FnOnce(&mut Block)) {
        let mut contents = [0; BLOCK_SIZE];
        self.disk.read(block, &mut contents).unwrap();
        change(&mut contents);
        self.disk.write(block, &contents).unwrap();
    }

    pub fn edit_inode(&mut self, number: u32, change: impl FnOnce(&mut DiskInode)) {
        let (block, index) = self.geometry.inode_position(number);
        self.edit(block, |block| {
            let inodes: &mut [DiskInode; INODES_PER_BLOCK as usize] = transmute_mut!(block);
            change(&mut inodes[index]);
        });
    }

    pub fn inode(&mut self, number: u32) -> DiskInode {
        let mut copy = DiskInode::FREE;
        self.edit_inode(number, |inode| copy = *inode);
        copy
    }

    /// Changes the entries of a directory of one block.
    pub fn edit_entries(
        &mut self,
        directory: u32,
        change: impl FnOnce(&mut [DirEntry; ENTRIES_PER_BLOCK as usize]),
    ) {
        let block = self.inode(directory).addresses[0].get();
        self.edit(block, |block| change(transmute_mut!(block)));
    }

    /// Changes the entry with this name.
    pub fn edit_entry(&mut self, directory: u32, name: &[u8], change: impl FnOnce(&mut DirEntry)) {
        self.edit_entries(directory, |entries| {
            let entry = entries.iter_mut().find(|entry| entry.name() == name);
            change(entry.unwrap());
        });
    }

    /// Adds an entry at the end of a directory of one block.
    pub fn add_entry(&mut self, directory: u32, name: &[u8], inode: u32) {
        let used = self.inode(directory).size.get() as usize / 16;
        self.edit_entries(directory, |entries| {
            entries[used] = DirEntry::new(inode as u16, name);
        });
        let size = (used as u32 + 1) * 16;
        self.edit_inode(directory, |inode| inode.size.set(size));
    }

    pub fn edit_indirect(&mut self, number: u32, change: impl FnOnce(&mut [U32; INDIRECT])) {
        let block = self.inode(number).addresses[DIRECT].get();
        self.edit(block, |block| change(transmute_mut!(block)));
    }

    pub fn flip_bit(&mut self, block: u32) {
        let (bitmap, bit) = self.geometry.bitmap_position(block);
        self.edit(bitmap, |bits| bits[bit as usize / 8] ^= 1 << (bit % 8));
    }

    /// Writes the log's header.
    pub fn put_log(&mut self, targets: &[u32], count: u32) {
        let start = self.geometry.log_start;
        self.edit(start, |block| {
            let header: &mut LogHeader = transmute_mut!(block);
            header.count.set(count);
            for (place, target) in header.targets.iter_mut().zip(targets) {
                place.set(*target);
            }
        });
    }

    /// Fails unless the checker finds this. Also uses the disk with the file system, because damage
    /// must not make it panic.
    #[track_caller]
    pub fn assert_finds(mut self, expected: Finding) {
        let findings = fsck::check(&mut self.disk);
        assert!(findings.contains(&expected), "found: {}", lines(&findings));
        assert!(!expected.to_string().contains('\n'));
        if expected.severity() == Severity::Error {
            assert!(!fsck::is_sound(&findings));
        }
        if let Ok(mut files) = FileSystem::mount(self.disk, 8) {
            for path in ["/dir/sub", "/dir/inner", "/dir", "/file", "/new"] {
                let _ = files.unlink(InodeNo::ROOT, path.as_bytes());
                let _ = files.mkdir(InodeNo::ROOT, path.as_bytes());
            }
        }
    }

    /// Fails unless the checker finds this and nothing else.
    #[track_caller]
    pub fn assert_finds_only(mut self, expected: Finding) {
        assert_eq!(fsck::check(&mut self.disk), std::slice::from_ref(&expected));
        self.assert_finds(expected);
    }
}

/// A disk with one bad block.
pub struct Scratched(pub MemoryDisk, pub u32);

impl BlockDevice for Scratched {
    fn blocks(&self) -> u32 {
        self.0.blocks()
    }

    fn read(&mut self, first: u32, buffer: &mut [u8]) -> Result<(), fs::DeviceError> {
        let blocks = first..first + (buffer.len() / BLOCK_SIZE) as u32;
        if blocks.contains(&self.1) {
            return Err(fs::DeviceError);
        }
        self.0.read(first, buffer)
    }

    fn write(&mut self, first: u32, buffer: &[u8]) -> Result<(), fs::DeviceError> {
        self.0.write(first, buffer)
    }

    fn flush(&mut self) -> Result<(), fs::DeviceError> {
        self.0.flush()
    }
}
