//! The places of files: the checkout, its target folder, and a folder for one run's files.
//!
//! Invariant: a [`Scratch`] folder belongs to one process. The next run removes the folder of a run
//! that was killed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use anyhow::{Context, Result};

/// The variables that name the target folder, the stronger first.
pub const TARGET_VARIABLES: [&str; 2] = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"];

/// The checkout.
pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
    scratch: Scratch,
}

impl Workspace {
    /// Returns the checkout that this program belongs to.
    pub fn open() -> Result<Self> {
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package
            .parent()
            .context("xtask does not lie in a workspace")?
            .to_owned();
        let target = target_folder(|name| env::var_os(name)).unwrap_or_else(|| root.join("target"));
        fs::create_dir_all(&target)
            .with_context(|| format!("cannot make the folder {}", target.display()))?;
        let target = target.canonicalize()?;
        let scratch = Scratch::create(&target.join("xtask"))?;
        Ok(Self {
            root,
            target,
            scratch,
        })
    }

    /// Returns another checkout, with this root and target folder.
    pub fn elsewhere(root: PathBuf, target: PathBuf) -> Result<Self> {
        for folder in [&root, &target] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        let scratch = Scratch::create(&target.join("xtask"))?;
        Ok(Self {
            root,
            target,
            scratch,
        })
    }

    /// Returns the folder of the workspace's `Cargo.toml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder into which cargo builds.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Returns a path that no other code uses, for a file that ends with this run.
    pub fn temporary(&self, suffix: &str) -> PathBuf {
        self.scratch.path(suffix)
    }

    /// Returns the path of a file that is kept between runs.
    pub fn remembered(&self, name: &str) -> PathBuf {
        self.target.join("xtask").join(name)
    }

    /// Returns `path` from the root of the checkout, if it lies inside.
    pub fn relative<'a>(&self, path: &'a str) -> &'a str {
        self.root
            .to_str()
            .and_then(|root| path.strip_prefix(root))
            .map_or(path, |rest| rest.trim_start_matches('/'))
    }
}

/// Returns the target folder that the user asked for, by the variables that cargo knows. An empty
/// variable counts as unset, as cargo itself treats the second one.
fn target_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    TARGET_VARIABLES
        .iter()
        .filter_map(|name| variable(name))
        .find(|folder| !folder.is_empty())
        .map(PathBuf::from)
}

/// A folder that is removed when the process ends normally.
struct Scratch {
    folder: PathBuf,
    next: AtomicU32,
}

const SCRATCH_PREFIX: &str = "run-";

impl Scratch {
    fn create(parent: &Path) -> Result<Self> {
        sweep(parent);
        let folder = parent.join(format!("{SCRATCH_PREFIX}{}", process::id()));
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(Self {
            folder,
            next: AtomicU32::new(0),
        })
    }

    fn path(&self, suffix: &str) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.folder.join(format!("{number}-{suffix}"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that stays does no harm, because the next run removes it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes the folders of runs that have ended. A folder that cannot be removed does no harm.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(SCRATCH_PREFIX))
            .and_then(|pid| pid.parse::<u32>().ok());
        if let Some(pid) = owner
            && !Path::new("/proc").join(pid.to_string()).exists()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_folder_is_the_one_that_cargo_uses() {
        let folder = |first: Option<&str>, second: Option<&str>| {
            target_folder(|name| match name {
                "CARGO_TARGET_DIR" => first.map(OsString::from),
                "CARGO_BUILD_TARGET_DIR" => second.map(OsString::from),
                _ => None,
            })
        };
        assert_eq!(folder(None, None), None);
        assert_eq!(folder(None, Some("b")), Some(PathBuf::from("b")));
        assert_eq!(folder(Some("a"), Some("b")), Some(PathBuf::from("a")));
        assert_eq!(folder(Some(""), Some("b")), Some(PathBuf::from("b")));
    }

    #[test]
    fn scratch_paths_differ_and_leave_nothing() {
        let parent = env::temp_dir().join(format!("xtask-scratch-{}", process::id()));
        // This pid cannot exist, because Linux's limit is 2^22.
        let stale = parent.join("run-4294967295");
        fs::create_dir_all(&stale).expect("temporary folder");
        let scratch = Scratch::create(&parent).expect("scratch");
        assert!(!stale.exists(), "what a killed run left is swept");
        let (one, two) = (scratch.path("fs.img"), scratch.path("fs.img"));
        assert_ne!(one, two);
        fs::write(&one, b"x").expect("a scratch file");
        let folder = scratch.folder.clone();
        drop(scratch);
        assert!(!folder.exists());
        fs::remove_dir_all(&parent).expect("the parent is still there");
    }
}
