//! `init`, the first program: opens the console for all processes, runs the shell, and reaps
//! orphans.
//!
//! `init` starts the shell again whenever it ends. `init LINE` runs LINE in the shell and then
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

/// The status of a line that could not be started.
const CANNOT_RUN: i32 = 126;

user::main!(run);

fn run(args: Args) -> i32 {
    if open_console().is_err() {
        // There is no console to report to.
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

/// Opens the console as descriptors 0, 1 and 2. Makes its device file if the disk has none.
fn open_console() -> Result<()> {
    let console = Fd::open(device::CONSOLE, OpenFlags::READ_WRITE).or_else(|_| {
        file::make_device(device::CONSOLE, CONSOLE_MAJOR.into(), 0)?;
        Fd::open(device::CONSOLE, OpenFlags::READ_WRITE)
    })?;
    console.duplicate()?;
    console.duplicate()?;
    Ok(())
}

/// Makes the device files that only a few programs use, if the disk has none.
fn make_devices() {
    // A file that exists cannot be made again, and a disk can be full. Programs that miss a device
    // file say so themselves.
    let _ = file::make_directory(device::DIRECTORY);
    for (path, major) in [
        (device::AUDIT, AUDIT_MAJOR),
        (device::FAIL_NTH, FAIL_NTH_MAJOR),
        (device::STRETCH, STRETCH_MAJOR),
    ] {
        let _ = file::make_device(path, major.into(), 0);
    }
}

/// Runs the shell again and again.
fn keep_shell() -> ! {
    loop {
        println!("init: starting sh");
        if run_shell(&[c"sh"]).is_err() {
            eprintln!("init: cannot start sh: out of memory or processes; trying again");
            // Waits, so that the processes that hold the memory get to run. A failing sleep changes
            // nothing.
            let _ = process::sleep(10);
        }
    }
}

/// Runs a shell with these arguments. Reaps every process that ends until the shell has ended.
/// Returns the shell's status.
fn run_shell(arguments: &[&CStr]) -> Result<i32> {
    match process::fork()? {
        Fork::Parent(pid) => process::wait_for(pid),
        Fork::Child => {
            let words = arguments.iter().copied();
            process::exec(c"/sh", words.clone());
            eprintln!("init: cannot run /sh: {}", program::obstacle(c"/sh", words));
            // Slows down the restarts of a shell that does not exist.
            let _ = process::sleep(10);
            process::exit(CANNOT_RUN)
        }
    }
}
