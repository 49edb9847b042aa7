//! Fake programs, and runs of this program that find them first on PATH.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, iter};

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// A folder of fake programs.
pub struct Fakes {
    folder: PathBuf,
}

impl Fakes {
    /// Returns an empty folder.
    pub fn new(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.temporary("fakes");
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { folder })
    }

    /// Adds a shell script as a program with this name.
    pub fn add(&self, name: &str, script: &str) -> Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n"))?;
        fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// Returns the path of a file to which a fake may write.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns a command that runs this program with the fakes first on PATH.
    pub fn xtask(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = xtask(arguments)?;
        command.env("PATH", first_on_path(&self.folder)?);
        Ok(command)
    }
}

/// Returns a command that runs this program.
pub fn xtask(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args(arguments);
    Ok(command)
}

fn first_on_path(folder: &Path) -> Result<OsString> {
    let old = env::var_os("PATH").unwrap_or_default();
    let folders = iter::once(folder.to_owned()).chain(env::split_paths(&old));
    Ok(env::join_paths(folders)?)
}
