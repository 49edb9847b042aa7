//! Operations on the bytes of an open inode.
//!
//! Neighbours: `filesystem` for the transaction, `data` and `truncate` for the work.

use abi::{FileKind, PAGE_SIZE};

use crate::device::BlockDevice;
use crate::error::FsError;
use crate::filesystem::FileSystem;
use crate::inode::Inode;
use crate::layout::MAX_FILE_SIZE;
use crate::number::InodeNo;
use crate::truncate::Progress;
use crate::volume::Volume;

impl<D: BlockDevice> Volume<D> {
    /// Returns the inode if it is a plain file.
    pub(crate) fn plain_file(&mut self, number: InodeNo) -> Result<Inode, FsError> {
        let inode = self.inode(number)?;
        match inode.kind {
            FileKind::File => Ok(inode),
            FileKind::Directory => Err(FsError::IsADirectory),
            FileKind::Device => Err(FsError::Invalid("a device file has no bytes")),
        }
    }
}

/// Returns the offset at which a page of a file begins, in bytes.
fn page_offset(page: u32) -> u64 {
    u64::from(page) * PAGE_SIZE as u64
}

impl<D: BlockDevice> FileSystem<D> {
    /// Reads a file or a directory (16-byte entries) from byte `offset` on. Returns how many bytes
    /// were read: fewer than the buffer takes at the end of the file, and 0 beyond it.
    ///
    /// # Errors
    ///
    /// [`FsError::Invalid`] for a device file; an error of the device; the file is corrupt. The
    /// buffer may have changed.
    pub fn read_at(
        &mut self,
        inode: InodeNo,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<usize, FsError> {
        let inode = self.volume.inode(inode)?;
        if inode.kind == FileKind::Device {
            return Err(FsError::Invalid("a device file has no bytes"));
        }
        self.volume.read_inode(&inode, offset, buffer)
    }

    /// Writes a file from byte `offset` on, and extends it if needed. `offset` is at most the
    /// file's size. Returns how many bytes were written. Up to 20 blocks are one transaction (if
    /// the log has its ordinary length). A longer write is done in pieces, in order.
    ///
    /// If a later piece fails, the bytes before it are written, and their number is returned. If
    /// the disk becomes full, the number of bytes that fitted is returned. (xv6's `write` returns
    /// -1 in that case, although the bytes are there.)
    ///
    /// # Errors
    ///
    /// Nothing was written: [`FsError::NoSpace`]; [`FsError::TooLarge`] beyond 268 blocks;
    /// [`FsError::Invalid`] beyond the end of the file or to a device file;
    /// [`FsError::IsADirectory`].
    pub fn write_at(
        &mut self,
        inode: InodeNo,
        offset: u64,
        bytes: &[u8],
    ) -> Result<usize, FsError> {
        let inode = self.volume.plain_file(inode)?;
        if offset > inode.size().into() {
            return Err(FsError::Invalid(
                "a write begins beyond the end of the file",
            ));
        }
        let offset = offset as u32;
        if bytes.len() > (MAX_FILE_SIZE - offset) as usize {
            return Err(FsError::TooLarge);
        }
        let mut inode = inode;
        let mut done = 0;
        while done < bytes.len() {
            let place = offset + done as u32;
            let mut piece = inode;
            let written =
                self.transaction(|volume| volume.write_inode(&mut piece, place, &bytes[done..]));
            match written {
                Ok(0) => break,
                Ok(written) => done += written,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
            inode = piece;
        }
        Ok(done)
    }

    /// Reads page `page` (of 4096 bytes) of a file. The bytes beyond the file's end are zeros.
    /// Returns how many bytes are before the end.
    ///
    /// # Errors
    ///
    /// Those of [`FileSystem::read_at`], and [`FsError::IsADirectory`].
    pub fn read_page(
        &mut self,
        inode: InodeNo,
        page: u32,
        buffer: &mut [u8; PAGE_SIZE],
    ) -> Result<usize, FsError> {
        let inode = self.volume.plain_file(inode)?;
        let valid = self.volume.read_inode(&inode, page_offset(page), buffer)?;
        buffer[valid..].fill(0);
        Ok(valid)
    }

    /// Writes back page `page` (of 4096 bytes) of a file, in one transaction. Returns how many
    /// bytes were written. The file keeps its size, so bytes beyond its end are not written.
    ///
    /// # Errors
    ///
    /// Those of [`FileSystem::write_at`].
    pub fn write_page(
        &mut self,
        inode: InodeNo,
        page: u32,
        buffer: &[u8; PAGE_SIZE],
    ) -> Result<usize, FsError> {
        let size = self.volume.plain_file(inode)?.size();
        let offset = page_offset(page);
        let valid = u64::from(size).saturating_sub(offset);
        let valid = valid.min(PAGE_SIZE as u64) as usize;
        if valid == 0 {
            return Ok(0);
        }
        self.write_at(inode, offset, &buffer[..valid])
    }

    /// Empties a file.
    ///
    /// # Errors
    ///
    /// [`FsError::IsADirectory`]; [`FsError::Invalid`] for a device file. If the device fails in a
    /// later step of a file that is spread over a large disk, the file has become shorter.
    pub fn truncate(&mut self, inode: InodeNo) -> Result<(), FsError> {
        let mut inode = self.volume.plain_file(inode)?;
        loop {
            let progress = self.transaction(|volume| {
                let before = inode;
                let progress = volume.shorten(&mut inode)?;
                if inode != before {
                    volume.store_inode(&inode)?;
                }
                Ok(progress)
            })?;
            if progress == Progress::Done {
                return Ok(());
            }
        }
    }
}
