//! Mappings, and the break beside a mapping.

use super::trial::{Ended, Trial};
use super::{Operation, answers};
use abi::Protection;
use user::mapping::{Mapping, Sharing};
use user::memory::{Promise, current_break};
use user::process::{self, Fork};
use user::region::Region;
use user::testing::outcome::{Outcome, expect, failure};

pub const ALL: &[Operation] = &[
    answers("mmap", |trial| map(trial, Sharing::Private)),
    answers("mmap, shared", |trial| map(trial, Sharing::Shared)),
    answers("mmap in place of a private mapping", |trial| {
        renew(trial, Sharing::Private)
    }),
    answers("mmap in place of a shared mapping", |trial| {
        renew(trial, Sharing::Shared)
    }),
    answers("munmap of the middle", |trial| {
        let (mapping, ended) = change(trial, Sharing::Private, |mapping| mapping.cut(MIDDLE))?;
        expect("the word", WORD, mapping.read(0))?;
        Ok(ended)
    }),
    answers("munmap of the middle, shared", |trial| {
        let (mapping, ended) = change(trial, Sharing::Shared, |mapping| mapping.cut(MIDDLE))?;
        expect("the word", WORD, mapping.read(0))?;
        Ok(ended)
    }),
    answers("mprotect of the middle", |trial| {
        let protect = |mapping: &Mapping| mapping.protect(MIDDLE, Protection::READ);
        let (mapping, ended) = change(trial, Sharing::Private, protect)?;
        expect("the word", WORD, mapping.read(1))?;
        Ok(ended)
    }),
    answers("sbrk down below a mapping", shrink),
];

const READ_WRITE: Protection = Protection::READ.with(Protection::WRITE);
/// The number of pages: enough that page tables are needed for them too.
const PAGES: usize = 1024;
/// The pages that an operation changes.
const MIDDLE: core::ops::Range<usize> = 1..2;
/// The first word of each page.
const WORD: u64 = 7;

fn map(trial: &Trial, sharing: Sharing) -> Outcome<Ended> {
    let (mapping, ended) = trial.of(|| Mapping::new(PAGES, sharing, READ_WRITE))?;
    if let Ok(mapping) = mapping {
        mapping.write(0, WORD);
    }
    Ok(ended)
}

fn renew(trial: &Trial, sharing: Sharing) -> Outcome<Ended> {
    let renew = |mapping: &Mapping| mapping.renew(MIDDLE, Sharing::Private, READ_WRITE);
    let (mapping, ended) = change(trial, sharing, renew)?;
    let expected = if ended == Ended::Refused { WORD } else { 0 };
    expect("the word in the middle", expected, mapping.read(1))?;
    expect("the word before it", WORD, mapping.read(0))?;
    Ok(ended)
}

/// Runs `act`, which changes a mapping whose pages hold [`WORD`].
fn change(
    trial: &Trial,
    sharing: Sharing,
    act: impl FnOnce(&Mapping) -> user::Result<()>,
) -> Outcome<(Mapping, Ended)> {
    let mapping = Mapping::new(3, sharing, READ_WRITE)?;
    for page in 0..mapping.pages() {
        mapping.write(page, WORD);
    }
    let (result, ended) = trial.of(|| act(&mapping))?;
    if result.is_err() {
        // Nothing has changed, so the page may be written.
        mapping.write(1, WORD);
    }
    Ok((mapping, ended))
}

/// The heap and a mapping that begins where the heap ends may be one area for the kernel. The break
/// then cuts that area in two.
///
/// This needs a grandchild. A child may have fewer areas than its parent, because all its memory is
/// promised alike. The list of its own child has no room for one more.
fn shrink(trial: &Trial) -> Outcome<Ended> {
    let mut region = Region::new(2, Promise::Eager)?;
    let mapping = Mapping::near(region.end(), 2, Sharing::Private, READ_WRITE)?;
    expect("address", region.end(), mapping.start())?;
    mapping.write(0, WORD);
    in_child(|| {
        in_child(|| {
            let (_, ended) = trial.of(|| region.cut(1))?;
            expect("the break", region.end(), current_break()?)?;
            expect("the word above", WORD, mapping.read(0))?;
            Ok(ended)
        })
    })
}

/// Runs `body` in a child, which exits with the result. Returns that result in the parent.
fn in_child(body: impl FnOnce() -> Outcome<Ended>) -> Outcome<Ended> {
    match process::fork()? {
        Fork::Child => body(),
        Fork::Parent(pid) => {
            let status = process::wait_for(pid)?;
            Ended::from_status(status)
                .ok_or_else(|| failure!("expected a child to end its try, saw {status}"))
        }
    }
}
