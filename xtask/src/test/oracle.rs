//! A short run of `cargo xtask oracle`, and the proof that it can fail.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Filter;
use super::report::{Report, Verdict};
use crate::arch::Arch;
use crate::museum::{self, Copy, Mistake};
use crate::oracle::{SIMULATOR, build};
use crate::process::{Finished, run_bounded};
use crate::workspace::Workspace;

/// The arguments of the simulation.
const ARGUMENTS: [&str; 4] = ["--steps=1000000", "--harts=8", "--seed=1", "--threads=2"];
/// The limit: ten times what an idle machine needs.
const LIMIT: Duration = Duration::from_secs(240);

/// Runs the tests that the filter admits: the oracle on the tree, and on each known mistake that it
/// must find.
pub fn run(workspace: &Workspace, filter: &Filter, report: &Report) {
    for arch in Arch::ALL {
        let name = format!(
            "oracle: random programs agree with the model, {}",
            arch.name()
        );
        if filter.admits(&name) {
            report.attempt(&name, || {
                let (ran, time) = simulate(workspace, arch)?;
                report.result(&name, time, verdict(&ran, ran.success()));
                Ok(())
            });
        }
    }
    report.attempt("oracle: known mistakes", || {
        let mut mistakes = museum::all(workspace.root())?;
        mistakes.retain(|mistake| mistake.simulated && filter.admits(&name_of(mistake)));
        if mistakes.is_empty() {
            return Ok(());
        }
        let copy = Copy::open(workspace)?;
        for mistake in &mistakes {
            copy.make(Some(mistake))?;
            let (ran, time) = simulate(&copy.workspace, Arch::Riscv64)?;
            let found = ran.status.and_then(|status| status.code()) == Some(1)
                && ran.output.contains("1 divergence");
            report.result(&name_of(mistake), time, verdict(&ran, found));
        }
        Ok(())
    });
}

fn name_of(mistake: &Mistake) -> String {
    format!("oracle: mistake {} is found", mistake.name)
}

fn simulate(workspace: &Workspace, arch: Arch) -> Result<(Finished, Duration)> {
    let simulator = build(workspace, SIMULATOR)?;
    let begin = Instant::now();
    let ran = run_bounded(
        Command::new(simulator)
            .args(ARGUMENTS)
            .args(["--arch", arch.name()]),
        LIMIT,
    )
    .context("the simulator was built")?;
    Ok((ran, begin.elapsed()))
}

fn verdict(ran: &Finished, good: bool) -> Verdict {
    if good {
        Verdict::Passed
    } else {
        Verdict::Failed(format!("{}{}", ran.output, ran.errors))
    }
}
