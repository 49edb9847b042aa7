//! Audits: `mm` recounts all references, tables and free frames while the system stands still.
//!
//! Address spaces do not change during a standstill, so findings about them count at once. The
//! kernel's own frames may be in a passing state: a thread may have been pre-empted between
//! reserving a frame and taking it, or between a frame and its record. That state is over once the
//! thread has run on. Findings that it could explain therefore count only if each of [`TRIES`]
//! audits, a tick apart, finds something.
//!
//! With the kernel option `audit`, the kernel also audits when the shell, or a program that the
//! shell has started, has waited for its last child; a finding is a panic. So damage done by a test
//! is found when the program that runs the tests sees the test end. Processes further down are not
//! audited, because suites that fork thousands of times would take hours.
//!
//! **How long others wait** (R10). An audit stops everything for as long as it takes, which may be
//! half a slice. The auditor therefore gives its turn up afterwards. Otherwise it would spend whole
//! slices on audits, and what needs several turns of others, as fork and exit do that both wait for
//! a standstill to end, would wait for as many slices.

use core::fmt;
use core::iter::successors;

use abi::MemCounter;
use mm::addr::PageNo;
use mm::audit::Finding;
use sync::atomic::{AtomicBool, Ordering};
use sync::{Held, Interruptible, level};

use super::name::Text;
use super::standstill::{Still, stand_still};
use super::tree::{TREE, Tree};
use super::{Pid, Process, Space, current, scheduler};
use crate::memory::memory;
use crate::time::TICK;

/// How many audits in a row must find something that may pass before it counts.
const TRIES: u32 = 5;

/// The generation of the programs that run tests: init starts the shell, and the shell starts them.
const RUNNER_GENERATION: usize = 2;

/// Whether the kernel audits without being asked.
static WANTED: AtomicBool = AtomicBool::new(false);

/// The result of an audit.
#[derive(Clone, Copy)]
pub enum Verdict {
    /// Nothing is wrong.
    Clean {
        /// Frames that the memory system manages.
        frames: u64,
        /// The number of address spaces.
        spaces: usize,
    },
    /// Something is wrong.
    Wrong {
        /// The first mistake that was found.
        finding: Finding,
        /// A process that refers to the frame of the finding.
        referrer: Option<Referrer>,
    },
}

/// A process that refers to a frame.
#[derive(Clone, Copy)]
pub struct Referrer {
    pid: Pid,
    name: Text,
    page: PageNo,
}

impl Verdict {
    /// Returns whether a thread that was pre-empted could explain the finding.
    fn may_pass(&self) -> bool {
        matches!(self, Self::Wrong { finding, .. } if finding.may_pass())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clean { frames, spaces } => {
                write!(f, "clean: {frames} frames, {spaces} spaces")
            }
            Self::Wrong { finding, referrer } => {
                write!(f, "{finding}")?;
                match referrer {
                    Some(Referrer { pid, name, page }) => {
                        write!(f, "; pid {pid} ({name}) has it as page {:#x}", page.0)
                    }
                    None => Ok(()),
                }
            }
        }
    }
}

/// Audits the memory system. Repeats the audit while the finding may pass. Gives the turn up at the
/// end.
pub fn audit(held: &mut Held<level::Nothing>) -> Verdict {
    let mut verdict = stand_still(held, look);
    for _ in 1..TRIES {
        if !verdict.may_pass() {
            break;
        }
        // The result does not matter: an audit without a tick in between is valid too.
        let _ = TICK.wait(TICK.ticket(), Interruptible::No, held);
        verdict = stand_still(held, look);
    }
    if let Some(auditor) = current() {
        scheduler::yield_now(&auditor, held.as_if());
    }
    verdict
}

fn look(still: &Still<'_>) -> Verdict {
    match memory().audit(still.spaces().map(|(_, space)| space)) {
        Ok(()) => Verdict::Clean {
            frames: memory().stats()[MemCounter::Frames as usize],
            spaces: still.spaces().count(),
        },
        Err(finding) => Verdict::Wrong {
            finding,
            referrer: finding.frame().and_then(|frame| {
                still.spaces().find_map(|(process, space)| {
                    Some(Referrer {
                        pid: process.pid(),
                        name: process.name.text(),
                        page: space.page_of(frame)?,
                    })
                })
            }),
        },
    }
}

/// Makes the kernel audit without being asked, from now on.
pub fn audit_always() {
    WANTED.store(true, Ordering::Relaxed);
}

/// Audits if the kernel option asks for it. Called when `process`, the caller's, has reaped a
/// child.
pub fn audit_after_reaping(process: &Process, held: &mut Held<level::Nothing>) {
    if WANTED.load(Ordering::Relaxed) && is_idle_runner(process, &TREE.lock(held)) {
        let verdict = audit(held);
        assert!(matches!(verdict, Verdict::Clean { .. }), "audit: {verdict}");
    }
}

/// Returns whether `process` has no child, and is init, a shell or a program that a shell started.
fn is_idle_runner(process: &Process, tree: &Tree) -> bool {
    let ancestors = successors(tree.parent(process), |&ancestor| tree.parent(ancestor));
    tree.children(process) == 0 && ancestors.count() <= RUNNER_GENERATION
}

/// Leaks an address space on purpose, for a test of the audit.
pub fn leak_space() {
    core::mem::forget(Space::new(memory()));
}
