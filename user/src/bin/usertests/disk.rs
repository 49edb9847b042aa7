//! Full disks, full directories, and many writers. Slow.

#![forbid(unsafe_code)]

use crate::lies::{self, OUTSIDE, refused};
use crate::scratch::{
    self, CREATE, READ, clear, link, mkdir, mkdir_fails, numbered, open, open_fails, unlink, write,
};
use abi::BLOCK_SIZE;
use user::file::{self, Fd};
use user::testing::child::{self, Child};
use user::testing::outcome::{Outcome, ensure};

/// A directory of many blocks.
pub fn bigdir() -> Outcome {
    const NAMES: usize = 500;
    clear(c"bd");
    open(c"bd", CREATE)?.close()?;
    for number in 0..NAMES {
        link(c"bd", numbered("bd", number)?.as_c_str())?;
    }
    unlink(c"bd")?;
    for number in 0..NAMES {
        unlink(numbered("bd", number)?.as_c_str())?;
    }
    open_fails(c"bd0", READ)
}

/// Four processes write large files and remove them, again and again.
pub fn manywrites() -> Outcome {
    const PROCESSES: usize = 4;
    const ROUNDS: usize = 30;
    let mut children: [Option<Child>; PROCESSES] = [const { None }; PROCESSES];
    for (process, place) in children.iter_mut().enumerate() {
        let path = numbered("mw", process)?;
        clear(path.as_c_str());
        *place = Some(child::start(|| {
            let buffer = [b'm'; 12 * BLOCK_SIZE];
            for _ in 0..ROUNDS {
                for _ in 0..=process {
                    let fd = open(path.as_c_str(), CREATE)?;
                    write(fd, &buffer)?;
                    fd.close()?;
                }
                unlink(path.as_c_str())?;
            }
            Ok(())
        })?);
    }
    for child in children.into_iter().flatten() {
        child.join()?;
    }
    Ok(())
}

/// A write from a bad address may have allocated a block already. The block is freed with the file.
pub fn badwrite() -> Outcome {
    const ROUNDS: usize = 600;
    clear(c"junk");
    for lie in OUTSIDE.into_iter().cycle().take(ROUNDS) {
        let fd = open(c"junk", CREATE)?;
        refused(
            "write from a bad address",
            lies::write(fd, lie.address(), 1),
        )?;
        fd.close()?;
        unlink(c"junk")?;
    }
    scratch::make(c"junk", b"x")?;
    unlink(c"junk")
}

/// More files than any test disk has room for.
const MOST_FILES: usize = 4000;

/// The disk fills up, and a directory cannot grow. Everything can be removed, and its blocks are
/// free again.
pub fn diskfull() -> Outcome {
    let first = fill_disk()?;
    let second = fill_disk()?;
    ensure!(
        second == first,
        "expected {first} blocks again after removing all, saw {second}"
    );
    Ok(())
}

/// Fills the disk with files of the largest size and removes them. Returns how many blocks fitted.
fn fill_disk() -> Outcome<usize> {
    let path = |number| numbered("full", number);
    let mut blocks = 0;
    let mut files = 0;
    while files < MOST_FILES {
        clear(path(files)?.as_c_str());
        let Ok(fd) = Fd::open(path(files)?.as_c_str(), CREATE) else {
            break;
        };
        files += 1;
        let written = fill_file(fd)?;
        fd.close()?;
        blocks += written;
        if written == 0 {
            break;
        }
    }
    let outcome = when_full(files);
    for number in 0..files {
        unlink(path(number)?.as_c_str())?;
    }
    outcome.map(|()| blocks)
}

/// Fills a file up to the largest size. Returns how many blocks fitted.
fn fill_file(fd: Fd) -> Outcome<usize> {
    let buffer = [b'f'; 12 * BLOCK_SIZE];
    let mut written = 0;
    // Writes large pieces first, and then single blocks up to the end of the file or the disk.
    for piece in [&buffer[..], &buffer[..BLOCK_SIZE]] {
        while matches!(fd.write(piece), Ok(count) if count == piece.len()) {
            written += piece.len();
        }
    }
    // A piece that fitted in part counts too.
    ensure!(
        written as u64 <= fd.stat()?.size,
        "expected a size of at least {written}, saw less"
    );
    Ok(fd.stat()?.size as usize / BLOCK_SIZE)
}

fn when_full(files: usize) -> Outcome {
    ensure!(
        files < MOST_FILES,
        "expected the disk to be full, saw {files} files fit"
    );
    // A block may be left that a file of the largest size could not use, because it needs two.
    for number in 0..3 {
        if file::make_directory(numbered("fulldir", number)?.as_c_str()).is_err() {
            (0..number).try_for_each(|made| unlink(numbered("fulldir", made)?.as_c_str()))?;
            return Ok(());
        }
    }
    (0..3).try_for_each(|made| unlink(numbered("fulldir", made)?.as_c_str()))?;
    mkdir_fails(c"fulldir")
}

/// Inodes run out with an error, and are free again after the files are removed.
pub fn outofinodes() -> Outcome {
    let path = |number| numbered("zz", number);
    let mut files = 0;
    while files < MOST_FILES {
        clear(path(files)?.as_c_str());
        match Fd::open(path(files)?.as_c_str(), CREATE) {
            Ok(fd) => fd.close()?,
            Err(_) => break,
        }
        files += 1;
    }
    let refused = if files < MOST_FILES {
        mkdir_fails(c"zzdir")
    } else {
        Ok(())
    };
    for number in 0..files {
        unlink(path(number)?.as_c_str())?;
    }
    refused?;
    mkdir(c"zzdir")?;
    unlink(c"zzdir")
}
