//! Programs of the system that only some commands need, and version numbers.

use std::ffi::OsStr;
use std::fmt;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::packages;
use crate::arch::Arch;
use crate::process::run_bounded;

const VERSION_LIMIT: Duration = Duration::from_secs(20);

/// Finds or installs the C compiler for an architecture. Returns a line that names its version.
pub fn ensure_c_compiler(arch: Arch) -> Result<String> {
    let (program, package) = arch.c_compiler();
    let why = format!("programs in C need a compiler for {}", arch.name());
    ensure(program, package, &why)
}

/// Finds or installs the debugger. Returns a line that names its version.
pub fn ensure_debugger() -> Result<String> {
    ensure(
        "gdb-multiarch",
        "gdb-multiarch",
        "debugging needs a gdb that knows the guests",
    )
}

fn ensure(program: &str, package: &str, why: &str) -> Result<String> {
    if let Some(line) = version_line(program) {
        return Ok(line);
    }
    packages::install(&[package], why)?;
    match version_line(program) {
        Some(line) => Ok(line),
        None => bail!("the package {package} is installed, but there is no `{program}` on PATH"),
    }
}

/// Returns the first line that a program prints when asked for its version. Returns `None` if it
/// cannot be run.
pub fn version_line(program: impl AsRef<OsStr>) -> Option<String> {
    let asked = run_bounded(Command::new(program).arg("--version"), VERSION_LIMIT).ok()?;
    if !asked.success() {
        return None;
    }
    asked.output.lines().next().map(str::to_owned)
}

/// The first two numbers of a version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Version {
    /// The part before the first dot.
    pub major: u32,
    /// The part between the first and the second dot.
    pub minor: u32,
}

impl Version {
    /// Returns the first `N.N` in a text such as `QEMU emulator version 7.2.22 (Debian ...)`.
    pub fn find(text: &str) -> Option<Self> {
        text.split(|c: char| !(c.is_ascii_digit() || c == '.'))
            .find_map(|word| {
                let mut parts = word.split('.');
                let major = parts.next()?.parse().ok()?;
                let minor = parts.next()?.parse().ok()?;
                Some(Self { major, minor })
            })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_and_compared() {
        let found = Version::find("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)");
        assert_eq!(found, Some(Version { major: 7, minor: 2 }));
        assert_eq!(
            Version::find("rustc 1.96.0 (ac68faa20 2026-05-25)"),
            Some(Version {
                major: 1,
                minor: 96
            })
        );
        assert!(
            Version {
                major: 10,
                minor: 0
            } > Version { major: 7, minor: 2 }
        );
        assert_eq!(Version::find("no version here"), None);
    }

    #[test]
    fn a_missing_program_has_no_version() {
        assert_eq!(version_line("no-such-program"), None);
    }
}
