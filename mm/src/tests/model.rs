//! Random programs over several related spaces and harts, against a model: each space is a map from
//! pages to what is in them.
//!
//! After every step of a program the books are audited ([`crate::audit`]). A program may have an
//! allocation refused as it goes. The programs come from `proptest`, or from bytes that a fuzzer
//! chooses ([`super::fuzz`]).

use crate::space::Ending;
use std::cell::Cell;
use std::collections::BTreeMap;

use abi::MemCounter;
use proptest::prelude::*;

use super::*;
use crate::addr::VirtAddr;
use crate::pt::{Format, Sv39, X86_64};
use crate::space::copy::CopyFailure;
use crate::space::{Access, MapError};
use crate::testing::{
    SpaceOf, counter, fail_nth, free_frames, memory_of, on_hart, read, resolve, write,
};

const FRAMES: u64 = 160;
/// The most pages of the heap.
const HEAP: u64 = 24;
/// The number of pages that a program can name.
pub const PLACES: u64 = 34;

/// Returns the page that a place stands for: one of the heap's, one of two pages above the heap, or
/// one of eight around the end of what one entry of the root spans. The last ones need tables of
/// every level.
fn page_at<F: Format>(place: u64) -> u64 {
    let end = 1 << (9 * (F::LEVELS - 1));
    match place.checked_sub(HEAP + 2) {
        None => place,
        Some(beyond) => end - 4 + beyond,
    }
}

/// A step of a process. Its pages are places, see [`page_at`].
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Fork {
        mode: ForkMode,
    },
    Exit,
    Write {
        page: u64,
        byte: u8,
    },
    Read {
        page: u64,
    },
    Execute {
        page: u64,
    },
    Grow {
        pages: u64,
        promise: Promise,
    },
    Shrink {
        pages: u64,
    },
    Map {
        start: u64,
        length: u64,
        permissions: Permissions,
        promise: Promise,
    },
    Unmap {
        start: u64,
        length: u64,
    },
    /// The allocation with this number, counted from here, is refused.
    Refuse {
        nth: u64,
    },
}

impl Step {
    /// Returns the step with pages in place of its places.
    fn placed<F: Format>(mut self) -> Self {
        match &mut self {
            Self::Write { page, .. } | Self::Read { page } | Self::Execute { page } => {
                *page = page_at::<F>(*page);
            }
            Self::Map { start, .. } | Self::Unmap { start, .. } => *start = page_at::<F>(*start),
            _ => {}
        }
        self
    }
}

/// A step, the number of the process that takes it, and the hart it runs on.
pub type Program = [(usize, usize, Step)];

fn step() -> impl Strategy<Value = (usize, usize, Step)> {
    let promise = prop_oneof![Just(Promise::Charged), Just(Promise::Lazy)];
    let place = || 0..PLACES;
    let mapped = (place(), 1..4u64, 0..8u8, promise.clone());
    let step = prop_oneof![
        2 => Just(Step::Fork { mode: COW }),
        1 => Just(Step::Fork { mode: ForkMode::Eager }),
        2 => Just(Step::Fork { mode: ForkMode::SharedTables }),
        2 => Just(Step::Exit),
        8 => (place(), 1..=255u8).prop_map(|(page, byte)| Step::Write { page, byte }),
        4 => place().prop_map(|page| Step::Read { page }),
        1 => place().prop_map(|page| Step::Execute { page }),
        3 => (1..HEAP, promise).prop_map(|(pages, promise)| Step::Grow { pages, promise }),
        2 => (1..HEAP).prop_map(|pages| Step::Shrink { pages }),
        2 => mapped.prop_map(|(start, length, bits, promise)| Step::Map {
            start,
            length,
            permissions: Permissions::from_bits_truncate(bits),
            promise,
        }),
        1 => (place(), 1..4u64).prop_map(|(start, length)| Step::Unmap { start, length }),
        1 => (1..6u64).prop_map(|nth| Step::Refuse { nth }),
    ];
    (0..8usize, 0..4usize, step)
}

