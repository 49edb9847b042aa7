//! The programs that read the counts of instrumented code: `llvm-profdata` and `llvm-cov`.
//!
//! Invariant: they have the compiler's version of LLVM, because each release has a raw format of
//! its own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{compiler, packages, rustup};
use crate::workspace::Workspace;

/// The paths of the programs.
pub struct LlvmTools {
    /// Merges the counts of several runs.
    pub profdata: PathBuf,
    /// Prints which lines were counted.
    pub cov: PathBuf,
}

/// Finds or installs the programs: those of the toolchain or, without them, the distribution's.
pub fn ensure_llvm_tools(workspace: &Workspace) -> Result<LlvmTools> {
    if let Some(tools) = LlvmTools::find(compiler::companion) {
        return Ok(tools);
    }
    let reason = match rustup::add(workspace, "component", "llvm-tools") {
        Ok(()) => match LlvmTools::find(compiler::companion) {
            Some(tools) => return Ok(tools),
            None => "rustup added it to another compiler than the one on PATH".to_owned(),
        },
        Err(error) => format!("{error:#}"),
    };
    let major = compiler::llvm_major().context("`rustc -vV` names no LLVM")?;
    let package = format!("llvm-{major}");
    let folder = Path::new("/usr/lib").join(&package).join("bin");
    let in_folder = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
    if let Some(tools) = LlvmTools::find(in_folder) {
        return Ok(tools);
    }
    packages::install(
        &[&package],
        &format!("coverage needs the tools of LLVM {major} (llvm-tools: {reason})"),
    )?;
    match LlvmTools::find(in_folder) {
        Some(tools) => Ok(tools),
        None => bail!(
            "the package {package} is installed, but there is no llvm-cov in {}",
            folder.display()
        ),
    }
}

impl LlvmTools {
    fn find(find: impl Fn(&str) -> Option<PathBuf>) -> Option<Self> {
        Some(Self {
            profdata: find("llvm-profdata")?,
            cov: find("llvm-cov")?,
        })
    }
}
