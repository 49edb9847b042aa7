//! Paths and arguments that are too long, or that do not end.

#![forbid(unsafe_code)]

use crate::lies::{self, OUTSIDE, PATH_CALLS, PROGRAM, refused};
use crate::scratch::{self, READ};
use abi::{PAGE_SIZE, PATH_MAX};
use core::ffi::CStr;
use user::Failed;
use user::memory::Promise;
use user::region::Region;
use user::testing::outcome::Outcome;

/// No call takes a path from memory that the program may not read.
pub fn copyinstr1() -> Outcome {
    for lie in OUTSIDE {
        refused_as_path(lie.address())?;
    }
    Ok(())
}

fn refused_as_path(address: u64) -> Outcome {
    for (call, function) in PATH_CALLS {
        refused(
            format_args!("{call} with a path at {address:#x}"),
            function(address),
        )?;
    }
    Ok(())
}

/// A path may have as many bytes as the contract says, and not one more. So may arguments, which
/// have one page.
pub fn copyinstr2() -> Outcome {
    // A path that is one byte too long, and one of exactly the greatest length.
    let mut long = [b'x'; PATH_MAX + 1];
    long[PATH_MAX] = 0;
    refused_as_path(long.as_ptr() as u64)?;

    let name = PROGRAM.to_bytes_with_nul();
    let mut longest = [b'/'; PATH_MAX];
    longest[PATH_MAX - name.len()..].copy_from_slice(name);
    let longest = CStr::from_bytes_with_nul(&longest).map_err(|_| Failed)?;
    scratch::open(longest, READ)?.close()?;

    let mut argument = [b'x'; PAGE_SIZE + 1];
    for length in [PAGE_SIZE, PAGE_SIZE / 3 * 2] {
        argument[length] = 0;
        let argument = argument.as_ptr() as u64;
        let argv = [argument, argument, argument, 0];
        refused(
            format_args!("exec with three arguments of {length} bytes"),
            lies::exec(PROGRAM.as_ptr() as u64, argv.as_ptr() as u64),
        )?;
    }
    Ok(())
}

/// A path that reaches the end of memory without a NUL is refused.
pub fn copyinstr3() -> Outcome {
    let region = Region::new(2, Promise::Eager)?;
    region.set_byte(2 * PAGE_SIZE - 1, b'x');
    let last = region.end() - 1;
    refused_as_path(last)?;
    let argv = [last, 0];
    refused(
        "exec with an argument that does not end",
        lies::exec(PROGRAM.as_ptr() as u64, argv.as_ptr() as u64),
    )
}
