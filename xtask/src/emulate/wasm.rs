//! The test that a run is equal on every host. The lab kernel with a mistake prints one console and
//! one set of reports, natively and in WebAssembly under Node.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use emu::replay;

use super::lab;
use crate::process::run_bounded;
use crate::setup::rustup;
use crate::test::{Filter, Report, Verdict};
use crate::workspace::Workspace;

const NAME: &str = "emu in WebAssembly: a seed gives the same report as natively";
/// The target: a machine with files and arguments, which Node provides.
const TARGET: &str = "wasm32-wasip1";
/// The longest time for a build or a run.
const LIMIT: Duration = Duration::from_secs(240);
const HARTS: usize = 3;
const SEEDS: u64 = 3;
const STEPS: u64 = 3_000_000;
/// A mistake of the lab kernel that several watchers report.
const MISTAKE: u32 = 3;

/// Runs the test, or reports what it lacks on this host.
pub fn test(workspace: &Workspace, filter: &Filter<'_>, report: &Report) {
    if !filter.admits(NAME) {
        return;
    }
    report.attempt(NAME, || {
        let begin = Instant::now();
        if let Some(why) = lacks(workspace) {
            report.note(format!("skipped: {NAME}: {why}"));
            return Ok(());
        }
        compare(workspace)?;
        report.result(NAME, begin.elapsed(), Verdict::Passed);
        Ok(())
    });
}

/// Returns what is missing, if anything is.
fn lacks(workspace: &Workspace) -> Option<String> {
    let node = run_bounded(Command::new("node").arg("--version"), LIMIT);
    if !node.is_ok_and(|done| done.success()) {
        return Some("there is no node".to_owned());
    }
    if is_installed() {
        return None;
    }
    let added = rustup::add(workspace, "target", TARGET);
    added.err().map(|error| format!("{TARGET}: {error:#}"))
}

fn is_installed() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command.args(["--print", "target-libdir", "--target", TARGET]);
    run_bounded(&mut command, LIMIT)
        .is_ok_and(|done| done.success() && PathBuf::from(done.output.trim()).exists())
}

fn compare(workspace: &Workspace) -> Result<()> {
    let folder = workspace.root().join("tests/lab-kernel");
    let kernel = lab::compile(workspace, &folder, MISTAKE)?;
    let bytes = fs::read(&kernel)?;
    let mut natively = String::new();
    for seed in 0..SEEDS {
        natively += &replay::everything(&bytes, HARTS, seed, STEPS).map_err(anyhow::Error::msg)?;
    }
    ensure!(
        natively.contains("missing: "),
        "nothing was reported, so nothing is compared:\n{natively}"
    );
    let place = workspace.root().join("target/wasm");
    let mut build = Command::new("cargo");
    build
        .current_dir(workspace.root())
        .args([
            "build",
            "--quiet",
            "--package",
            "emu",
            "--example",
            "replay",
        ])
        .args(["--target", TARGET, "--target-dir"])
        .arg(&place);
    let built = run_bounded(&mut build, LIMIT)?;
    ensure!(built.success(), "it does not build:\n{}", built.errors);
    let module = place.join(TARGET).join("debug/examples/replay.wasm");
    let (inside, name) = (kernel.parent(), kernel.file_name());
    let name = name
        .and_then(|name| name.to_str())
        .context("a strange name")?;
    let mut node = Command::new("node");
    // Some builds of Node 20 crash when they compile in the background during a long run.
    node.args(["--no-warnings", "--single-threaded"])
        .arg(folder.join("replay.mjs"))
        .arg(module)
        .arg(inside.context("a file has a folder")?)
        .arg(format!("/lab/{name}"))
        .args([
            HARTS.to_string(),
            "0".into(),
            SEEDS.to_string(),
            STEPS.to_string(),
        ]);
    let ran = run_bounded(&mut node, LIMIT)?;
    ensure!(ran.success(), "it does not run:\n{}", ran.errors);
    let differs = natively
        .lines()
        .zip(ran.output.lines())
        .find(|(a, b)| a != b);
    ensure!(
        natively == ran.output,
        "the first lines that differ: {differs:?}"
    );
    Ok(())
}
