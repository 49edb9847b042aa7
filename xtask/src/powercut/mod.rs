//! `cargo xtask powercut`: the emulator is killed at random moments while programs write to the
//! disk, and what is left is judged.
//!
//! A disk with a cache of its own may lose what was written after the last flush, in any
//! combination; killing the emulator alone would lose nothing of it. So QEMU records every write
//! and flush, and each cut leaves two disks: the one on which all writes have arrived, and one on
//! which some of those that were not flushed have not ([`recording`]). Both must be consistent seen
//! through the log, and spotless once recovered by a mount here or by booting again ([`recovery`]);
//! and what the calls had done that the guest said had returned must be there ([`judge`]).
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

/// How many guests run at once; each may have several harts, and the host has few cores.
const AT_ONCE: usize = 2;
/// A line of progress is printed after so many cuts.
const PROGRESS: usize = 20;

/// Makes the cuts the arguments ask for. Returns 1 if any of them did harm.
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

/// Where cuts are made: a machine and what its disk holds at first.
pub struct Site<'a> {
    workspace: &'a Workspace,
    machine: Machine,
    image: Vec<u8>,
}

impl<'a> Site<'a> {
    /// Returns a machine with our kernel and a disk with our programs.
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

/// Makes a cut for every seed, two at a time; `progress` is told the count after each one, and
/// what harm it did.
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
