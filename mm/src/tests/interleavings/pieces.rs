//! The pieces whose memory orderings matter, in every interleaving and with every value that weak
//! memory allows.
//!
//! The contents of a frame are a cell that loom watches. Two accesses to it, of which one writes,
//! are a failure if nothing orders them, whatever value is read.

use std::ops::Range;

use loom::cell::UnsafeCell;
use sync::LeafLock;
use sync::atomic::{AtomicBool, AtomicU64, Ordering};
use sync::model::{Arc, explore, thread};

use crate::addr::{FrameNo, FrameRange, FrameRanges};
use crate::frame::allocator::Allocator;
use crate::frame::{FrameRecord, FrameTable, Kind};
use crate::handshake::{Stale, Users};
use crate::machine::HartSet;

/// Runs `body` on several threads, the last of which is this one.
fn at_once(threads: Range<usize>, body: impl Fn(usize) + Send + Sync + 'static) {
    let body = Arc::new(body);
    let last = threads.end - 1;
    let others: Vec<_> = (threads.start..last)
        .map(|number| {
            let body = body.clone();
            thread::spawn(move || body(number))
        })
        .collect();
    body(last);
    for other in others {
        other.join().unwrap();
    }
}

/// The contents of a frame.
struct Contents(UnsafeCell<u32>);

// SAFETY: loom runs one thread of the host at a time, and fails a test whose accesses nothing
// orders.
unsafe impl Sync for Contents {}

impl Contents {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn read(&self) -> u32 {
        self.0.with(|contents| {
            // SAFETY: loom fails the test if somebody writes meanwhile.
            unsafe { *contents }
        })
    }

    fn write(&self, value: u32) {
        self.0.with_mut(|contents| {
            // SAFETY: loom fails the test if somebody else has an access meanwhile.
            unsafe { *contents = value }
        });
    }
}

/// Returns a frame in use, with `references` references.
fn shared(references: u32) -> FrameRecord {
    let record = FrameRecord::new();
    record.begin(Kind::Anonymous);
    for _ in 1..references {
        record.add_reference();
    }
    record
}

