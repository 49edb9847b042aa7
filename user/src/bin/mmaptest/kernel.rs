//! What the kernel may touch on behalf of a program: nothing that the program may not touch itself.

use crate::child;
use crate::outcome::{Outcome, ensure, expect};
use crate::tools::{READ_WRITE, kernel_reads, kernel_writes, mark, private, through_pipe};
use abi::{PAGE_SIZE, Protection};
use user::mapping::Mapping;

/// Rights, and whether the kernel may read and write pages that have them.
const RIGHTS: [(Protection, bool, bool); 4] = [
    (Protection::NONE, false, false),
    (Protection::READ, true, false),
    (Protection::WRITE, true, true),
    (READ_WRITE, true, true),
];

/// The kernel reads and writes mappings exactly where the program could, touched before or not,
/// private or shared by a fork.
pub fn copies() -> Outcome {
    for touched in [false, true] {
        let mapping = private(RIGHTS.len() + 1)?;
        if touched {
            mark(&mapping, 0..RIGHTS.len(), 0x100);
        }
        for (page, (rights, ..)) in RIGHTS.into_iter().enumerate() {
            mapping.protect(page..page + 1, rights)?;
        }
        mapping.cut(RIGHTS.len()..RIGHTS.len() + 1)?;
        child::run(|| copy_to_and_from(&mapping))?;
        copy_to_and_from(&mapping)?;
    }
    Ok(())
}

fn copy_to_and_from(mapping: &Mapping) -> Outcome {
    for (page, (_, reads, writes)) in RIGHTS.into_iter().enumerate() {
        kernel_reads("a page with rights", mapping, page, reads)?;
        kernel_writes("a page with rights", mapping, page, writes)?;
    }
    kernel_reads("an unmapped page", mapping, RIGHTS.len(), false)?;
    kernel_writes("an unmapped page", mapping, RIGHTS.len(), false)
}

/// A copy that reaches a page it may not touch fails there. The bytes before are copied, and the
/// bytes behind are unchanged.
pub fn halfway() -> Outcome {
    const BEFORE: usize = PAGE_SIZE - 4;
    for rights in [Protection::NONE, Protection::READ] {
        let mapping = private(2)?;
        mark(&mapping, 0..2, 0x77);
        mapping.protect(1..2, rights)?;
        through_pipe(|read_end, write_end| {
            write_end.write_all(b"abcdefgh")?;
            let read = mapping.read_from(read_end, BEFORE, 8);
            ensure!(
                read.is_err(),
                "read into a page that may not be written: expected -1, saw {read:?}"
            );
            for (offset, byte) in (BEFORE..PAGE_SIZE).zip(*b"abcd") {
                expect("the valid part", byte, mapping.byte(offset))?;
            }
            Ok(())
        })?;
        through_pipe(|_, write_end| {
            let written = mapping.write_to(write_end, BEFORE, 8);
            let may = rights == Protection::READ;
            ensure!(
                written.is_ok() == may,
                "write from two pages: expected success {may}, saw {written:?}"
            );
            Ok(())
        })?;
        mapping.protect(1..2, READ_WRITE)?;
        expect("the word behind", 0x78, mapping.read(1))?;
    }
    Ok(())
}
