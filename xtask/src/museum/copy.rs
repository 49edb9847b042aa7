//! A copy of the sources, in which mistakes are made.
//!
//! Invariants: the checkout itself is never changed. The copy has a fixed place and a target folder
//! of its own, and only files that differ are written. So a change from one mistake to the next
//! builds only the rooms that the two touch. A copy belongs to one process at a time, which the
//! file `owner` names.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result, bail};

use super::mistake::Mistake;
use crate::workspace::Workspace;

/// An entry of the checkout's root that holds no sources. Hidden folders, except cargo's, hold none
/// either.
const NO_SOURCE: &str = "target";
const CARGO_SETTINGS: &str = ".cargo";

/// The copy of the sources, and the builds from it.
pub struct Copy {
    /// The copy as a checkout.
    pub workspace: Workspace,
    original: PathBuf,
    owner: PathBuf,
}

impl Copy {
    /// Makes the copy, or brings it up to date.
    pub fn open(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.target().join("museum");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let owner = folder.join("owner");
        own(&owner)?;
        let copy = Self {
            workspace: Workspace::elsewhere(folder.join("tree"), folder.join("target"))?,
            original: workspace.root().to_owned(),
            owner,
        };
        copy.make(None)?;
        Ok(copy)
    }

    /// Makes this mistake, and no other, in the copy.
    pub fn make(&self, mistake: Option<&Mistake>) -> Result<()> {
        let mut changed = match mistake {
            Some(mistake) => mistake.changes(&self.original)?,
            None => Vec::new(),
        };
        let root = self.workspace.root();
        let sources = sources(&self.original)?;
        for path in &sources {
            let text = match changed.iter().position(|(file, _)| file == path) {
                Some(index) => changed.swap_remove(index).1.into_bytes(),
                None => fs::read(self.original.join(path))
                    .with_context(|| format!("cannot read {}", path.display()))?,
            };
            write_if_other(&root.join(path), &text)?;
        }
        // Files that have left the tree since the copy was made.
        let kept: HashSet<_> = sources.into_iter().collect();
        for path in self::sources(root)? {
            if !kept.contains(&path) {
                fs::remove_file(root.join(path))?;
            }
        }
        Ok(())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // If the file stays, the next run sees that its owner has ended.
        let _ = fs::remove_file(&self.owner);
    }
}

/// Writes this process into the file `owner`, unless the process named there is still running.
fn own(owner: &Path) -> Result<()> {
    if let Ok(pid) = fs::read_to_string(owner) {
        if Path::new("/proc").join(pid.trim()).exists() {
            bail!(
                "process {} is making mistakes already, in the same folder",
                pid.trim()
            );
        }
        fs::remove_file(owner)?;
    }
    let mut file = fs::File::create_new(owner).context("somebody else begins to make mistakes")?;
    write!(file, "{}", process::id())?;
    Ok(())
}

/// Returns the files under a root, as paths from there.
fn sources(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name();
            let hidden = name.to_string_lossy().starts_with('.') && name != CARGO_SETTINGS;
            let at_root = folder.as_os_str().is_empty();
            let kind = entry.file_type()?;
            if hidden || at_root && name == NO_SOURCE {
                continue;
            }
            if kind.is_dir() {
                folders.push(folder.join(name));
            } else if kind.is_file() {
                found.push(folder.join(name));
            }
        }
    }
    Ok(found)
}

/// Writes a file, unless it has that text already, because cargo looks at the time of the last
/// write.
fn write_if_other(path: &Path, text: &[u8]) -> Result<()> {
    let same = match fs::read(path) {
        Ok(there) => there == text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error.into()),
    };
    if !same {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    #[test]
    fn a_copy_has_one_owner_as_long_as_it_runs() {
        let folder = env::temp_dir().join(format!("xtask-copy-{}", process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder");
        let owner = folder.join("owner");
        own(&owner).expect("nobody has it");
        assert!(own(&owner).is_err(), "this process has it");
        // This pid cannot exist, because Linux's limit is 2^22.
        fs::write(&owner, "4294967295").expect("a file");
        own(&owner).expect("its owner is gone");
        fs::remove_dir_all(&folder).expect("it is still there");
    }

    #[test]
    fn sources_are_what_cargo_needs() {
        let root = env::temp_dir().join(format!("xtask-sources-{}", process::id()));
        for file in ["Cargo.toml", "mm/src/lib.rs", ".cargo/config.toml"] {
            write_if_other(&root.join(file), b"x").expect("a file");
        }
        for file in ["target/debug/x", ".git/HEAD", "mm/.cache/x"] {
            write_if_other(&root.join(file), b"x").expect("a file");
        }
        let mut found = sources(&root).expect("readable");
        found.sort();
        let expected = [".cargo/config.toml", "Cargo.toml", "mm/src/lib.rs"];
        assert_eq!(found, expected.map(PathBuf::from));
        fs::remove_dir_all(&root).expect("it is still there");
    }
}
