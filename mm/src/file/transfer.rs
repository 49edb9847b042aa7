//! Transfers of contents between a file and the cache, and reads of cached pages.

use core::ops::Range;

use abi::PAGE_SIZE;

use super::cache::Lookup;
use super::{FileNo, FilePage};
use crate::addr::FrameNo;
use crate::commit::NoMemory;
use crate::frame::{Cached, Kind};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::phys;
use crate::swap::{PageWait, TransferError};

/// A read of a page of a file into the cache.
///
/// The holder fills [`FileRead::bytes_mut`], with zeros behind the end of the file, and then calls
/// [`FileRead::finish`]. If the file has no such page, or the page cannot be read, the holder drops
/// the `FileRead`.
#[must_use = "somebody waits for the page"]
pub struct FileRead<'m, M: Machine> {
    memory: &'m Memory<M>,
    page: FilePage,
    frame: FrameNo,
}

impl<'m, M: Machine> FileRead<'m, M> {
    /// Returns a read of a page that is not in the cache. Its frame is taken only if `floor` others
    /// are left. Returns `None` if another thread has begun to read the page meanwhile.
    pub(crate) fn begin(
        memory: &'m Memory<M>,
        page: FilePage,
        floor: u64,
    ) -> Result<Option<Self>, NoMemory> {
        let frame = memory.cache_for_file_read(page, floor)?;
        Ok(frame.map(|frame| Self {
            memory,
            page,
            frame,
        }))
    }

    /// Returns the page.
    pub fn page(&self) -> FilePage {
        self.page
    }

    /// Returns the bytes to fill.
    pub fn bytes_mut(&mut self) -> &mut [u8; PAGE_SIZE] {
        let (memory, frame) = (self.memory, self.frame);
        phys::incoming_bytes_mut(&memory.machine, frame, self)
    }

    /// Ends a read that succeeded. Returns the page, which the caller holds until it has tried the
    /// fault again.
    pub fn finish(self) -> PageWait<'m, M> {
        let (memory, frame) = (self.memory, self.frame);
        memory.wait_for_file_too(frame);
        memory.end_file_read(frame, Ok(()));
        memory.drop_reference(frame);
        core::mem::forget(self);
        PageWait::new(memory, frame)
    }
}

impl<M: Machine> Drop for FileRead<'_, M> {
    fn drop(&mut self) {
        self.memory.end_file_read(self.frame, Err(TransferError));
        self.memory.drop_reference(self.frame);
    }
}

/// A write-back of a dirty page of a file.
///
/// The holder writes [`WriteBack::bytes`] to the file, up to the end of the file, and then calls
/// [`WriteBack::finish`]. A write-back that is dropped has failed, and the page stays dirty.
#[must_use = "somebody may wait for the page"]
pub struct WriteBack<'m, M: Machine> {
    memory: &'m Memory<M>,
    frame: FrameNo,
}

impl<M: Machine> WriteBack<'_, M> {
    /// Returns the bytes to write. They do not change before the end of the write-back.
    pub fn bytes(&self) -> &[u8; PAGE_SIZE] {
        phys::outgoing_bytes(&self.memory.machine, self.frame, self)
    }

    /// Ends the write-back with the device's result. Returns how many frames that freed.
    pub fn finish(self, result: Result<(), TransferError>) -> u64 {
        let freed = self.memory.end_file_write(self.frame, result);
        core::mem::forget(self);
        freed
    }
}

impl<M: Machine> Drop for WriteBack<'_, M> {
    fn drop(&mut self) {
        self.memory.end_file_write(self.frame, Err(TransferError));
    }
}

/// A cached page from which its holder reads.
pub struct PinnedPage<'m, M: Machine> {
    memory: &'m Memory<M>,
    frame: FrameNo,
}

impl<M: Machine> PinnedPage<'_, M> {
    /// Copies from byte `offset` of the page on. For stores by programs at the same time, each byte
    /// may be the old or the new one.
    ///
    /// # Panics
    ///
    /// If the page ends before `to` is full.
    pub fn read(&self, offset: usize, to: &mut [u8]) {
        phys::read_shared(&self.memory.machine, self.frame, offset, to);
    }
}

