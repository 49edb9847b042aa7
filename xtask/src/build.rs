//! Builds of the kernel and the programs, by an inner cargo, and of tests with settings of their
//! own.
//!
//! Invariant: cargo decides what changed and says where the results are; nothing here guesses
//! paths. Neighbours: [`crate::setup::Toolchain`] knows the compiler, [`crate::image`] takes the
//! programs.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use regex::Regex;

use crate::arch::Arch;
use crate::museum::{Copy, Mistake};
use crate::setup::Toolchain;
use crate::workspace::Workspace;

/// The results of a build.
pub struct Guests {
    /// The architecture.
    pub arch: Arch,
    /// The version of the compiler.
    pub compiler: String,
    /// The kernel, with symbols.
    pub kernel: PathBuf,
    /// The programs, with symbols. A file's name is the program's name.
    pub programs: Vec<PathBuf>,
}

/// The name of the kernel's package and of its binary.
const KERNEL: &str = "kernel";

/// Builds the kernel and the programs.
pub fn guests(workspace: &Workspace, toolchain: &Toolchain) -> Result<Guests> {
    let packages = ["build", "--release", "-p", KERNEL, "-p", "user"];
    let mut cargo = toolchain.cargo(workspace, &packages);
    cargo.args(toolchain.arch().profile());
    let (mut kernels, mut programs): (Vec<_>, Vec<_>) = build(cargo, "guests")?
        .into_iter()
        .partition(|path| path.file_name().is_some_and(|name| name == KERNEL));
    programs.sort();
    let kernel = kernels.pop().context("cargo built no kernel")?;
    Ok(Guests {
        arch: toolchain.arch(),
        compiler: toolchain.compiler(),
        kernel,
        programs,
    })
}

/// Builds a kernel that makes a known mistake, from a copy of the sources. The next such build
/// overwrites it.
pub fn mistaken_kernel(copy: &Copy, toolchain: &Toolchain, mistake: &Mistake) -> Result<PathBuf> {
    copy.make(Some(mistake))?;
    let command = toolchain.apart("mistakes").cargo(
        &copy.workspace,
        &["build", "--release", "-p", KERNEL, "--bin", KERNEL],
    );
    build(command, "guests")?
        .pop()
        .context("cargo built no kernel")
}

/// Runs a complete `cargo build` or `cargo test --no-run` command. Returns the executables it made.
/// `what` names them in the message if the build fails.
pub fn build(mut command: Command, what: &str) -> Result<Vec<PathBuf>> {
    // Messages for the user go to standard error, and the list of results to standard output.
    command.arg("--message-format=json-render-diagnostics");
    let built = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !built.status.success() {
        bail!("building the {what} failed (see above)");
    }
    executables(&String::from_utf8_lossy(&built.stdout))
}

/// Returns the paths of the executables in cargo's list of artifacts (one JSON object per line).
pub fn executables(messages: &str) -> Result<Vec<PathBuf>> {
    let field = Regex::new(r#""executable":"((?:[^"\\]|\\.)*)""#)?;
    let escape = Regex::new(r"\\(.)")?;
    Ok(field
        .captures_iter(messages)
        .map(|found| PathBuf::from(escape.replace_all(&found[1], "$1").into_owned()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_found_among_the_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"abi"},"executable":null,"fresh":true}"#,
            "\n",
            r#"{"reason":"compiler-artifact","executable":"/t/a \"b\"/release/sh","fresh":true}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(
            executables(messages).expect("a good pattern"),
            [PathBuf::from(r#"/t/a "b"/release/sh"#)]
        );
    }
}
