//! Pretended files, and the kernel's part in caching their pages.

use std::collections::HashMap;
#[cfg(not(shuttle))]
use std::sync::Mutex;

use abi::PAGE_SIZE;
#[cfg(shuttle)]
use shuttle::sync::Mutex;

use super::FakeMachine;
use crate::file::{FileNo, FilePage, FileRead, WriteBack};
use crate::memory::Memory;
use crate::pt::Format;
use crate::space::copy::CopyFailure;
use crate::swap::{PageWait, TransferError};

/// All files of a machine. The mutex stands for the file system's lock.
#[derive(Default)]
pub struct Files(Mutex<State>);

#[derive(Default)]
struct State {
    contents: HashMap<u32, Vec<u8>>,
    reads: u64,
    broken: bool,
}

impl State {
    /// Returns the bytes of a page of a file. The file must have the page.
    fn page(&mut self, page: FilePage) -> &mut [u8] {
        let contents = self.contents.entry(page.file.0).or_default();
        let start = (page.index as usize * PAGE_SIZE).min(contents.len());
        let end = (start + PAGE_SIZE).min(contents.len());
        &mut contents[start..end]
    }
}

type Mem = Memory<FakeMachine>;

impl Files {
    /// Makes every transfer from now on fail, or makes transfers work again.
    pub fn set_broken(&self, broken: bool) {
        self.0.lock().unwrap().broken = broken;
    }

    /// Returns how many pages were read.
    pub fn reads(&self) -> u64 {
        self.0.lock().unwrap().reads
    }

    /// Returns the file's bytes on the disk.
    pub fn on_disk(&self, file: FileNo) -> Vec<u8> {
        self.0.lock().unwrap().contents[&file.0].clone()
    }

    /// Does the read that a fault asks for. Returns the page.
    pub fn fetch<'m, F: Format>(
        &self,
        mut read: FileRead<'m, FakeMachine<F>>,
    ) -> Result<PageWait<'m, FakeMachine<F>>, CopyFailure> {
        let mut state = self.0.lock().unwrap();
        if state.broken {
            return Err(CopyFailure::Lost);
        }
        let bytes = state.page(read.page());
        if bytes.is_empty() {
            return Err(CopyFailure::Denied);
        }
        read.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
        read.bytes_mut()[bytes.len()..].fill(0);
        state.reads += 1;
        Ok(read.finish())
    }
}

/// Does what `write` does: writes to the file, and then to the cached pages.
pub fn write_file(memory: &Mem, file: FileNo, offset: usize, bytes: &[u8]) {
    let mut state = memory.machine().files.0.lock().unwrap();
    let contents = state.contents.entry(file.0).or_default();
    contents.resize(contents.len().max(offset + bytes.len()), 0);
    contents[offset..offset + bytes.len()].copy_from_slice(bytes);
    memory.update_file(file, offset as u64, bytes);
}

/// Does what `read` does, within one page: reads through the cache if there is room in it.
pub fn read_file(memory: &Mem, file: FileNo, offset: usize, length: usize) -> Vec<u8> {
    let index = (offset / PAGE_SIZE) as u32;
    let page = FilePage { file, index };
    if let Some(read) = memory.read_into_cache(page) {
        drop(memory.machine().files.fetch(read).unwrap());
    }
    let start = offset % PAGE_SIZE;
    let mut bytes = vec![0; length];
    match memory.cached_page(page) {
        Some(page) => page.read(start, &mut bytes),
        None => {
            let mut state = memory.machine().files.0.lock().unwrap();
            bytes.copy_from_slice(&state.page(page)[start..start + length]);
        }
    }
    bytes
}

/// Makes a file shorter.
pub fn truncate(memory: &Mem, file: FileNo, length: usize) {
    let mut state = memory.machine().files.0.lock().unwrap();
    let contents = state.contents.entry(file.0).or_default();
    let pages = |length: usize| length.div_ceil(PAGE_SIZE) as u32;
    let cut = pages(length)..pages(contents.len());
    contents.truncate(length);
    memory.cut_file(file, cut);
}

/// Writes a page back if it is dirty. Returns whether the page is clean afterwards.
pub fn write_back(memory: &Mem, page: FilePage) -> bool {
    end_write(memory, page, memory.write_back(page)).is_some()
}

/// Does a write-back that has begun. Returns how many frames it freed, or that it failed.
pub fn end_write<F: Format>(
    memory: &Memory<FakeMachine<F>>,
    page: FilePage,
    write: Option<WriteBack<'_, FakeMachine<F>>>,
) -> Option<u64> {
    let mut state = memory.machine().files.0.lock().unwrap();
    let Some(write) = write else {
        return Some(0);
    };
    if state.broken {
        write.finish(Err(TransferError));
        return None;
    }
    let on_disk = state.page(page);
    let length = on_disk.len();
    on_disk.copy_from_slice(&write.bytes()[..length]);
    Some(write.finish(Ok(())))
}