impl<M: Machine> Drop for PinnedPage<'_, M> {
    fn drop(&mut self) {
        self.memory.drop_reference(self.frame);
    }
}

impl<M: Machine> Memory<M> {
    /// Returns a page of a file, if it is cached and not being read.
    pub fn cached_page(&self, page: FilePage) -> Option<PinnedPage<'_, M>> {
        match self.look_up_file(page) {
            Lookup::Here(frame) => {
                self.frames.record(frame).file().note_use();
                Some(PinnedPage {
                    memory: self,
                    frame,
                })
            }
            Lookup::Coming(frame) => {
                drop(PageWait::new(self, frame));
                None
            }
            Lookup::Missing => None,
        }
    }

    /// Returns a read of a page that is not in the cache, for a caller that can do without the
    /// cache. Returns `None` if memory is short.
    pub fn read_into_cache(&self, page: FilePage) -> Option<FileRead<'_, M>> {
        let floor = self.budget.kept() + self.budget.reserve() / 2;
        FileRead::begin(self, page, floor).ok().flatten()
    }

    /// Begins the write-back of a page if it is dirty. When this returns, no program can write to
    /// the page until the write-back is finished.
    pub fn write_back(&self, page: FilePage) -> Option<WriteBack<'_, M>> {
        let frame = self.begin_file_write(page, Cached::Writing)?;
        self.for_each_file_mapping(page, frame, |leaf, at, _| {
            leaf.protect(at, frame);
        });
        self.flush_file(page.file);
        Some(WriteBack {
            memory: self,
            frame,
        })
    }

    /// Begins the write-back of a dirty page whose frame is wanted. The page is unmapped before it
    /// is written. Its frame is free at the end of the write, or when the last thread that waits
    /// for it has tried again. If programs could touch the page during the write, a program that is
    /// faster than the disk would keep every page in memory.
    pub fn write_back_to_evict(&self, page: FilePage) -> Option<WriteBack<'_, M>> {
        let frame = self.begin_file_write(page, Cached::Leaving)?;
        let mut entries = 0;
        self.for_each_file_mapping(page, frame, |leaf, at, _| {
            entries += u32::from(leaf.remove(at, frame));
        });
        self.flush_file(page.file);
        for _ in 0..entries {
            self.drop_reference(frame);
        }
        Some(WriteBack {
            memory: self,
            frame,
        })
    }

    /// Returns the next dirty page of any file from position `from` on, and the position at which
    /// to continue. The first position is 0.
    pub fn next_dirty(&self, from: u64) -> Option<(FilePage, u64)> {
        let mut frames = self.frames.all().zip(0..).skip(from as usize);
        frames.find_map(|((_, record), index)| {
            let dirty = record.kind() == Kind::File && record.cached() == Cached::Dirty;
            // The frame may hold another page by now. That does no harm, because the caller checks
            // whether the page is dirty.
            dirty.then(|| (record.file().page(), index + 1))
        })
    }

    /// Changes the cached pages of a file after the file itself was changed, as `write` does.
    pub fn update_file(&self, file: FileNo, offset: u64, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            let (index, start) = (at / PAGE_SIZE as u64, at as usize % PAGE_SIZE);
            let end = bytes.len().min(done + PAGE_SIZE - start);
            let page = FilePage {
                file,
                index: index as u32,
            };
            // A page that is being read gets the new bytes from the file.
            if let Some(page) = self.cached_page(page) {
                phys::write_shared(&self.machine, page.frame, start, &bytes[done..end]);
            }
            done = end;
        }
    }

    /// Drops pages that a file no longer has. When this returns, nothing maps them, and what was
    /// stored to them is lost. Private copies stay with their owners.
    pub fn cut_file(&self, file: FileNo, indices: Range<u32>) {
        self.files.cuts.begin();
        for index in indices {
            let page = FilePage { file, index };
            let Some(frame) = self.uncache_file_page(page) else {
                continue;
            };
            let mut entries = 0;
            self.for_each_file_mapping(page, frame, |leaf, at, _| {
                entries += u32::from(leaf.remove(at, frame));
            });
            // A page without an entry counts too, because its evictor may not have flushed it yet.
            self.flush_file(file);
            for _ in 0..=entries {
                self.drop_reference(frame);
            }
        }
        self.files.cuts.end();
    }
}
