//! Contents on their way between a file and the cache, and those who look at what is there.

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

/// A page of a file that is to be read.
///
/// Whoever gets one fills [`FileRead::bytes_mut`], with zeros behind the end of the file, and ends
/// it with [`FileRead::finish`]. If the file has no such page, or cannot be read, it is dropped.
#[must_use = "somebody waits for the page"]
pub struct FileRead<'m, M: Machine> {
    memory: &'m Memory<M>,
    page: FilePage,
    frame: FrameNo,
}

impl<'m, M: Machine> FileRead<'m, M> {
    /// Returns a read of a page that the cache lacks, into a frame of which `floor` others are
    /// left. Returns none if somebody else began meanwhile.
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

    /// Returns what to fill.
    pub fn bytes_mut(&mut self) -> &mut [u8; PAGE_SIZE] {
        let (memory, frame) = (self.memory, self.frame);
        phys::incoming_bytes_mut(&memory.machine, frame, self)
    }

    /// Says that the page has been read. What comes back keeps it until the fault has been tried
    /// again.
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

/// A changed page of a file that is to be written back.
///
/// Whoever gets one writes [`WriteBack::bytes`] to the file, as far as the file goes, and ends it
/// with [`WriteBack::finish`]. One that is dropped has failed, and the page stays dirty.
#[must_use = "somebody may wait for the page"]
pub struct WriteBack<'m, M: Machine> {
    memory: &'m Memory<M>,
    frame: FrameNo,
}

impl<M: Machine> WriteBack<'_, M> {
    /// Returns what to write. Nobody changes it meanwhile.
    pub fn bytes(&self) -> &[u8; PAGE_SIZE] {
        phys::outgoing_bytes(&self.memory.machine, self.frame, self)
    }

    /// Says how it went. Returns how many frames are free for it.
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

/// A page in the cache that its holder reads from.
pub struct PinnedPage<'m, M: Machine> {
    memory: &'m Memory<M>,
    frame: FrameNo,
}

impl<M: Machine> PinnedPage<'_, M> {
    /// Copies from byte `offset` of the page on. What programs write meanwhile is seen or not, byte
    /// by byte.
    ///
    /// # Panics
    /// If the page has not so many bytes.
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
    /// Returns a page of a file, if it is in the cache and not on its way there.
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

    /// Returns a read of a page that the cache lacks, on behalf of somebody who could do without
    /// the cache: none if memory is short.
    pub fn read_into_cache(&self, page: FilePage) -> Option<FileRead<'_, M>> {
        let floor = self.budget.kept() + self.budget.reserve() / 2;
        FileRead::begin(self, page, floor).ok().flatten()
    }

    /// Returns a write-back of a page, if it is dirty. Nobody can write it any more when this
    /// returns, until it is finished.
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

    /// Returns a write-back of a dirty page whose frame is wanted. The page is unmapped before it
    /// is written, and free at the end, or when the last thread that waits for it has tried again.
    /// If it could be touched meanwhile, a program that is faster than the disk would keep every
    /// page that is written.
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

    /// Returns the next dirty page of any file, and where to go on from. Begins at 0.
    pub fn next_dirty(&self, from: u64) -> Option<(FilePage, u64)> {
        let mut frames = self.frames.all().zip(0..).skip(from as usize);
        frames.find_map(|((_, record), index)| {
            let dirty = record.kind() == Kind::File && record.cached() == Cached::Dirty;
            // If it is another page by now, so be it: whoever is told of a page asks whether it is
            // dirty.
            dirty.then(|| (record.file().page(), index + 1))
        })
    }

    /// Changes what the cache has of a file, after the file itself, as `write` does.
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
            // One that is on its way will be read after this.
            if let Some(page) = self.cached_page(page) {
                phys::write_shared(&self.machine, page.frame, start, &bytes[done..end]);
            }
            done = end;
        }
    }

    /// Forgets pages that a file has no longer: nothing maps them any more when this returns, and
    /// what was written to them is lost. Private copies stay their owners'.
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
            // Without an entry, too: whoever evicts the page may not have told the harts yet.
            self.flush_file(file);
            for _ in 0..=entries {
                self.drop_reference(frame);
            }
        }
        self.files.cuts.end();
    }
}
