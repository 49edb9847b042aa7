//! Mappings of files that must be refused, and rights that a file does not give.

use super::{PATH, holds, make, map, remove};
use crate::measure::Since;
use crate::outcome::{Outcome, ensure, expect};
use crate::tools::{FREE, LAST, PAGE, READ_WRITE, mark, marked, refused, store_kills};
use abi::{MapFlags, MemCounter, OpenFlags, Protection};
use user::USER_TOP;
use user::device;
use user::file::{Fd, pipe, unlink};
use user::mapping::{Mapping, Sharing};
use user::syscall;

const PAGES: usize = 4;
const BOTH: [Sharing; 2] = [Sharing::Shared, Sharing::Private];

/// Bad descriptors, descriptors of something that is no file, and descriptors that cannot be read.
pub fn filedescriptors() -> Outcome {
    let file = make(PAGES, 0x100)?;
    let (read_end, write_end) = pipe()?;
    let closed = file.duplicate()?;
    closed.close()?;
    let directory = Fd::open(c"/", OpenFlags::READ_ONLY)?;
    let console = Fd::open(device::CONSOLE, OpenFlags::READ_WRITE)?;
    let unreadable = Fd::open(PATH, OpenFlags::WRITE_ONLY)?;
    for (what, fd) in [
        ("-1", Fd(-1)),
        ("a number that is too large", Fd(i32::MAX)),
        ("a closed file", closed),
        ("the end of a pipe that is read", read_end),
        ("the end of a pipe that is written", write_end),
        ("a directory", directory),
        ("a device", console),
        ("a file open for writing alone", unreadable),
    ] {
        for sharing in BOTH {
            for protection in [Protection::NONE, Protection::READ, READ_WRITE] {
                let result = Mapping::of_file(fd, 0, 1, sharing, protection);
                ensure!(result.is_err(), "a mapping of {what}: expected -1, saw one");
            }
        }
    }
    for fd in [read_end, write_end, directory, console, unreadable] {
        fd.close()?;
    }
    remove(file)
}

/// Bad arguments, each alone among good ones. If the call demands an address, the mapping that is
/// there stays.
pub fn filearguments() -> Outcome {
    let file = make(PAGES, 0x100)?;
    let there = Mapping::near(FREE, PAGES, Sharing::Private, READ_WRITE)?;
    expect("address", FREE, there.start())?;
    mark(&there, 0..PAGES, 0x700);
    let start = Since::now()?;
    let fixed = MapFlags::FIXED.0;
    for sharing in BOTH {
        let flags = sharing.file_flags().0;
        for (what, address, length, protection, flags, offset) in [
            ("no length", 0, 0, 1, flags, 0),
            ("too much", 0, USER_TOP + 1, 1, flags, 0),
            ("a misaligned offset", 0, PAGE, 1, flags, 1),
            ("another", 0, PAGE, 1, flags, PAGE - 1),
            ("an offset past all files", 0, PAGE, 1, flags, 1 << 44),
            (
                "one that ends past them",
                0,
                2 * PAGE,
                1,
                flags,
                PAGE * u64::from(u32::MAX),
            ),
            ("the largest offset", 0, PAGE, 1, flags, u64::MAX - PAGE + 1),
            ("an unknown right", 0, PAGE, 8, flags, 0),
            ("an unknown flag", 0, PAGE, 1, flags | 4, 0),
            ("shared and private", 0, PAGE, 1, 3, 0),
            ("no length at all", FREE, 0, 1, flags | fixed, 0),
            ("a misaligned address", FREE + 1, PAGE, 1, flags | fixed, 0),
            ("a misaligned offset there", FREE, PAGE, 1, flags | fixed, 1),
            (
                "the guard of the kernel",
                USER_TOP,
                PAGE,
                1,
                flags | fixed,
                0,
            ),
            ("up to past the end", LAST, 2 * PAGE, 1, flags | fixed, 0),
            (
                "the kernel's half",
                USER_TOP + 2 * PAGE,
                PAGE,
                1,
                flags | fixed,
                0,
            ),
            (
                "no address at all",
                u64::MAX - PAGE + 1,
                PAGE,
                1,
                flags | fixed,
                0,
            ),
        ] {
            refused(
                what,
                // SAFETY: the kernel must not map anything; if it does, the test fails.
                unsafe { syscall::mmap(address, length, protection, flags, file.0, offset) },
            )?;
        }
    }
    start.expect("refused mappings", MemCounter::Committed, 0)?;
    marked("what was there", &there, 0..PAGES, 0x700)?;
    let mapping = map(file, PAGES, Sharing::Shared)?;
    for (what, address, length) in [
        ("no length", mapping.start(), 0),
        ("a misaligned address", mapping.start() + 1, PAGE),
        ("more than is mapped", mapping.start(), u64::MAX - PAGE),
        ("nothing", FREE + (PAGES as u64) * PAGE, PAGE),
        ("the kernel's half", USER_TOP + 2 * PAGE, PAGE),
    ] {
        // SAFETY: the call changes no memory.
        refused(what, unsafe { syscall::msync(address, length) })?;
    }
    there.sync(0..PAGES)?;
    mapping.cut(1..2)?;
    ensure!(
        mapping.sync(0..PAGES).is_err(),
        "msync of a hole: expected -1, saw 0"
    );
    remove(file)
}

/// A file that is open only for reading is written through no shared mapping, in whatever way the
/// mapping gets the right to write. A private mapping may be written.
pub fn filereadonly() -> Outcome {
    make(PAGES, 0x100)?.close()?;
    let file = Fd::open(PATH, OpenFlags::READ_ONLY)?;
    for protection in [Protection::WRITE, READ_WRITE] {
        let result = Mapping::of_file(file, 0, PAGES, Sharing::Shared, protection);
        ensure!(
            result.is_err(),
            "a shared writable mapping of a file open for reading: expected -1, saw one"
        );
    }
    let shared = Mapping::of_file(file, 0, PAGES, Sharing::Shared, Protection::READ)?;
    let own = map(file, PAGES, Sharing::Private)?;
    file.close()?;
    for (which, touched) in [(0..1, true), (1..2, false), (0..PAGES, true)] {
        if touched {
            marked("read", &shared, which.clone(), 0x100)?;
        }
        let result = shared.protect(which, READ_WRITE);
        ensure!(
            result.is_err(),
            "mprotect to writable, of a file open for reading: expected -1, saw 0"
        );
    }
    for page in 0..PAGES {
        store_kills("a store to a shared mapping for reading", &shared, page)?;
    }
    own.protect(0..PAGES, Protection::READ)?;
    own.protect(0..PAGES, READ_WRITE)?;
    mark(&own, 0..PAGES, 0x200);
    marked("private copies", &own, 0..PAGES, 0x200)?;
    marked("shared", &shared, 0..PAGES, 0x100)?;
    holds("the file", 0..PAGES, 0x100)?;
    Ok(unlink(PATH)?)
}
