//! Executing other programs.

#![forbid(unsafe_code)]

use crate::scratch::{self, READ, REPLACE, clear, open, open_fails, read, unlink};
use abi::ARG_MAX;
use core::ffi::CStr;
use user::Failed;
use user::file::Fd;
use user::memory::Promise;
use user::process;
use user::region::Region;
use user::testing::child;
use user::testing::measure::available_pages;
use user::testing::outcome::{Outcome, ensure, failure};

/// A program that prints its arguments.
const ECHO: &CStr = c"/echo";

/// A program gets its arguments, and its descriptors survive.
pub fn exectest() -> Outcome {
    clear(c"echo-ok");
    child::run(|| {
        Fd::OUTPUT.close()?;
        let output = open(c"echo-ok", REPLACE)?;
        ensure!(
            output == Fd::OUTPUT,
            "expected the lowest free descriptor, 1, saw {}",
            output.0
        );
        process::exec(ECHO, [c"echo", c"OK"]);
        Err(failure!("exec /echo: expected success, saw -1"))
    })?;
    let fd = open(c"echo-ok", READ)?;
    let mut bytes = [0; 8];
    read(fd, &mut bytes, 3)?;
    ensure!(&bytes[..3] == b"OK\n", "expected OK, saw other bytes");
    fd.close()?;
    unlink(c"echo-ok")
}

/// The arguments do not fit into the one stack page, though each of them and their number do.
pub fn bigargtest() -> Outcome {
    let mut text = [b'b'; 400];
    text[399] = 0;
    let argument = CStr::from_bytes_with_nul(&text).map_err(|_| Failed)?;
    clear(c"bigarg-ok");
    child::run(|| {
        // Ten of these arguments fit into the page.
        process::exec(ECHO, [argument; ARG_MAX - 1]);
        scratch::make(c"bigarg-ok", b"1")
    })?;
    unlink(c"bigarg-ok")?;
    open_fails(c"bigarg-ok", READ)
}

/// Exec with almost no memory left either succeeds or fails; nothing else happens.
pub fn execout() -> Outcome {
    for spare in 0..15 {
        child::run(|| {
            // The output of the program does not matter.
            Fd::OUTPUT.close()?;
            open(c"execout", REPLACE)?;
            let mut region = Region::new(0, Promise::Eager)?;
            region.extend(available_pages()?, Promise::Eager)?;
            while region.extend(1, Promise::Eager).is_ok() {}
            for page in 0..region.pages() {
                region.write(page, page as u64);
            }
            region.cut(spare)?;
            process::exec(ECHO, [c"echo", c"x"]);
            for page in (0..region.pages()).step_by(64) {
                let seen = region.read(page);
                ensure!(
                    seen == page as u64,
                    "page {page} after exec failed: expected its number, saw {seen}"
                );
            }
            Ok(())
        })?;
    }
    unlink(c"execout")
}
