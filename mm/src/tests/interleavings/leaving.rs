//! Shoot-downs that meet harts entering and leaving a space, and spaces that end beside others.

use crate::space::Ending;
use sync::model::explore;

use super::super::{COW, PAGE, pages, space};
use super::process::{Process, at_once, resolve};
use crate::testing::{with_memory, write};

const EXECUTIONS: usize = 600;

/// Mistake 8. A page is unmapped while another hart enters, reads and leaves. The hart reads the
/// page's contents or nothing, and never what the frame holds after it was freed (poison) or given
/// to another owner.
///
/// Finds `frees-before-flush`; a hart that looks at `stale` before it enters `active`; and a
/// shoot-down that looks at `active` before it writes `stale`.
#[test]
fn an_unmapped_page_is_not_read() {
    explore(2 * EXECUTIONS, || {
        with_memory(200, |memory| {
            let mut first = space(memory, 2);
            write(&mut first, 0, &[1; 2 * PAGE as usize]).unwrap();
            let (first, second) = (Process::new(first), Process::new(space(memory, 2)));
            // The reader's TLB has the pages from the beginning.
            first.on(1, || {
                assert_eq!((first.read(0), first.read(PAGE)), (Ok(1), Ok(1)))
            });
            let (victim, heir) = (first.clone(), second.clone());
            at_once(0..2, move |hart| match hart {
                0 => {
                    for page in 0..2 {
                        victim.with(|space| {
                            space
                                .unmap(pages(page, page + 1), &mut Ending::new())
                                .unwrap()
                        });
                        heir.on(0, || heir.write(page * PAGE, 9).unwrap());
                    }
                }
                _ => {
                    for round in 0..4 {
                        victim.on(1, || {
                            if let Ok(byte) = victim.read(round % 2 * PAGE) {
                                assert_eq!(byte, 1);
                            }
                        });
                    }
                }
            });
            resolve(memory, [&first, &second]);
        });
    });
}

/// One sharer ends while another writes. The page is copied or reused, and the writer finds its own
/// contents. Finds `stale-owner-count`, and a copy that is made after the reference to the original
/// was dropped.
#[test]
fn a_sharer_ends_while_another_writes() {
    explore(EXECUTIONS, || {
        with_memory(200, |memory| {
            let mut parent = space(memory, 1);
            write(&mut parent, 0, &[1, 1]).unwrap();
            let ending = Process::new(parent.fork(COW).unwrap());
            let parent = Process::new(parent);
            let shared = parent.clone();
            at_once(0..2, move |hart| match hart {
                0 => {
                    ending.on(0, || assert_eq!(ending.read(0), Ok(1)));
                    ending.end();
                }
                _ => shared.on(1, || {
                    shared.write(0, 2).unwrap();
                    assert_eq!((shared.read(0), shared.read(1)), (Ok(2), Ok(1)));
                }),
            });
            resolve(memory, [&parent]);
        });
    });
}

/// Spaces that come and go on two harts share a few identifiers. Finds a context that begins
/// without stale harts.
#[test]
fn identifiers_go_from_space_to_space() {
    explore(EXECUTIONS, || {
        with_memory(200, |memory| {
            at_once(0..2, move |hart| {
                for round in 0..2u8 {
                    let process = Process::new(space(memory, 1));
                    let own = 10 * (hart as u8 + 1) + round;
                    process.on(hart, || {
                        assert_eq!(process.read(0), Ok(0));
                        process.write(0, own).unwrap();
                    });
                    // It spends the other half of its life on another hart.
                    process.on(hart + 2, || assert_eq!(process.read(0), Ok(own)));
                }
            });
            resolve(memory, []);
        });
    });
}
