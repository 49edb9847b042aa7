//! The first program: gives everybody a console, runs the shell, and reaps orphans.
//!
//! `init` starts the shell again whenever it ends. `init LINE` has the shell run LINE and then
//! powers the machine off with the status of the line.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use abi::{AUDIT_MAJOR, CONSOLE_MAJOR, FAIL_NTH_MAJOR, OpenFlags, STRETCH_MAJOR};
use core::ffi::CStr;
use user::device;
use user::file::{self, Fd};
use user::process::{self, Fork};
use user::program;
use user::{Args, Result, eprintln, println};

/// What a line that could not even be started ends with.
const CANNOT_RUN: i32 = 126;

user::main!(run);

fn run(args: Args) -> i32 {
    if open_console().is_err() {
        // There is nobody to tell.
        return CANNOT_RUN;
    }
    make_devices();
    match args.clone().nth(1) {
        None => keep_shell(),
        Some(line) => {
            let status = run_shell(&[c"sh", c"-c", line]).unwrap_or_else(|_| {
                eprintln!("init: cannot start sh: out of memory or processes");
                CANNOT_RUN
            });
            process::shutdown(status);
            eprintln!(
                "init: the line ended with status {status}, but this kernel cannot power off"
            );
            keep_shell()
        }
    }
}

/// Makes descriptors 0, 1 and 2 the console, which is made if the disk has none.
fn open_console() -> Result<()> {
    let console = Fd::open(device::CONSOLE, OpenFlags::READ_WRITE).or_else(|_| {
        file::make_device(device::CONSOLE, CONSOLE_MAJOR.into(), 0)?;
        Fd::open(device::CONSOLE, OpenFlags::READ_WRITE)
    })?;
    console.duplicate()?;
    console.duplicate()?;
    Ok(())
}

/// Makes the device files that only a few programs use, where the disk has none.
fn make_devices() {
    // What is there already cannot be made again, and a disk can be full: so be it, those programs
    // say what they lack.
    let _ = file::make_directory(device::DIRECTORY);
    for (path, major) in [
        (device::AUDIT, AUDIT_MAJOR),
        (device::FAIL_NTH, FAIL_NTH_MAJOR),
        (device::STRETCH, STRETCH_MAJOR),
    ] {
        let _ = file::make_device(path, major.into(), 0);
    }
}

/// Runs the shell for ever.
fn keep_shell() -> ! {
    loop {
        println!("init: starting sh");
        if run_shell(&[c"sh"]).is_err() {
            eprintln!("init: cannot start sh: out of memory or processes; trying again");
            // Not at once: whoever has the memory must get to run. A failing sleep changes nothing.
            let _ = process::sleep(10);
        }
    }
}

/// Runs a shell with these arguments and reaps whatever ends until it has ended. Returns its
/// status.
fn run_shell(arguments: &[&CStr]) -> Result<i32> {
    match process::fork()? {
        Fork::Parent(pid) => process::wait_for(pid),
        Fork::Child => {
            let words = arguments.iter().copied();
            process::exec(c"/sh", words.clone());
            eprintln!("init: cannot run /sh: {}", program::obstacle(c"/sh", words));
            // Slows the restarts of a shell that is not there.
            let _ = process::sleep(10);
            process::exit(CANNOT_RUN)
        }
    }
}
