//! System calls on processes and time.

use abi::{EXIT_STATUS_MAX, ForkMode};
use sync::{Interruptible, Wake};

use super::{Answer, Call, Failed};
use crate::arch;
use crate::file::cached;
use crate::process::{self, Arguments};
use crate::time;
use crate::user_memory::{Path, UserSlice};

pub fn fork(call: &mut Call) -> Answer {
    let pid = process::fork(&mut call.caller, call.registers)?;
    Ok(pid as u64)
}

pub fn exit(call: &mut Call, status: i32) -> Answer {
    process::exit(&mut call.caller, status)
}

pub fn wait(call: &mut Call, status: u64) -> Answer {
    let caller = &mut call.caller;
    let thread = caller.thread;
    loop {
        let ended = process::ended_child(&thread.process, &mut caller.held).ok_or(Failed)?;
        if status != 0 {
            let bytes = ended.status.to_ne_bytes();
            UserSlice::new(status, bytes.len()).write(0, &bytes, caller)?;
        }
        if process::reap(&thread.process, ended.pid, &mut caller.held) {
            process::audit_after_reaping(&thread.process, &mut caller.held);
            return Ok(ended.pid as u64);
        }
    }
}

pub fn kill(call: &mut Call, pid: i32) -> Answer {
    if process::kill(pid, &mut call.caller.held) {
        Ok(0)
    } else {
        Err(Failed)
    }
}

pub fn exec(call: &mut Call, path: u64, argv: u64) -> Answer {
    let path = Path::read(path, &mut call.caller)?;
    let arguments = Arguments::from_user(argv, &mut call.caller)?;
    Ok(process::exec(
        &mut call.caller,
        call.registers,
        path.bytes(),
        &arguments,
    )?)
}

pub fn getpid(call: &mut Call) -> Answer {
    Ok(call.caller.process().pid() as u64)
}

/// Sleeps for `ticks` ticks, or not at all if the number is negative.
pub fn sleep(call: &mut Call, ticks: i32) -> Answer {
    let begin = time::ticks();
    loop {
        let ticket = time::TICK.ticket();
        if time::ticks() - begin >= u64::try_from(ticks).unwrap_or(0) {
            return Ok(0);
        }
        if time::TICK.wait(ticket, Interruptible::Yes, &mut call.caller.held) == Wake::Interrupted {
            return Err(Failed);
        }
    }
}

/// Returns the ticks since the boot. The number wraps after 13 years, because it is an `int`.
pub fn uptime(_: &mut Call) -> Answer {
    Ok(u64::from(time::ticks() as u32))
}

pub fn forkmode(call: &mut Call, mode: i32) -> Answer {
    let mode = ForkMode::from_number(mode).ok_or(Failed)?;
    let process = call.caller.process();
    let old = process.fork_mode();
    process.set_fork_mode(mode);
    Ok(old as u64)
}

pub fn shutdown(call: &mut Call, status: i32) -> Answer {
    cached::sync(&mut call.caller.held);
    let code = u8::try_from(status).unwrap_or(EXIT_STATUS_MAX);
    arch::power_off(code.min(EXIT_STATUS_MAX))
}
