//! Open files.

use abi::{FileKind, OpenFlags, Stat};
use fs::{FsError, InodeNo};
use sync::{Counted, Held, SleepLock, Vacant, level};

use super::bounce::Bounce;
use super::device::Device;
use super::{FileHandle, Pipe, cached, system};
use crate::process::{Caller, pager, standstill};
use crate::syscall::Failed;
use crate::user_memory::UserSlice;

/// An open file.
pub struct OpenFile {
    object: Object,
    flags: OpenFlags,
}

enum Object {
    /// A file or directory, read and written at an offset that all descriptors share.
    Inode {
        inode: InodeNo,
        offset: SleepLock<level::Offset, u64>,
    },
    /// A device, through a device file.
    Device { inode: InodeNo, device: Device },
    /// The end of a pipe that is read.
    Reader(Counted<Pipe>),
    /// The end of a pipe that is written.
    Writer(Counted<Pipe>),
}

impl OpenFile {
    /// Opens `inode`, which `fs` has opened with these flags, and takes the reference to it over.
    /// Fails for a device that this kernel does not have; the reference is then released.
    pub fn open(
        room: Vacant<Self>,
        inode: InodeNo,
        flags: OpenFlags,
        held: &mut Held<level::Nothing>,
    ) -> Result<FileHandle, Failed> {
        match Self::object(inode, held) {
            Ok(object) => Ok(room.fill(Self { object, flags })),
            Err(failed) => {
                system::release(inode, held);
                Err(failed)
            }
        }
    }

    fn object(inode: InodeNo, held: &mut Held<level::Nothing>) -> Result<Object, Failed> {
        let major = system::with(held, |fs| match fs.kind(inode)? {
            FileKind::Device => fs.device_numbers(inode).map(|(major, _)| Some(major)),
            FileKind::File | FileKind::Directory => Ok(None),
        })?;
        match major {
            None => Ok(Object::Inode {
                inode,
                offset: SleepLock::new(0),
            }),
            Some(major) => match Device::open(major) {
                Some(device) => Ok(Object::Device { inode, device }),
                None => Err(Failed),
            },
        }
    }

    /// Returns the reading end of a pipe.
    pub fn reader(pipe: Counted<Pipe>) -> Self {
        Self {
            object: Object::Reader(pipe),
            flags: OpenFlags::READ_ONLY,
        }
    }

    /// Returns the writing end of a pipe.
    pub fn writer(pipe: Counted<Pipe>) -> Self {
        Self {
            object: Object::Writer(pipe),
            flags: OpenFlags::WRITE_ONLY,
        }
    }

    /// Reads into the caller's memory. Returns how many bytes were read, 0 at the end of the file.
    /// If the memory turns out bad half-way, the bytes before stay read, and the offset has moved
    /// on.
    ///
    /// A read of 0 bytes returns 0 at once for every kind of file, because it must not wait for
    /// input that it does not want. [`OpenFile::write`] of 0 bytes does so, too.
    pub fn read(&self, to: UserSlice, caller: &mut Caller) -> Result<usize, Failed> {
        if !self.flags.readable() {
            return Err(Failed);
        }
        if to.len() == 0 {
            return Ok(0);
        }
        match &self.object {
            Object::Inode { inode, offset } => read_inode(*inode, offset, to, caller),
            Object::Device { device, .. } => device.read(to, caller),
            Object::Reader(pipe) => pipe.read(to, caller),
            Object::Writer(_) => Err(Failed),
        }
    }

    /// Writes all of the caller's bytes. Returns their number. If the memory turns out bad, or the
    /// disk full, half-way, the first part has been written and the call fails.
    pub fn write(&self, from: UserSlice, caller: &mut Caller) -> Result<usize, Failed> {
        if !self.flags.writable() {
            return Err(Failed);
        }
        if from.len() == 0 {
            return Ok(0);
        }
        match &self.object {
            Object::Inode { inode, offset } => write_inode(*inode, offset, from, caller),
            Object::Device { device, .. } => device.write(from, caller),
            Object::Writer(pipe) => pipe.write(from, caller),
            Object::Reader(_) => Err(Failed),
        }
    }

    /// Returns the inode of a plain file that can be read, with a reference for a mapping, and
    /// whether the file can be written.
    pub fn for_mapping(&self, held: &mut Held<level::Nothing>) -> Result<(InodeNo, bool), Failed> {
        let Object::Inode { inode, .. } = self.object else {
            return Err(Failed);
        };
        if !self.flags.readable() {
            return Err(Failed);
        }
        system::with(held, |fs| match fs.kind(inode)? {
            FileKind::File => {
                fs.retain(inode);
                Ok(())
            }
            FileKind::Directory | FileKind::Device => Err(FsError::IsADirectory),
        })?;
        Ok((inode, self.flags.writable()))
    }

    /// Returns the description of the file. Pipes have none.
    pub fn stat(&self, held: &mut Held<level::Nothing>) -> Result<Stat, Failed> {
        match &self.object {
            Object::Inode { inode, .. } | Object::Device { inode, .. } => {
                Ok(system::with(held, |fs| fs.stat(*inode))?)
            }
            Object::Reader(_) | Object::Writer(_) => Err(Failed),
        }
    }
}

/// Drops a handle. The last handle closes the file.
pub fn close(file: FileHandle, held: &mut Held<level::Nothing>) {
    match file.into_inner().map(|file| file.object) {
        None => {}
        Some(Object::Inode { inode, .. } | Object::Device { inode, .. }) => {
            system::release(inode, held);
        }
        Some(Object::Reader(pipe)) => pipe.close_reader(held),
        Some(Object::Writer(pipe)) => pipe.close_writer(held),
    }
}

fn read_inode(
    inode: InodeNo,
    offset: &SleepLock<level::Offset, u64>,
    to: UserSlice,
    caller: &mut Caller,
) -> Result<usize, Failed> {
    let mut bounce = Bounce::for_length(to.len());
    let mut done = 0;
    while done < to.len() {
        let wanted = (to.len() - done).min(bounce.len());
        let count = {
            let mut passage = standstill::pass(&mut caller.held);
            let mut offset = offset.lock(passage.held());
            let (offset, held) = offset.parts();
            let count = cached::read_at(inode, *offset, &mut bounce[..wanted], held)?;
            *offset += count as u64;
            count
        };
        pager::note_shortage();
        to.write(done, &bounce[..count], caller)?;
        done += count;
        if count < wanted {
            break;
        }
    }
    Ok(done)
}

fn write_inode(
    inode: InodeNo,
    offset: &SleepLock<level::Offset, u64>,
    from: UserSlice,
    caller: &mut Caller,
) -> Result<usize, Failed> {
    let mut bounce = Bounce::for_length(from.len());
    let mut done = 0;
    while done < from.len() {
        let wanted = (from.len() - done).min(bounce.len());
        let good = match from.read(done, &mut bounce[..wanted], caller) {
            Ok(()) => wanted,
            Err(bad) => bad.copied,
        };
        let mut passage = standstill::pass(&mut caller.held);
        let mut offset = offset.lock(passage.held());
        let (offset, held) = offset.parts();
        let count = cached::write_at(inode, *offset, &bounce[..good], held)?;
        *offset += count as u64;
        if count < wanted {
            return Err(Failed);
        }
        done += count;
    }
    Ok(done)
}
