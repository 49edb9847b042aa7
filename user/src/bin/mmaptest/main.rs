//! `mmaptest [NAME]...`: tests that mappings hold what was stored in them, for the processes that
//! share them, and no longer than they are mapped.
//!
//! Runs all tests, or the named ones, each in a process of its own, and prints one line for each.
//! Afterwards as many frames must be free and committed as before. Tests that need what this kernel
//! lacks (shared mappings, mapped files, a disk to swap to, an audit) are reported as skipped.

#![no_std]
#![no_main]

mod basic;
mod code;
mod family;
mod file;
mod kernel;
mod object;
mod place;
mod protect;
mod refusals;
mod shared;
mod swap;
mod tools;
mod unmap;
mod whole;

use abi::{MemCounter, OpenFlags, Protection};
use user::Args;
use user::file::Fd;
use user::mapping::{Mapping, Sharing};
use user::memory::{Audit, SystemCounters, touch_own_pages};
use user::testing::measure::Levels;
use user::testing::outcome::{Outcome, failure};
use user::testing::suite::{Missing, Suite, Test, test};
use user::testing::{child, measure, outcome};

user::main!(run);

const PRIVATE: Missing = || missing_mappings(Sharing::Private, "this kernel has no mmap");
const SHARED: Missing = || missing_mappings(Sharing::Shared, "mmap answers -1 to MAP_SHARED");
const FILES: Missing = || SHARED().or_else(missing_files);
const SWAP: Missing = || PRIVATE().or_else(missing_swap);
const SHARED_SWAP: Missing = || SHARED().or_else(missing_swap);
const AUDIT: Missing = || {
    Audit::now()
        .err()
        .map(|_| "this kernel has no audit device")
};

fn missing_mappings(sharing: Sharing, reason: &'static str) -> Option<&'static str> {
    Mapping::new(1, sharing, Protection::READ)
        .err()
        .map(|_| reason)
}

fn missing_files() -> Option<&'static str> {
    let file = Fd::open(c"/mmaptest", OpenFlags::READ_ONLY);
    let mapped = file.and_then(|file| {
        let mapped = Mapping::of_file(file, 0, 1, Sharing::Private, Protection::READ);
        file.close().and(mapped)
    });
    mapped.err().map(|_| "mmap answers -1 to files")
}

fn missing_swap() -> Option<&'static str> {
    let slots = SystemCounters::now().map_or(0, |counters| counters[MemCounter::SwapSlots]);
    (slots == 0).then_some("there is no disk to swap to")
}

const TESTS: &[Test] = &[
    test(c"zeros", PRIVATE, basic::zeros),
    test(c"contents", PRIVATE, basic::contents),
    test(c"apart", PRIVATE, basic::apart),
    test(c"writeonly", PRIVATE, basic::writeonly),
    test(c"length", PRIVATE, basic::length),
    test(c"wish", PRIVATE, place::wish),
    test(c"fixed", PRIVATE, place::fixed),
    test(c"fixedheap", PRIVATE, place::fixedheap),
    test(c"fixedimage", PRIVATE, place::fixedimage),
    test(c"fixedbad", PRIVATE, place::fixedbad),
    test(c"arguments", PRIVATE, refusals::arguments),
    test(c"toomuch", PRIVATE, refusals::toomuch),
    test(c"exhaust", PRIVATE, refusals::exhaust),
    test(c"unmap", PRIVATE, unmap::unmap),
    test(c"across", PRIVATE, unmap::across),
    test(c"holes", PRIVATE, unmap::holes),
    test(c"unmapbad", PRIVATE, unmap::unmapbad),
    test(c"unmapheap", PRIVATE, unmap::unmapheap),
    test(c"readonly", PRIVATE, protect::readonly),
    test(c"none", PRIVATE, protect::none),
    test(c"stale", PRIVATE, protect::stale),
    test(c"pieces", PRIVATE, protect::pieces),
    test(c"protectbad", PRIVATE, protect::protectbad),
    test(c"forkrights", PRIVATE, protect::forkrights),
    test(c"copies", PRIVATE, kernel::copies),
    test(c"halfway", PRIVATE, kernel::halfway),
    test(c"run", PRIVATE, code::run),
    test(c"data", PRIVATE, code::data),
    test(c"text", PRIVATE, code::text),
    test(c"fork", PRIVATE, family::fork),
    test(c"exit", PRIVATE, family::exit),
    test(c"exec", PRIVATE, family::exec),
    test(c"sbrk", PRIVATE, family::sbrk),
    test(c"shrink", PRIVATE, family::shrink),
    test(c"swapped", SWAP, swap::swapped),
    test(c"sharing", SHARED, shared::sharing),
    test(c"firsttouch", SHARED, shared::firsttouch),
    test(c"generations", SHARED, shared::generations),
    test(c"sharedcut", SHARED, shared::sharedcut),
    test(c"sharedrights", SHARED, shared::sharedrights),
    test(c"sharedkernel", SHARED, object::sharedkernel),
    test(c"sharedinfo", SHARED, object::sharedinfo),
    test(c"sharedcommit", SHARED, object::sharedcommit),
    test(c"sharedapart", SHARED, shared::sharedapart),
    test(c"sharedswap", SHARED_SWAP, swap::sharedswap),
    test(c"fileprivate", FILES, file::private::fileprivate),
    test(c"fileprivatefork", FILES, file::private::fileprivatefork),
    test(c"fileshared", FILES, file::shared::fileshared),
    test(c"filestrangers", FILES, file::shared::filestrangers),
    test(c"filelasting", FILES, file::lasting::filelasting),
    test(c"filecrowded", FILES, file::lasting::filecrowded),
    test(c"filetogether", FILES, file::together::filetogether),
    test(c"fileend", FILES, file::behind::fileend),
    test(c"filegrows", FILES, file::behind::filegrows),
    test(c"filetruncated", FILES, file::behind::filetruncated),
    test(c"fileunlinked", FILES, file::behind::fileunlinked),
    test(c"fileoffsets", FILES, file::parts::fileoffsets),
    test(c"fileparts", FILES, file::parts::fileparts),
    test(c"filefixed", FILES, file::parts::filefixed),
    test(c"filedescriptors", FILES, file::forbidden::filedescriptors),
    test(c"filearguments", FILES, file::forbidden::filearguments),
    test(c"filereadonly", FILES, file::forbidden::filereadonly),
    test(c"fileitself", FILES, file::kernel::fileitself),
    test(c"filepipes", FILES, file::kernel::filepipes),
    test(c"fileexec", FILES, file::kernel::fileexec),
    test(c"running", FILES, file::program::running),
    test(c"tencopies", FILES, file::program::tencopies),
    test(c"audit", AUDIT, whole::audit),
];

const MMAPTEST: Suite = Suite {
    program: "mmaptest",
    passed: "ALL MMAP TESTS PASSED",
    tests: TESTS,
    run: run_without_loss,
};

fn run(args: Args) -> i32 {
    if args.clone().nth(1) == Some(file::stranger::STRANGER) {
        return file::stranger::serve();
    }
    MMAPTEST.run(args)
}

/// Runs a test. Fails if other amounts of memory are free or committed afterwards than before.
fn run_without_loss(test: &Test) -> Outcome {
    touch_own_pages();
    let before = Levels::now()?;
    child::run_undisturbed(test.body)?;
    before
        .expect_back()
        .map_err(|failure| failure!("afterwards: {failure}"))
}
