//! Programs run from the pages of their files, and all processes that run a program share those
//! pages.

use super::stranger::{Stranger, text_pages};
use super::{CREATE, make, remove};
use crate::measure::Since;
use crate::outcome::{Outcome, ensure, expect};
use crate::tools::{PAGE, private};
use abi::{MemCounter, OpenFlags, PAGE_SIZE, PageInfo, ProcCounter};
use core::ffi::CStr;
use user::file::{Fd, unlink};
use user::memory::{self, ProcessCounters};
use user::process::Pid;

/// The path of a copy of this program.
const COPY: &CStr = c"/mmaptest.copy";

/// Makes the copy.
fn copy_this_program() -> Outcome {
    // The copy exists if an earlier test has failed.
    let _ = unlink(COPY);
    let this = Fd::open(c"/mmaptest", OpenFlags::READ_ONLY)?;
    let size = this.stat()?.size as usize;
    let bytes = private(size.div_ceil(PAGE_SIZE))?;
    expect("bytes read", size, bytes.read_from(this, 0, size)?)?;
    this.close()?;
    let copy = Fd::open(COPY, CREATE)?;
    expect("bytes written", size, bytes.write_to(copy, 0, size)?)?;
    Ok(copy.close()?)
}

/// A running program cannot be opened for writing or emptied. It can be read, and it can lose its
/// name to another file; the process goes on.
pub fn running() -> Outcome {
    let file = make(1, 0x100)?;
    copy_this_program()?;
    let stranger = Stranger::start(COPY)?;
    stranger.add()?;
    let truncate = OpenFlags::READ_ONLY.with(OpenFlags::TRUNCATE);
    for flags in [
        OpenFlags::WRITE_ONLY,
        OpenFlags::READ_WRITE,
        CREATE,
        truncate,
    ] {
        let opened = Fd::open(COPY, flags);
        ensure!(
            opened.is_err(),
            "a running program opened with {:#x}: expected -1, saw a descriptor",
            flags.0
        );
    }
    let program = Fd::open(COPY, OpenFlags::READ_ONLY)?;
    let mut magic = [0; 4];
    expect("bytes read", 4, program.read(&mut magic)?)?;
    ensure!(magic == *b"\x7fELF", "expected a program, saw {magic:?}");
    program.close()?;
    unlink(COPY)?;
    let other = Fd::open(COPY, CREATE)?;
    other.write_all(b"no program")?;
    stranger.add()?;
    other.close()?;
    stranger.end()?;
    // A program that no longer runs can be opened like any file.
    copy_this_program()?;
    Stranger::start(COPY)?.end()?;
    Fd::open(COPY, OpenFlags::READ_WRITE)?.close()?;
    unlink(COPY)?;
    remove(file)
}

/// The number of copies that run at once.
const COPIES: usize = 10;

/// Ten processes that start one program independently share its text: nine of them add no frames
/// for it.
pub fn tencopies() -> Outcome {
    let file = make(1, 0x100)?;
    copy_this_program()?;
    let first = started()?;
    let start = Since::now()?;
    let mut own = 0;
    let mut others = [const { None }; COPIES - 1];
    for place in &mut others {
        let other = started()?;
        own += ProcessCounters::of(other.pid())?[ProcCounter::Private] / PAGE;
        *place = Some(other);
    }
    start.expect("nine more copies", MemCounter::FileCache, 0)?;
    let anonymous = start.rise(MemCounter::Anonymous)?;
    ensure!(
        anonymous <= own as i64,
        "nine more copies: expected at most {own} anonymous frames more, saw {anonymous}"
    );
    let mut common = 0;
    for other in others.into_iter().flatten() {
        common += common_text(first.pid(), other.pid())?;
        other.end()?;
    }
    // The processes have touched all of the text, but some pages may have left memory again.
    let least = text_pages() as usize * (COPIES - 1) / 2;
    ensure!(
        common >= least,
        "expected {least} pages of text to be compared or more, saw {common}"
    );
    first.end()?;
    unlink(COPY)?;
    remove(file)
}

/// Returns a copy that has done some work.
fn started() -> Outcome<Stranger> {
    let stranger = Stranger::start(COPY)?;
    stranger.add()?;
    Ok(stranger)
}

/// Fails unless two processes have the text in the same frames. Returns how many pages of text both
/// have in memory.
fn common_text(one: Pid, other: Pid) -> Outcome<usize> {
    let mut common = 0;
    for page in 0..text_pages() {
        let of = |pid| -> Outcome<PageInfo> {
            let mut info = [PageInfo::default()];
            memory::page_info(pid, page * PAGE, &mut info)?;
            Ok(info[0])
        };
        let (first, second) = (of(one)?, of(other)?);
        if !first.is_present() || !second.is_present() {
            continue;
        }
        for info in [first, second] {
            ensure!(
                info.0 & PageInfo::FILE_OR_SHARED != 0 && !info.is_exclusive(),
                "text page {page}: expected a file's that others have, saw {:#x}",
                info.0
            );
        }
        expect("frame of a page of text", first.frame(), second.frame())?;
        common += 1;
    }
    Ok(common)
}
