//! Shared page tables: sharers that read, write, fork, unmap and end at once, while pages are
//! evicted. The steps are those of docs/shared-tables.md.

use abi::ForkMode;
use sync::model::{Arc, Mutex, explore};

use super::super::files::{FILE, make_file, mapping};
use super::super::{PAGE, pages, space};
use super::process::{Process, at_once, resolve};
use crate::file::Sharing::Private;
use crate::memory::Memory;
use crate::space::Ending;
use crate::testing::{
    FakeMachine, Space, free_frames, make_free, read, with_memory, with_memory_and_swap, write,
};

const EXECUTIONS: usize = 600;
const SHARED: ForkMode = ForkMode::SharedTables;
/// How many pages a space has. Page *n* holds *n* + 1.
const PAGES: u64 = 3;

/// Returns so many spaces, all of which share one table.
fn sharers(memory: &'static Memory<FakeMachine>, count: usize) -> Arc<Vec<Arc<Process>>> {
    let mut first = space(memory, PAGES);
    for page in 0..PAGES {
        write(&mut first, page * PAGE, &[page as u8 + 1]).unwrap();
    }
    first.publish();
    let mut spaces: Vec<Space> = (1..count).map(|_| first.fork(SHARED).unwrap()).collect();
    spaces.push(first);
    Arc::new(spaces.into_iter().map(Process::new).collect())
}

/// Returns what a sharer writes.
fn own(hart: usize, page: u64) -> u8 {
    10 * (hart as u8 + 1) + page as u8
}

/// Each sharer reads, which pushes the protection down, and writes, which unshares or reopens.
/// Nobody sees what another one wrote. Finds `protection-stops-short`, a summary that is set before
/// the entries are protected, a table that is copied without its lock, a reopening by a count that
/// was read earlier, and references that are taken after the old table was dropped.
fn all_read_and_write(count: usize) {
    explore(EXECUTIONS, move || {
        with_memory(200, |memory| {
            let processes = sharers(memory, count);
            let all = processes.clone();
            at_once(0..count, move |hart| {
                let process = &all[hart];
                process.on(hart, || {
                    assert_eq!(process.read(0), Ok(1));
                    process.write(PAGE, own(hart, 1)).unwrap();
                    assert_eq!(process.read(PAGE), Ok(own(hart, 1)));
                    assert_eq!(process.read(2 * PAGE), Ok(3));
                    process.write(0, own(hart, 0)).unwrap();
                    assert_eq!(process.read(PAGE), Ok(own(hart, 1)));
                    assert_eq!(process.read(0), Ok(own(hart, 0)));
                });
            });
            resolve(memory, processes.iter());
        });
    });
}

#[test]
fn two_sharers_read_and_write() {
    all_read_and_write(2);
}

#[test]
fn three_sharers_read_and_write() {
    all_read_and_write(3);
}

/// Of sharers that unshare, unmap and end at once, one frees the table, and all frames are free in
/// the end. Finds `last-sharer-unnoticed`.
#[test]
fn sharers_leave_at_once() {
    explore(EXECUTIONS, || {
        with_memory(200, |memory| {
            let free = free_frames(memory);
            let processes = sharers(memory, 3);
            let all = processes.clone();
            at_once(0..3, move |hart| {
                let process = &all[hart];
                match hart {
                    0 => process.on(hart, || process.write(0, own(hart, 0)).unwrap()),
                    1 => process.with(|space| {
                        space.unmap(pages(0, PAGES), &mut Ending::new()).unwrap();
                    }),
                    _ => {}
                }
                process.end();
            });
            drop(processes);
            resolve(memory, []);
            assert_eq!(free_frames(memory), free);
        });
    });
}

/// Sharers fork while others leave: nobody raises the count of a table that is free, and each child
/// has what its parent had. Finds `raises-freed-count` (a reference that is added to a table that
/// the parent has unshared meanwhile).
#[test]
fn sharers_fork_while_others_leave() {
    explore(EXECUTIONS, || {
        with_memory(200, |memory| {
            let free = free_frames(memory);
            let processes = sharers(memory, 3);
            let all = processes.clone();
            let born = Arc::new(Mutex::new(Vec::new()));
            let children = born.clone();
            at_once(0..3, move |hart| {
                let process = &all[hart];
                process.on(hart, || process.write(0, own(hart, 0)).unwrap());
                if hart == 2 {
                    return process.end();
                }
                let child = Process::new(process.with(|space| space.fork(SHARED).unwrap()));
                process.on(hart, || process.write(PAGE, own(hart, 1)).unwrap());
                child.on(hart, || {
                    assert_eq!(child.read(0), Ok(own(hart, 0)));
                    assert_eq!(child.read(PAGE), Ok(2));
                });
                children.lock().unwrap().push(child);
            });
            let mut left = core::mem::take(&mut *born.lock().unwrap());
            left.extend_from_slice(&processes[..2]);
            drop(processes);
            resolve(memory, &left);
            drop(left);
            assert_eq!(free_frames(memory), free);
        });
    });
}

/// An evictor goes through one sharer's link while the others read, unshare and end. What it takes
/// away, all of them have forgotten before the frame is free. Finds `fences-one-sharer`, and a
/// table that is copied while an entry of it is replaced.
#[test]
fn pages_are_swapped_out_under_sharers() {
    explore(EXECUTIONS, || {
        with_memory_and_swap(200, 16, |memory| {
            let processes = sharers(memory, 3);
            let all = processes.clone();
            at_once(0..3, move |hart| {
                let process = &all[hart];
                match hart {
                    0 => {
                        for _ in 0..2 {
                            make_free(memory, 2);
                        }
                        return;
                    }
                    1 => process.on(hart, || {
                        for page in 0..PAGES {
                            assert_eq!(process.read(page * PAGE), Ok(page as u8 + 1));
                        }
                    }),
                    _ => process.on(hart, || {
                        process.write(PAGE, own(hart, 1)).unwrap();
                        assert_eq!(process.read(0), Ok(1));
                    }),
                }
                process.on(hart, || assert_eq!(process.read(2 * PAGE), Ok(3)));
            });
            for (hart, process) in processes.iter().enumerate() {
                let seen = process.on(hart, || process.read(PAGE));
                assert_eq!(seen, Ok(if hart == 2 { own(2, 1) } else { 2 }));
            }
            resolve(memory, processes.iter());
        });
    });
}

/// The same for the pages of a file, which all sharers map for themselves.
#[test]
fn pages_of_a_file_are_evicted_under_sharers() {
    explore(EXECUTIONS, || {
        with_memory(100, |memory| {
            make_file(memory, FILE, 2);
            let mut parent = mapping(memory, 2, Private);
            assert_eq!(read(&mut parent, 0, 1), Ok(vec![1]));
            assert_eq!(read(&mut parent, PAGE, 1), Ok(vec![2]));
            let child = Process::new(parent.fork(SHARED).unwrap());
            let processes = Arc::new(vec![Process::new(parent), child]);
            let all = processes.clone();
            at_once(0..3, move |hart| match hart {
                2 => {
                    make_free(memory, 2);
                }
                _ => {
                    let process = &all[hart];
                    process.on(hart, || {
                        assert_eq!(process.read(PAGE), Ok(2));
                        if hart == 1 {
                            process.write(0, own(hart, 0)).unwrap();
                        }
                        assert_eq!(process.read(PAGE), Ok(2));
                    });
                }
            });
            resolve(memory, processes.iter());
        });
    });
}
