//! Trees of processes: parents that end first, orphans, and as many children as there may be.

#![forbid(unsafe_code)]

use crate::scratch::{CREATE, READ, clear, open, read, unlink};
use abi::CHILDREN_MAX;
use user::file::{Fd, pipe};
use user::process::{self, Fork};
use user::testing::child;
use user::testing::outcome::{Outcome, ensure, expect, failure};

/// Forks a child that ends with 0 after `body`.
fn spawn(body: impl FnOnce()) -> Outcome<process::Pid> {
    match process::fork()? {
        Fork::Parent(pid) => Ok(pid),
        Fork::Child => {
            body();
            process::exit(0)
        }
    }
}

/// Waits for a child, which must have ended well.
fn reap() -> Outcome {
    let (pid, status) = process::wait()?;
    ensure!(status == 0, "child {pid}: expected status 0, saw {status}");
    Ok(())
}

/// A parent ends while its children end. The children get a new parent, and the grandparent waits
/// for none of them.
pub fn reparent() -> Outcome {
    let this = process::id();
    for _ in 0..200 {
        let child = spawn(|| {
            // The grandchild ends before its parent, after it, or at the same time on another hart.
            if spawn(|| ()).is_err() {
                process::exit(1);
            }
        })?;
        let (ended, status) = process::wait()?;
        expect("the child that ended", child, ended)?;
        expect("its status", 0, status)?;
        expect("the own number", this, process::id())?;
    }
    Ok(())
}

/// Two children end at once, a thousand times.
pub fn twochildren() -> Outcome {
    for _ in 0..1000 {
        spawn(|| ())?;
        spawn(|| ())?;
        reap()?;
        reap()?;
    }
    Ok(())
}

/// Two processes fork and wait at the same time.
pub fn forkfork() -> Outcome {
    let fork_often = || {
        for _ in 0..200 {
            spawn(|| ())?;
            reap()?;
        }
        Ok(())
    };
    let first = child::start(fork_often)?;
    let second = child::start(fork_often)?;
    first.join()?;
    second.join()
}

/// A fork bomb runs for two seconds. It starves itself, and no other process.
pub fn forkforkfork() -> Outcome {
    const STOP: &core::ffi::CStr = c"stopforking";
    clear(STOP);
    // This pipe breaks when the last process of the bomb has ended.
    let (end_of_life, life) = pipe()?;
    let bomb = spawn(|| {
        while Fd::open(STOP, READ).is_err() {
            // Both processes go on. If there is no memory for a child, all processes stop.
            if process::fork().is_err() {
                // Another process may have made the file in the meantime.
                let _ = Fd::open(STOP, CREATE);
            }
        }
    })?;
    process::sleep(20)?;
    open(STOP, CREATE)?.close()?;
    process::wait_for(bomb)?;
    life.close()?;
    read(end_of_life, &mut [0], 0)?;
    end_of_life.close()?;
    unlink(STOP)
}

/// Orphans are handed on while they end themselves.
pub fn reparent2() -> Outcome {
    for _ in 0..800 {
        spawn(|| {
            for _ in 0..2 {
                // This test does not require that a small kernel has room for all orphans.
                let _ = process::fork();
            }
        })?;
        reap()?;
    }
    Ok(())
}

/// Forks children up to the limit. Then fork is refused, and every child can be waited for.
pub fn forktest() -> Outcome {
    let mut children = 0;
    while children <= CHILDREN_MAX {
        match process::fork() {
            Ok(Fork::Child) => process::exit(0),
            Ok(Fork::Parent(_)) => children += 1,
            Err(_) => break,
        }
    }
    ensure!(
        children <= CHILDREN_MAX,
        "expected a refusal after at most {CHILDREN_MAX} children, saw none"
    );
    ensure!(children > 0, "expected a child, saw -1");
    for _ in 0..children {
        reap()?;
    }
    match process::wait() {
        Err(_) => Ok(()),
        Ok((pid, _)) => Err(failure!("expected no more children, saw {pid}")),
    }
}
