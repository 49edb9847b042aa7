//! The kernel reads and writes mapped files for a program, also when a call moves bytes of that
//! very file.

use super::{PATH, holds, make, make_of, map, remove, skip};
use crate::child;
use crate::outcome::{Outcome, ensure, expect, failure};
use crate::tools::{
    PAGE, kernel_reads, kernel_writes, mark, marked, private, refused, through_pipe,
};
use abi::{OpenFlags, PAGE_SIZE};
use core::ffi::CStr;
use user::file::Fd;
use user::mapping::Sharing;
use user::syscall;

const PAGES: usize = 4;
const BOTH: [Sharing; 2] = [Sharing::Shared, Sharing::Private];

/// `read` moves bytes of a file into a mapping of that file, and `write` moves bytes from a mapping
/// into the mapped file: to other pages, to the same page, to all pages, touched before or not.
pub fn fileitself() -> Outcome {
    for sharing in BOTH {
        for touched in [false, true] {
            let file = make(2 * PAGES, 0x100)?;
            let mapping = map(file, 2 * PAGES, sharing)?;
            if touched {
                mark(&mapping, 0..2 * PAGES, 0x100);
            }
            let half = PAGES * PAGE_SIZE;
            // Copies the first half of the file to the second half of the mapping.
            let reader = open(0)?;
            expect("bytes read", half, mapping.read_from(reader, half, half)?)?;
            marked(
                "read from the file itself",
                &mapping,
                PAGES..2 * PAGES,
                0x100 - PAGES as u64,
            )?;
            // Copies each page onto itself.
            let reader = open(0)?;
            expect("bytes read", half, mapping.read_from(reader, 0, half)?)?;
            marked("read to where it is", &mapping, 0..PAGES, 0x100)?;
            mark(&mapping, PAGES..2 * PAGES, 0x200);
            // Copies in the other direction, into the first half of the file.
            let writer = open(0)?;
            expect("bytes written", half, mapping.write_to(writer, half, half)?)?;
            holds("written from the mapping", 0..PAGES, 0x200 + PAGES as u64)?;
            if sharing == Sharing::Shared {
                let writer = open(0)?;
                let all = 2 * half;
                expect("bytes written", all, mapping.write_to(writer, 0, all)?)?;
                marked("written to where it is", &mapping, PAGES..2 * PAGES, 0x200)?;
                holds("written to where it is", PAGES..2 * PAGES, 0x200)?;
            }
            remove(file)?;
        }
    }
    Ok(())
}

/// Opens the file at byte `from`.
fn open(from: usize) -> Outcome<Fd> {
    let file = Fd::open(PATH, OpenFlags::READ_WRITE)?;
    skip(file, from)?;
    Ok(file)
}

/// Pipes read from mapped files and write to them, also to pages that were never touched. A copy
/// that reaches the end of the file stops there, and the bytes before are copied.
pub fn filepipes() -> Outcome {
    for sharing in BOTH {
        let file = make(PAGES, 0x100)?;
        let mapping = map(file, PAGES + 1, sharing)?;
        through_pipe(|read_end, write_end| {
            let word = size_of::<u64>();
            expect(
                "bytes written",
                word,
                mapping.write_to(write_end, PAGE_SIZE, word)?,
            )?;
            let count = mapping.read_from(read_end, 2 * PAGE_SIZE, word)?;
            expect("bytes read", word, count)?;
            expect("through a pipe", 0x101, mapping.read(2))?;
            expect("the page beside it", 0x103, mapping.read(3))
        })?;
        let end = PAGES * PAGE_SIZE;
        through_pipe(|read_end, write_end| {
            write_end.write_all(b"abcdefgh")?;
            let count = mapping.read_from(read_end, end - 4, 8);
            ensure!(
                count.is_err(),
                "read to behind the end of a file: expected -1, saw {count:?}"
            );
            for (offset, byte) in (end - 4..end).zip(*b"abcd") {
                expect("the valid part", byte, mapping.byte(offset))?;
            }
            let count = mapping.write_to(write_end, end - 4, 8);
            ensure!(
                count.is_err(),
                "write from behind the end of a file: expected -1, saw {count:?}"
            );
            Ok(())
        })?;
        kernel_reads("behind the end of a file", &mapping, PAGES, false)?;
        kernel_writes("behind the end of a file", &mapping, PAGES, false)?;
        remove(file)?;
    }
    Ok(())
}

/// Paths and arguments lie in a mapping of a file whose pages no process has touched yet.
pub fn fileexec() -> Outcome {
    const WORDS: &CStr = c"/sleep";
    const SECOND: u64 = 64;
    for sharing in BOTH {
        let contents = private(2)?;
        for (offset, &byte) in WORDS.to_bytes().iter().enumerate() {
            contents.set_byte(offset, byte);
        }
        contents.set_byte(SECOND as usize, b'0');
        let file = make_of(&contents, 2 * PAGE_SIZE)?;
        child::run(|| {
            let mapping = map(file, 2, sharing)?;
            let (path, vector) = (mapping.start(), mapping.start() + PAGE);
            for (index, word) in [path, path + SECOND, 0].into_iter().enumerate() {
                mapping.write_word(1, index, word);
            }
            // SAFETY: if it succeeds, nothing of ours remains.
            unsafe { syscall::exec(path, vector) };
            Err(failure!("expected to become sleep, saw -1"))
        })?;
        remove(file)?;
    }
    // This path begins in the last page of a file, and the file ends before the path does.
    let contents = private(1)?;
    for offset in 0..PAGE_SIZE {
        contents.set_byte(offset, b'/');
    }
    let file = make_of(&contents, PAGE_SIZE)?;
    let mapping = map(file, 2, Sharing::Shared)?;
    // SAFETY: the kernel only reads the path.
    let unlinked = unsafe { syscall::unlink(mapping.end() - PAGE - 4) };
    refused("a path that runs behind the end of a file", unlinked)?;
    remove(file)
}
