//! An emulator that is not installed: Debian's packages of it, with the libraries that are missing,
//! unpacked into a folder of the person's cache. For those who are not root, and for systems that
//! hold a package back which the emulator's would replace.
//!
//! Invariants: nothing of the system is changed; the folder appears whole or not at all, for it is
//! renamed into place.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::packages;
use crate::process::run_bounded;

/// For unpacking one package; the largest has some 250 MB in it.
const UNPACK_LIMIT: Duration = Duration::from_secs(120);
/// Where packages keep libraries, as far as the emulator's do.
const LIBRARIES: [&str; 2] = ["usr/lib", "lib"];

/// The start script of what was unpacked, if it was.
pub fn find(program: &str) -> Option<PathBuf> {
    let start = folder()?.join(program);
    start.exists().then_some(start)
}

/// Fetches and unpacks the packages; gives the start script.
pub fn fetch(packages: &[&str], program: &str) -> Result<PathBuf> {
    let folder = folder().context("neither XDG_CACHE_HOME nor HOME is set")?;
    let new = folder.with_extension(format!("{}.new", process::id()));
    let fetched = unpack(packages, program, &folder, &new);
    if fetched.is_err() {
        // What is left of a failure is of no use to anybody, and the failure is what matters.
        let _ = fs::remove_dir_all(&new);
    }
    fetched?;
    eprintln!(
        "xtask: {} are unpacked in {} and not installed",
        packages.join(" and "),
        folder.display()
    );
    Ok(folder.join(program))
}

fn unpack(packages: &[&str], program: &str, folder: &Path, new: &Path) -> Result<()> {
    let archives = new.join("archives");
    fs::create_dir_all(archives.join("partial"))
        .with_context(|| format!("cannot make the folder {}", archives.display()))?;
    packages::download(packages, &archives)?;
    let system = new.join("system");
    for entry in fs::read_dir(&archives)? {
        let package = entry?.path();
        if package
            .extension()
            .is_none_or(|extension| extension != "deb")
        {
            continue;
        }
        let mut command = Command::new("dpkg-deb");
        command.arg("--extract").arg(&package).arg(&system);
        let unpacked = run_bounded(&mut command, UNPACK_LIMIT)?;
        if !unpacked.success() {
            bail!(
                "cannot unpack {}: {}",
                package.display(),
                unpacked.last_words()
            );
        }
    }
    fs::remove_dir_all(&archives)?;
    let start = new.join(program);
    fs::write(&start, start_script(program, &folder.join("system")))?;
    fs::set_permissions(&start, Permissions::from_mode(0o755))?;
    match fs::rename(new, folder) {
        // Somebody else was faster with the same packages.
        Err(_) if folder.join(program).exists() => fs::remove_dir_all(new)?,
        renamed => renamed.with_context(|| format!("cannot make {}", folder.display()))?,
    }
    Ok(())
}

/// A script that becomes the program, with the unpacked libraries before the system's.
fn start_script(program: &str, system: &Path) -> String {
    let architecture = env::consts::ARCH;
    let libraries = LIBRARIES.map(|libraries| {
        let folder = system.join(libraries);
        format!("'{}/{architecture}-linux-gnu'", folder.display())
    });
    let program = system.join("usr/bin").join(program);
    format!(
        "#!/bin/sh\n\
         LD_LIBRARY_PATH={}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\n\
         export LD_LIBRARY_PATH\n\
         exec '{}' \"$@\"\n",
        libraries.join(":"),
        program.display()
    )
}

fn folder() -> Option<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("cowslip").join("emulator"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_script_becomes_the_program() {
        let script = start_script("emulator", Path::new("/a b/system"));
        assert!(script.starts_with("#!/bin/sh\n"));
        assert!(script.contains("exec '/a b/system/usr/bin/emulator' \"$@\"\n"));
        assert!(script.contains("'/a b/system/usr/lib/"));
    }
}
