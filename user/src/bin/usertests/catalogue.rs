//! The tests by name, in the order in which they run.

#![forbid(unsafe_code)]

use crate::{
    directories, disk, execution, files, generations, heap, inodes, kernel, lazy, links, outside,
    pointers, scarcity, signals, strings, together, truncation,
};
use core::ffi::CStr;
use user::testing::outcome::Outcome;

/// What a test needs of the kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The calls of xv6.
    Xv6,
    /// The lazy mode of `sbrk`, which xv6 got in 2025.
    LazyBreak,
}

impl Needs {
    /// Returns why a test that needs this cannot run on this kernel.
    pub fn missing(self) -> Option<&'static str> {
        match self {
            Self::LazyBreak if !kernel::has_lazy_break() => {
                Some("sbrk has no lazy mode on this kernel")
            }
            Self::Xv6 | Self::LazyBreak => None,
        }
    }
}

/// A test.
pub struct Test {
    pub name: &'static CStr,
    pub needs: Needs,
    pub body: fn() -> Outcome,
}

const fn test(name: &'static CStr, body: fn() -> Outcome) -> Test {
    let needs = Needs::Xv6;
    Test { name, needs, body }
}

const fn lazy(name: &'static CStr, body: fn() -> Outcome) -> Test {
    let needs = Needs::LazyBreak;
    Test { name, needs, body }
}

/// The tests that take a moment.
pub const QUICK: &[Test] = &[
    test(c"copyin", pointers::copyin),
    test(c"copyout", pointers::copyout),
    test(c"copyinstr1", strings::copyinstr1),
    test(c"copyinstr2", strings::copyinstr2),
    test(c"copyinstr3", strings::copyinstr3),
    test(c"rwsbrk", pointers::rwsbrk),
    test(c"truncate1", truncation::truncate1),
    test(c"truncate2", truncation::truncate2),
    test(c"truncate3", truncation::truncate3),
    test(c"openiput", inodes::openiput),
    test(c"exitiput", inodes::exitiput),
    test(c"iput", inodes::iput),
    test(c"opentest", files::opentest),
    test(c"writetest", files::writetest),
    test(c"writebig", files::writebig),
    test(c"createtest", files::createtest),
    test(c"dirtest", directories::dirtest),
    test(c"exectest", execution::exectest),
    test(c"pipe1", signals::pipe1),
    test(c"killstatus", signals::killstatus),
    test(c"killzero", signals::killzero),
    test(c"preempt", signals::preempt),
    test(c"exitwait", signals::exitwait),
    test(c"reparent", generations::reparent),
    test(c"twochildren", generations::twochildren),
    test(c"forkfork", generations::forkfork),
    test(c"forkforkfork", generations::forkforkfork),
    test(c"reparent2", generations::reparent2),
    test(c"mem", scarcity::mem),
    test(c"sharedfd", together::sharedfd),
    test(c"fourfiles", together::fourfiles),
    test(c"createdelete", together::createdelete),
    test(c"unlinkread", files::unlinkread),
    test(c"linktest", links::linktest),
    test(c"concreate", links::concreate),
    test(c"linkunlink", links::linkunlink),
    test(c"subdir", directories::subdir),
    test(c"bigwrite", files::bigwrite),
    test(c"bigfile", files::bigfile),
    test(c"fourteen", directories::fourteen),
    test(c"rmdot", directories::rmdot),
    test(c"dirfile", directories::dirfile),
    test(c"iref", directories::iref),
    test(c"forktest", generations::forktest),
    test(c"sbrkbasic", heap::sbrkbasic),
    test(c"sbrkmuch", heap::sbrkmuch),
    test(c"kernmem", outside::kernmem),
    test(c"MAXVAplus", outside::MAXVAplus),
    test(c"sbrkfail", scarcity::sbrkfail),
    test(c"sbrkarg", heap::sbrkarg),
    test(c"validatetest", pointers::validatetest),
    test(c"bsstest", heap::bsstest),
    test(c"bigargtest", execution::bigargtest),
    test(c"argptest", pointers::argptest),
    test(c"stacktest", outside::stacktest),
    test(c"nowrite", outside::nowrite),
    test(c"pgbug", pointers::pgbug),
    test(c"sbrkbugs", heap::sbrkbugs),
    test(c"sbrklast", heap::sbrklast),
    test(c"sbrk8000", heap::sbrk8000),
    test(c"badarg", pointers::badarg),
    lazy(c"lazy_alloc", lazy::lazy_alloc),
    lazy(c"lazy_unmap", lazy::lazy_unmap),
    lazy(c"lazy_copy", lazy::lazy_copy),
    lazy(c"lazy_copyinstr", lazy::lazy_copyinstr),
    lazy(c"lazy_sbrk", lazy::lazy_sbrk),
    test(c"partial_write", pointers::partial_write),
    test(c"unlinkcwd", inodes::unlinkcwd),
];

/// The tests that take longer.
pub const SLOW: &[Test] = &[
    test(c"bigdir", disk::bigdir),
    test(c"manywrites", disk::manywrites),
    test(c"badwrite", disk::badwrite),
    test(c"execout", execution::execout),
    test(c"diskfull", disk::diskfull),
    test(c"outofinodes", disk::outofinodes),
];