/// All holders read a frame and drop their references. Exactly one is the last, and writes the
/// frame as its next owner. Finds `drop_reference` with `Relaxed` for `Release`, or without its
/// fence.
#[test]
fn the_last_reference_frees() {
    explore(|| {
        let frame = Arc::new((shared(3), Contents::new(), AtomicU64::new(0)));
        let ended = frame.clone();
        at_once(0..3, move |_| {
            let (record, contents, last) = &*frame;
            contents.read();
            if record.drop_reference() == 0 {
                contents.write(1);
                last.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert_eq!(ended.2.load(Ordering::Relaxed), 1);
    });
}

/// The decision of a write fault: a sole owner writes to the frame; another owner copies it and
/// drops its reference. Mistake 2: two owners never reuse the frame, and no copy is made while
/// another owner writes. Finds `count` with `Relaxed` for `Acquire`, and `drop_reference` with
/// `Relaxed` for `Release`.
#[test]
fn a_sole_owner_has_the_frame_to_itself() {
    explore(|| {
        let frame = Arc::new((shared(3), Contents::new()));
        at_once(0..3, move |number| {
            let (record, contents) = &*frame;
            if record.is_sole() {
                contents.write(number as u32 + 1);
            } else {
                assert_eq!(contents.read(), 0);
                if record.drop_reference() == 0 {
                    contents.write(9);
                }
            }
        });
    });
}

/// One holder adds a reference for a third party while another drops its own. The frame is freed
/// once, by the last holder. Finds an increment that is made of a load and a store.
#[test]
fn references_come_and_go() {
    explore(|| {
        let frame = Arc::new((shared(2), Contents::new(), AtomicU64::new(0)));
        let ended = frame.clone();
        at_once(0..2, move |number| {
            let (record, contents, last) = &*frame;
            let rounds = if number == 0 {
                record.add_reference();
                2
            } else {
                1
            };
            for _ in 0..rounds {
                contents.read();
                if record.drop_reference() == 0 {
                    contents.write(1);
                    last.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        assert_eq!(ended.2.load(Ordering::Relaxed), 1);
        assert_eq!(ended.0.count(), 0);
    });
}

/// A space with one page, and two harts with a TLB each.
struct Board {
    users: Users,
    stale: Stale,
    /// Whether the page has its frame.
    present: AtomicBool,
    /// Whether each hart's TLB has the page. It is locked for the length of an instruction.
    tlbs: [LeafLock<bool>; 2],
    contents: Contents,
}

impl Board {
    /// A hart enters, touches the page and leaves.
    fn visit(&self, hart: usize) {
        let me = HartSet::one(hart);
        self.users.enter(me);
        if self.stale.take(me) {
            self.tlbs[hart].with(|known| *known = false);
        }
        self.tlbs[hart].with(|known| {
            *known |= self.present.load(Ordering::Relaxed);
            if *known {
                assert_eq!(self.contents.read(), 0, "a frame that is somebody else's");
            }
        });
        self.users.leave(me);
    }

    /// Unmaps the page and gives its frame to another owner.
    fn take_away(&self, others: Range<usize>) {
        self.present.store(false, Ordering::Relaxed);
        let mut told = HartSet(0);
        others.clone().for_each(|hart| told.0 |= 1 << hart);
        let active = self.stale.tell(told, &self.users);
        for hart in others {
            if active.0 >> hart & 1 != 0 {
                self.tlbs[hart].with(|known| *known = false);
            }
        }
        self.contents.write(1);
    }
}

/// A hart enters and leaves, twice, while a page is unmapped. It never reads the frame after
/// another owner has it. Finds either fence of the hand-shake left out or weakened to `AcqRel`, and
/// `Relaxed` in `leave`, `now`, `tell` or `take`. With `Relaxed` in one of the last two, the hart
/// is no longer stale, but loads the old entry again.
#[test]
fn a_hart_that_comes_meets_a_shoot_down() {
    for known in [false, true] {
        explore(move || {
            let board = Arc::new(Board {
                users: Users::none(),
                stale: Stale::all(),
                present: AtomicBool::new(true),
                tlbs: [LeafLock::new(known), LeafLock::new(false)],
                contents: Contents::new(),
            });
            // The hart learnt the translation in an earlier visit.
            if known {
                board.stale.take(HartSet::one(0));
            }
            at_once(0..2, move |number| match number {
                0 => (0..2).for_each(|_| board.visit(0)),
                _ => board.take_away(0..1),
            });
        });
    }
}

/// Frames move between harts through the common list and through each other's lists. Each frame
/// belongs to one hart at a time, and none is lost. Finds the lists' lock with `Relaxed` for
/// `Release` (in `sync`), and a batch that is handed over and stays on the list.
#[test]
fn frames_change_hands() {
    /// Three batches.
    const FRAMES: u64 = 6;
    explore(|| {
        let ram = FrameRanges::from_iter([FrameRange::new(FrameNo(0), FrameNo(FRAMES))]);
        let records = Box::leak(Box::new_uninit_slice(FRAMES as usize));
        let board = Arc::new((
            FrameTable::new(&ram, records),
            Allocator::new(ram),
            [(); FRAMES as usize].map(|()| Contents::new()),
        ));
        let take = |board: &(FrameTable, Allocator, _), hart| board.1.take(&board.0, hart);
        // Hart 0 has used all frames, so one batch is on the common list and two are hart 0's.
        let used: Vec<_> = (0..FRAMES).map(|_| take(&board, 0)).collect();
        for frame in used {
            board.1.give(&board.0, 0, frame);
        }
        let ended = board.clone();
        at_once(1..3, move |hart| {
            for _ in 0..2 {
                let taken = [(); 2].map(|()| take(&board, hart));
                for frame in taken {
                    board.2[frame.0 as usize].write(hart as u32);
                }
                for frame in taken {
                    assert_eq!(board.2[frame.0 as usize].read(), hart as u32);
                    // As a thread does that has moved to another hart.
                    board.1.give(&board.0, 3 - hart, frame);
                }
            }
        });
        let mut free = vec![];
        ended.1.for_each_free(&ended.0, |frame| free.push(frame.0));
        free.sort_unstable();
        assert_eq!(free, [0, 1, 2, 3, 4, 5]);
    });
}
