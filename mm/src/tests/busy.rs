//! Memory that others use all the time: what was promised is there all the same, and soon.

use super::files::{FILE, make_file, whole};
use super::*;
use crate::addr::VirtAddr;
use crate::reclaim::{NoFrame, Retry};
use crate::space::{Access, Resolution, Wait};
use crate::testing::{audit, memory, memory_with_swap, reclaim_round, write};

const FRAMES: u64 = 300;

/// Rounds that a touch may wait for.
const ROUNDS: usize = 4;

/// Stores to every page of its mapping that it has, and begins to wait for one that it has not.
fn keep_busy(memory: &'static Memory<FakeMachine>, hog: &mut Space, count: u64) {
    let mut waits = false;
    for page in 0..count {
        let mut present = hog.page_info(PageNo(page)).is_present();
        if !present && !waits {
            match hog.resolve(VirtAddr(page * PAGE), Access::Write) {
                Resolution::Wait(Wait::File(read)) => {
                    let _kept = memory.machine().files.fetch(read).unwrap();
                    present = hog.resolve(VirtAddr(page * PAGE), Access::Write) == Resolution::Done;
                }
                resolution => {
                    waits = matches!(resolution, Resolution::Wait(Wait::Frames));
                    present = resolution == Resolution::Done;
                }
            }
        }
        if present {
            write(hog, page * PAGE, b"busy").unwrap();
        }
    }
}

/// Touches a page, while somebody else acts after every round. Returns how many rounds that took.
fn touch(
    memory: &'static Memory<FakeMachine>,
    victim: &mut Space,
    page: u64,
    mut others: impl FnMut(),
) -> usize {
    let mut retry = Retry::new();
    for rounds in 0.. {
        match victim.resolve(VirtAddr(page * PAGE), Access::Write) {
            Resolution::Done => return rounds,
            Resolution::Wait(Wait::Frames) => {
                let round = reclaim_round(memory, 64);
                others();
                assert_eq!(retry.after(round), Ok(()), "page {page} was promised");
                assert!(rounds < ROUNDS, "page {page} is waited for too long");
            }
            other => panic!("page {page} was {other:?}"),
        }
    }
    unreachable!("it ends or panics")
}

#[test]
fn a_promise_is_kept_while_all_else_is_dirty_and_used() {
    let memory = memory(FRAMES);
    make_file(memory, FILE, 250);
    let mut hog = AddressSpace::new(memory).unwrap();
    hog.map_file(pages(0, 250), data(), whole(FILE, true), None)
        .unwrap();
    hog.publish();
    keep_busy(memory, &mut hog, 250);
    let mut victim = AddressSpace::new(memory).unwrap();
    victim.grow(120 * PAGE, Promise::Charged).unwrap();
    victim.publish();
    let mut waited = 0;
    for page in 0..120 {
        waited += touch(memory, &mut victim, page, || {
            keep_busy(memory, &mut hog, 250);
        });
        keep_busy(memory, &mut hog, 250);
    }
    assert!(waited > 10, "memory was not short");
    audit(memory, [&hog, &victim]);
}

#[test]
fn a_promise_is_kept_while_all_else_is_used_and_can_only_be_swapped() {
    let memory = memory_with_swap(FRAMES, 300);
    let mut hog = space(memory, 220);
    hog.publish();
    let busy = |hog: &mut Space| {
        for page in 0..220 {
            if hog.page_info(PageNo(page)).is_present() {
                write(hog, page * PAGE, b"busy").unwrap();
            }
        }
    };
    for page in 0..220 {
        write(&mut hog, page * PAGE, b"busy").unwrap();
    }
    let mut victim = AddressSpace::new(memory).unwrap();
    victim.grow(150 * PAGE, Promise::Charged).unwrap();
    victim.publish();
    for page in 0..150 {
        touch(memory, &mut victim, page, || busy(&mut hog));
        busy(&mut hog);
    }
    audit(memory, [&hog, &victim]);
}

#[test]
fn who_has_nothing_left_to_hope_for_is_told_so() {
    let memory = memory(FRAMES);
    let mut all = space(memory, FRAMES);
    let mut page = 0;
    while write(&mut all, page * PAGE, b"x").is_ok() {
        page += 1;
    }
    let mut retry = Retry::new();
    assert_eq!(retry.after(reclaim_round(memory, 64)), Ok(()));
    assert_eq!(retry.after(reclaim_round(memory, 64)), Err(NoFrame));
}
