//! Debian's kernel for an architecture, taken from its package. An apt of its own fetches the
//! package; it neither reads nor changes what the system knows of packages. The kernel is kept in
//! the user's cache.
//!
//! The suite is fixed, because the suite before it has no kernel for riscv64, and both
//! architectures are to be compared with one Linux. The archive is the one that the system's apt
//! uses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::arch::Arch;
use crate::process::run_bounded;
use crate::progress::spinner;
use crate::setup::cache_folder;

/// The suite from which the kernel is taken.
const SUITE: &str = "trixie";
/// The keys with which Debian signs its suites.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// The limit for queries to apt.
const QUERY_LIMIT: Duration = Duration::from_secs(60);
/// The limit for fetching lists and packages, some 130 MB.
const FETCH_LIMIT: Duration = Duration::from_secs(900);

/// A kernel.
pub struct Kernel {
    /// The kernel's file.
    pub file: PathBuf,
    /// The version, as in the file's name.
    pub version: String,
}

/// Returns the kernel. Fetches it if it is not in the cache.
pub fn ensure(arch: Arch) -> Result<Kernel> {
    let folder = cache_folder("linux")?.join(arch.name());
    if let Some(kernel) = find(&folder)? {
        return Ok(kernel);
    }
    let _sign = spinner(format!("fetching Debian's Linux for {}", arch.name()));
    let new = folder.with_extension(format!("{}.new", std::process::id()));
    let fetched = fetch(arch, &new).and_then(|()| {
        // Another run may have put its copy there meanwhile.
        let _ = fs::remove_dir_all(&folder);
        fs::rename(&new, &folder).with_context(|| format!("cannot make {}", folder.display()))
    });
    // The rest of a failed attempt is useless, and the failure is what the user must see.
    let _ = fs::remove_dir_all(&new);
    fetched?;
    find(&folder)?.with_context(|| format!("there is no kernel in {}", folder.display()))
}

/// Returns the kernel in a folder.
fn find(folder: &Path) -> Result<Option<Kernel>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(None);
    };
    for entry in entries {
        let file = entry?.path();
        let name = file.file_name().map(|name| name.to_string_lossy());
        if let Some(version) = name.as_deref().and_then(version) {
            let version = version.to_owned();
            return Ok(Some(Kernel { file, version }));
        }
    }
    Ok(None)
}

/// Returns the version in the name of a kernel's file, such as `vmlinux-6.12.1+deb13-riscv64`.
fn version(name: &str) -> Option<&str> {
    name.strip_prefix("vmlinux-")
        .or_else(|| name.strip_prefix("vmlinuz-"))
}

/// Makes a folder that holds the kernel, and nothing else of its package.
fn fetch(arch: Arch, folder: &Path) -> Result<()> {
    let apt = Apt::new(arch, folder)?;
    apt.run("apt-get", &["update"], FETCH_LIMIT)?;
    let newest = format!("linux-image-{}", apt.architecture);
    let depends = apt.run("apt-cache", &["depends", &newest], QUERY_LIMIT)?;
    let package = depends
        .lines()
        .find_map(|line| line.trim().strip_prefix("Depends: "))
        .with_context(|| format!("{newest} depends on no kernel"))?;
    apt.run("apt-get", &["download", package], FETCH_LIMIT)?;
    let archive = with_extension(folder, "deb")?.context("apt-get fetched no package")?;
    let unpacked = folder.join("unpacked");
    run(
        Command::new("dpkg-deb")
            .arg("--extract")
            .arg(&archive)
            .arg(&unpacked),
        FETCH_LIMIT,
    )?;
    let kernel = find(&unpacked.join("boot"))?.context("the package has no kernel")?;
    let name = kernel.file.file_name().context("a kernel has a name")?;
    fs::rename(&kernel.file, folder.join(name))?;
    fs::remove_file(archive)?;
    fs::remove_dir_all(unpacked)?;
    apt.remove()
}

