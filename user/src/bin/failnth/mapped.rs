//! Mappings of files, and the first touches of their pages. The file is new each time, so that no
//! page of it is in the page cache.

use super::trial::{Ended, Trial};
use super::{Operation, answers, may_be_killed};
use abi::{OpenFlags, Protection};
use core::ffi::CStr;
use user::Result;
use user::file::{self, Fd};
use user::mapping::{Mapping, Sharing};
use user::testing::outcome::{Outcome, expect};

pub const ALL: &[Operation] = &[
    answers("mmap of a file", |trial| map(trial, Sharing::Private)),
    answers("mmap of a file, shared", |trial| {
        map(trial, Sharing::Shared)
    }),
    answers("mmap of a file in place of zeros", renew),
    answers("mmap of zeros in place of a file", |trial| {
        change(trial, |mapping| {
            mapping.renew(0..1, Sharing::Private, READ_WRITE)
        })
    }),
    answers("mprotect of the middle of a file", |trial| {
        change(trial, |mapping| mapping.protect(1..2, Protection::READ))
    }),
    answers("munmap of what was stored", |trial| {
        change(trial, |mapping| mapping.cut(0..1))
    }),
    answers("msync", |trial| change(trial, |mapping| mapping.sync(0..1))),
    may_be_killed("load from a page of a file", |trial| {
        touch(trial, Sharing::Shared, OLD, |_| Ok(()))
    }),
    may_be_killed("load from a private page of a file", |trial| {
        touch(trial, Sharing::Private, OLD, |_| Ok(()))
    }),
    may_be_killed("store to a page of a file", |trial| {
        touch(trial, Sharing::Shared, NEW, store)
    }),
    may_be_killed("store to a private page of a file", |trial| {
        touch(trial, Sharing::Private, NEW, store)
    }),
];

const READ_WRITE: Protection = Protection::READ.with(Protection::WRITE);
/// The path of the file.
const FILE: &CStr = c"mapped";
/// The number of pages of the file. Each is filled with bytes of 1, so that it begins with [`OLD`].
const PAGES: usize = 3;
const OLD: u64 = u64::from_ne_bytes([1; 8]);
/// The word that the operations store.
const NEW: u64 = 7;

/// Makes the file.
fn make() -> Result<Fd> {
    let file = Fd::open(FILE, OpenFlags::READ_WRITE.with(OpenFlags::CREATE))?;
    for _ in 0..PAGES {
        file.write_all(&[1; abi::PAGE_SIZE])?;
    }
    Ok(file)
}

/// Removes the file.
fn remove(file: Fd) -> Result<()> {
    file.close()?;
    file::unlink(FILE)
}

/// Returns the first word of the file, as `read` finds it.
fn first_word() -> Result<u64> {
    let file = Fd::open(FILE, OpenFlags::READ_ONLY)?;
    let mut word = [0; size_of::<u64>()];
    file.read(&mut word)?;
    file.close()?;
    Ok(u64::from_ne_bytes(word))
}

fn whole(file: Fd, sharing: Sharing) -> Result<Mapping> {
    Mapping::of_file(file, 0, PAGES, sharing, READ_WRITE)
}

fn store(mapping: &Mapping) -> Result<()> {
    mapping.write(0, NEW);
    Ok(())
}

fn map(trial: &Trial, sharing: Sharing) -> Outcome<Ended> {
    let file = make()?;
    let (mapping, ended) = trial.of(|| whole(file, sharing))?;
    if let Ok(mapping) = mapping {
        expect("the last word", OLD, mapping.read(PAGES - 1))?;
    }
    remove(file)?;
    Ok(ended)
}

fn renew(trial: &Trial) -> Outcome<Ended> {
    let file = make()?;
    let mapping = Mapping::new(PAGES, Sharing::Private, READ_WRITE)?;
    mapping.write(0, NEW);
    mapping.write(1, NEW);
    let (renewed, ended) =
        trial.of(|| mapping.renew_from_file(1..2, file, 0, Sharing::Shared, READ_WRITE))?;
    let middle = if renewed.is_ok() { OLD } else { NEW };
    expect("the word before it", NEW, mapping.read(0))?;
    expect("the word in the middle", middle, mapping.read(1))?;
    remove(file)?;
    Ok(ended)
}

/// Runs `act`, which changes a mapping in which [`NEW`] was stored. If that fails, a later store
/// through the mapping must still reach the file.
fn change(trial: &Trial, act: impl FnOnce(&Mapping) -> Result<()>) -> Outcome<Ended> {
    let file = make()?;
    let mapping = whole(file, Sharing::Shared)?;
    mapping.write(0, NEW);
    let (changed, ended) = trial.of(|| act(&mapping))?;
    expect("what was stored", NEW, first_word()?)?;
    expect("the last word", OLD, mapping.read(PAGES - 1))?;
    if changed.is_err() {
        mapping.write(0, NEW + 1);
        expect("what is stored then", NEW + 1, first_word()?)?;
    }
    remove(file)?;
    Ok(ended)
}

/// Runs `act`, which touches a page for the first time. Afterwards the page must hold `expected`.
/// If the mapping is shared, the file must hold it too.
fn touch(
    trial: &Trial,
    sharing: Sharing,
    expected: u64,
    act: impl FnOnce(&Mapping) -> Result<()>,
) -> Outcome<Ended> {
    let file = make()?;
    let mapping = whole(file, sharing)?;
    let (seen, ended) = trial.of(|| act(&mapping).map(|()| mapping.read(0)))?;
    if let Ok(seen) = seen {
        expect("what is there", expected, seen)?;
    }
    let in_file = match sharing {
        Sharing::Shared => expected,
        Sharing::Private => OLD,
    };
    expect("what is in the file", in_file, first_word()?)?;
    remove(file)?;
    Ok(ended)
}
