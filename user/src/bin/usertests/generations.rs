//! Trees of processes: parents that end first, orphans, and as many children as there may be.

#![forbid(unsafe_code)]

use crate::scratch::{CREATE, READ, clear, open, read, unlink};
use abi::CHILDREN_MAX;
use user::file::{Fd, pipe};
use user::process::{self, Fork};
use user::testing::child;
use user::testing::outcome::{Outcome, ensure, expect, failure};

/// Forks and has the child end with 0 after `body`.
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

/// A parent ends while its children do; they find another, and the grandparent sees none of them.
pub fn reparent() -> Outcome {
    let this = process::id();
    for _ in 0..200 {
        let child = spawn(|| {
            // It ends before this one, after it, or at the same time on another hart.
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

/// A fork bomb goes on for two seconds. It starves itself, and nobody else.
pub fn forkforkfork() -> Outcome {
    const STOP: &core::ffi::CStr = c"stopforking";
    clear(STOP);
    // Broken when the last of them has ended.
    let (end_of_life, life) = pipe()?;
    let bomb = spawn(|| {
        while Fd::open(STOP, READ).is_err() {
            // Both go on. Where there is no room for a child, the others stop too.
            if process::fork().is_err() {
                // Another may have made it in the meantime.
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

/// Children of children that have ended are handed on while they end themselves.
pub fn reparent2() -> Outcome {
    for _ in 0..800 {
        spawn(|| {
            for _ in 0..2 {
                // Too many orphans at a time for a small kernel are not this test's concern.
                let _ = process::fork();
            }
        })?;
        reap()?;
    }
    Ok(())
}

/// Children up to the limit; then a clear no, and all can be waited for.
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
