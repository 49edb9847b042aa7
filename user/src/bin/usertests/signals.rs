//! Pipes, pre-emption and kill.

#![forbid(unsafe_code)]

use crate::kernel;
use crate::scratch::{fails, works, write};
use user::file::pipe;
use user::process::{self, KILLED};
use user::testing::child::{self, Gate};
use user::testing::outcome::{Outcome, ensure, expect};

/// A pipe delivers every byte once and in order, with reads and writes of any size. Then it ends.
pub fn pipe1() -> Outcome {
    const WRITES: usize = 5;
    const BYTES: usize = 1033;
    let (read_end, write_end) = pipe()?;
    let writer = child::start(|| {
        read_end.close()?;
        let mut buffer = [0; BYTES];
        let mut next: u8 = 0;
        for _ in 0..WRITES {
            for byte in &mut buffer {
                *byte = next;
                next = next.wrapping_add(1);
            }
            write(write_end, &buffer)?;
        }
        Ok(())
    })?;
    write_end.close()?;
    let mut buffer = [0; 12 * 1024];
    let (mut size, mut total) = (1, 0);
    loop {
        let count = works("read of a pipe", read_end.read(&mut buffer[..size]))?;
        if count == 0 {
            break;
        }
        for &byte in &buffer[..count] {
            expect("a byte of a pipe", total as u8, byte)?;
            total += 1;
        }
        size = (size * 2).min(buffer.len());
    }
    expect("bytes in all", WRITES * BYTES, total)?;
    writer.join()?;
    read_end.close()?;

    let (read_end, write_end) = pipe()?;
    read_end.close()?;
    fails("write to a pipe that nobody reads", write_end.write(b"x"))?;
    Ok(write_end.close()?)
}

/// A killed process has the status -1, at whatever moment it is killed.
pub fn killstatus() -> Outcome {
    for round in 0..40 {
        let victim = child::start(|| {
            loop {
                process::id();
            }
        })?;
        // Most kills come before the child has run at all, some while it runs.
        if round % 8 == 7 {
            process::sleep(1)?;
        }
        process::kill(victim.pid())?;
        victim.join_killed("kill")?;
    }
    Ok(())
}

/// No process has the number 0. A kill of it, or of another bad number, harms no process.
pub fn killzero() -> Outcome {
    for nobody in [0, -1, i32::MIN, i32::MAX] {
        let killed = process::kill(nobody);
        // In xv6, the free slots for processes have the number 0.
        if nobody != 0 || kernel::has_counters() {
            fails("kill of nobody", killed)?;
        }
        for _ in 0..3 {
            child::run(|| Ok(()))?;
        }
    }
    Ok(())
}

/// Programs that make no calls do not keep others from running, and can be killed.
pub fn preempt() -> Outcome {
    let (read_end, write_end) = pipe()?;
    let spin = || -> Outcome {
        loop {
            core::hint::spin_loop();
        }
    };
    let first = child::start(spin)?;
    let second = child::start(spin)?;
    let third = child::start(|| {
        write(write_end, b"x")?;
        spin()
    })?;
    write_end.close()?;
    let mut byte = [0];
    let count = works("read of a pipe", read_end.read(&mut byte))?;
    ensure!(count == 1, "expected a byte, saw the end of the pipe");
    read_end.close()?;
    let never = Gate::new()?;
    let waiting = child::start(|| never.pass())?;
    for child in [first, second, third, waiting] {
        process::kill(child.pid())?;
        child.join_killed("kill")?;
    }
    Ok(never.remove()?)
}

/// Exit statuses arrive unchanged.
pub fn exitwait() -> Outcome {
    for status in (0..100).chain([255, 256, 0x1234_5678, i32::MAX, i32::MIN, KILLED - 1]) {
        match process::fork()? {
            process::Fork::Child => process::exit(status),
            process::Fork::Parent(pid) => expect("the status", status, process::wait_for(pid)?)?,
        }
    }
    fails("wait without children", process::wait())
}