fn with_extension(folder: &Path, wanted: &str) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == wanted)
        {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// An apt with lists of its own.
struct Apt {
    architecture: &'static str,
    folder: PathBuf,
}

impl Apt {
    /// Returns an apt whose files are in `folder`. It leaves the packages there, too.
    fn new(arch: Arch, folder: &Path) -> Result<Self> {
        let architecture = match arch {
            Arch::Riscv64 => "riscv64",
            Arch::X86_64 => "amd64",
        };
        ensure!(
            Path::new(KEYS).exists(),
            "fetching Debian's Linux needs {KEYS}: apt-get install debian-archive-keyring"
        );
        let apt = folder.join("apt");
        for part in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(apt.join(part))
                .with_context(|| format!("cannot make the folder {}", apt.display()))?;
        }
        let place = apt.display();
        fs::write(apt.join("status"), "")?;
        fs::write(
            apt.join("sources.list"),
            format!("deb [signed-by={KEYS}] {} {SUITE} main\n", mirror()?),
        )?;
        fs::write(
            apt.join("apt.conf"),
            format!(
                "Dir::State \"{place}/state\";\n\
                 Dir::State::status \"{place}/status\";\n\
                 Dir::Cache \"{place}/cache\";\n\
                 Dir::Etc::SourceList \"{place}/sources.list\";\n\
                 Dir::Etc::SourceParts \"/dev/null\";\n\
                 APT::Architecture \"{architecture}\";\n\
                 APT::Architectures {{ \"{architecture}\"; }};\n\
                 APT::Sandbox::User \"\";\n\
                 Acquire::Languages \"none\";\n\
                 Acquire::Retries \"2\";\n"
            ),
        )?;
        Ok(Self {
            architecture,
            folder: folder.to_owned(),
        })
    }

    /// Runs a program of apt. Returns what it printed.
    fn run(&self, program: &str, arguments: &[&str], limit: Duration) -> Result<String> {
        run(
            Command::new(program)
                .current_dir(&self.folder)
                .env("APT_CONFIG", self.folder.join("apt/apt.conf"))
                .env("LC_ALL", "C")
                .args(arguments),
            limit,
        )
    }

    /// Removes the lists.
    fn remove(self) -> Result<()> {
        Ok(fs::remove_dir_all(self.folder.join("apt"))?)
    }
}

/// Runs a program that must succeed. Returns what it printed.
fn run(command: &mut Command, limit: Duration) -> Result<String> {
    let finished = run_bounded(command, limit)?;
    if !finished.success() {
        bail!(
            "`{}` failed: {}",
            crate::process::name(command),
            finished.last_words()
        );
    }
    Ok(finished.output)
}

/// Returns the archive of Debian that the system's apt uses.
fn mirror() -> Result<String> {
    let mut query = Command::new("apt-get");
    query.env("LC_ALL", "C").args([
        "indextargets",
        "--format",
        "$(ORIGIN) $(REPO_URI)",
        "Created-By: Packages",
    ]);
    let targets = run(&mut query, QUERY_LIMIT)?;
    main_archive(&targets)
        .map(str::to_owned)
        .context("the system's apt knows no archive of Debian; is apt-get update to be run first?")
}

/// Returns the first archive of Debian that has whole suites, from lines `ORIGIN URI`.
fn main_archive(targets: &str) -> Option<&str> {
    targets
        .lines()
        .filter_map(|line| line.strip_prefix("Debian "))
        .find(|uri| uri.trim_end_matches('/').ends_with("/debian"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_one_with_whole_suites() {
        let targets = "node http://example.org/node\n\
                       Debian http://example.org/debian-security/\n\
                       Debian http://example.org/debian/\n";
        assert_eq!(main_archive(targets), Some("http://example.org/debian/"));
        assert_eq!(main_archive("Ubuntu http://example.org/ubuntu\n"), None);
    }

    #[test]
    fn kernels_are_known_by_their_names() {
        assert_eq!(version("vmlinuz-6.12.1-amd64"), Some("6.12.1-amd64"));
        assert_eq!(version("vmlinux-6.12.1-riscv64"), Some("6.12.1-riscv64"));
        assert_eq!(version("System.map-6.12.1-amd64"), None);
    }
}
