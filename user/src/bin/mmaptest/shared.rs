//! Shared zeros: one object for all processes that have the mapping from its maker, whoever touches a page first.

use crate::child::{self, Gate};
use crate::measure::{Levels, Since};
use crate::outcome::{Outcome, ensure, expect};
use crate::tools::{
    FREE, PAGE, READ_WRITE, mark, marked, out_of_reach, private, store_kills, through_pipe, zero,
};
use abi::{ForkMode, MemCounter, PageInfo, Protection};
use user::mapping::{Mapping, Sharing};
use user::memory;

/// Shared zeros that can be loaded and stored.
pub fn shared(pages: usize) -> Outcome<Mapping> {
    Ok(Mapping::new(pages, Sharing::Shared, READ_WRITE)?)
}

/// What was there at the fork, and what either side writes after it, is there for both, however the fork copies.
pub fn sharing() -> Outcome {
    const PAGES: usize = 8;
    for mode in [ForkMode::CopyOnWrite, ForkMode::Eager] {
        memory::set_fork_mode(mode)?;
        let mapping = shared(PAGES)?;
        zero("before all", &mapping, 0..PAGES)?;
        mark(&mapping, 0..PAGES, 0x100);
        let (written, answered) = (Gate::new()?, Gate::new()?);
        let child = child::start(|| {
            marked("inherited", &mapping, 0..PAGES, 0x100)?;
            mark(&mapping, 0..PAGES, 0x200);
            written.open()?;
            answered.pass()?;
            marked("the parent's answer", &mapping, 0..PAGES, 0x300)
        })?;
        written.pass()?;
        let start = Since::now()?;
        marked("the child's", &mapping, 0..PAGES, 0x200)?;
        mark(&mapping, 0..PAGES, 0x300);
        start.expect("writing what is shared", MemCounter::CopyFaults, 0)?;
        start.expect("writing what is shared", MemCounter::Anonymous, 0)?;
        answered.open()?;
        child.join()?;
        marked("after the child", &mapping, 0..PAGES, 0x300)?;
        written.remove()?;
        answered.remove()?;
    }
    Ok(())
}

/// Pages first touched after the fork are the same pages: by the child, by the parent, by a load or by a store.
pub fn firsttouch() -> Outcome {
    let mapping = shared(4)?;
    let (touched, go_on) = (Gate::new()?, Gate::new()?);
    let child = child::start(|| {
        mapping.write(0, 10);
        expect("first read by the child", 0, mapping.read(1))?;
        touched.open()?;
        go_on.pass()?;
        expect("read by both, written by the parent", 21, mapping.read(1))?;
        expect("first written by the parent", 22, mapping.read(2))?;
        expect("first read by the parent", 0, mapping.read(3))?;
        mapping.write(3, 13);
        Ok(())
    })?;
    touched.pass()?;
    expect("first written by the child", 10, mapping.read(0))?;
    mapping.write(1, 21);
    mapping.write(2, 22);
    expect("first read by the parent", 0, mapping.read(3))?;
    go_on.open()?;
    child.join()?;
    expect("written by the child last", 13, mapping.read(3))
}

/// Three generations: each writes a page first that the others never touched, and each sees all.
pub fn generations() -> Outcome {
    let mapping = shared(3)?;
    let (all_forked, seen) = (Gate::new()?, Gate::new()?);
    let child = child::start(|| {
        let grandchild = child::start(|| {
            mapping.write(2, 102);
            all_forked.open()?;
            seen.pass()?;
            marked("the grandchild's view", &mapping, 0..3, 100)
        })?;
        mapping.write(1, 101);
        grandchild.join()?;
        marked("the child's view", &mapping, 0..3, 100)
    })?;
    mapping.write(0, 100);
    all_forked.pass()?;
    // The child may be a moment behind its own child.
    while mapping.read(1) == 0 {
        user::process::sleep(1)?;
    }
    marked("the parent's view", &mapping, 0..3, 100)?;
    seen.open()?;
    child.join()?;
    marked("afterwards", &mapping, 0..3, 100)
}

