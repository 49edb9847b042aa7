//! Memory that other processes use all the time. Promised pages are there nevertheless, after few
//! rounds.

use super::files::{FILE, make_file, whole};
use super::*;
use crate::addr::VirtAddr;
use crate::file::Sharing::Shared;
use crate::reclaim::{NoFrame, Retry};
use crate::space::{Access, Resolution, Wait};
use crate::swap::PageWait;
use crate::testing::{audit, memory, memory_with_swap, reclaim_round, reclaim_round_amid, write};

const FRAMES: u64 = 300;

/// The most rounds that a touch may wait if nothing else is promised.
const ROUNDS: usize = 2;

/// A program that has mapped a file and stores to all its pages all the time.
struct Hog {
    memory: &'static Memory<FakeMachine>,
    space: Space,
    pages: u64,
    /// The page that it waits for, and the wait.
    waits: Option<(u64, PageWait<'static, FakeMachine>)>,
}

impl Hog {
    fn new(memory: &'static Memory<FakeMachine>, count: u64) -> Self {
        make_file(memory, FILE, count as usize);
        let mut space = AddressSpace::new(memory).unwrap();
        space
            .map_file(pages(0, count), data(), whole(FILE, Shared), None)
            .unwrap();
        space.publish();
        let mut hog = Self {
            memory,
            space,
            pages: count,
            waits: None,
        };
        hog.keep_busy();
        hog
    }

    /// Stores to the page that it has waited for, and then to every page that it has. Begins to
    /// wait for one that it lacks.
    fn keep_busy(&mut self) {
        let waited = self.waits.take();
        let mut short = false;
        let first = waited.as_ref().map(|&(page, _)| page);
        for page in first.into_iter().chain(0..self.pages) {
            let present = self.space.page_info(PageNo(page)).is_present();
            if present || !short && self.waits.is_none() && self.fetch(page, &mut short) {
                write(&mut self.space, page * PAGE, b"busy").unwrap();
            }
        }
    }

    /// Tries to get a page. If that fails, waits for the page or for a frame. Returns whether the
    /// page is there.
    fn fetch(&mut self, page: u64, short: &mut bool) -> bool {
        let address = VirtAddr(page * PAGE);
        match self.space.resolve(address, Access::Write) {
            Resolution::Done => return true,
            Resolution::Wait(Wait::File(read)) => {
                let _kept = self.memory.machine().files.fetch(read).unwrap();
                return self.space.resolve(address, Access::Write) == Resolution::Done;
            }
            Resolution::Wait(Wait::Page(wait)) => self.waits = Some((page, wait)),
            Resolution::Wait(Wait::Frames) => *short = true,
            other => panic!("page {page} of the hog was {other:?}"),
        }
        false
    }
}

/// Touches promised pages, without doing rounds of reclaim, until there is no frame.
fn touch_on(space: &mut Space, next: &mut u64, most: u64) {
    while *next < most && space.resolve(VirtAddr(*next * PAGE), Access::Write) == Resolution::Done {
        *next += 1;
    }
}

/// Touches a page while others act. Returns how many rounds it took, at most `most`.
fn touch(
    memory: &'static Memory<FakeMachine>,
    victim: &mut Space,
    page: u64,
    most: usize,
    mut others: impl FnMut(Moment),
) -> usize {
    let mut retry = Retry::new();
    for rounds in 0.. {
        match victim.resolve(VirtAddr(page * PAGE), Access::Write) {
            Resolution::Done => return rounds,
            Resolution::Wait(Wait::Frames) => {
                assert!(rounds < most, "page {page} is waited for too long");
                let round = reclaim_round_amid(memory, 64, || others(Moment::During));
                others(Moment::After);
                assert_eq!(retry.after(round), Ok(()), "page {page} was promised");
            }
            other => panic!("page {page} was {other:?}"),
        }
    }
    unreachable!("it ends or panics")
}

/// The moment at which others act.
#[derive(PartialEq, Eq)]
enum Moment {
    /// While a page is written to a file.
    During,
    /// After a round.
    After,
}

/// Returns a space with `count` promised pages that were never touched.
fn promised(memory: &'static Memory<FakeMachine>, count: u64) -> Space {
    let mut space = AddressSpace::new(memory).unwrap();
    space.grow(count * PAGE, Promise::Charged).unwrap();
    space.publish();
    space
}

#[test]
fn a_promise_is_kept_while_all_else_is_dirty_and_used() {
    let memory = memory(FRAMES);
    let mut hog = Hog::new(memory, 250);
    let mut victim = promised(memory, 120);
    let mut waited = 0;
    for page in 0..120 {
        waited += touch(memory, &mut victim, page, ROUNDS, |_| hog.keep_busy());
        hog.keep_busy();
    }
    assert!(waited > 10, "memory was not short");
    drop(hog.waits);
    audit(memory, [&hog.space, &victim]);
}

#[test]
fn a_promise_is_kept_soon_though_others_take_what_is_freed() {
    const RIVALS: usize = 3;
    let memory = memory(FRAMES);
    let mut hog = Hog::new(memory, 250);
    let mut victim = promised(memory, 40);
    let mut rivals = [(); RIVALS].map(|()| (promised(memory, 60), 0));
    let mut overtaken = 0;
    let mut rush = || {
        for (rival, next) in &mut rivals {
            let before = *next;
            touch_on(rival, next, 60);
            overtaken += *next - before;
        }
    };
    for page in 0..40 {
        rush();
        touch(memory, &mut victim, page, ROUNDS + RIVALS, |moment| {
            hog.keep_busy();
            if moment == Moment::After {
                rush();
            }
        });
        hog.keep_busy();
    }
    assert!(overtaken > 30, "nobody took anything");
    drop(hog.waits);
    let [one, two, three] = &rivals;
    audit(memory, [&hog.space, &victim, &one.0, &two.0, &three.0]);
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
    let mut victim = promised(memory, 150);
    for page in 0..150 {
        touch(memory, &mut victim, page, ROUNDS, |_| busy(&mut hog));
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
