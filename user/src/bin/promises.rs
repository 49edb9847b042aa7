//! `promises SEED`: makes the file-system calls that SEED determines (see [`user::promises`]) and
//! prints the number of each call that has returned, until the power goes.
//!
//! A line `did 17` is a promise: whatever happens now, the effects of calls 1 to 17 are on the
//! disk. `cargo xtask powercut` cuts the power and checks the disk. The program ends only if a call
//! has a wrong result: with 1 and a line that says so.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use abi::{OpenFlags, PAGE_SIZE, Protection};
use core::convert::Infallible;
use user::file::{self, Fd};
use user::mapping::{Mapping, Sharing};
use user::path::PathBuffer;
use user::promises::{Call, DONE, FOLDER, STARTED, Script, Way};
use user::testing::outcome::{Outcome, ensure};
use user::testing::scratch;
use user::{Args, Result, eprintln, println};

user::main!(run);

fn run(args: Args) -> i32 {
    let Some(seed) = parse(args) else {
        eprintln!("usage: promises SEED");
        return 2;
    };
    let Err(failure) = make_and_keep(seed);
    println!("promises: FAILED: {failure}");
    1
}

fn parse(args: Args) -> Option<u64> {
    let mut args = args.skip(1);
    let seed = args.next()?.to_str().ok()?.parse().ok()?;
    args.next().is_none().then_some(seed)
}

fn make_and_keep(seed: u64) -> Outcome<Infallible> {
    scratch::enter(FOLDER)?;
    println!("{STARTED}{seed}");
    let mut script = Script::new(seed);
    let mut held = Held {
        files: Ring::EMPTY,
        mappings: Ring::EMPTY,
    };
    let mut number = 0_u64;
    loop {
        number += 1;
        let call = script.next_call();
        let expected = script.model().accepts(&call);
        let seen = make(&call, &mut held).is_ok();
        ensure!(
            seen == expected,
            "call {number}, {call}: expected success {expected}, saw {seen}"
        );
        println!("{DONE}{number}");
        script.made(&call);
    }
}

/// Files that stay open, and mappings that stay mapped. Because they stay, `msync` alone writes the
/// mappings.
struct Held {
    files: Ring<Fd>,
    mappings: Ring<Mapping>,
}

/// A ring of `N` things, in which the newest replaces the oldest.
struct Ring<T> {
    held: [Option<T>; Call::HELD],
    oldest: usize,
}

impl<T> Ring<T> {
    const EMPTY: Self = Self {
        held: [const { None }; Call::HELD],
        oldest: 0,
    };

    /// Adds a thing. Returns the oldest if there was no room for both.
    fn hold(&mut self, new: T) -> Option<T> {
        let old = self.held[self.oldest].replace(new);
        self.oldest = (self.oldest + 1) % Call::HELD;
        old
    }
}

fn make(call: &Call, held: &mut Held) -> Result<()> {
    let path = |path: &str| PathBuffer::join(&[path.as_bytes()]);
    match call {
        Call::Create(name) => {
            let flags = OpenFlags::CREATE.with(OpenFlags::WRITE_ONLY);
            Fd::open(path(name)?.as_c_str(), flags)?.close()
        }
        Call::MakeDirectory(name) => file::make_directory(path(name)?.as_c_str()),
        Call::Link { old, new } => file::link(path(old)?.as_c_str(), path(new)?.as_c_str()),
        Call::Unlink(name) => file::unlink(path(name)?.as_c_str()),
        Call::Truncate(name) => {
            let flags = OpenFlags::TRUNCATE.with(OpenFlags::WRITE_ONLY);
            Fd::open(path(name)?.as_c_str(), flags)?.close()
        }
        Call::Hold(name) => {
            let file = Fd::open(path(name)?.as_c_str(), OpenFlags::READ_ONLY)?;
            held.files.hold(file).map_or(Ok(()), Fd::close)
        }
        Call::Write {
            way,
            path: name,
            offset,
            length,
            seed,
        } => {
            let file = Fd::open(path(name)?.as_c_str(), OpenFlags::READ_WRITE)?;
            let bytes = Call::bytes(*seed, *length);
            let written = match way {
                Way::Write => write(file, *offset, &bytes),
                Way::Store => store(file, *offset, &bytes).map(|mapping| {
                    held.mappings.hold(mapping);
                }),
            };
            file.close().and(written)
        }
    }
}

/// Writes with one call of the kernel. No call moves to `offset`, so the bytes before it are read.
fn write(file: Fd, offset: usize, bytes: &[u8]) -> Result<()> {
    let mut passed = 0;
    let mut buffer = [0; 4096];
    while passed < offset {
        let wanted = buffer.len().min(offset - passed);
        match file.read(&mut buffer[..wanted])? {
            0 => return Err(user::Failed),
            count => passed += count,
        }
    }
    match file.write(bytes)? {
        count if count == bytes.len() => Ok(()),
        _ => Err(user::Failed),
    }
}

/// Stores to a shared mapping and syncs it. Behind the end of the file there is no page to store
/// to.
fn store(file: Fd, offset: usize, bytes: &[u8]) -> Result<Mapping> {
    let end = offset + bytes.len();
    if end as u64 > file.stat()?.size {
        return Err(user::Failed);
    }
    let (first, end) = (offset / PAGE_SIZE, end.div_ceil(PAGE_SIZE));
    let rights = Protection::READ.with(Protection::WRITE);
    let mapping = Mapping::of_file(file, first, end - first, Sharing::Shared, rights)?;
    for (place, &byte) in (offset % PAGE_SIZE..).zip(bytes) {
        mapping.set_byte(place, byte);
    }
    mapping.sync(0..mapping.pages())?;
    Ok(mapping)
}
