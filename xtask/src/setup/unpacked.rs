//! An emulator that is not installed: Debian's packages of it, with missing libraries, unpacked
//! into a folder of the user's cache. It is for users who are not root, and for systems that hold
//! back a package which the emulator's packages would replace.
//!
//! Invariants: the system is not changed; the folder appears whole or not at all, because it is
//! renamed into place only after its contents were seen to work.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{cache, packages};
use crate::arch::Emulator;
use crate::process::run_bounded;

/// The limit for unpacking one package. The largest has some 250 MB of files.
const UNPACK_LIMIT: Duration = Duration::from_secs(120);

/// Returns the start script of the unpacked emulator, if there is one.
pub fn find(emulator: &Emulator) -> Option<PathBuf> {
    let start = folder(emulator).ok()?.join(emulator.program);
    start.exists().then_some(start)
}

/// Fetches and unpacks the packages, and replaces what is there. Returns the start script, for
/// which `check` succeeded.
pub fn fetch(
    packages: &[&str],
    emulator: &Emulator,
    check: impl Fn(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let program = emulator.program;
    let folder = folder(emulator)?;
    let new = folder.with_extension(format!("{}.new", process::id()));
    let fetched = unpack(packages, program, &new)
        .and_then(|start| check(&start).context("the unpacked emulator is of no use"))
        .and_then(|()| put_in_place(&new, &folder));
    // The rest of a failed attempt is useless, and the failure is what the user must see.
    let _ = fs::remove_dir_all(&new);
    fetched?;
    eprintln!(
        "xtask: {} are unpacked in {} and not installed",
        packages.join(" and "),
        folder.display()
    );
    Ok(folder.join(program))
}

fn unpack(packages: &[&str], program: &str, new: &Path) -> Result<PathBuf> {
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
    fs::write(&start, start_script(program, env::consts::ARCH))?;
    fs::set_permissions(&start, Permissions::from_mode(0o755))?;
    Ok(start)
}

/// Renames a new folder so that it replaces an old one.
fn put_in_place(new: &Path, folder: &Path) -> Result<()> {
    let old = folder.with_extension(format!("{}.old", process::id()));
    // There may be no old folder, and another process may have come as far as this one. The last to
    // rename wins, and both have unpacked the same files.
    let _ = fs::rename(folder, &old);
    let renamed = fs::rename(new, folder);
    let _ = fs::remove_dir_all(&old);
    match renamed {
        Err(_) if folder.exists() => Ok(()),
        renamed => renamed.with_context(|| format!("cannot make {}", folder.display())),
    }
}

/// Returns a script that executes the program with the unpacked libraries before the system's, and
/// with the unpacked data before the built-in folders, because Debian 13's emulator looks in fixed
/// folders only. The script finds everything beside itself, so it contains no folder names that
/// need quoting.
fn start_script(program: &str, architecture: &str) -> String {
    format!(
        r#"#!/bin/sh
system=${{0%/*}}/system
libraries=$system/usr/lib/{architecture}-linux-gnu:$system/lib/{architecture}-linux-gnu
LD_LIBRARY_PATH=$libraries${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}
export LD_LIBRARY_PATH
exec "$system/usr/bin/{program}" -L "$system/usr/share/qemu" "$@"
"#
    )
}

/// Returns the folder into which the emulator is unpacked.
pub fn folder(emulator: &Emulator) -> Result<PathBuf> {
    cache::folder(emulator.folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_script_becomes_the_program_wherever_it_lies() {
        let place = env::temp_dir().join(format!("xtask-it's a $place-{}", process::id()));
        let programs = place.join("system/usr/bin");
        fs::create_dir_all(&programs).expect("a folder for the program");
        let executable = |path: &Path, script: &str| {
            fs::write(path, script).expect("a script");
            fs::set_permissions(path, Permissions::from_mode(0o755)).expect("an executable");
        };
        executable(
            &programs.join("emulator"),
            "#!/bin/sh\nprintf '%s|' \"$@\" \"$LD_LIBRARY_PATH\"\n",
        );
        let start = place.join("emulator");
        executable(&start, &start_script("emulator", "x86_64"));
        let started = Command::new(&start)
            .args(["-bios", "a b"])
            .env_remove("LD_LIBRARY_PATH")
            .output()
            .expect("the start script runs");
        fs::remove_dir_all(&place).expect("the folder is still there");
        let system = place.join("system").display().to_string();
        assert_eq!(
            String::from_utf8_lossy(&started.stdout),
            format!(
                "-L|{system}/usr/share/qemu|-bios|a b|\
                 {system}/usr/lib/x86_64-linux-gnu:{system}/lib/x86_64-linux-gnu|"
            )
        );
    }
}