/// What a page must hold.
#[derive(Clone, Copy)]
struct Page {
    /// The byte that it begins with.
    byte: u8,
    permissions: Permissions,
    /// Whether the page was never touched and is promised, so that a touch finds a frame.
    promised: bool,
}

impl Page {
    fn new(permissions: Permissions, promise: Promise) -> Self {
        Self {
            byte: 0,
            permissions,
            promised: promise == Promise::Charged,
        }
    }

    fn readable<F: Format>(&self) -> bool {
        self.permissions.intersects(readable::<F>())
    }
}

/// Returns the permissions that each let a program read.
fn readable<F: Format>() -> Permissions {
    Permissions::READ | F::READ_IMPLIED_BY
}

/// A space, and the pages that it must have.
struct Process<F: Format> {
    space: SpaceOf<F>,
    model: BTreeMap<u64, Page>,
}

impl<F: Format> Process<F> {
    fn new(memory: MemoryOf<F>) -> Self {
        fail_nth(0);
        Self {
            space: AddressSpace::new(memory).unwrap(),
            model: BTreeMap::new(),
        }
    }
}

type MemoryOf<F> = &'static Memory<FakeMachine<F>>;

thread_local! {
    /// The memories of the last program, if it left them as it found them.
    static MEMORIES: Cell<Option<(MemoryOf<Sv39>, MemoryOf<X86_64>)>> = const { Cell::new(None) };
}

/// Runs a program on machines with both formats of page tables.
pub fn run(program: &Program) {
    let memories = MEMORIES
        .take()
        .unwrap_or_else(|| (memory_of(FRAMES), memory_of(FRAMES)));
    run_on(memories.0, program);
    run_on(memories.1, program);
    MEMORIES.set(Some(memories));
}

fn run_on<F: Format>(memory: MemoryOf<F>, program: &Program) {
    let mut processes = vec![Process::new(memory)];
    for &(who, hart, step) in program {
        on_hart(hart);
        let who = who % processes.len();
        take(&mut processes, who, step.placed::<F>());
        if processes.is_empty() {
            processes.push(Process::new(memory));
        }
        account(memory, &processes);
    }
    fail_nth(0);
    for process in &mut processes {
        for (&page, expected) in process
            .model
            .iter()
            .filter(|(_, page)| page.readable::<F>())
        {
            match read(&mut process.space, page * PAGE, 1) {
                Ok(bytes) => assert_eq!(bytes, [expected.byte], "page {page:#x}"),
                Err(error) => assert_eq!(
                    (error, expected.byte, expected.promised),
                    (CopyFailure::NoMemory, 0, false),
                    "page {page:#x}"
                ),
            }
        }
    }
    drop(processes);
    assert_eq!(free_frames(memory), FRAMES);
    assert_eq!(counter(memory, MemCounter::Committed), 0);
}

fn take<F: Format>(processes: &mut Vec<Process<F>>, who: usize, step: Step) {
    let process = &mut processes[who];
    match step {
        Step::Fork { mode } => {
            if let Ok(space) = process.space.fork(mode) {
                let mut model = process.model.clone();
                model.values_mut().for_each(|page| page.promised = false);
                processes.push(Process { space, model });
            }
        }
        Step::Exit => drop(processes.swap_remove(who)),
        Step::Write { .. } | Step::Read { .. } | Step::Execute { .. } => process.touch(step),
        Step::Grow { .. } | Step::Shrink { .. } | Step::Map { .. } | Step::Unmap { .. } => {
            process.change(step);
        }
        Step::Refuse { nth } => {
            fail_nth(nth);
        }
    }
}

