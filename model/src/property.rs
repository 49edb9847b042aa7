//! The rules, as predicates of a state.
//!
//! R1 holds exactly in every state, because references that tasks hold are counted too. R2 is
//! stated for the tables, and R3 for what the TLBs still reach. "Reads its own" is the purpose of
//! all rules.

use stateright::Property;

use crate::bounds::Bounds;
use crate::state::{Entry, FRAMES, FREE_TABLE, Life, Link, SLOTS, State, TABLES, Table};
use crate::step::{Action, ForkStep, Held, Task, enabled, take};

/// Returns all properties: those that must hold in every state, and those that must hold in some
/// state, which show that the model makes progress.
pub(crate) fn all() -> Vec<Property<Bounds>> {
    vec![
        Property::always("R1: every count is exact", |_: &Bounds, state: &State| {
            counts_are_exact(state)
        }),
        Property::always(
            "R2: a writable path has one referrer",
            |_: &Bounds, state: &State| writable_paths_are_exclusive(state),
        ),
        Property::always(
            "R3: no translation leads to a free frame or table",
            |_: &Bounds, state: &State| nothing_free_is_reached(state),
        ),
        Property::always(
            "every process reads what is its own",
            |_: &Bounds, state: &State| reads_are_its_own(state),
        ),
        Property::always("an operation can go on", somebody_can_go_on),
        Property::sometimes(
            "three processes share a table",
            |bounds: &Bounds, state: &State| {
                bounds.processes < 3 || state.tables.iter().any(|table| table.count >= 3)
            },
        ),
        Property::sometimes(
            "a closed table is reopened by its sole owner",
            |_: &Bounds, state: &State| {
                state.processes.iter().any(|process| {
                    matches!(process.link, Link::Closed(table)
                    if state.tables[usize::from(table)].count == 1)
                })
            },
        ),
        Property::sometimes(
            "two sharers unshare at once",
            |_: &Bounds, state: &State| {
                let dropping = |process: &&crate::state::Process| {
                    matches!(process.task.held(), [Held::Table(_), Held::Table(_)])
                };
                state.processes.iter().filter(dropping).count() >= 2
            },
        ),
        Property::sometimes(
            "a page of a shared table is in swap",
            |bounds: &Bounds, state: &State| {
                let swapped = |entry: &Entry| matches!(entry, Entry::Swapped(_));
                bounds.evictions == 0
                    || state
                        .tables
                        .iter()
                        .any(|table| table.count > 1 && table.entries.iter().any(swapped))
            },
        ),
    ]
}

fn counts_are_exact(state: &State) -> bool {
    let (mut tables, mut frames, mut slots) = ([0u8; TABLES], [0u8; FRAMES], [0u8; SLOTS]);
    for process in &state.processes {
        if let Some(table) = process.link.table() {
            tables[table] += 1;
        }
        match process.task {
            // This is the child's reference. Its link is not written yet.
            Task::Fork { step, .. } if step.holds_table() => {
                tables[process.link.table().expect("the parent runs")] += 1;
            }
            _ => {}
        }
        for held in process.task.held() {
            match held {
                Held::Nothing => {}
                Held::Table(table) => tables[usize::from(table)] += 1,
                Held::Frame(frame) => frames[usize::from(frame)] += 1,
            }
        }
    }
    for entry in state.tables.iter().flat_map(|table| table.entries) {
        match entry {
            Entry::Empty => {}
            Entry::Page { frame, .. } => frames[usize::from(frame)] += 1,
            Entry::Swapped(slot) => slots[usize::from(slot)] += 1,
        }
    }
    if let Some(eviction) = &state.eviction {
        if let Some(slot) = eviction.slot {
            slots[usize::from(slot)] += 1;
            frames[usize::from(eviction.frame)] += 1 + eviction.taken;
        }
        if let Some(table) = eviction.pinned {
            tables[usize::from(table)] += 1;
        }
    }
    let are_free = |table: &Table| table.count != 0 || *table == FREE_TABLE;
    !state.miscounted
        && state.tables.iter().all(are_free)
        && state.tables.iter().map(|table| table.count).eq(tables)
        && state.frames.iter().map(|frame| frame.count).eq(frames)
        && state.slots.iter().map(|slot| slot.count).eq(slots)
}

fn writable_paths_are_exclusive(state: &State) -> bool {
    state.processes.iter().all(|process| {
        let Link::Open(table) = process.link else {
            return true;
        };
        // A fork has counted its reference and is about to close the link.
        let closing = matches!(
            process.task,
            Task::Fork {
                step: ForkStep::CloseParent,
                ..
            }
        );
        let table = state.tables[usize::from(table)];
        let writable = |entry: &Entry| matches!(entry, Entry::Page { writable: true, .. });
        let is_shared = |frame: usize| {
            let maps = |entry: &&Entry| {
                matches!(entry, Entry::Page { frame: mapped, .. } if usize::from(*mapped) == frame)
            };
            let entries = state.tables.iter().flat_map(|table| &table.entries);
            entries.filter(maps).count() > 1
        };
        let frames_are_own = table.entries.iter().all(|entry| match entry {
            Entry::Page {
                frame,
                writable: true,
            } => !is_shared(usize::from(*frame)),
            _ => true,
        });
        frames_are_own && (closing || table.count == 1 || !table.entries.iter().any(writable))
    })
}

fn nothing_free_is_reached(state: &State) -> bool {
    let tables = state.tlbs.iter().flat_map(|tlb| &tlb.of);
    let tables_live = tables
        .flat_map(|known| known.tables.all())
        .all(|table| state.tables[table].count != 0);
    tables_live
        && state
            .usable()
            .all(|(_, _, frame, _)| state.frames[frame].count != 0)
}

fn reads_are_its_own(state: &State) -> bool {
    state.usable().all(|(process, page, frame, _)| {
        let process = &state.processes[process];
        process.life != Life::Running || process.expected[page] == Some(state.frames[frame].content)
    })
}

/// Returns whether some operation in progress can take a step. It is true if none is in progress.
fn somebody_can_go_on(bounds: &Bounds, state: &State) -> bool {
    let mut under_way = enabled(bounds, state)
        .into_iter()
        .filter(|action| matches!(action, Action::Continue { .. } | Action::Evict(_)))
        .peekable();
    under_way.peek().is_none() || under_way.any(|action| take(bounds, state, action).is_some())
}
