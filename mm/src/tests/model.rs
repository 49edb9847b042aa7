//! Random programs over several related spaces and harts, against a model: each space is a map from page to byte.
//!
//! After every step of a program the books are audited ([`crate::audit`]).

use std::collections::BTreeMap;

use abi::MemCounter;
use proptest::prelude::*;

use super::*;
use crate::space::Resolution;
use crate::testing::{Space, counter, free_frames, memory, on_hart, read, write};

const FRAMES: u64 = 160;
const PAGES: u64 = 24;

#[derive(Clone, Copy, Debug)]
enum Step {
    Fork { mode: ForkMode },
    Exit,
    Write { page: u64, byte: u8 },
    Read { page: u64 },
    Grow { pages: u64, promise: Promise },
    Shrink { pages: u64 },
    Unmap { start: u64, length: u64 },
}

fn step() -> impl Strategy<Value = (usize, usize, Step)> {
    let promise = prop_oneof![Just(Promise::Charged), Just(Promise::Lazy)];
    let step = prop_oneof![
        2 => Just(Step::Fork { mode: COW }),
        1 => Just(Step::Fork { mode: ForkMode::Eager }),
        2 => Just(Step::Exit),
        8 => (0..PAGES + 2, 1..=255u8).prop_map(|(page, byte)| Step::Write { page, byte }),
        4 => (0..PAGES + 2).prop_map(|page| Step::Read { page }),
        3 => (1..PAGES, promise).prop_map(|(pages, promise)| Step::Grow { pages, promise }),
        2 => (1..PAGES).prop_map(|pages| Step::Shrink { pages }),
        1 => (0..PAGES, 1..4u64).prop_map(|(start, length)| Step::Unmap { start, length }),
    ];
    (0..8usize, 0..4usize, step)
}

/// A space and what it must contain: the byte at the start of each mapped page.
struct Process {
    space: Space,
    model: BTreeMap<u64, u8>,
}

fn run(program: &[(usize, usize, Step)]) {
    let memory = memory(FRAMES);
    let new = || Process {
        space: AddressSpace::new(memory).unwrap(),
        model: BTreeMap::new(),
    };
    let mut processes = vec![new()];
    for &(who, hart, step) in program {
        on_hart(hart);
        let who = who % processes.len();
        take(&mut processes, who, step);
        if processes.is_empty() {
            processes.push(new());
        }
        account(memory, &processes);
    }
    for process in &mut processes {
        for (&page, &byte) in &process.model.clone() {
            match read(&mut process.space, page * PAGE, 1) {
                Ok(bytes) => assert_eq!(bytes, [byte], "page {page}"),
                Err(error) => assert_eq!((error, byte), (Resolution::NoMemory, 0), "page {page}"),
            }
        }
    }
    drop(processes);
    assert_eq!(free_frames(memory), FRAMES);
    assert_eq!(counter(memory, MemCounter::Committed), 0);
}

fn take(processes: &mut Vec<Process>, who: usize, step: Step) {
    let process = &mut processes[who];
    let (space, model) = (&mut process.space, &mut process.model);
    match step {
        Step::Fork { mode } => {
            if let Ok(child) = space.fork(mode) {
                let model = model.clone();
                processes.push(Process {
                    space: child,
                    model,
                });
            }
        }
        Step::Exit => drop(processes.swap_remove(who)),
        Step::Write { page, byte } => match write(space, page * PAGE, &[byte]) {
            Ok(()) => {
                *model
                    .get_mut(&page)
                    .expect("a write to an unmapped page succeeded") = byte
            }
            Err(Resolution::Denied) => assert!(!model.contains_key(&page)),
            Err(_) => assert!(model.contains_key(&page)),
        },
        Step::Read { page } => match read(space, page * PAGE, 1) {
            Ok(bytes) => assert_eq!(Some(&bytes[0]), model.get(&page), "page {page}"),
            Err(Resolution::Denied) => assert!(!model.contains_key(&page)),
            Err(_) => assert_eq!(model.get(&page), Some(&0)),
        },
        Step::Grow { pages, promise } => {
            let start = space.heap_break().0 / PAGE;
            let pages = pages.min(PAGES.saturating_sub(start));
            // Holes made by unmapping lie below the break, so growing never meets an area.
            if space.grow(pages * PAGE, promise).is_ok() {
                model.extend((start..start + pages).map(|page| (page, 0)));
            }
        }
        Step::Shrink { pages } => {
            space.shrink(pages * PAGE);
            let end = space.heap_break().0 / PAGE;
            model.retain(|&page, _| page < end);
        }
        Step::Unmap { start, length } => {
            space.unmap(super::pages(start, start + length)).unwrap();
            model.retain(|page, _| !(start..start + length).contains(page));
        }
    }
}

/// Every count and list is what recounting finds.
fn account(memory: &'static Memory<FakeMachine>, processes: &[Process]) {
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
