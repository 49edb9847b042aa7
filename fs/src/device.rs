//! The disk as the file system sees it: an array of 1 KiB blocks that can be read, written and
//! flushed.
//!
//! A write may stay in the device's own cache, in any order with other writes, until a flush
//! returns; a single block is written wholly or not at all. The log is built on exactly these
//! two promises. Neighbours: the kernel implements [`BlockDevice`] over virtio, the tests over
//! memory with power cuts.

use alloc::vec;
use alloc::vec::Vec;

use abi::BLOCK_SIZE;

/// The error that a device refused or failed a request. The caller knows the request and adds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceError;

/// A disk of 1 KiB blocks.
pub trait BlockDevice {
    /// Returns how many blocks the device has.
    fn blocks(&self) -> u32;

    /// Reads consecutive blocks from `first` on. The buffer's length is a multiple of 1024 bytes.
    fn read(&mut self, first: u32, buffer: &mut [u8]) -> Result<(), DeviceError>;

    /// Writes consecutive blocks from `first` on. The buffer's length is a multiple of 1024 bytes.
    /// The blocks may reach the medium in any order, each wholly or not at all.
    fn write(&mut self, first: u32, buffer: &[u8]) -> Result<(), DeviceError>;

    /// Waits until every write that has returned is on the medium.
    fn flush(&mut self) -> Result<(), DeviceError>;
}

/// A disk in memory, for building and checking images and for tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryDisk {
    bytes: Vec<u8>,
}

impl MemoryDisk {
    /// Returns a disk of `blocks` blocks of zeros.
    pub fn new(blocks: u32) -> Self {
        Self {
            bytes: vec![0; blocks as usize * BLOCK_SIZE],
        }
    }

    /// Returns a disk that holds `image`; an incomplete block at its end is not part of the disk.
    pub fn from_bytes(image: Vec<u8>) -> Self {
        Self { bytes: image }
    }

    /// Returns the disk's contents.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Returns the bytes of `length / 1024` blocks from `first` on, if the disk has them all.
    fn range(&self, first: u32, length: usize) -> Result<core::ops::Range<usize>, DeviceError> {
        let start = first as usize * BLOCK_SIZE;
        let end = start + length;
        if length.is_multiple_of(BLOCK_SIZE) && end <= self.blocks() as usize * BLOCK_SIZE {
            Ok(start..end)
        } else {
            Err(DeviceError)
        }
    }
}

impl BlockDevice for MemoryDisk {
    fn blocks(&self) -> u32 {
        u32::try_from(self.bytes.len() / BLOCK_SIZE).unwrap_or(u32::MAX)
    }

    fn read(&mut self, first: u32, buffer: &mut [u8]) -> Result<(), DeviceError> {
        let range = self.range(first, buffer.len())?;
        buffer.copy_from_slice(&self.bytes[range]);
        Ok(())
    }

    fn write(&mut self, first: u32, buffer: &[u8]) -> Result<(), DeviceError> {
        let range = self.range(first, buffer.len())?;
        self.bytes[range].copy_from_slice(buffer);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }
}

/// A borrowed disk is a disk too, so that a disk can be lent for one mount or one check.
impl<D: BlockDevice + ?Sized> BlockDevice for &mut D {
    fn blocks(&self) -> u32 {
        (**self).blocks()
    }

    fn read(&mut self, first: u32, buffer: &mut [u8]) -> Result<(), DeviceError> {
        (**self).read(first, buffer)
    }

    fn write(&mut self, first: u32, buffer: &[u8]) -> Result<(), DeviceError> {
        (**self).write(first, buffer)
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        (**self).flush()
    }
}