impl<F: Format> Process<F> {
    /// Does a step that touches a page.
    fn touch(&mut self, step: Step) {
        let (page, right, outcome) = match step {
            Step::Write { page, byte } => {
                let outcome = write(&mut self.space, page * PAGE, &[byte]);
                (page, Permissions::WRITE, outcome.map(|()| byte))
            }
            Step::Read { page } => {
                let outcome = read(&mut self.space, page * PAGE, 1);
                (page, readable::<F>(), outcome.map(|bytes| bytes[0]))
            }
            Step::Execute { page } => {
                let outcome = resolve(&mut self.space, VirtAddr(page * PAGE), Access::Execute);
                let byte = self.model.get(&page).map_or(0, |page| page.byte);
                (page, Permissions::EXECUTE, outcome.map(|()| byte))
            }
            _ => unreachable!("{step:?} touches no page"),
        };
        let expected = self.model.get_mut(&page);
        let expected = expected.filter(|page| page.permissions.intersects(right));
        match (outcome, expected) {
            (Ok(byte), Some(page)) => {
                if right == Permissions::WRITE {
                    page.byte = byte;
                }
                page.promised = false;
                assert_eq!(byte, page.byte, "{step:?}");
            }
            (Err(CopyFailure::Denied), None) => {}
            (Err(CopyFailure::NoMemory), Some(page)) => {
                assert!(!page.promised, "{step:?}: a promise was broken");
                // A page that is present needs memory only for a copy.
                assert!(right == Permissions::WRITE || page.byte == 0, "{step:?}");
            }
            (outcome, expected) => panic!(
                "{step:?}: {outcome:?}, and the page {}",
                if expected.is_some() {
                    "is there"
                } else {
                    "is not"
                }
            ),
        }
    }

    /// Does a step that changes areas.
    fn change(&mut self, step: Step) {
        let heap_end = self.space.heap_break().0 / PAGE;
        match step {
            Step::Grow { pages, promise } => {
                let pages = pages.min(HEAP.saturating_sub(heap_end));
                let grown = self.space.grow(pages * PAGE, promise).map(|_| ());
                self.added(heap_end..heap_end + pages, data(), promise, grown);
            }
            Step::Shrink { pages } => {
                // A mapping directly above the heap makes this need memory.
                let _ = self.space.shrink(pages * PAGE, &mut Ending::new());
                let end = self.space.heap_break().0 / PAGE;
                self.model.retain(|page, _| !(end..heap_end).contains(page));
            }
            Step::Map {
                start,
                length,
                permissions,
                promise,
            } => {
                let area = pages(start, start + length);
                let mapped = self.space.map(area, permissions, promise);
                self.added(start..start + length, permissions, promise, mapped);
            }
            Step::Unmap { start, length } => {
                let left = fail_nth(0);
                fail_nth(left);
                match self
                    .space
                    .unmap(pages(start, start + length), &mut Ending::new())
                {
                    Ok(()) => self
                        .model
                        .retain(|page, _| !(start..start + length).contains(page)),
                    Err(_) => assert_eq!(left, 1, "unmapping was not refused the memory"),
                }
            }
            _ => unreachable!("{step:?} changes no area"),
        }
    }

    fn added(
        &mut self,
        area: std::ops::Range<u64>,
        permissions: Permissions,
        promise: Promise,
        outcome: Result<(), MapError>,
    ) {
        let taken = area.clone().any(|page| self.model.contains_key(&page));
        match outcome {
            Ok(()) => {
                assert!(!taken, "an area was put over another");
                let page = Page::new(permissions, promise);
                self.model.extend(area.map(|number| (number, page)));
            }
            Err(MapError::BadRange) => assert!(taken, "there was room for {area:?}"),
            Err(MapError::NoMemory(_)) => {}
            Err(MapError::Unwritten(_)) => panic!("no file is mapped"),
        }
    }
}

/// Asserts that every count and list is what a recount finds.
fn account<F: Format>(memory: MemoryOf<F>, processes: &[Process<F>]) {
    if let Err(finding) = memory.audit(processes.iter().map(|process| &process.space)) {
        panic!("{finding}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_programs_agree_with_the_model(program in prop::collection::vec(step(), 1..120)) {
        run(&program);
    }
}
