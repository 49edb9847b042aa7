//! System packages on Debian and Ubuntu.
//!
//! Invariant: no package that is there is removed for one that is wanted (`--no-remove`).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::process::{Finished, run_bounded};
use crate::progress::spinner;

/// For fetching the lists; a mirror that is slower than this is as good as none.
const UPDATE_LIMIT: Duration = Duration::from_secs(180);
/// For fetching and unpacking; the largest set is some 300 MB.
const INSTALL_LIMIT: Duration = Duration::from_secs(1800);
/// For asking the lists that are already here.
const QUERY_LIMIT: Duration = Duration::from_secs(30);

/// The version of `package` that would be installed, if any.
pub fn candidate(package: &str) -> Option<String> {
    let query = run_bounded(
        Command::new("apt-cache")
            .env("LC_ALL", "C")
            .args(["policy", package]),
        QUERY_LIMIT,
    );
    parse_candidate(&query.ok()?.output)
}

fn parse_candidate(policy: &str) -> Option<String> {
    policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate:"))
        .map(str::trim)
        .filter(|version| *version != "(none)")
        .map(str::to_owned)
}

/// Brings the package lists up to date, once per run. Lists that are old may still do, so failing
/// is told and no more.
pub fn refresh() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        if !is_root() {
            return;
        }
        let _sign = spinner("apt-get update");
        match apt_get(&["update"], UPDATE_LIMIT) {
            Ok(update) if update.success() => {}
            Ok(update) => eprintln!("xtask: apt-get update failed: {}", update.last_words()),
            Err(error) => eprintln!("xtask: {error:#}"),
        }
    });
}

/// Installs packages as root, or fails with the command that would.
pub fn install(packages: &[&str], why: &str) -> Result<()> {
    let list = packages.join(" ");
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "{why}. This system has no apt-get; install what Debian calls `{list}` and try again"
        );
    }
    if !is_root() {
        bail!("{why}. Run this, then try again:\n    sudo apt-get install -y {list}");
    }
    eprintln!("xtask: {why}; installing {list} with apt-get");
    refresh();
    let _sign = spinner(format!("apt-get install {list}"));
    let mut arguments = vec!["install", "-y", "--no-remove", "--no-install-recommends"];
    arguments.extend(packages);
    let install = apt_get(&arguments, INSTALL_LIMIT)?;
    if !install.success() {
        bail!(
            "{why}, and `apt-get install {list}` failed: {}",
            install.last_words()
        );
    }
    Ok(())
}

/// Fetches the archives of packages, and of what they need and the system has not, into a folder.
/// Works without being root, from the lists that are here.
pub fn download(packages: &[&str], archives: &Path) -> Result<()> {
    let list = packages.join(" ");
    let _sign = spinner(format!("fetching {list}"));
    let folder = format!("Dir::Cache::archives={}", archives.display());
    let mut arguments = vec![
        "install",
        "-y",
        "--download-only",
        "--no-install-recommends",
    ];
    arguments.extend(["-o", &folder, "-o", "Debug::NoLocking=1"]);
    arguments.extend(packages);
    let download = apt_get(&arguments, INSTALL_LIMIT)?;
    if !download.success() {
        bail!(
            "`apt-get install --download-only {list}` failed: {}",
            download.last_words()
        );
    }
    Ok(())
}

fn apt_get(arguments: &[&str], limit: Duration) -> Result<Finished> {
    run_bounded(
        Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C")
            .args([
                "-o",
                "Acquire::http::Timeout=20",
                "-o",
                "Acquire::Retries=2",
            ])
            .args(["-o", "DPkg::Lock::Timeout=120"])
            .args(arguments),
        limit,
    )
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_candidate_is_read_from_the_policy() {
        let policy = "lld-22:\n  Installed: (none)\n  Candidate: 1:22.1.8-1~deb12u1\n";
        assert_eq!(
            parse_candidate(policy).as_deref(),
            Some("1:22.1.8-1~deb12u1")
        );
        assert_eq!(
            parse_candidate("x:\n  Installed: (none)\n  Candidate: (none)\n"),
            None
        );
        assert_eq!(parse_candidate(""), None);
    }
}
