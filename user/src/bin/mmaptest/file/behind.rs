//! Pages that the file has no longer, or not yet, and files without a name.

use super::{CREATE, PATH, make, make_of, map, remove};
use crate::child::{self, Gate};
use crate::outcome::{Outcome, expect};
use crate::tools::{FORK_MODES, mark, marked, out_of_reach, private};
use abi::{OpenFlags, PAGE_SIZE};
use user::file::Fd;
use user::mapping::{Mapping, Sharing};
use user::memory;

const BOTH: [Sharing; 2] = [Sharing::Shared, Sharing::Private];

/// The bytes of the file in its last page.
const TAIL: usize = 100;
/// The length of a file that ends in its second page, in bytes.
const BYTES: usize = PAGE_SIZE + TAIL;

/// A file of `bytes` bytes, none of which is zero.
fn make_filled(bytes: usize) -> Outcome<Fd> {
    let contents = private(bytes.div_ceil(PAGE_SIZE))?;
    for offset in 0..bytes {
        contents.set_byte(offset, 0xa5);
    }
    make_of(&contents, bytes)
}

/// Behind the last byte of the file, its page reads as zeros; there are no pages behind that one.
/// What is stored behind the last byte does not reach the file.
pub fn fileend() -> Outcome {
    for sharing in BOTH {
        let file = make_filled(BYTES)?;
        let mapping = map(file, 4, sharing)?;
        expect("the last byte", 0xa5, mapping.byte(BYTES - 1))?;
        for offset in [BYTES, BYTES + 1, 2 * PAGE_SIZE - 1] {
            expect("a byte behind the end", 0, mapping.byte(offset))?;
        }
        for page in 2..4 {
            out_of_reach("a page behind the end", &mapping, page)?;
        }
        mapping.set_byte(BYTES - 1, 0xb6);
        mapping.set_byte(BYTES, 0xee);
        mapping.sync(0..4)?;
        drop(mapping);
        expect("the file's size", BYTES as u64, file.stat()?.size)?;
        let last = match sharing {
            Sharing::Shared => 0xb6,
            Sharing::Private => 0xa5,
        };
        let file = reopen(file)?;
        let seen = private(2)?;
        let count = seen.read_from(file, 0, 2 * PAGE_SIZE)?;
        expect("bytes read", BYTES, count)?;
        expect("the last byte, read", last, seen.byte(BYTES - 1))?;
        remove(file)?;
    }
    Ok(())
}

/// Closes the file and opens it again, at its beginning.
fn reopen(file: Fd) -> Outcome<Fd> {
    file.close()?;
    Ok(Fd::open(PATH, OpenFlags::READ_WRITE)?)
}

/// When a file grows, older mappings show the new bytes, in the last page and in the pages behind
/// it.
pub fn filegrows() -> Outcome {
    for sharing in BOTH {
        let file = make_filled(BYTES)?;
        let mapping = map(file, 3, sharing)?;
        expect("behind the end", 0, mapping.byte(BYTES))?;
        out_of_reach("a page behind the end", &mapping, 2)?;
        file.write_all(b"new")?;
        expect("grown", b'w', mapping.byte(BYTES + 2))?;
        expect("behind the new end", 0, mapping.byte(BYTES + 3))?;
        out_of_reach("a page behind the end", &mapping, 2)?;
        let more = private(1)?;
        mark(&more, 0..1, 0x202);
        fill_to(file, 2 * PAGE_SIZE)?;
        more.write_to(file, 0, PAGE_SIZE)?;
        expect("a new page", 0x202, mapping.read(2))?;
        mapping.write(2, 0x302);
        expect("a new page, stored", 0x302, mapping.read(2))?;
        remove(file)?;
    }
    Ok(())
}

/// Writes zeros at the end of the file until it has `bytes` bytes.
fn fill_to(file: Fd, bytes: usize) -> Outcome {
    let zeros = private(bytes.div_ceil(PAGE_SIZE))?;
    let more = bytes - file.stat()?.size as usize;
    expect("bytes written", more, zeros.write_to(file, 0, more)?)
}

/// Emptying a file takes its pages from every mapping, those of forked processes included, and
/// leaves the private copies. The old mappings show the file's new contents.
pub fn filetruncated() -> Outcome {
    const PAGES: usize = 4;
    for mode in FORK_MODES {
        memory::set_fork_mode(mode)?;
        let file = make(PAGES, 0x100)?;
        let shared = map(file, PAGES, Sharing::Shared)?;
        let own = map(file, PAGES, Sharing::Private)?;
        mark(&shared, 0..2, 0x200);
        mark(&own, 0..1, 0x300);
        expect("read", 0x201, own.read(1))?;
        let (ready, go_on) = (Gate::new()?, Gate::new()?);
        let child = child::start(|| {
            shared.write(1, 0x201);
            expect("inherited", 0x103, own.read(3))?;
            ready.open()?;
            go_on.pass()?;
            nothing_but_the_copy(&shared, &own)
        })?;
        ready.pass()?;
        Fd::open(PATH, OpenFlags::READ_WRITE.with(OpenFlags::TRUNCATE))?.close()?;
        expect("the file's size", 0, file.stat()?.size)?;
        nothing_but_the_copy(&shared, &own)?;
        go_on.open()?;
        child.join()?;
        shared.sync(0..PAGES)?;
        expect("the size after msync", 0, file.stat()?.size)?;
        let contents = private(PAGES)?;
        mark(&contents, 0..PAGES, 0x400);
        let file = reopen(file)?;
        contents.write_to(file, 0, PAGES * PAGE_SIZE)?;
        marked("new contents, shared", &shared, 0..PAGES, 0x400)?;
        marked("new contents, private", &own, 1..PAGES, 0x400)?;
        expect("the copy", 0x300, own.read(0))?;
        remove(file)?;
    }
    Ok(())
}

fn nothing_but_the_copy(shared: &Mapping, own: &Mapping) -> Outcome {
    for page in [0, 1, 3] {
        out_of_reach("a shared page of an empty file", shared, page)?;
    }
    for page in [1, 2, 3] {
        out_of_reach("a private page of an empty file", own, page)?;
    }
    expect("the copy", 0x300, own.read(0))
}

/// A file without a name exists as long as it is mapped, by the process that made the mapping or by
/// its child, whether its pages were read before or not. A new file that gets the name is another
/// file.
pub fn fileunlinked() -> Outcome {
    const PAGES: usize = 8;
    for sharing in BOTH {
        let file = make(PAGES, 0x100)?;
        let mapping = map(file, PAGES, sharing)?;
        marked("before", &mapping, 0..2, 0x100)?;
        remove(file)?;
        let new = Fd::open(PATH, CREATE)?;
        new.write_all(b"new")?;
        marked("without a name", &mapping, 0..PAGES / 2, 0x100)?;
        mark(&mapping, 0..PAGES, 0x200);
        mapping.sync(0..PAGES)?;
        let (unmapped, ready) = (Gate::new()?, Gate::new()?);
        let child = child::start(|| {
            ready.open()?;
            unmapped.pass()?;
            marked("the child's", &mapping, 0..PAGES, 0x200)
        })?;
        ready.pass()?;
        mapping.cut(0..PAGES)?;
        unmapped.open()?;
        child.join()?;
        let seen = private(1)?;
        let new = reopen(new)?;
        expect("bytes of the new file", 3, seen.read_from(new, 0, 4)?)?;
        expect("its first byte", b'n', seen.byte(0))?;
        remove(new)?;
    }
    Ok(())
}
