//! A second writer of xv6 images, which shares no code with `fs`. To Cowslip its images are
//! foreign.
//!
//! It lays an image out as the courses' `mkfs` does, oddities included. Every file is appended to,
//! alternating with the root directory that lists it, and takes its blocks in the order in which it
//! first needs them. The root's size is rounded up to a whole block, and by one block more if it
//! was whole already. Of the links to the root, only its own `.` is counted.

use anyhow::{Result, ensure};

const BLOCK: usize = 1024;
const BLOCKS: usize = 2000;
const INODES: usize = 200;
const INODE: usize = 64;
const INODES_PER_BLOCK: usize = BLOCK / INODE;
const BITS_PER_BLOCK: usize = BLOCK * 8;
/// The number of block numbers in an inode, and in an indirect block.
const ADDRESSES: usize = 13;
const INDIRECT: usize = BLOCK / 4;
const ENTRY: usize = 16;
const NAME: usize = 14;
const MAGIC: usize = 0x1020_3040;

const DIRECTORY: u16 = 1;
const FILE: u16 = 2;

/// The meaning of the block numbers in an inode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// 12 direct blocks and an indirect one.
    Usual,
    /// 11 direct blocks, an indirect and a double-indirect one. The last is never used, because the
    /// lab's `mkfs` does not know it.
    FileSystemLab,
}

impl Shape {
    const fn direct(self) -> usize {
        match self {
            Self::Usual => 12,
            Self::FileSystemLab => 11,
        }
    }

    /// Returns the largest size of a file, in bytes.
    pub const fn file_max(self) -> usize {
        (self.direct() + INDIRECT) * BLOCK
    }
}

/// Returns an image with these files in its root directory, and a log of `log_blocks` blocks, its
/// header included.
pub fn image<'a>(
    log_blocks: usize,
    shape: Shape,
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<Vec<u8>> {
    let mut image = Image::new(log_blocks, shape);
    let root = image.make(DIRECTORY)?;
    for name in [".", ".."] {
        image.append(root, &entry(root, name)?)?;
    }
    for (name, bytes) in files {
        let inode = image.make(FILE)?;
        image.append(root, &entry(inode, name)?)?;
        image.append(inode, bytes)?;
    }
    let size = &mut image.inodes[root].size;
    *size = (*size / BLOCK + 1) * BLOCK;
    Ok(image.finish())
}

fn entry(inode: usize, name: &str) -> Result<[u8; ENTRY]> {
    ensure!(name.len() <= NAME, "the name {name} is too long");
    let mut bytes = [0; ENTRY];
    bytes[..2].copy_from_slice(&(inode as u16).to_le_bytes());
    bytes[2..2 + name.len()].copy_from_slice(name.as_bytes());
    Ok(bytes)
}

struct Inode {
    kind: u16,
    size: usize,
    addresses: [u32; ADDRESSES],
}

struct Image {
    shape: Shape,
    bytes: Vec<u8>,
    inodes_start: usize,
    bitmap_start: usize,
    next_free: u32,
    /// The inodes by number. Number 0 names no inode.
    inodes: Vec<Inode>,
}

impl Image {
    /// Lays out boot block, superblock, log, inodes, bitmap and data.
    fn new(log_blocks: usize, shape: Shape) -> Self {
        let log_start = 2;
        let inodes_start = log_start + log_blocks;
        let bitmap_start = inodes_start + INODES / INODES_PER_BLOCK + 1;
        let data_start = bitmap_start + BLOCKS / BITS_PER_BLOCK + 1;
        let mut bytes = vec![0; BLOCKS * BLOCK];
        let superblock = [
            MAGIC,
            BLOCKS,
            BLOCKS - data_start,
            INODES,
            log_blocks,
            log_start,
            inodes_start,
            bitmap_start,
        ];
        for (place, number) in bytes[BLOCK..].chunks_mut(4).zip(superblock) {
            place.copy_from_slice(&(number as u32).to_le_bytes());
        }
        let nobody = Inode {
            kind: 0,
            size: 0,
            addresses: [0; ADDRESSES],
        };
        Self {
            shape,
            bytes,
            inodes_start,
            bitmap_start,
            next_free: data_start as u32,
            inodes: vec![nobody],
        }
    }

