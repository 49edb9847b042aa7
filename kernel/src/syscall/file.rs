//! Open files and descriptors.

use abi::{OpenFlags, Stat};
use sync::{Counted, Vacant};

use super::{Answer, Call, Failed};
use crate::file::{self, FileHandle, OpenFile, Pipe, Reserved, cached, system};
use crate::memory::memory;
use crate::process::Caller;
use crate::user_memory::{Path, UserSlice};

/// Runs `action` on the open file of descriptor `fd`. The handle keeps the file open meanwhile.
fn with_file<R>(
    caller: &mut Caller,
    fd: i32,
    action: impl FnOnce(&OpenFile, &mut Caller) -> Result<R, Failed>,
) -> Result<R, Failed> {
    let file = handle(caller, fd)?;
    let result = action(&file, caller);
    file::close(file, &mut caller.held);
    result
}

pub(super) fn handle(caller: &mut Caller, fd: i32) -> Result<FileHandle, Failed> {
    let thread = caller.thread;
    let files = thread.process.files.lock(&mut caller.held);
    files.descriptors.get(fd).cloned().ok_or(Failed)
}

fn reserve(caller: &mut Caller) -> Result<Reserved, Failed> {
    let thread = caller.thread;
    let mut files = thread.process.files.lock(&mut caller.held);
    files.descriptors.reserve().ok_or(Failed)
}

fn cancel(caller: &mut Caller, reserved: Reserved) {
    let thread = caller.thread;
    let mut files = thread.process.files.lock(&mut caller.held);
    files.descriptors.cancel(reserved);
}

/// Opens a reserved descriptor for `file`. If `file` is an error, gives the descriptor back.
fn open_or_cancel(
    caller: &mut Caller,
    reserved: Reserved,
    file: Result<FileHandle, Failed>,
) -> Answer {
    match file {
        Ok(file) => {
            let thread = caller.thread;
            let mut files = thread.process.files.lock(&mut caller.held);
            Ok(files.descriptors.open(reserved, file) as u64)
        }
        Err(failed) => {
            cancel(caller, reserved);
            Err(failed)
        }
    }
}

fn close_descriptor(caller: &mut Caller, fd: i32) -> Result<(), Failed> {
    let thread = caller.thread;
    let file = thread
        .process
        .files
        .lock(&mut caller.held)
        .descriptors
        .take(fd);
    file::close(file.ok_or(Failed)?, &mut caller.held);
    Ok(())
}

fn slice(buffer: u64, count: i32) -> Result<UserSlice, Failed> {
    let length = usize::try_from(count).map_err(|_| Failed)?;
    Ok(UserSlice::new(buffer, length))
}

pub fn open(call: &mut Call, path: u64, flags: i32) -> Answer {
    let caller = &mut call.caller;
    let path = Path::read(path, caller)?;
    let flags = OpenFlags(flags);
    let reserved = reserve(caller)?;
    let file = open_file(caller, &path, flags);
    open_or_cancel(caller, reserved, file)
}

/// Opens a file. Memory is allocated first, because a call that fails for lack of memory must not
/// have made or truncated a file. A program's file must not be truncated while it runs.
fn open_file(caller: &mut Caller, path: &Path, flags: OpenFlags) -> Result<FileHandle, Failed> {
    let room = Vacant::try_new()?;
    let path = path.bytes();
    let inode = system::in_directory(caller, |fs, directory| {
        let changes = flags.writable() || flags.contains(OpenFlags::TRUNCATE);
        if changes && let Ok(inode) = fs.lookup(directory, path) {
            let running = memory().is_running(cached::file_of(inode));
            fs.release(inode)?;
            if running {
                return Ok(None);
            }
        }
        fs.open(directory, path, flags).map(Some)
    })?;
    OpenFile::open(room, inode.ok_or(Failed)?, flags, &mut caller.held)
}

pub fn close(call: &mut Call, fd: i32) -> Answer {
    close_descriptor(&mut call.caller, fd)?;
    Ok(0)
}

pub fn dup(call: &mut Call, fd: i32) -> Answer {
    let caller = &mut call.caller;
    let reserved = reserve(caller)?;
    let file = handle(caller, fd);
    open_or_cancel(caller, reserved, file)
}

pub fn pipe(call: &mut Call, ends: u64) -> Answer {
    let caller = &mut call.caller;
    // An error here may drop the pipe without waking anything: no process waits at its ends yet.
    let pipe = Counted::try_new(Pipe::try_new()?)?;
    let reader = Counted::try_new(OpenFile::reader(pipe.clone()))?;
    let writer = Counted::try_new(OpenFile::writer(pipe))?;
    let first = reserve(caller)?;
    let second = match reserve(caller) {
        Ok(second) => second,
        Err(failed) => {
            cancel(caller, first);
            return Err(failed);
        }
    };
    let numbers = [first.number(), second.number()];
    open_or_cancel(caller, first, Ok(reader))?;
    open_or_cancel(caller, second, Ok(writer))?;
    let bytes = numbers.map(i32::to_ne_bytes);
    let bytes = bytes.as_flattened();
    let told = UserSlice::new(ends, bytes.len()).write(0, bytes, caller);
    if told.is_err() {
        for number in numbers {
            close_descriptor(caller, number)?;
        }
    }
    told?;
    Ok(0)
}

pub fn read(call: &mut Call, fd: i32, buffer: u64, count: i32) -> Answer {
    let to = slice(buffer, count)?;
    let count = with_file(&mut call.caller, fd, |file, caller| file.read(to, caller))?;
    Ok(count as u64)
}

pub fn write(call: &mut Call, fd: i32, buffer: u64, count: i32) -> Answer {
    let from = slice(buffer, count)?;
    let count = with_file(&mut call.caller, fd, |file, caller| {
        file.write(from, caller)
    })?;
    Ok(count as u64)
}

pub fn fstat(call: &mut Call, fd: i32, stat: u64) -> Answer {
    let described = with_file(&mut call.caller, fd, |file, caller| {
        file.stat(&mut caller.held)
    })?;
    let bytes = stat_bytes(&described);
    UserSlice::new(stat, bytes.len()).write(0, &bytes, &mut call.caller)?;
    Ok(0)
}

/// Returns the C layout of [`Stat`].
fn stat_bytes(stat: &Stat) -> [u8; size_of::<Stat>()] {
    let mut bytes = [0; size_of::<Stat>()];
    bytes[0..4].copy_from_slice(&stat.device.to_ne_bytes());
    bytes[4..8].copy_from_slice(&stat.inode.to_ne_bytes());
    bytes[8..10].copy_from_slice(&stat.kind.to_ne_bytes());
    bytes[10..12].copy_from_slice(&stat.links.to_ne_bytes());
    bytes[16..24].copy_from_slice(&stat.size.to_ne_bytes());
    bytes
}
