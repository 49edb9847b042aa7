//! Mappings through the life of a process: fork, exec, exit, and the break that grows towards them.

use crate::child::{self, Gate};
use crate::measure::{Levels, Since};
use crate::outcome::{Outcome, ensure, expect};
use crate::tools::{FORK_MODES, PAGE, mark, marked, out_of_reach, private, private_at, zero};
use abi::MemCounter;
use user::file::{Fd, pipe};
use user::memory::{self, Promise};
use user::process;
use user::region::Region;

/// A child has its parent's mappings at their addresses. Each writes its own copy, in every mode of
/// fork.
pub fn fork() -> Outcome {
    const PAGES: usize = 64;
    for mode in FORK_MODES {
        memory::set_fork_mode(mode)?;
        let mapping = private(PAGES)?;
        mark(&mapping, 0..PAGES / 2, 0x1000);
        let (written, go_on) = (Gate::new()?, Gate::new()?);
        let child = child::start(|| {
            marked("inherited", &mapping, 0..PAGES / 2, 0x1000)?;
            zero("inherited untouched", &mapping, PAGES / 2..PAGES)?;
            mark(&mapping, 0..PAGES, 0x2000);
            written.open()?;
            go_on.pass()?;
            marked("the child's", &mapping, 0..PAGES, 0x2000)?;
            // What the child unmaps stays mapped in the parent, and the other way round.
            Ok(mapping.cut(0..PAGES / 4)?)
        })?;
        written.pass()?;
        marked("the parent's", &mapping, 0..PAGES / 2, 0x1000)?;
        zero("the parent's untouched", &mapping, PAGES / 2..PAGES)?;
        mark(&mapping, 0..PAGES, 0x3000);
        mapping.cut(PAGES - 1..PAGES)?;
        go_on.open()?;
        child.join()?;
        marked("the parent's new", &mapping, 0..PAGES - 1, 0x3000)?;
        written.remove()?;
        go_on.remove()?;
    }
    Ok(())
}

/// A process that ends, by itself or killed, unmaps all its mappings.
pub fn exit() -> Outcome {
    const PAGES: usize = 1000;
    let before = Levels::now()?;
    for _ in 0..3 {
        child::run(|| {
            let mapping = private(PAGES)?;
            mark(&mapping, 0..PAGES / 2, 1);
            // The mapping is not unmapped by the program, so the exit must do it.
            core::mem::forget(mapping);
            Ok(())
        })?;
        child::run_killed("a store to an unmapped page", || {
            if let Ok(mapping) = private(PAGES) {
                mark(&mapping, 0..PAGES, 1);
                if mapping.cut(0..1).is_ok() {
                    mapping.write(0, 1);
                }
            }
        })?;
        before.expect_back()?;
    }
    Ok(())
}

/// A process that executes another program has none of its old mappings.
pub fn exec() -> Outcome {
    const PAGES: usize = 1000;
    let start = Since::now()?;
    let ((input, to_child), (from_child, output)) = (pipe()?, pipe()?);
    let child = child::start(|| {
        let mapping = private(PAGES)?;
        mark(&mapping, 0..PAGES, 1);
        for (standard, end) in [(Fd::INPUT, input), (Fd::OUTPUT, output)] {
            standard.close()?;
            expect("descriptor", standard.0, end.duplicate()?.0)?;
        }
        to_child.close()?;
        core::mem::forget(mapping);
        process::exec(c"/cat", [c"cat"]);
        ensure!(false, "expected to become cat, saw -1");
        Ok(())
    })?;
    // The byte that comes back shows that the other program runs.
    to_child.write_all(b"!")?;
    let mut byte = [0];
    expect("bytes from cat", 1, from_child.read(&mut byte)?)?;
    let rise = start.rise(MemCounter::Committed)?;
    ensure!(
        rise < PAGES as i64 / 2,
        "after exec: expected at most {} frames more committed, saw {rise}",
        PAGES / 2
    );
    to_child.close()?;
    child.join()?;
    for end in [input, from_child, output] {
        end.close()?;
    }
    Ok(())
}

/// The break grows up to a mapping and not over it, by a little or by much. A refused step changes
/// nothing.
pub fn sbrk() -> Outcome {
    const ROOM: usize = 16;
    let mut region = Region::new(0, Promise::Eager)?;
    let mapping = private_at(region.start() + ROOM as u64 * PAGE, 4)?;
    mark(&mapping, 0..4, 0x100);
    for promise in [Promise::Eager, Promise::Lazy] {
        region.extend(ROOM, promise)?;
        let start = Since::now()?;
        for pages in [1, 4, 5, 1000] {
            let grown = region.extend(pages, promise);
            ensure!(
                grown.is_err(),
                "sbrk over a mapping: expected -1, saw {pages} pages more"
            );
        }
        start.expect("a break that did not grow", MemCounter::Committed, 0)?;
        expect("the break", region.end(), memory::current_break()?)?;
        zero("the heap", &region, 0..ROOM)?;
        mark(&region, 0..ROOM, 0x200);
        marked("the mapping", &mapping, 0..4, 0x100)?;
        region.cut(ROOM)?;
    }
    drop(mapping);
    region.extend(ROOM + 4, Promise::Eager)?;
    zero("where the mapping was", &region, ROOM..ROOM + 4)
}

/// The break moves down from just below a mapping, which stays mapped in the parent and in a child,
/// and up to it again.
pub fn shrink() -> Outcome {
    const PAGES: usize = 4;
    let mut region = Region::new(PAGES, Promise::Eager)?;
    let mapping = private_at(region.end(), PAGES)?;
    mark(&region, 0..PAGES, 0x100);
    mark(&mapping, 0..PAGES, 0x200);
    child::run(|| {
        // SAFETY: the last page below the break is the region's, where no object lives.
        unsafe { memory::shrink(PAGE as i32) }?;
        out_of_reach("cut off by a child", &region, PAGES - 1)?;
        marked("a child's mapping", &mapping, 0..PAGES, 0x200)
    })?;
    marked("the parent's heap", &region, 0..PAGES, 0x100)?;
    region.cut(1)?;
    marked("the parent's mapping", &mapping, 0..PAGES, 0x200)?;
    region.extend(1, Promise::Eager)?;
    zero("regrown", &region, PAGES - 1..PAGES)?;
    marked("the heap below", &region, 0..PAGES - 1, 0x100)?;
    region.cut(PAGES)?;
    mark(&mapping, 0..PAGES, 0x300);
    marked("the mapping alone", &mapping, 0..PAGES, 0x300)
}
