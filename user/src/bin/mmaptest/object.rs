//! The kernel's part in shared zeros: it writes them for a program, reports about them, and keeps
//! them as long as a process maps them.

use crate::child::{self, Gate};
use crate::measure::{Levels, Since};
use crate::outcome::{Outcome, ensure, expect};
use crate::shared::shared;
use crate::tools::{mark, marked, private, through_pipe};
use abi::{MemCounter, PageInfo};

/// What the kernel writes for one process, the other processes find, in pages touched before or
/// not.
pub fn sharedkernel() -> Outcome {
    let mapping = shared(2)?;
    mapping.write(0, 0);
    through_pipe(|read_end, write_end| {
        write_end.write_all(b"ab")?;
        child::run(|| {
            for page in 0..2 {
                let offset = page * abi::PAGE_SIZE;
                expect("bytes read", 1, mapping.read_from(read_end, offset, 1)?)?;
            }
            Ok(())
        })?;
        for (page, byte) in [b'a', b'b'].into_iter().enumerate() {
            expect("read by a child", u64::from(byte), mapping.read(page))?;
        }
        // What a child stored, the kernel reads for the child's parent.
        child::run(|| {
            mapping.set_byte(0, b'c');
            Ok(())
        })?;
        expect("bytes written", 1, mapping.write_to(write_end, 0, 1)?)?;
        let mut byte = [0];
        read_end.read(&mut byte)?;
        expect("the byte written", b'c', byte[0])
    })
}

/// The kernel reports that a page is shared, which frame it is in, and whether one process alone
/// maps it.
pub fn sharedinfo() -> Outcome {
    let (mapping, own) = (shared(1)?, private(1)?);
    mapping.write(0, 1);
    own.write(0, 1);
    let bit = |info: PageInfo| info.0 & PageInfo::FILE_OR_SHARED != 0;
    ensure!(
        !bit(own.info(0)?),
        "expected a private page not to be told as shared"
    );
    let frame = mapping.info(0)?.frame();
    let look = |what: &str, exclusive: bool| {
        let info = mapping.info(0)?;
        ensure!(
            bit(info) && info.is_present() && info.is_exclusive() == exclusive,
            "{what}: expected a shared page, exclusive: {exclusive}; saw {:#x}",
            info.0
        );
        expect("frame", frame, info.frame())
    };
    look("before the fork", true)?;
    let (looked, go_on) = (Gate::new()?, Gate::new()?);
    let child = child::start(|| {
        // The process may get its own entry only at the first touch.
        mapping.read(0);
        look("in the child", false)?;
        looked.open()?;
        go_on.pass()
    })?;
    looked.pass()?;
    look("beside the child", false)?;
    go_on.open()?;
    child.join()?;
    look("after the child", true)
}

/// The promise is kept until the last process unmaps the pages. It outlives the maker's mapping,
/// and the maker.
pub fn sharedcommit() -> Outcome {
    const PAGES: usize = 100;
    // The kernel keeps some objects of a process's first mapping for the next one.
    drop(shared(1)?);
    let before = Levels::now()?;
    let start = Since::now()?;
    let mapping = shared(PAGES)?;
    mark(&mapping, 0..PAGES, 0x100);
    let held = |what: &str| {
        let rise = start.rise(MemCounter::Committed)?;
        ensure!(
            rise >= PAGES as i64,
            "{what}: expected {PAGES} frames committed or more, saw {rise}"
        );
        Ok(())
    };
    held("mapped")?;
    let go_on = Gate::new()?;
    let child = child::start(|| {
        go_on.pass()?;
        held("unmapped by the parent")?;
        marked("the child's", &mapping, 0..PAGES, 0x100)?;
        Ok(mapping.cut(0..PAGES)?)
    })?;
    mapping.cut(0..PAGES)?;
    go_on.open()?;
    child.join()?;
    go_on.remove()?;
    drop(mapping);
    before.expect_back()
}
