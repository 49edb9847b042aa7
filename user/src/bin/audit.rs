//! `audit [TIMES]`: has the kernel recount its memory while it runs, and prints the kernel's
//! answer.
//!
//! Between two audits, `audit` lets other programs run for a tick. If the device cannot be opened,
//! `audit` tries again for a while, because the program is used while other programs take all
//! memory. The status is 0 if nothing is wrong, 1 as soon as an audit finds something, and 2 if
//! this kernel cannot audit itself.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use user::io::Lossy;
use user::memory::Audit;
use user::{Args, eprintln, println, process};

user::main!(run);

/// The number of tries to audit, a tick apart.
const TRIES: usize = 100;

fn audit_patiently() -> Option<Audit> {
    (0..TRIES).find_map(|_| {
        let audit = Audit::now();
        if audit.is_err() {
            process::sleep(1).ok()?;
        }
        audit.ok()
    })
}

fn run(mut args: Args) -> i32 {
    let times = match args
        .nth(1)
        .map(|times| times.to_str().unwrap_or("").parse())
    {
        None => 1,
        Some(Ok(times @ 1..)) => times,
        Some(_) => {
            eprintln!("usage: audit [TIMES]");
            return 2;
        }
    };
    for time in 1..=times {
        let Some(audit) = audit_patiently() else {
            eprintln!(
                "audit: this kernel has no audit device (/dev/audit, major {}), or no memory for it",
                abi::AUDIT_MAJOR
            );
            return 2;
        };
        if time == times || !audit.is_clean() {
            println!("{}", Lossy(audit.line()));
        }
        if !audit.is_clean() {
            return 1;
        }
        if time < times && process::sleep(1).is_err() {
            eprintln!("audit: cannot sleep");
            return 2;
        }
    }
    0
}
