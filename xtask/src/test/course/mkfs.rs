//! A second writer of xv6 images, which shares nothing with `fs`: images made by it are a stranger's.
//!
//! It lays an image out as the `mkfs` of the courses does, down to what nobody would do on purpose: blocks in the
//! order in which files first need them, a root directory whose size is rounded up to a whole block (to one block more if it
//! was whole already) and that nothing but its own `.` counts as a link of.

use anyhow::{Result, ensure};

const BLOCK: usize = 1024;
const BLOCKS: u32 = 2000;
const INODES: u32 = 200;
const INODE: usize = 64;
const INODES_PER_BLOCK: u32 = (BLOCK / INODE) as u32;
const BITS_PER_BLOCK: u32 = (BLOCK * 8) as u32;
const DIRECT: usize = 12;
const MOST_BLOCKS: usize = DIRECT + BLOCK / 4;
const ENTRY: usize = 16;
const NAME: usize = 14;
const ROOT: u16 = 1;
const MAGIC: u32 = 0x1020_3040;

const DIRECTORY: u16 = 1;
const FILE: u16 = 2;

/// Most bytes of a file.
pub const FILE_MAX: usize = MOST_BLOCKS * BLOCK;

/// An image with these files in its root directory and a log of so many blocks, its header included.
pub fn image<'a>(
    log_blocks: u32,
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<Vec<u8>> {
    let mut image = Image::new(log_blocks);
    let mut entries = vec![entry(ROOT, "."), entry(ROOT, "..")];
    for (index, (name, bytes)) in files.into_iter().enumerate() {
        let inode = ROOT + 1 + index as u16;
        ensure!(name.len() <= NAME && u32::from(inode) < INODES);
        image.add(inode, FILE, bytes, bytes.len())?;
        entries.push(entry(inode, name));
    }
    let root = entries.concat();
    image.add(ROOT, DIRECTORY, &root, (root.len() / BLOCK + 1) * BLOCK)?;
    Ok(image.finish())
}

fn entry(inode: u16, name: &str) -> [u8; ENTRY] {
    let mut bytes = [0; ENTRY];
    bytes[..2].copy_from_slice(&inode.to_le_bytes());
    bytes[2..2 + name.len()].copy_from_slice(name.as_bytes());
    bytes
}

struct Image {
    bytes: Vec<u8>,
    inodes_start: u32,
    bitmap_start: u32,
    next_free: u32,
}

impl Image {
    /// Boot block, superblock, log, inodes, bitmap, data.
    fn new(log_blocks: u32) -> Self {
        let log_start = 2;
        let inodes_start = log_start + log_blocks;
        let bitmap_start = inodes_start + INODES / INODES_PER_BLOCK + 1;
        let data_start = bitmap_start + BLOCKS / BITS_PER_BLOCK + 1;
        let mut bytes = vec![0; BLOCKS as usize * BLOCK];
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
            place.copy_from_slice(&number.to_le_bytes());
        }
        Self {
            bytes,
            inodes_start,
            bitmap_start,
            next_free: data_start,
        }
    }

    fn block(&mut self, number: u32) -> &mut [u8] {
        &mut self.bytes[number as usize * BLOCK..][..BLOCK]
    }

    /// The number of the next block nobody has.
    fn allocate(&mut self) -> Result<u32> {
        let number = self.next_free;
        ensure!(number < BLOCKS, "the files do not fit into the image");
        self.next_free += 1;
        Ok(number)
    }

    /// Writes an inode with one link and its contents, of which it says that they are `size` bytes.
    fn add(&mut self, inode: u16, kind: u16, contents: &[u8], size: usize) -> Result<()> {
        ensure!(contents.len() <= FILE_MAX, "a file is too large");
        let mut record = [0; INODE];
        record[0..2].copy_from_slice(&kind.to_le_bytes());
        record[6..8].copy_from_slice(&1_u16.to_le_bytes());
        record[8..12].copy_from_slice(&(size as u32).to_le_bytes());
        let mut indirect = 0;
        for (index, piece) in contents.chunks(BLOCK).enumerate() {
            let number = self.allocate()?;
            self.block(number)[..piece.len()].copy_from_slice(piece);
            let number = number.to_le_bytes();
            match index.checked_sub(DIRECT) {
                None => record[12 + 4 * index..][..4].copy_from_slice(&number),
                Some(index) => {
                    if index == 0 {
                        indirect = self.allocate()?;
                    }
                    self.block(indirect)[4 * index..][..4].copy_from_slice(&number);
                }
            }
        }
        record[12 + 4 * DIRECT..].copy_from_slice(&indirect.to_le_bytes());
        let inode = u32::from(inode);
        let block = self.inodes_start + inode / INODES_PER_BLOCK;
        let place = (inode % INODES_PER_BLOCK) as usize * INODE;
        self.block(block)[place..][..INODE].copy_from_slice(&record);
        Ok(())
    }

    fn finish(mut self) -> Vec<u8> {
        let used = self.next_free;
        let bitmap = self.block(self.bitmap_start);
        for block in 0..used as usize {
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
        let large: Vec<u8> = (0..FILE_MAX).map(|at| (at % 251) as u8).collect();
        // 62 files and two dots fill the root's block, which is then said to have another.
        let names: Vec<String> = (0..61).map(|number| format!("file{number}")).collect();
        let small = names.iter().map(|name| (name.as_str(), name.as_bytes()));
        for log_blocks in [30, 31] {
            let files = small.clone().chain([("large-14-bytes", large.as_slice())]);
            let image = image(log_blocks, files).expect("room for all");
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
            assert_eq!(read(b"large-14-bytes", FILE_MAX), large);
            assert_eq!(read(b"file60", 6), b"file60");
        }
    }
}
