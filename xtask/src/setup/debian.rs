//! The third way to the guest target, on Debian and Ubuntu: the distribution's own compiler, which
//! builds `core` and `alloc` from its source package. The guests remain stable Rust. Only cargo's
//! `-Zbuild-std` is a nightly option, and `RUSTC_BOOTSTRAP=1` allows it for that build alone.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::compiler::{companion, sysroot};
use super::packages;
use super::programs::{Version, version_line};

const CARGO: &str = "/usr/bin/cargo";
const RUSTC: &str = "/usr/bin/rustc";
/// The version that the workspace needs, as in `rust-version`.
const NEEDED: Version = Version {
    major: 1,
    minor: 88,
};
/// The sets of packages. The packages for the web browsers are newer than the rest of their suite;
/// later suites do not need them.
const PACKAGE_SETS: [[&str; 3]; 2] = [
    ["rustc-web", "cargo-web", "rust-web-src"],
    ["rustc", "cargo", "rust-src"],
];
const CLIPPY_PACKAGES: [&str; 2] = ["rust-web-clippy", "rust-clippy"];
/// Linkers, the newest first, because that rustc comes without one. Those that the suites offer are
/// among them.
const LINKERS: [&str; 9] = [
    "ld.lld-22",
    "ld.lld-21",
    "ld.lld-20",
    "ld.lld-19",
    "ld.lld-18",
    "ld.lld-17",
    "ld.lld-16",
    "ld.lld-15",
    "ld.lld",
];
const LINKER_PACKAGES: [&str; 3] = ["lld-22", "lld-19", "lld"];

/// Debian's compiler with the source of its library, and a linker.
#[derive(Clone)]
pub struct Compiler {
    version: Version,
    linker: PathBuf,
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{RUSTC} {} with -Zbuild-std, linking with {}",
            self.version,
            self.linker.display()
        )
    }
}

/// Finds or installs the compiler.
pub fn ensure() -> Result<Compiler> {
    let version = match compiler() {
        Some(version) => version,
        None => install_compiler()?,
    };
    let linker = match find_linker() {
        Some(linker) => linker,
        None => install_linker()?,
    };
    Ok(Compiler { version, linker })
}

impl Compiler {
    /// Returns the version of the compiler.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns a cargo command without arguments. Adds the flags that the linker needs.
    pub fn cargo(&self, flags: &mut Vec<String>) -> Command {
        flags.push(format!("-Clinker={}", self.linker.display()));
        flags.push("-Clinker-flavor=ld.lld".to_owned());
        Command::new(CARGO)
    }

    /// Sets the environment of a cargo command to this compiler.
    pub fn environment(&self, command: &mut Command) {
        command
            .env("RUSTC", RUSTC)
            .env("RUSTDOC", "/usr/bin/rustdoc")
            .env("RUSTC_BOOTSTRAP", "1");
        // `cargo clippy` finds its driver beside itself, but cargo finds its subcommands on PATH.
        let mut path = OsString::from("/usr/bin");
        if let Some(old) = std::env::var_os("PATH") {
            path.push(":");
            path.push(old);
        }
        command.env("PATH", path);
    }

    /// Returns the arguments that make cargo build the library too.
    pub fn build_std_arguments(&self) -> [&'static str; 2] {
        [
            "-Zbuild-std=core,alloc,compiler_builtins",
            "-Zbuild-std-features=compiler-builtins-mem",
        ]
    }

    /// Finds or installs the clippy of this compiler.
    pub fn ensure_clippy(&self) -> Result<()> {
        if Path::new("/usr/bin/cargo-clippy").exists() {
            return Ok(());
        }
        packages::refresh();
        let package = CLIPPY_PACKAGES
            .into_iter()
            .find(|package| new_enough(package))
            .unwrap_or(CLIPPY_PACKAGES[0]);
        packages::install(&[package], "linting the guests needs Debian's clippy")
    }
}

/// Returns the version of Debian's compiler if all three parts are installed and new enough.
fn compiler() -> Option<Version> {
    let version = Version::find(&version_line(RUSTC)?)?;
    let source = sysroot(RUSTC)?.join("lib/rustlib/src/rust/library/Cargo.lock");
    (version >= NEEDED && Path::new(CARGO).exists() && source.exists()).then_some(version)
}

fn install_compiler() -> Result<Version> {
    let why = format!("Debian's Rust {NEEDED} or later is not installed");
    packages::refresh();
    let Some(set) = PACKAGE_SETS.iter().find(|set| new_enough(set[0])) else {
        bail!(
            "{why}, and the package lists offer none; add {NEEDED} or later to PATH with the target"
        );
    };
    packages::install(set, &why)?;
    match compiler() {
        Some(version) => Ok(version),
        None => bail!(
            "{} are installed, but {RUSTC} and its source are not complete",
            set.join(" ")
        ),
    }
}

fn new_enough(package: &str) -> bool {
    packages::candidate(package)
        .and_then(|version| Version::find(&version))
        .is_some_and(|version| version >= NEEDED)
}

/// Returns the linker of the rustc on PATH or, without one, that of a package.
fn find_linker() -> Option<PathBuf> {
    companion("rust-lld").or_else(|| {
        LINKERS
            .iter()
            .map(|linker| Path::new("/usr/bin").join(linker))
            .find(|linker| linker.exists())
    })
}

fn install_linker() -> Result<PathBuf> {
    packages::refresh();
    let package = LINKER_PACKAGES
        .into_iter()
        .find(|package| packages::candidate(package).is_some())
        .unwrap_or(LINKER_PACKAGES[2]);
    packages::install(&[package], "there is no linker for the guests")?;
    match find_linker() {
        Some(linker) => Ok(linker),
        None => bail!("the package {package} is installed, but there is no ld.lld in /usr/bin"),
    }
}
