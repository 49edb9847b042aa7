//! Bad buffers and vectors, given to every call that takes one.

#![forbid(unsafe_code)]

use crate::lies::{self, Lie, OUTSIDE, PROGRAM, TEXT, moved_nothing, refused};
use crate::scratch::{self, CREATE, READ, clear, works};
use abi::PAGE_SIZE;
use user::file::{Fd, pipe};
use user::memory::Promise;
use user::process::{self, Fork};
use user::region::Region;
use user::testing::outcome::{Outcome, ensure, expect};

/// The number of bytes that a call with a bad address asks for.
const COUNT: i32 = 8192;

/// No call reads where the program may not.
pub fn copyin() -> Outcome {
    for lie in OUTSIDE {
        let address = lie.address();
        clear(c"copyin");
        let fd = scratch::open(c"copyin", CREATE)?;
        refused(
            format_args!("write of {address:#x} to a file"),
            lies::write(fd, address, COUNT),
        )?;
        fd.close()?;
        scratch::unlink(c"copyin")?;

        moved_nothing(
            format_args!("write of {address:#x} to the console"),
            lies::write(Fd::OUTPUT, address, COUNT),
        )?;

        let (read_end, write_end) = pipe()?;
        moved_nothing(
            format_args!("write of {address:#x} to a pipe"),
            lies::write(write_end, address, COUNT),
        )?;
        read_end.close()?;
        write_end.close()?;

        let path = PROGRAM.as_ptr() as u64;
        refused(
            format_args!("exec with arguments at {address:#x}"),
            lies::exec(path, address),
        )?;
        let vector = [address, 0];
        refused(
            format_args!("exec with an argument at {address:#x}"),
            lies::exec(path, vector.as_ptr() as u64),
        )?;
    }
    Ok(())
}

/// No call writes where the program may not, for example to its text.
pub fn copyout() -> Outcome {
    for lie in [TEXT].into_iter().chain(OUTSIDE) {
        let address = lie.address();
        let fd = scratch::open(PROGRAM, READ)?;
        moved_nothing(
            format_args!("read of a file to {address:#x}"),
            lie.read(fd, COUNT),
        )?;
        refused(format_args!("fstat to {address:#x}"), lie.fstat(fd))?;
        fd.close()?;

        let (read_end, write_end) = pipe()?;
        scratch::write(write_end, b"x")?;
        moved_nothing(
            format_args!("read of a pipe to {address:#x}"),
            lie.read(read_end, COUNT),
        )?;
        read_end.close()?;
        write_end.close()?;

        refused(format_args!("pipe to {address:#x}"), lie.pipe())?;
        if address != TEXT.address() {
            waits_again(lie)?;
        }
    }
    Ok(())
}

/// A wait that cannot deliver the status fails. The child can still be waited for.
fn waits_again(lie: Lie) -> Outcome {
    let child = match process::fork()? {
        Fork::Child => process::exit(7),
        Fork::Parent(pid) => pid,
    };
    refused(format_args!("wait to {:#x}", lie.address()), lie.wait())?;
    let status = works("wait after a wait that failed", process::wait_for(child))?;
    expect("the status after a wait that failed", 7, status)
}

/// Memory that was given back is out of reach of every call.
pub fn rwsbrk() -> Outcome {
    let region = Region::new(2, Promise::Eager)?;
    drop(region);
    let given_back = Lie::above_break(PAGE_SIZE as u64)?;

    clear(c"rwsbrk");
    let fd = scratch::open(c"rwsbrk", CREATE)?;
    scratch::write(fd, b"some bytes that are not to be read")?;
    refused(
        "write of memory that was given back",
        lies::write(fd, given_back.address(), 1024),
    )?;
    fd.close()?;
    scratch::unlink(c"rwsbrk")?;

    let fd = scratch::open(PROGRAM, READ)?;
    moved_nothing(
        "read to memory that was given back",
        given_back.read(fd, 10),
    )?;
    Ok(fd.close()?)
}

/// A negative count moves nothing.
pub fn argptest() -> Outcome {
    let fd = scratch::open(PROGRAM, READ)?;
    let lie = Lie::above_break(0)?;
    for count in [-1, i32::MIN] {
        moved_nothing(format_args!("read of {count} bytes"), lie.read(fd, count))?;
    }
    fd.close()?;

    clear(c"argptest");
    let fd = scratch::open(c"argptest", CREATE)?;
    let bytes = [b'x'; 16];
    for count in [-1, i32::MIN] {
        moved_nothing(
            format_args!("write of {count} bytes"),
            lies::write(fd, bytes.as_ptr() as u64, count),
        )?;
    }
    expect("the file's size", 0, fd.stat()?.size)?;
    fd.close()?;
    scratch::unlink(c"argptest")
}

/// A path that names nothing is refused, whatever its page holds, and so is a page that does not
/// exist.
pub fn validatetest() -> Outcome {
    let missing = c"validatetest.no";
    for page in 0..275 {
        let address = page * PAGE_SIZE as u64;
        refused(
            format_args!("link of nothing to {address:#x}"),
            lies::link_from(missing, address),
        )?;
    }
    Ok(())
}

/// An address far outside of what the hardware translates does no harm.
pub fn pgbug() -> Outcome {
    let address = 0xeaeb_0b5b_0000_2f5e;
    let argv = [0u64];
    refused("exec", lies::exec(address, argv.as_ptr() as u64))?;
    refused("pipe", Lie::beyond_user_half(address).pipe())
}

/// Fifty thousand execs with an argument at a bad address: each fails, and none keeps a page.
pub fn badarg() -> Outcome {
    let path = PROGRAM.as_ptr() as u64;
    let argv = [0xffff_ffff, 0u64];
    for _ in 0..50_000 {
        refused("exec", lies::exec(path, argv.as_ptr() as u64))?;
    }
    Ok(())
}

/// A write whose buffer reaches into a page that does not exist fails, and keeps the bytes before.
pub fn partial_write() -> Outcome {
    let region = Region::new(1, Promise::Eager)?;
    scratch::make(c"partialwrite", b"A")?;
    let fd = scratch::open(c"partialwrite", scratch::UPDATE)?;
    let last = region.end() - 1;
    region.set_byte(PAGE_SIZE - 1, b'X');
    refused(
        "write of the last byte and one more",
        lies::write(fd, last, 2),
    )?;
    fd.close()?;
    expect_content(b"X")?;
    // Bytes that were written only to the cache are lost when other blocks need its room.
    let block = [b'z'; 1024];
    let big = scratch::open(c"partialbig", CREATE)?;
    for _ in 0..100 {
        scratch::write(big, &block)?;
    }
    big.close()?;
    scratch::unlink(c"partialbig")?;
    expect_content(b"X")?;
    scratch::unlink(c"partialwrite")
}

fn expect_content(expected: &[u8]) -> Outcome {
    let fd = scratch::open(c"partialwrite", READ)?;
    let mut bytes = [0; 8];
    let count = fd.read(&mut bytes)?;
    ensure!(
        &bytes[..count] == expected,
        "the file: expected X, saw {count} bytes, the first {}",
        bytes[0]
    );
    Ok(fd.close()?)
}
