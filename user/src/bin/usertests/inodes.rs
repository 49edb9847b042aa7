//! Inodes whose last name is removed while a process holds them. The last reference is dropped
//! inside and outside of calls, and by processes that end.

#![forbid(unsafe_code)]

use crate::scratch::{CREATE, READ, UPDATE, chdir, clear, mkdir, open, open_fails, unlink};
use user::file::Fd;
use user::process;
use user::testing::child;
use user::testing::outcome::{Outcome, expect};

/// A directory is removed while another process tries to open it for writing.
pub fn openiput() -> Outcome {
    clear(c"oidir");
    mkdir(c"oidir")?;
    let opener = child::start(|| {
        for _ in 0..100 {
            open_fails(c"oidir", UPDATE)?;
        }
        Ok(())
    })?;
    // The child has tried some of its opens by now, and will try others after the unlink.
    process::sleep(1)?;
    unlink(c"oidir")?;
    opener.join()
}

/// A process ends while its current directory has been removed.
pub fn exitiput() -> Outcome {
    clear(c"iputdir");
    child::run(remove_current)?;
    open_fails(c"iputdir", READ)
}

fn remove_current() -> Outcome {
    mkdir(c"iputdir")?;
    chdir(c"iputdir")?;
    unlink(c"../iputdir")
}

/// A process leaves a directory that has been removed.
pub fn iput() -> Outcome {
    clear(c"iputdir");
    remove_current()?;
    chdir(c"/")?;
    open_fails(c"iputdir", READ)
}

/// In a directory that has been removed, together with its parent, calls may succeed or fail. The
/// kernel survives, and what was removed stays removed.
pub fn unlinkcwd() -> Outcome {
    for path in [c"/ucwd/b", c"/ucwd"] {
        clear(path);
    }
    mkdir(c"/ucwd")?;
    mkdir(c"/ucwd/b")?;
    chdir(c"/ucwd/b")?;
    unlink(c"/ucwd/b")?;
    unlink(c"/ucwd")?;
    for path in [c"..", c"../", c"../..", c".", c"", c"../c"] {
        close_if_open(Fd::open(path, READ))?;
    }
    close_if_open(Fd::open(c"../c", CREATE))?;
    chdir(c"/")?;
    open_fails(c"/ucwd", READ)?;
    // New directories may get the inodes of the old ones, and must be whole.
    mkdir(c"/ucwd")?;
    mkdir(c"/ucwd/b")?;
    open_fails(c"/ucwd/c", READ)?;
    unlink(c"/ucwd/b")?;
    unlink(c"/ucwd")?;
    expect("the root's number", 1, open(c"/", READ)?.stat()?.inode)
}

fn close_if_open(opened: user::Result<Fd>) -> Outcome {
    if let Ok(fd) = opened {
        fd.close()?;
    }
    Ok(())
}
