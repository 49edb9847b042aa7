//! `cargo xtask mutants`: makes small changes to the memory system, one at a time, and counts how
//! many its tests notice.
//!
//! cargo-mutants makes the mutants and runs the tests in a copy of the checkout.
//! `.cargo/mutants.toml` says how, and which mutants are left out and why. [`choice`] chooses the
//! mutants that run, and [`result`] counts how they ended.
//!
//! Invariants: a mutant that runs for ever or takes more memory than [`MEMORY_KIB`] is stopped; the
//! checkout itself is never changed.

mod choice;
mod result;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cli::MutantsArguments;
use crate::process::{run_bounded, run_inherited};
use crate::setup::ensure_cargo_mutants;
use crate::workspace::Workspace;

use result::Tally;

/// The package that is mutated.
const ROOM: &str = "cowslip-mm";
/// The percentage of viable mutants that must be caught.
const NEEDED: u64 = 95;
/// The most address space that a compiler or a test may have, because a mutant may allocate without
/// end.
const MEMORY_KIB: u64 = 8 << 20;
/// The limit for listing the mutants, which takes a second.
const LIST_LIMIT: Duration = Duration::from_secs(60);

/// The exit codes of cargo-mutants after a run: all were caught, some were missed, some ran out of
/// time.
const RAN: [i32; 3] = [0, 2, 3];
/// The exit code of cargo-mutants if the tests fail without any mutant.
const BASELINE_FAILED: i32 = 4;

/// Runs the mutants that the arguments ask for. Returns 1 if too many live.
pub fn run(workspace: &Workspace, arguments: &MutantsArguments) -> Result<u8> {
    let program = ensure_cargo_mutants(workspace)?;
    let all = list(workspace, &program)?;
    let mut chosen = match arguments.sample {
        Some(count) => choice::sample(&all, count, arguments.seed),
        None => all.clone(),
    };
    if let Some(shard) = arguments.shard {
        chosen = shard.of(&chosen);
    }
    println!("{} of {} mutants of {ROOM}", chosen.len(), all.len());
    if chosen.is_empty() {
        bail!("no mutant was chosen");
    }

    let folder = make(workspace, &program, &chosen, arguments.jobs)?;
    let tally = Tally::read(&folder, &chosen)?;
    print!("{tally}");
    Ok(u8::from(!tally.reaches(NEEDED)))
}

/// Returns the names of all mutants that are not left out.
fn list(workspace: &Workspace, program: &Path) -> Result<Vec<String>> {
    let mut command = Command::new(program);
    command
        .current_dir(workspace.root())
        .args(["mutants", "--list", "--package", ROOM]);
    let listed = run_bounded(&mut command, LIST_LIMIT)?;
    if !listed.success() {
        bail!(
            "cargo-mutants cannot list the mutants: {}",
            listed.last_words()
        );
    }
    Ok(listed.output.lines().map(str::to_owned).collect())
}

/// Runs the mutants. Returns the folder with the results.
fn make(workspace: &Workspace, program: &Path, chosen: &[String], jobs: u8) -> Result<PathBuf> {
    let output = workspace.target().join("mutants");
    std::fs::create_dir_all(&output)
        .with_context(|| format!("cannot make the folder {}", output.display()))?;
    let mut command = Command::new("sh");
    crate::setup::forget_outer_cargo(&mut command, |name| name == "RUSTUP_TOOLCHAIN");
    command
        .current_dir(workspace.root())
        .args(["-c", &format!("ulimit -v {MEMORY_KIB}; exec \"$@\""), "sh"])
        .arg(program)
        .args([
            "mutants",
            "--package",
            ROOM,
            "--jobs",
            &jobs.to_string(),
            "--output",
        ])
        .arg(&output)
        // A failed random test is enough. Searching for its smallest case would take time.
        .env("PROPTEST_MAX_SHRINK_ITERS", "0");
    for name in chosen {
        command
            .arg("--re")
            .arg(format!("^{}$", regex::escape(name)));
    }
    match run_inherited(&mut command)?.code() {
        Some(code) if RAN.contains(&code) => Ok(output.join("mutants.out")),
        Some(BASELINE_FAILED) => bail!("the tests of {ROOM} fail without any mutant (see above)"),
        _ => bail!("cargo-mutants failed (see above)"),
    }
}