/// What one process unmaps stays for the others, and what it keeps are the same pages as before.
pub fn sharedcut() -> Outcome {
    const PAGES: usize = 8;
    let mapping = shared(PAGES)?;
    mark(&mapping, 0..4, 0x100);
    child::run(|| {
        mapping.cut(0..3)?;
        mapping.cut(5..6)?;
        out_of_reach("unmapped by the child", &mapping, 0)?;
        marked("kept by the child", &mapping, 3..4, 0x100)?;
        // Never touched before, on both sides of a hole.
        mark(&mapping, 4..5, 0x100);
        mark(&mapping, 6..PAGES, 0x100);
        Ok(())
    })?;
    marked("the parent's", &mapping, 0..5, 0x100)?;
    zero("what nobody touched", &mapping, 5..6)?;
    marked("behind the child's hole", &mapping, 6..PAGES, 0x100)?;
    let unmapped = Gate::new()?;
    let child = child::start(|| {
        unmapped.pass()?;
        marked("the child's", &mapping, 0..5, 0x100)?;
        mark(&mapping, 0..PAGES, 0x200);
        marked("the child's new", &mapping, 0..PAGES, 0x200)
    })?;
    mapping.cut(0..4)?;
    out_of_reach("unmapped by the parent", &mapping, 0)?;
    unmapped.open()?;
    child.join()?;
    marked("kept by the parent", &mapping, 4..PAGES, 0x200)
}

/// Rights are each process's own; what they allow is done to the one object.
pub fn sharedrights() -> Outcome {
    const PAGES: usize = 2;
    let mapping = shared(PAGES)?;
    let (protected, go_on) = (Gate::new()?, Gate::new()?);
    mapping.write(0, 0x100);
    let child = child::start(|| {
        mapping.protect(0..PAGES, Protection::READ)?;
        store_kills("a store to a shared page, read-only", &mapping, 0)?;
        store_kills("the same, never touched", &mapping, 1)?;
        protected.open()?;
        go_on.pass()?;
        marked("what the parent wrote", &mapping, 0..PAGES, 0x200)?;
        mapping.protect(0..PAGES, Protection::NONE)?;
        out_of_reach("a shared page without rights", &mapping, 0)?;
        mapping.protect(0..PAGES, READ_WRITE)?;
        marked("with rights again", &mapping, 0..PAGES, 0x200)?;
        mark(&mapping, 0..PAGES, 0x300);
        Ok(())
    })?;
    protected.pass()?;
    mark(&mapping, 0..PAGES, 0x200);
    go_on.open()?;
    child.join()?;
    marked("what the child wrote", &mapping, 0..PAGES, 0x300)
}

/// What the kernel writes for one process is there for the others, in a page touched before or not.
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
        // And what a child stored is what the kernel reads for its parent.
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

/// The kernel says of a page that it is shared, which frame it is in, and whether one process alone has it.
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
        // Its own entry may come with the first touch.
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

/// The promise is kept until the last process unmaps it: neither the maker's unmapping nor its end is the end of it.
pub fn sharedcommit() -> Outcome {
    const PAGES: usize = 100;
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

/// Two objects are two, also side by side; one that takes the place of another is new, and the other stays for who has it.
pub fn sharedapart() -> Outcome {
    const PAGES: usize = 4;
    let low = Mapping::near(FREE, PAGES, Sharing::Shared, READ_WRITE)?;
    let high = Mapping::near(
        FREE + PAGES as u64 * PAGE,
        PAGES,
        Sharing::Shared,
        READ_WRITE,
    )?;
    expect("address", low.end(), high.start())?;
    child::run(|| {
        mark(&high, 0..PAGES, 0x200);
        mark(&low, 1..PAGES, 0x100);
        Ok(())
    })?;
    marked("the high one", &high, 0..PAGES, 0x200)?;
    marked("the low one", &low, 1..PAGES, 0x100)?;
    zero("the low one's first page", &low, 0..1)?;
    child::run(|| {
        low.renew(1..3, Sharing::Shared, READ_WRITE)?;
        zero("renewed", &low, 1..3)?;
        mark(&low, 1..3, 0x300);
        let child = child::run(|| marked("its child's", &low, 1..3, 0x300));
        high.renew(0..1, Sharing::Private, READ_WRITE)?;
        mark(&high, 0..1, 0x400);
        child
    })?;
    marked("the low one afterwards", &low, 1..PAGES, 0x100)?;
    marked("the high one afterwards", &high, 0..PAGES, 0x200)
}
