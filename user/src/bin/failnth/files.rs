//! Descriptors, files, directories and pipes.

use super::trial::{Ended, Trial};
use super::{Operation, answers};
use abi::OpenFlags;
use core::ffi::CStr;
use user::Result;
use user::device;
use user::file::{self, Fd};
use user::testing::outcome::{Outcome, ensure, expect};

pub const ALL: &[Operation] = &[
    answers("pipe", |trial| {
        let (ends, ended) = trial.of(file::pipe)?;
        if let Ok((read_end, write_end)) = ends {
            close_all(&[read_end, write_end])?;
        }
        Ok(ended)
    }),
    answers("dup", dup),
    answers("close", close),
    answers("open", |trial| open(trial, DATA, OpenFlags::READ_ONLY)),
    answers("open of a device", |trial| {
        open(trial, device::AUDIT, OpenFlags::READ_ONLY)
    }),
    answers("open, making", |trial| {
        open(trial, NEW, OpenFlags::WRITE_ONLY.with(OpenFlags::CREATE))
    }),
    answers("open, truncating", truncate),
    answers("mkdir", |trial| make(trial, || file::make_directory(NEW))),
    answers("mknod", |trial| {
        make(trial, || file::make_device(NEW, 1, 0))
    }),
    answers("link", |trial| make(trial, || file::link(DATA, NEW))),
    answers("unlink", |trial| unlink(trial, false)),
    answers("unlink of an open file", |trial| unlink(trial, true)),
    answers("chdir", chdir),
    answers("fstat", |trial| {
        with_data(trial, OpenFlags::READ_ONLY, |data| data.stat().map(drop))
    }),
    answers("read of a file", |trial| {
        with_data(trial, OpenFlags::READ_ONLY, |data| {
            expect_count(data.read(&mut [0; SMALL])?, SMALL)
        })
    }),
    answers("read of much of a file", |trial| {
        with_data(trial, OpenFlags::READ_ONLY, |data| {
            expect_count(data.read(&mut [0; LARGE])?, LARGE)
        })
    }),
    answers("write to a file", |trial| {
        with_data(trial, OpenFlags::WRITE_ONLY, |data| {
            expect_count(data.write(&[1; SMALL])?, SMALL)
        })
    }),
    answers("write of much to a file", |trial| {
        with_data(trial, OpenFlags::WRITE_ONLY, |data| {
            expect_count(data.write(&[1; LARGE])?, LARGE)
        })
    }),
    answers("read of a pipe", |trial| {
        with_pipe(trial, |read_end, _| {
            expect_count(read_end.read(&mut [0; LARGE])?, LARGE)
        })
    }),
    answers("write to a pipe", |trial| {
        with_pipe(trial, |_, write_end| {
            expect_count(write_end.write(&[1; SMALL])?, SMALL)
        })
    }),
];

/// A file of [`LARGE`] bytes.
const DATA: &CStr = c"data";
/// A name that no file has.
const NEW: &CStr = c"new";
/// A directory.
const INNER: &CStr = c"inner";

/// A length that needs no buffer in the kernel, and one that does, in bytes.
const SMALL: usize = 64;
const LARGE: usize = 2048;

/// Makes the files that the operations find in the current directory.
pub fn prepare() -> Result<()> {
    let data = Fd::open(DATA, OpenFlags::WRITE_ONLY.with(OpenFlags::CREATE))?;
    data.write_all(&[1; LARGE])?;
    data.close()?;
    file::make_directory(INNER)
}

fn close_all(files: &[Fd]) -> Result<()> {
    files.iter().try_for_each(|file| file.close())
}

/// Fails unless a transfer moved all bytes. One that stopped early counts as failed.
fn expect_count(seen: usize, expected: usize) -> Result<()> {
    if seen == expected {
        Ok(())
    } else {
        Err(user::Failed)
    }
}

fn exists(path: &CStr) -> Result<bool> {
    match Fd::open(path, OpenFlags::READ_ONLY) {
        Ok(file) => file.close().map(|()| true),
        Err(_) => Ok(false),
    }
}

/// The table of descriptors has room for 64 at first. The next descriptor needs more memory.
fn dup(trial: &Trial) -> Outcome<Ended> {
    let mut last = Fd::OUTPUT.duplicate()?;
    let first = last;
    while last.0 < 63 {
        last = Fd::OUTPUT.duplicate()?;
    }
    let (copy, ended) = trial.of(|| Fd::OUTPUT.duplicate())?;
    if let Ok(copy) = copy {
        expect("the new descriptor", 64, copy.0)?;
        copy.close()?;
    }
    for number in first.0..=last.0 {
        Fd(number).close()?;
    }
    Ok(ended)
}