    /// Makes the next inode. Returns its number.
    fn make(&mut self, kind: u16) -> Result<usize> {
        let number = self.inodes.len();
        ensure!(number < INODES, "there are too many files for the image");
        self.inodes.push(Inode {
            kind,
            size: 0,
            addresses: [0; ADDRESSES],
        });
        Ok(number)
    }

    fn append(&mut self, inode: usize, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let size = self.inodes[inode].size;
            let block = self.block_at(inode, size / BLOCK)? as usize;
            let start = size % BLOCK;
            let (piece, rest) = bytes.split_at(bytes.len().min(BLOCK - start));
            self.bytes[block * BLOCK + start..][..piece.len()].copy_from_slice(piece);
            self.inodes[inode].size += piece.len();
            bytes = rest;
        }
        Ok(())
    }

    /// Returns the number of a file's block. Allocates it if it does not exist.
    fn block_at(&mut self, inode: usize, index: usize) -> Result<u32> {
        let direct = self.shape.direct();
        ensure!(index < direct + INDIRECT, "a file is too large");
        let slot = index.min(direct);
        let mut block = self.inodes[inode].addresses[slot];
        if block == 0 {
            block = self.allocate()?;
            self.inodes[inode].addresses[slot] = block;
        }
        if index < direct {
            return Ok(block);
        }
        let place = block as usize * BLOCK + 4 * (index - direct);
        let place = place..place + 4;
        if self.bytes[place.clone()] == [0; 4] {
            let block = self.allocate()?;
            self.bytes[place.clone()].copy_from_slice(&block.to_le_bytes());
        }
        let mut number = [0; 4];
        number.copy_from_slice(&self.bytes[place]);
        Ok(u32::from_le_bytes(number))
    }

    /// Returns the number of the next free block.
    fn allocate(&mut self) -> Result<u32> {
        let number = self.next_free;
        ensure!(
            (number as usize) < BLOCKS,
            "the files do not fit into the image"
        );
        self.next_free += 1;
        Ok(number)
    }

    /// Writes the inodes, each with one link, and the bitmap.
    fn finish(mut self) -> Vec<u8> {
        for (number, inode) in self.inodes.iter().enumerate().skip(1) {
            let record = &mut self.bytes[self.inodes_start * BLOCK + number * INODE..][..INODE];
            record[0..2].copy_from_slice(&inode.kind.to_le_bytes());
            record[6..8].copy_from_slice(&1_u16.to_le_bytes());
            record[8..12].copy_from_slice(&(inode.size as u32).to_le_bytes());
            for (place, address) in record[12..].chunks_mut(4).zip(inode.addresses) {
                place.copy_from_slice(&address.to_le_bytes());
            }
        }
        let bitmap = &mut self.bytes[self.bitmap_start * BLOCK..];
        for block in 0..self.next_free as usize {
            bitmap[block / 8] |= 1 << (block % 8);
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use ::fs::{FileSystem, InodeNo, MemoryDisk, fsck};

    use super::*;

    #[test]
    fn what_the_stranger_wrote_is_sound_and_can_be_read() {
        let large: Vec<u8> = (0..Shape::Usual.file_max())
            .map(|at| (at % 251) as u8)
            .collect();
        // 62 files and two dots fill the root's block. Its size then says that it has another
        // block.
        let names: Vec<String> = (0..61).map(|number| format!("file{number}")).collect();
        let small = names.iter().map(|name| (name.as_str(), name.as_bytes()));
        for log_blocks in [30, 31] {
            let files = small.clone().chain([("large-14-bytes", large.as_slice())]);
            let image = image(log_blocks, Shape::Usual, files).expect("room for all");
            assert_eq!(image.len(), 2_048_000);
            let mut disk = MemoryDisk::from_bytes(image);
            let findings = fsck::check(&mut disk);
            assert!(fsck::is_sound(&findings), "{findings:?}");

            let mut files = FileSystem::mount(disk, 8).expect("a file system");
            assert_eq!(files.stat(InodeNo::ROOT).expect("a root").size, 2048);
            let mut read = |name: &[u8], size: usize| {
                let inode = files.lookup(InodeNo::ROOT, name).expect("it is there");
                let mut bytes = vec![0; size];
                assert_eq!(files.read_at(inode, 0, &mut bytes), Ok(size));
                bytes
            };
            assert_eq!(read(b"large-14-bytes", large.len()), large);
            assert_eq!(read(b"file60", 6), b"file60");
        }
    }
}
