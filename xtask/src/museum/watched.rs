//! Mistakes on the adversarial machine (`docs/emu.md`): under some seed its watchers report one,
//! by a kind of report that the page names, and under that seed they report nothing of the kernel
//! as it is.
//!
//! The time is bounded: a mistake has [`SEEDS`] seeds and [`STEPS`] steps under each. Races are not
//! watched, and stores and loads are in order, because both slow the machine down tenfold.

use std::fs;
use std::path::Path;

use anyhow::Result;
use emu::adversity::Adversity;
use emu::sanitize::Watch;
use emu::{Config, Rules};

use super::mistake::Watched;
use super::{Copy, Exhibit, Mistake};
use crate::arch::Arch;
use crate::build::{self, mistaken_kernel};
use crate::emulate::Errand;
use crate::image::{self, Geometry};
use crate::setup::Toolchain;
use crate::workspace::Workspace;

const HARTS: usize = 4;
const MEMORY: usize = 24 << 20;
/// The size of the disk to swap to, in MiB.
const SWAP: usize = 96;
const SEEDS: u64 = 4;
const STEPS: u64 = 2_000_000_000;

/// Runs the line on a kernel with the mistake, seed by seed until it is reported, and under that
/// seed on the kernel as it is.
pub fn show(
    workspace: &Workspace,
    copy: &Copy,
    mistake: &Mistake,
    how: &Watched,
) -> Result<Exhibit> {
    let toolchain = Toolchain::ensure(workspace, Arch::Riscv64)?;
    let guests = build::guests(workspace, &toolchain)?;
    let image = image::build(workspace, &guests, &[], Geometry::DEFAULT)?;
    let mistaken = mistaken_kernel(copy, &toolchain, mistake)?;
    let mut seeds = 1..=SEEDS;
    let mut found = None;
    while let (None, Some(seed)) = (&found, seeds.next()) {
        let kinds = reported(&mistaken, &image, &how.line, seed)?;
        found = kinds
            .iter()
            .any(|kind| how.kinds.contains(kind))
            .then_some(seed);
    }
    let clean = reported(&guests.kernel, &image, &how.line, found.unwrap_or(1))?;
    let test = match found {
        Some(seed) => format!("emu {} (seed {seed})", how.line),
        None => format!("emu {}", how.line),
    };
    Ok(Exhibit::new(vec![test], clean.is_empty(), found.is_some()))
}

/// Returns the kinds of what is reported first while a kernel runs a line.
fn reported(kernel: &Path, image: &[u8], line: &str, seed: u64) -> Result<Vec<String>> {
    let config = Config {
        harts: HARTS,
        memory: MEMORY,
        rules: Rules {
            seed,
            adversity: Adversity {
                stores: false,
                loads: false,
                ..Adversity::ALL
            },
            watch: Watch {
                races: false,
                ..Watch::ALL
            },
        },
        ..Config::default()
    };
    let errand = Errand {
        kernel: &fs::read(kernel)?,
        image,
        atomics: &[],
        line,
        swap: SWAP,
    };
    let (machine, _) = errand.run(&config, STEPS)?;
    let kinds = machine.reports().iter().map(|report| report.kind.name());
    Ok(kinds.map(str::to_owned).collect())
}