/// Closes the last descriptor of a file without a name, which frees the file's blocks.
fn close(trial: &Trial) -> Outcome<Ended> {
    let file = Fd::open(NEW, OpenFlags::WRITE_ONLY.with(OpenFlags::CREATE))?;
    file.write_all(&[1; LARGE])?;
    file::unlink(NEW)?;
    Ok(trial.of(|| file.close())?.1)
}

/// Opens a file. If that fails, a file that did not exist before must not exist afterwards.
fn open(trial: &Trial, path: &CStr, flags: OpenFlags) -> Outcome<Ended> {
    let (file, ended) = trial.of(|| Fd::open(path, flags))?;
    if let Ok(file) = file {
        file.close()?;
    }
    if flags.contains(OpenFlags::CREATE) {
        expect("the new file is there", file.is_ok(), exists(path)?)?;
        if file.is_ok() {
            file::unlink(path)?;
        }
    }
    Ok(ended)
}

/// Opens a file and empties it. If that fails, the contents must still be there.
fn truncate(trial: &Trial) -> Outcome<Ended> {
    let flags = OpenFlags::WRITE_ONLY.with(OpenFlags::CREATE);
    let file = Fd::open(NEW, flags)?;
    file.write_all(&[1; SMALL])?;
    let (truncated, ended) = trial.of(|| Fd::open(NEW, flags.with(OpenFlags::TRUNCATE)))?;
    let size = if truncated.is_ok() { 0 } else { SMALL as u64 };
    expect("the file's size", size, file.stat()?.size)?;
    if let Ok(truncated) = truncated {
        truncated.close()?;
    }
    file.close()?;
    file::unlink(NEW)?;
    Ok(ended)
}

/// Makes a name. If that fails, the name must not exist.
fn make(trial: &Trial, act: impl FnOnce() -> Result<()>) -> Outcome<Ended> {
    let (made, ended) = trial.of(act)?;
    // Unlinking shows that the name exists. Opening would not do, because not every device can be
    // opened.
    expect(
        "the new name is there",
        made.is_ok(),
        file::unlink(NEW).is_ok(),
    )?;
    Ok(ended)
}

/// Removes a name. If that fails, the name must still exist.
fn unlink(trial: &Trial, is_open: bool) -> Outcome<Ended> {
    let file = Fd::open(NEW, OpenFlags::WRITE_ONLY.with(OpenFlags::CREATE))?;
    file.write_all(&[1; LARGE])?;
    if !is_open {
        file.close()?;
    }
    let (removed, ended) = trial.of(|| file::unlink(NEW))?;
    expect("the name is there", removed.is_err(), exists(NEW)?)?;
    if removed.is_err() {
        file::unlink(NEW)?;
    }
    if is_open {
        file.close()?;
    }
    Ok(ended)
}

/// Changes the current directory. If that fails, the old one must still be current.
fn chdir(trial: &Trial) -> Outcome<Ended> {
    let (changed, ended) = trial.of(|| file::change_directory(INNER))?;
    expect("the old directory is left", changed.is_ok(), !exists(DATA)?)?;
    Ok(ended)
}

/// Opens [`DATA`] and runs `act` on it.
fn with_data(
    trial: &Trial,
    flags: OpenFlags,
    act: impl FnOnce(Fd) -> Result<()>,
) -> Outcome<Ended> {
    let data = Fd::open(DATA, flags)?;
    let (_, ended) = trial.of(|| act(data))?;
    let size = data.stat()?.size;
    ensure!(
        size == LARGE as u64,
        "expected {LARGE} bytes in the file, saw {size}"
    );
    data.close()?;
    Ok(ended)
}

/// Runs `act` on a pipe with [`LARGE`] bytes in it.
fn with_pipe(trial: &Trial, act: impl FnOnce(Fd, Fd) -> Result<()>) -> Outcome<Ended> {
    let (read_end, write_end) = file::pipe()?;
    write_end.write_all(&[1; LARGE])?;
    let (_, ended) = trial.of(|| act(read_end, write_end))?;
    close_all(&[read_end, write_end])?;
    Ok(ended)
}
