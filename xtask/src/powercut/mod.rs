//! `cargo xtask powercut`: kills the emulator at random moments while programs write to the disk,
//! and judges the disk.
//!
//! A disk with a cache of its own may lose what was written after the last flush, in any
//! combination. Killing the emulator alone would lose none of it. So QEMU records every write and
//! flush, and each cut yields two disks: one on which all writes have arrived, and one that lacks
//! some of those that were not flushed ([`recording`]). Both must be consistent when read through
//! the log, and free of faults once recovered by a mount here or by booting again ([`recovery`]).
//! The effects of all calls that the guest reported as returned must be there ([`judge`]).
//!
//! Invariant: a seed determines the whole plan of a cut ([`plan`]); only the guest's progress until
//! the moment is chance. Neighbours: `user::promises` makes the calls and knows what they promise,
//! `fs` mounts and checks the disks, [`crate::test`] makes a few cuts.

mod cut;
mod judge;
mod kept;
mod plan;
mod recording;
mod recovery;
mod tally;
mod tree;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::Result;

use crate::build::{self, Guests};
use crate::cli::{MachineArguments, PowercutArguments};
use crate::image::{self, Geometry};
use crate::launch;
use crate::qemu::Machine;
use crate::setup::{Toolchain, ensure_emulator};
use crate::workspace::Workspace;

use plan::Plan;
pub use tally::Tally;

/// The number of guests that run at once. Each may have several harts, and the host has few cores.
const AT_ONCE: usize = 2;
/// The number of cuts between two lines of progress.
const PROGRESS: usize = 20;

/// Makes the cuts that the arguments ask for. Returns 1 if any of them did harm.
pub fn run(workspace: &Workspace, arguments: &PowercutArguments) -> Result<u8> {
    let arch = arguments.machine.arch;
    ensure_emulator(arch)?;
    let guests = build::guests(workspace, &Toolchain::ensure(workspace, arch)?)?;
    let site = Site::new(workspace, &guests, &arguments.machine)?;
    let begin = Instant::now();
    let seeds = arguments.seed..arguments.seed.saturating_add(arguments.cuts);
    let tally = cuts(&site, seeds, |tally, failure| {
        if let Some(failure) = failure {
            println!("FAILED {failure}");
        }
        if tally.cuts().is_multiple_of(PROGRESS) {
            let seconds = begin.elapsed().as_secs();
            println!("{} after {seconds} s", tally.summary());
        }
    });
    println!("{}", tally.circumstances());
    println!("{}", tally.summary());
    Ok(u8::from(tally.is_harmed()))
}

/// The machine of the cuts, and the first contents of its disk.
pub struct Site<'a> {
    workspace: &'a Workspace,
    machine: Machine,
    image: Vec<u8>,
}

impl<'a> Site<'a> {
    /// Returns a machine with Cowslip's kernel and a disk with its programs.
    pub fn new(
        workspace: &'a Workspace,
        guests: &Guests,
        arguments: &MachineArguments,
    ) -> Result<Self> {
        Ok(Self {
            workspace,
            machine: launch::machine(guests, arguments),
            image: image::build(workspace, guests, &[], Geometry::DEFAULT)?,
        })
    }
}

/// Makes a cut for every seed, two at a time. Calls `progress` after each with the count and the
/// harm that the cut did.
pub fn cuts(
    site: &Site,
    seeds: Range<u64>,
    progress: impl Fn(&Tally, Option<&str>) + Sync,
) -> Tally {
    let queue = Mutex::new(seeds.map(Plan::new));
    let tally = Mutex::new(Tally::default());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(plan) = next() {
                    let verdict = judge::cut_and_judge(site, &plan);
                    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                    let failure = tally.add(&plan, verdict);
                    progress(&tally, failure.as_deref());
                }
            });
        }
    });
    tally.into_inner().unwrap_or_else(PoisonError::into_inner)
}
