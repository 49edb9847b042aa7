//! `cargo xtask check`: formatting, lints and documentation of all rooms. The rooms of the host are
//! checked with the host's compiler, and the guests with theirs.
//!
//! Three checks are done here because no tool of cargo does them: comments and documents are narrow
//! enough ([`width`]), they refer to what exists ([`citation`]), and the patches of the museum
//! apply.

mod citation;
mod editor;
mod text;
mod width;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

pub use editor::for_editor;

use crate::arch::Arch;
use crate::museum;
use crate::process::run_inherited;
use crate::setup::{Toolchain, forget_outer_cargo};
use crate::workspace::{TARGET_VARIABLES, Workspace};

/// The documentation is built with its private items, so links to those are valid.
const DOCUMENTATION_FLAGS: &str = "-D warnings -A rustdoc::private-intra-doc-links";

/// A check, which returns the problems of the tree with this root, one per line.
type Find = fn(&Path) -> Vec<String>;

/// The checks that are done in this module.
const FINDINGS: [(&str, Find); 3] = [
    ("width of comments and documents", width::problems),
    ("rules, pages and paths that are cited", citation::problems),
    ("patches of the museum", museum::problems),
];

/// The model checkers of `sync::atomic`, by the cfg that selects them.
pub const MODEL_CHECKERS: [&str; 2] = ["loom", "shuttle"];

/// The rooms that have tests for the model checkers.
pub const MODELLED: [&str; 4] = ["-p", "cowslip-sync", "-p", "cowslip-mm"];

/// The rooms that run in the emulator.
const GUESTS: [&str; 4] = ["-p", "kernel", "-p", "user"];

/// Runs every check whose name contains the filter, also after one has failed. Returns 1 if any
/// failed.
pub fn run(workspace: &Workspace, filter: Option<&str>) -> Result<u8> {
    let wanted = |name: &str| filter.is_none_or(|part| name.contains(part));
    let (mut passed, mut failed) = (0, 0);
    let mut note = |name: &str, begin: Instant, good: bool| {
        let verdict = if good { "ok" } else { "FAILED" };
        let seconds = begin.elapsed().as_secs_f64();
        println!("{verdict:6} {name} ({seconds:.1} s)");
        *if good { &mut passed } else { &mut failed } += 1;
    };
    for (name, find) in FINDINGS.into_iter().filter(|(name, _)| wanted(name)) {
        let begin = Instant::now();
        let findings = find(workspace.root());
        for finding in &findings {
            println!("{finding}");
        }
        note(name, begin, findings.is_empty());
    }
    let mut commands = cargo_checks(workspace)?;
    commands.retain(|(name, _)| wanted(name));
    for (name, mut command) in commands {
        let begin = Instant::now();
        let good = run_inherited(&mut command)?.success();
        note(name, begin, good);
    }
    println!("{passed} passed, {failed} failed");
    Ok(u8::from(failed > 0))
}

/// Returns the checks that cargo does, each with its name.
fn cargo_checks(workspace: &Workspace) -> Result<Vec<(&'static str, Command)>> {
    let deny = ["--", "-D", "warnings"];
    let mut host_docs = host_cargo(workspace, &["doc", "--no-deps", "--document-private-items"]);
    host_docs.env("RUSTDOCFLAGS", DOCUMENTATION_FLAGS);

    let mut steps = vec![
        (
            "formatting",
            host_cargo(workspace, &["fmt", "--all", "--check"]),
        ),
        ("lints, on the host", {
            // The lints cover the guests' libraries and their tests, but not the guests' binaries.
            let mut lints = host_cargo(workspace, &["clippy", "--workspace", "--all-targets"]);
            lints.args(deny);
            lints
        }),
        ("documentation, host rooms", host_docs),
    ];
    steps.extend(guest_checks(
        workspace,
        Arch::Riscv64,
        ["lints, riscv64", "documentation, riscv64"],
    )?);
    steps.extend(guest_checks(
        workspace,
        Arch::X86_64,
        ["lints, x86_64", "documentation, x86_64"],
    )?);
    let names = ["lints, for loom", "lints, for shuttle"];
    for (name, checker) in names.into_iter().zip(MODEL_CHECKERS) {
        let mut lints = modelled_cargo(workspace, checker, &["clippy", "--all-targets"]);
        lints.args(MODELLED).args(deny);
        steps.push((name, lints));
    }
    Ok(steps)
}

/// Returns the checks of the guests for an architecture, under these names.
fn guest_checks(
    workspace: &Workspace,
    arch: Arch,
    [lints_name, docs_name]: [&'static str; 2],
) -> Result<[(&'static str, Command); 2]> {
    let toolchain = Toolchain::ensure(workspace, arch)?;
    toolchain.ensure_clippy()?;
    let mut lints = toolchain.cargo(workspace, &["clippy", "--release", "--lib", "--bins"]);
    lints.args(GUESTS).args(["--", "-D", "warnings"]);
    let mut docs = toolchain.cargo(
        workspace,
        &["doc", "--release", "--no-deps", "--document-private-items"],
    );
    docs.args(GUESTS).env("RUSTDOCFLAGS", DOCUMENTATION_FLAGS);
    Ok([(lints_name, lints), (docs_name, docs)])
}

/// Returns a cargo command for the rooms that run on the host, with the toolchain of the outer
/// cargo.
pub fn host_cargo(workspace: &Workspace, subcommand: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    forget_outer_cargo(&mut command, |name| name == "RUSTUP_TOOLCHAIN");
    command
        .current_dir(workspace.root())
        .args(subcommand)
        .env(TARGET_VARIABLES[0], workspace.target());
    command
}

/// Returns a cargo command for a model checker. It has a target folder of its own, because the
/// checker's cfg changes every crate.
pub fn modelled_cargo(workspace: &Workspace, checker: &str, subcommand: &[&str]) -> Command {
    let mut command = host_cargo(workspace, subcommand);
    command
        .arg("--target-dir")
        .arg(workspace.target().join(checker))
        .env("RUSTFLAGS", format!("--cfg {checker}"));
    command
}
