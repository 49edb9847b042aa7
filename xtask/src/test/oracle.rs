//! The quick version of `cargo xtask oracle`, and the proof that it can fail.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mm::mistake::Mistake;

use super::Filter;
use super::report::{Report, Verdict};
use crate::oracle::build;
use crate::process::{Finished, run_bounded};
use crate::workspace::Workspace;

/// What is simulated.
const ARGUMENTS: [&str; 4] = ["--steps=1000000", "--harts=8", "--seed=1", "--threads=2"];
/// Ten times what a calm machine needs.
const LIMIT: Duration = Duration::from_secs(240);

/// Mistakes that only stale translations show.
const CAUGHT: [Mistake; 2] = [Mistake::NoFlushAfterFork, Mistake::FreesBeforeFlush];

/// Runs those that are asked for.
pub fn run(workspace: &Workspace, filter: &Filter, report: &Report) {
    let name = "oracle: random programs agree with the model";
    if filter.admits(name) {
        report.attempt(name, || {
            let (ran, time) = simulate(workspace, None)?;
            report.result(name, time, verdict(&ran, ran.success()));
            Ok(())
        });
    }
    for mistake in CAUGHT {
        let name = format!("oracle: mistake {} is found", mistake.name());
        if filter.admits(&name) {
            report.attempt(&name, || {
                let (ran, time) = simulate(workspace, Some(mistake))?;
                let found = ran.status.and_then(|status| status.code()) == Some(1)
                    && ran.output.contains("1 divergence");
                report.result(&name, time, verdict(&ran, found));
                Ok(())
            });
        }
    }
}

fn simulate(workspace: &Workspace, mistake: Option<Mistake>) -> Result<(Finished, Duration)> {
    let simulator = build(workspace, mistake)?;
    let begin = Instant::now();
    let ran = run_bounded(Command::new(simulator).args(ARGUMENTS), LIMIT)
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
