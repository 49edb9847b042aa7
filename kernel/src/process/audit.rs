//! Auditing the memory system while it works: `mm` recounts everything while all stands still.
//!
//! Address spaces do stand still then, and what is found in them is believed at once. The kernel's
//! own frames do not quite: a thread may have lost its hart between reserving a frame and taking
//! the frame, or between a frame and its record. That is over when the thread has run on, so what
//! can come of it is believed only if something was found in each of [`TRIES`] audits, a tick
//! apart.
//!
//! With the kernel option `audit` the kernel audits when a program that the shell has started, or
//! the shell, has waited for its last child, and a finding is a panic: what a test has spoilt is
//! found when the program that runs the tests has seen its end. What tests do among themselves is
//! not audited, or suites that fork thousands of times would take hours.

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
use super::{Pid, Process, Space};
use crate::memory::memory;
use crate::time::TICK;

/// How often something that may pass must be found to be believed.
const TRIES: u32 = 5;

/// Init starts the shell, which starts the programs that run tests.
const RUNNER_GENERATION: usize = 2;

/// Whether the kernel audits of its own accord.
static WANTED: AtomicBool = AtomicBool::new(false);

/// What an audit says.
#[derive(Clone, Copy)]
pub enum Verdict {
    /// Nothing is wrong with so many frames and address spaces.
    Clean {
        /// Frames that the memory system manages.
        frames: u64,
        /// Address spaces there are.
        spaces: usize,
    },
    /// Something is.
    Wrong {
        /// What.
        finding: Finding,
        /// Somebody who refers to the frame it is about.
        referrer: Option<Referrer>,
    },
}

/// A process that has a frame.
#[derive(Clone, Copy)]
pub struct Referrer {
    pid: Pid,
    name: Text,
    page: PageNo,
}

impl Verdict {
    /// Returns whether the next audit may say something else although nothing is wrong.
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

/// Audits.
pub fn audit(held: &mut Held<level::Nothing>) -> Verdict {
    let mut verdict = stand_still(held, look);
    for _ in 1..TRIES {
        if !verdict.may_pass() {
            break;
        }
        // The answer does not matter: if no tick has passed, the next look is as good.
        let _ = TICK.wait(TICK.ticket(), Interruptible::No, held);
        verdict = stand_still(held, look);
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

/// Has the kernel audit of its own accord from now on.
pub fn audit_always() {
    WANTED.store(true, Ordering::Relaxed);
}

/// To be called when `process`, the caller's, has reaped a child.
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

/// Loses an address space on purpose, for the test of what is found then.
pub fn leak_space() {
    core::mem::forget(Space::new(memory()));
}
