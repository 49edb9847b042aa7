//! System packages on Debian and Ubuntu.
//!
//! Invariants: no installed package is removed for a wanted one (`--no-remove`); a user who is not
//! root changes nothing of the system, and gets lists of their own if the system's are empty.
//! Neighbour: [`super::missing`] is the error of a user who may not install.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::cache;
use super::missing::Missing;
use crate::process::{Finished, is_on_path, run_bounded};
use crate::progress::spinner;

/// The limit for fetching the lists. A slower mirror counts as unreachable.
const UPDATE_LIMIT: Duration = Duration::from_secs(180);
/// The limit for fetching and unpacking. The largest set has some 300 MB.
const INSTALL_LIMIT: Duration = Duration::from_secs(1800);
/// The limit for queries to the lists on this machine.
const QUERY_LIMIT: Duration = Duration::from_secs(30);

/// Options that make apt use the user's own lists, if [`refresh`] had to fetch some.
static OWN_LISTS: OnceLock<Vec<String>> = OnceLock::new();

/// Returns the version of `package` that would be installed, if any.
pub fn candidate(package: &str) -> Option<String> {
    parse_candidate(&policy(&[package])?)
}

/// Returns apt's policy for packages or, without any, for its archives.
fn policy(packages: &[&str]) -> Option<String> {
    let mut query = Command::new("apt-cache");
    query
        .env("LC_ALL", "C")
        .args(own_lists())
        .arg("policy")
        .args(packages);
    Some(run_bounded(&mut query, QUERY_LIMIT).ok()?.output)
}

fn own_lists() -> &'static [String] {
    OWN_LISTS.get().map_or(&[], Vec::as_slice)
}

fn parse_candidate(policy: &str) -> Option<String> {
    policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate:"))
        .map(str::trim)
        .filter(|version| *version != "(none)")
        .map(str::to_owned)
}

/// Returns whether apt knows no archive, as in a new container.
fn lists_are_empty() -> bool {
    policy(&[]).is_none_or(|policy| !policy.lines().any(names_archive))
}

/// Returns whether a line of the policy is one such as
/// `500 http://... bookworm/main amd64 Packages`.
fn names_archive(line: &str) -> bool {
    line.trim_end().ends_with(" Packages")
}

/// Updates the package lists, once per run. Root updates the system's lists. Another user fetches
/// lists of their own if the system's are empty. A failure is only reported, because old lists may
/// be good enough.
pub fn refresh() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let ready = if is_root() {
            Ok(())
        } else if is_there() && lists_are_empty() {
            use_own_lists()
        } else {
            return;
        };
        let updated = ready.and_then(|()| {
            let _sign = spinner("apt-get update");
            apt_get(&["update"], UPDATE_LIMIT)
        });
        match updated {
            Ok(update) if update.success() => {}
            Ok(update) => eprintln!("xtask: apt-get update failed: {}", update.last_words()),
            Err(error) => eprintln!("xtask: {error:#}"),
        }
    });
}

fn use_own_lists() -> Result<()> {
    let folder = cache::folder("apt")?;
    let lists = folder.join("lists");
    fs::create_dir_all(lists.join("partial"))
        .with_context(|| format!("cannot make the folder {}", lists.display()))?;
    eprintln!(
        "xtask: the package lists are empty; fetching some into {}",
        folder.display()
    );
    OWN_LISTS.get_or_init(|| {
        let option =
            |name: &str, folder: &Path| ["-o".to_owned(), format!("{name}={}", folder.display())];
        [
            option("Dir::State::lists", &lists),
            option("Dir::Cache", &folder),
        ]
        .concat()
    });
    Ok(())
}

/// Installs packages if the user is root. Otherwise returns [`Missing`], which names the command
/// that would.
pub fn install(packages: &[&str], why: &str) -> Result<()> {
    let list = packages.join(" ");
    if !is_there() {
        bail!(
            "{why}. This system has no apt-get; install what Debian calls `{list}` and try again"
        );
    }
    if !is_root() {
        // The command is for the system's lists, even if this user has lists of their own.
        let lists_are_empty = OWN_LISTS.get().is_some() || lists_are_empty();
        return Err(Missing::new(packages, why, lists_are_empty).into());
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

/// Fetches the archives of packages, and of their missing dependencies, into a folder. Works
/// without root, from the lists on this machine.
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

/// Returns whether the system has apt.
fn is_there() -> bool {
    is_on_path("apt-get")
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
            .args(own_lists())
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

    #[test]
    fn archives_are_told_from_what_is_installed() {
        let archive = " 500 http://deb.debian.org/debian bookworm/main amd64 Packages";
        assert!(names_archive(archive));
        assert!(!names_archive(" 100 /var/lib/dpkg/status"));
        assert!(!names_archive("Package files:"));
        assert!(!names_archive("Pinned packages:"));
    }
}
