//! Shared zeros: one object for all processes that inherit the mapping from its maker, whichever
//! process touches a page first.

use crate::child::{self, Gate};
use crate::measure::Since;
use crate::outcome::{Outcome, expect};
use crate::tools::{
    FORK_MODES, FREE, PAGE, READ_WRITE, mark, marked, out_of_reach, store_kills, zero,
};
use abi::{MemCounter, Protection};
use user::mapping::{Mapping, Sharing};
use user::memory;

/// Returns shared zeros that can be loaded and stored.
pub fn shared(pages: usize) -> Outcome<Mapping> {
    Ok(Mapping::new(pages, Sharing::Shared, READ_WRITE)?)
}

/// Both processes find what was stored before the fork, and what either stores after it, in every
/// mode of fork.
pub fn sharing() -> Outcome {
    const PAGES: usize = 8;
    for mode in FORK_MODES {
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

/// Pages that are first touched after the fork are shared, too: by the child or by the parent, by a
/// load or by a store.
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

/// Three generations: each is the first to write some page, and each finds what the others wrote.
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
    for _ in 0..50 {
        if mapping.read(1) != 0 {
            break;
        }
        user::process::sleep(1)?;
    }
    marked("the parent's view", &mapping, 0..3, 100)?;
    seen.open()?;
    child.join()?;
    marked("afterwards", &mapping, 0..3, 100)
}

/// What one process unmaps stays mapped for the others. The rest of its mapping stays shared.
pub fn sharedcut() -> Outcome {
    const PAGES: usize = 8;
    let mapping = shared(PAGES)?;
    mark(&mapping, 0..4, 0x100);
    child::run(|| {
        mapping.cut(0..3)?;
        mapping.cut(5..6)?;
        out_of_reach("unmapped by the child", &mapping, 0)?;
        marked("kept by the child", &mapping, 3..4, 0x100)?;
        // These pages were never touched, on both sides of a hole.
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

/// Each process has rights of its own. What they allow is done to the one object.
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

/// Two objects share nothing, even side by side. A mapping that replaces another has a new object,
/// and the old object stays for the other processes.
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
