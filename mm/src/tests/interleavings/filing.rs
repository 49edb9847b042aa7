//! Mapped files: stores, faults and forks on some harts, while another hart writes pages back,
//! evicts them or cuts them off.

use abi::MemCounter;
use sync::model::{Arc, Mutex, explore};

use super::super::files::{FILE, make_file, mapping, page_of};
use super::super::{COW, PAGE};
use super::process::{Process, at_once, resolve};
use crate::file::Sharing::{Private, Shared};
use crate::memory::Memory;
use crate::testing::{FakeMachine, counter, make_free, truncate, with_memory, write_back};

const EXECUTIONS: usize = 600;

type Mem = &'static Memory<FakeMachine>;

/// Writes everything back, and asserts that the file on the disk begins with `bytes`.
fn expect_on_disk(memory: Mem, bytes: &[u8]) {
    while let Some((page, _)) = memory.next_dirty(0) {
        assert!(write_back(memory, page));
    }
    let disk = memory.machine().files.on_disk(FILE);
    assert_eq!(&disk[..bytes.len()], bytes);
}

/// No store is lost in a write-back: a store that comes too late for it makes the page dirty again.
/// Finds three mistakes: a write-back that takes the right to write away and does not flush; one
/// that ends before it has flushed; and an entry that is made writable after the release of the
/// lock under which the page became dirty.
#[test]
fn stores_while_pages_are_written_back() {
    explore(EXECUTIONS, || {
        with_memory(100, |memory| {
            make_file(memory, FILE, 1);
            let process = Process::new(mapping(memory, 1, Shared));
            let shared = process.clone();
            at_once(0..3, move |hart| match hart {
                2 => {
                    for _ in 0..2 {
                        assert!(write_back(memory, page_of(FILE, 0)));
                    }
                }
                _ => shared.on(hart, || {
                    for round in 10..13 {
                        shared.write(hart as u64, round).unwrap();
                    }
                }),
            });
            expect_on_disk(memory, &[12, 12, 1]);
            resolve(memory, [&process]);
        });
    });
}

/// The child of a fork that happens during a write-back makes its pages dirty when it stores. Finds
/// a fork that copies the right to write.
#[test]
fn a_fork_while_a_page_is_written_back() {
    explore(EXECUTIONS, || {
        with_memory(100, |memory| {
            make_file(memory, FILE, 1);
            let process = Process::new(mapping(memory, 1, Shared));
            process.on(0, || process.write(0, 10).unwrap());
            let shared = process.clone();
            at_once(0..2, move |hart| match hart {
                1 => assert!(write_back(memory, page_of(FILE, 0))),
                _ => {
                    let child = shared.on(0, || shared.with(|space| space.fork(COW).unwrap()));
                    let child = Process::new(child);
                    child.on(0, || child.write(1, 11).unwrap());
                }
            });
            expect_on_disk(memory, &[10, 11, 1]);
            resolve(memory, [&process]);
        });
    });
}

/// When a truncation has returned, no process reaches what was cut off, whether it faulted on it,
/// stored to it or forked meanwhile. Finds a fault that fills the entry without the lock of the
/// entries, and a fork that does not ask whether there was a truncation.
#[test]
fn faults_and_forks_while_a_page_is_cut_off() {
    explore(EXECUTIONS, || {
        with_memory(100, |memory| {
            make_file(memory, FILE, 2);
            let process = Process::new(mapping(memory, 2, Shared));
            process.on(0, || process.read(PAGE).unwrap());
            let child = Arc::new(Mutex::new(None));
            let (shared, born) = (process.clone(), child.clone());
            at_once(0..3, move |hart| match hart {
                2 => truncate(memory, FILE, 0),
                1 => shared.on(1, || {
                    // The read comes before the truncation, or it fails.
                    let _ = shared.read(0);
                    let _ = shared.write(PAGE, 9);
                }),
                _ => {
                    let child = shared.on(0, || shared.with(|space| space.fork(COW).unwrap()));
                    let child = Process::new(child);
                    let _ = child.on(0, || child.read(PAGE));
                    *born.lock().unwrap() = Some(child);
                }
            });
            let child = child.lock().unwrap().take().unwrap();
            assert_eq!(counter(memory, MemCounter::FileCache), 0);
            for process in [&process, &child] {
                process.on(0, || {
                    for page in 0..2 {
                        assert!(process.read(page * PAGE).is_err());
                    }
                });
            }
            resolve(memory, [&process, &child]);
        });
    });
}

/// Loads and stores find the file's bytes while its pages are evicted. Finds an eviction that drops
/// a page which was mapped again, and one that takes a dirty page for a clean one.
#[test]
fn faults_while_pages_are_evicted() {
    explore(EXECUTIONS, || {
        with_memory(100, |memory| {
            make_file(memory, FILE, 2);
            let processes =
                [Shared, Private].map(|sharing| Process::new(mapping(memory, 2, sharing)));
            let both = processes.clone();
            at_once(0..3, move |hart| match hart {
                2 => {
                    for _ in 0..3 {
                        make_free(memory, 2);
                    }
                }
                _ => both[hart].on(hart, || {
                    let process = &both[hart];
                    for page in [0, 1, 0] {
                        assert_eq!(process.read(page * PAGE + 9), Ok(page as u8 + 1));
                        process.write(page * PAGE + hart as u64, 20).unwrap();
                        assert_eq!(process.read(page * PAGE + hart as u64), Ok(20));
                    }
                }),
            });
            expect_on_disk(memory, &[20, 1]);
            resolve(memory, &processes);
        });
    });
}
