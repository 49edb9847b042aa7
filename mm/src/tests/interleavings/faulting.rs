//! Concurrent faults on a page that several spaces or several threads share.

use abi::{MemCounter, PAGE_SIZE};
use sync::atomic::{AtomicBool, Ordering};
use sync::model::{Arc, explore};

use super::super::{COW, PAGE, space};
use super::process::{Process, at_once, resolve};
use crate::testing::{counter, with_memory, write};

const EXECUTIONS: usize = 600;

/// `sharers` spaces share one page, and all write to it at once.
fn all_write(sharers: usize) {
    explore(EXECUTIONS, move || {
        with_memory(200, |memory| {
            let mut first = space(memory, 1);
            write(&mut first, 0, b"before").unwrap();
            let mut spaces: Vec<_> = (1..sharers).map(|_| first.fork(COW).unwrap()).collect();
            spaces.push(first);
            let processes: Arc<Vec<_>> = Arc::new(spaces.into_iter().map(Process::new).collect());
            let shared = processes.clone();
            at_once(0..sharers, move |hart| {
                let process = &shared[hart];
                process.on(hart, || {
                    assert_eq!(process.read(0), Ok(b'b'));
                    process.write(0, hart as u8).unwrap();
                    assert_eq!(process.read(0), Ok(hart as u8));
                    assert_eq!(process.read(1), Ok(b'e'));
                });
            });
            let copies = counter(memory, MemCounter::CopyFaults);
            let reuses = counter(memory, MemCounter::ReuseFaults);
            assert_eq!(copies + reuses, sharers as u64);
            assert!(
                copies >= sharers as u64 - 1,
                "at most one is the last owner"
            );
            assert_eq!(counter(memory, MemCounter::Anonymous), sharers as u64);
            resolve(memory, processes.iter());
        });
    });
}

/// Mistake 2. Finds `stale-owner-count`: both sharers reuse the frame, and each sees what the other
/// wrote.
#[test]
fn two_sharers_write() {
    all_write(2);
}

/// Three sharers of one page write at once. Also finds a reference that is dropped before the copy
/// is made: the last owner's copy frees the frame while another still reads from it.
#[test]
fn three_sharers_write() {
    all_write(3);
}

/// R3: once a thread has written, another thread of the process reads what it wrote, although the
/// page has moved. Finds `Broken::flush` without a shoot-down: the reader's TLB still has the old
/// frame.
#[test]
fn a_thread_reads_what_another_has_written() {
    explore(EXECUTIONS, || {
        with_memory(200, |memory| {
            let mut parent = space(memory, 1);
            write(&mut parent, 0, &[1]).unwrap();
            let child = Process::new(parent.fork(COW).unwrap());
            let parent = Process::new(parent);
            let written = Arc::new(AtomicBool::new(false));
            let shared = parent.clone();
            at_once(0..2, move |hart| {
                shared.on(hart, || match hart {
                    0 => {
                        shared.write(0, 2).unwrap();
                        written.store(true, Ordering::SeqCst);
                    }
                    _ => {
                        for _ in 0..3 {
                            let new = written.load(Ordering::SeqCst);
                            let byte = shared.read(0).unwrap();
                            assert!(byte == 2 || byte == 1 && !new, "{byte} after {new}");
                        }
                    }
                });
            });
            child.on(0, || assert_eq!(child.read(0), Ok(1)));
            resolve(memory, [&parent, &child]);
        });
    });
}

/// Two threads of one process touch and write new pages whose frames were used before. Finds an
/// entry that is filled before the frame is zeroed.
#[test]
fn two_threads_fill_the_same_pages() {
    explore(EXECUTIONS, || {
        with_memory(200, |memory| {
            write(&mut space(memory, 2), 0, &[9; 2 * PAGE_SIZE]).unwrap();
            let process = Process::new(space(memory, 2));
            let shared = process.clone();
            at_once(0..2, move |hart| {
                shared.on(hart, || {
                    for page in 0..2 {
                        let own = page * PAGE + hart as u64;
                        assert_eq!(shared.read(own), Ok(0));
                        shared.write(own, 7).unwrap();
                    }
                });
            });
            process.on(0, || {
                for address in [0, 1, PAGE, PAGE + 1] {
                    assert_eq!(process.read(address), Ok(7));
                }
            });
            assert_eq!(counter(memory, MemCounter::Anonymous), 2);
            resolve(memory, [&process]);
        });
    });
}
