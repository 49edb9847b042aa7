//! What a fork must do on any kernel: tests that need xv6's calls alone, and more memory than a
//! fork that copied everything would find.

use crate::child::{self, Gate};
use crate::measure::available_pages;
use crate::outcome::{Outcome, ensure, expect, failure};
use user::file::pipe;
use user::memory::Promise;
use user::process::{self, Fork};
use user::region::Region;

/// A process that holds two thirds of memory forks, twice.
pub fn simple() -> Outcome {
    let pages = available_pages()? / 3 * 2;
    for round in 1..=2 {
        let region = Region::new(pages, Promise::Eager)?;
        for page in 0..pages {
            region.write(page, page as u64);
        }
        match process::fork() {
            Ok(Fork::Child) => process::exit(0),
            Ok(Fork::Parent(pid)) => expect("status", 0, process::wait_for(pid)?)?,
            Err(_) => {
                let size = pages / 256;
                return Err(failure!(
                    "round {round}: expected to fork 2/3 of memory ({size} MiB), saw -1"
                ));
            }
        }
        check(&region, 0..pages, 0)?;
    }
    Ok(())
}

/// Three related processes share a quarter of memory and write parts of it that overlap. Each finds
/// what it wrote itself and, elsewhere, what it inherited. This is done three times.
pub fn three() -> Outcome {
    const PARENT: u64 = 1 << 32;
    const CHILD: u64 = 2 << 32;
    const GRANDCHILD: u64 = 3 << 32;
    let pages = available_pages()? / 4;
    for _ in 0..3 {
        let region = Region::new(pages, Promise::Eager)?;
        mark(&region, 0..pages, 0);
        let child = child::start(|| {
            let grandchild = child::start(|| {
                mark(&region, 0..pages / 5 * 4, GRANDCHILD);
                check(&region, 0..pages / 5 * 4, GRANDCHILD)?;
                check(&region, pages / 5 * 4..pages, 0)
            })?;
            mark(&region, pages / 2..pages, CHILD);
            check(&region, pages / 2..pages, CHILD)?;
            check(&region, 0..pages / 2, 0)?;
            grandchild.join()?;
            check(&region, pages / 2..pages, CHILD)
        })?;
        mark(&region, 0..pages, PARENT);
        check(&region, 0..pages, PARENT)?;
        child.join()?;
        check(&region, 0..pages, PARENT)?;
    }
    Ok(())
}

/// Writes its number, and `writer`, to each page.
fn mark(region: &Region, pages: core::ops::Range<usize>, writer: u64) {
    for page in pages {
        region.write(page, writer + page as u64);
    }
}

/// Fails unless each page holds what [`mark`] wrote.
fn check(region: &Region, pages: core::ops::Range<usize>, writer: u64) -> Outcome {
    for page in pages {
        let (expected, seen) = (writer + page as u64, region.read(page));
        ensure!(
            seen == expected,
            "page {page}: expected {expected:#x}, saw {seen:#x}"
        );
    }
    Ok(())
}

/// The parent writes a page just before a fork, and again just after it. The second write must not
/// go through a translation from before the fork, or it would reach the child.
pub fn stale() -> Outcome {
    const PAGES: usize = 8;
    let region = Region::new(PAGES, Promise::Eager)?;
    for _ in 0..20 {
        let gate = Gate::new()?;
        // There is no other call between the write and the fork, because a processor or an emulator
        // may forget its translations at any call.
        mark(&region, 0..PAGES, 0);
        match process::fork()? {
            Fork::Child => {
                let seen = gate.pass().and_then(|()| check(&region, 0..PAGES, 0));
                process::exit(i32::from(seen.is_err()))
            }
            Fork::Parent(pid) => {
                mark(&region, 0..PAGES, 1 << 32);
                gate.open()?;
                let status = process::wait_for(pid)?;
                ensure!(
                    status == 0,
                    "expected a child to see what was there at the fork, saw a later write (status {status})"
                );
            }
        }
        check(&region, 0..PAGES, 1 << 32)?;
        gate.remove()?;
    }
    Ok(())
}

/// A child reads a pipe, and the kernel writes the bytes to the child's page. They reach no other
/// process's page.
pub fn file() -> Outcome {
    const CHILDREN: u8 = 4;
    let region = Region::new(1, Promise::Eager)?;
    region.write(0, 0x7777_7777_7777_7777);
    for number in 1..=CHILDREN {
        let (read_end, write_end) = pipe()?;
        let child = child::start(|| {
            expect("bytes read", 1, region.read_from(read_end, 0, 1)?)?;
            expect("byte read", number, region.byte(0))?;
            expect("byte beside it", 0x77, region.byte(1))
        })?;
        write_end.write_all(&[number])?;
        child.join()?;
        read_end.close()?;
        write_end.close()?;
        expect("the parent's byte", 0x77, region.byte(0))?;
    }
    Ok(())
}

/// Many short-lived families over a megabyte: 100 rounds in which three children each fork twice.
pub fn forkfork() -> Outcome {
    const PAGES: usize = 256;
    let region = Region::new(PAGES, Promise::Eager)?;
    mark(&region, 0..PAGES, 0);
    for _ in 0..100 {
        let children = [(); 3].map(|()| {
            child::start(|| {
                let grandchildren = [(); 2].map(|()| child::start(|| check(&region, 0..PAGES, 0)));
                mark(&region, 0..PAGES, u64::from(process::id() as u32) << 32);
                for grandchild in grandchildren {
                    grandchild?.join()?;
                }
                Ok(())
            })
        });
        for child in children {
            child?.join()?;
        }
        check(&region, 0..PAGES, 0)?;
    }
    Ok(())
}
