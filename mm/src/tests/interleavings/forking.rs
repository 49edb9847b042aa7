//! Fork on one hart while other threads of the parent write through their TLBs.

use abi::ForkMode;
use sync::atomic::{AtomicBool, AtomicU8, Ordering};
use sync::model::{Arc, explore};

use super::super::{COW, PAGE, space};
use super::process::{Process, at_once, resolve};
use crate::testing::{with_memory, write};

const EXECUTIONS: usize = 600;

/// The number of writes of the other thread to each page.
const WRITES: u8 = 6;

/// Mistake 7. What a thread wrote before the fork began is in the child. What it writes after the
/// fork is not. No write is lost to the parent. Finds `no-flush-after-fork`, and a shoot-down that
/// comes before the rights are removed.
#[test]
fn a_fork_while_a_thread_writes() {
    fork_while_a_thread_writes(COW);
}

/// The same for a fork that shares the page table. Finds a link that is closed after the
/// shoot-down.
#[test]
fn a_fork_that_shares_tables_while_a_thread_writes() {
    fork_while_a_thread_writes(ForkMode::SharedTables);
}

fn fork_while_a_thread_writes(mode: ForkMode) {
    explore(EXECUTIONS, move || {
        with_memory(300, |memory| {
            let mut parent = space(memory, 2);
            write(&mut parent, 0, &[0; 2 * PAGE as usize]).unwrap();
            let parent = Process::new(parent);
            let (begun, over) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicBool::new(false)));
            let child = Arc::new(sync::model::Mutex::new(None));
            let (shared, born) = (parent.clone(), child.clone());
            at_once(0..2, move |hart| {
                shared.on(hart, || match hart {
                    0 => {
                        let before = begun.load(Ordering::SeqCst);
                        let process = Process::new(shared.with(|space| space.fork(mode).unwrap()));
                        let after = begun.load(Ordering::SeqCst);
                        over.store(true, Ordering::SeqCst);
                        *born.lock().unwrap() = Some((process, before, after));
                    }
                    _ => {
                        for round in 1..=WRITES {
                            let late = over.load(Ordering::SeqCst);
                            for page in 0..2 {
                                shared.write(page * PAGE, round).unwrap();
                                // This was written after the fork, so only the parent has it.
                                if late {
                                    assert_eq!(shared.read(page * PAGE), Ok(round));
                                }
                            }
                            begun.store(round, Ordering::SeqCst);
                        }
                    }
                });
            });
            let (child, before, after) = child.lock().unwrap().take().unwrap();
            for page in 0..2 {
                let seen = child.on(0, || child.read(page * PAGE).unwrap());
                assert!(
                    (before..=after + 1).contains(&seen),
                    "the child of a fork between {before} and {after} sees {seen}"
                );
                parent.on(0, || assert_eq!(parent.read(page * PAGE), Ok(WRITES)));
            }
            resolve(memory, [&parent, &child]);
        });
    });
}

/// A child changes its memory while its parent changes its own, and neither sees the other's
/// changes. Finds `stale-owner-count` and `no-flush-after-fork`.
#[test]
fn parent_and_child_write_at_once() {
    explore(EXECUTIONS, || {
        with_memory(300, |memory| {
            let mut parent = space(memory, 2);
            write(&mut parent, 0, &[1; 2 * PAGE as usize]).unwrap();
            let parent = Process::new(parent);
            let shared = parent.clone();
            let child = parent.on(0, || {
                parent.write(0, 2).unwrap();
                Process::new(parent.with(|space| space.fork(COW).unwrap()))
            });
            let born = child.clone();
            at_once(0..3, move |hart| {
                // Two threads are the parent's, and one is the child's.
                let (process, own) = if hart == 2 {
                    (&born, 20)
                } else {
                    (&shared, 10)
                };
                process.on(hart, || {
                    for page in 0..2 {
                        let address = page * PAGE + hart as u64;
                        process.write(address, own).unwrap();
                        assert_eq!(process.read(address), Ok(own));
                    }
                });
            });
            let sees = |process: &Process, bytes: [u8; 3]| {
                process.on(0, || {
                    for (offset, byte) in bytes.into_iter().enumerate() {
                        assert_eq!(process.read(PAGE + offset as u64), Ok(byte));
                    }
                });
            };
            sees(&parent, [10, 10, 1]);
            sees(&child, [1, 1, 20]);
            resolve(memory, [&parent, &child]);
        });
    });
}
