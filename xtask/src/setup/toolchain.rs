//! The compiler for the guests (the kernel and the programs). Three ways are tried in order: the
//! target is installed; rustup fetches it; Debian's packages build it from source.
//!
//! Invariants: one line says which way was taken. Each way has a target folder of its own, so a
//! change of ways mixes no builds. The inner cargo gets nothing from the environment of the outer
//! one that runs xtask.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Error, Result, anyhow};

use super::programs::{Version, version_line};
use super::{debian, rustup};
use crate::arch::Arch;
use crate::process::run_bounded;
use crate::workspace::Workspace;

const QUERY_LIMIT: Duration = Duration::from_secs(30);

/// The feature that lets cargo build the binaries of the kernel and of the programs: see their
/// manifests.
const GUEST_FEATURE: &str = "cargo-xtask";

/// Flags for all guests. The backtrace of a kernel panic needs frame pointers.
const COMMON_FLAGS: [&str; 1] = ["-Cforce-frame-pointers=yes"];

/// The separator between flags in `CARGO_ENCODED_RUSTFLAGS`.
const FLAG_SEPARATOR: &str = "\u{1f}";

/// A way to compile the guests.
pub struct Toolchain {
    arch: Arch,
    route: Route,
    folder: PathBuf,
}

#[derive(Clone)]
enum Route {
    /// The compiler on PATH has the target.
    Installed,
    /// Debian's compiler builds `core` and `alloc` as well.
    Debian(debian::Compiler),
}

impl Toolchain {
    /// Finds or installs the compiler, and prints in one line which way it took.
    pub fn ensure(workspace: &Workspace, arch: Arch) -> Result<Self> {
        let guest = workspace.target().join("guest");
        let target = arch.target();
        if let Some(release) = installed(target)? {
            eprintln!("toolchain: {target} is installed for rustc {release}");
            return Ok(Self::installed_in(arch, &guest));
        }
        let reason = match rustup::add(workspace, "target", target) {
            Ok(()) => match installed(target)? {
                Some(release) => {
                    eprintln!("toolchain: rustup added {target} to rustc {release}");
                    return Ok(Self::installed_in(arch, &guest));
                }
                None => "rustup added it to another compiler than the one on PATH".to_owned(),
            },
            Err(error) => format!("{error:#}"),
        };
        let compiler = match debian::ensure() {
            Ok(compiler) => compiler,
            Err(error) => return Err(no_compiler(target, &reason, rustup::is_there(), error)),
        };
        eprintln!("toolchain: {compiler} ({reason})");
        Ok(Self {
            arch,
            route: Route::Debian(compiler),
            folder: guest.join("debian"),
        })
    }

    /// Returns the architecture that it compiles for.
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// Returns the version of the compiler.
    pub fn compiler(&self) -> String {
        let version = match &self.route {
            Route::Installed => version_line("rustc").and_then(|line| Version::find(&line)),
            Route::Debian(compiler) => Some(compiler.version()),
        };
        version.map_or_else(|| "unknown".to_owned(), |version| version.to_string())
    }

    fn installed_in(arch: Arch, guest: &Path) -> Self {
        Self {
            arch,
            route: Route::Installed,
            folder: guest.join("installed"),
        }
    }

    /// Returns this compiler with another target folder, for builds with other settings.
    pub fn apart(&self, name: &str) -> Self {
        Self {
            arch: self.arch,
            route: self.route.clone(),
            folder: self.folder.join(name),
        }
    }

    /// Returns a cargo command for the guests of the workspace. Its arguments up to any `--` are
    /// complete.
    pub fn cargo(&self, workspace: &Workspace, subcommand: &[&str]) -> Command {
        let mut command = self.plain_cargo(workspace, subcommand);
        command.args(["--features", GUEST_FEATURE]);
        command
    }

    /// Returns a cargo command for the guest target and packages that are no guests. It lacks the
    /// guests' feature, because cargo refuses a feature that no package has.
    pub fn plain_cargo(&self, workspace: &Workspace, subcommand: &[&str]) -> Command {
        let flags = COMMON_FLAGS.iter().chain(self.arch.flags());
        let mut flags: Vec<String> = flags.map(|&flag| flag.to_owned()).collect();
        let mut command = match &self.route {
            Route::Installed => Command::new("cargo"),
            Route::Debian(compiler) => compiler.cargo(&mut flags),
        };
        forget_outer_cargo(&mut command, |name| {
            // The proxies of rustup choose the toolchain by this variable, for the inner cargo as
            // for the outer one.
            name == "RUSTUP_TOOLCHAIN" && matches!(self.route, Route::Installed)
        });
        if let Route::Debian(compiler) = &self.route {
            compiler.environment(&mut command);
        }
        command
            .current_dir(workspace.root())
            .args(subcommand)
            .args(["--target", self.arch.target(), "--target-dir"])
            .arg(&self.folder)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join(FLAG_SEPARATOR));
        if let Route::Debian(compiler) = &self.route {
            command.args(compiler.build_std_arguments());
        }
        command
    }

    /// Finds or installs what `cargo clippy` needs for this compiler.
    pub fn ensure_clippy(&self) -> Result<()> {
        match &self.route {
            Route::Installed => Ok(()),
            Route::Debian(compiler) => compiler.ensure_clippy(),
        }
    }
}

/// Returns the error if no way leads to a compiler. Its last lines name the likeliest cure: with
/// rustup, to let rustup fetch the target, even if that failed now or earlier; without, the
/// packages that Debian's way needs.
fn no_compiler(target: &str, reason: &str, rustup_is_there: bool, debian: Error) -> Error {
    if rustup_is_there {
        return anyhow!(
            "no compiler for {target}: {reason}\n\
             Without rustup: {debian:#}\n\
             With rustup: run this where there is a network, then try again:\n    \
             rustup target add {target}"
        );
    }
    debian.context(format!("no compiler for {target}: {reason}"))
}

/// Removes from an inner cargo's environment what an outer cargo (the one of `cargo xtask`, or
/// `cargo clippy`) put there, because the inner cargo has settings of its own.
pub fn forget_outer_cargo(command: &mut Command, keep: impl Fn(&str) -> bool) {
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        if belongs_to_outer_cargo(name) && !keep(name) {
            command.env_remove(name);
        }
    }
}

fn belongs_to_outer_cargo(name: &str) -> bool {
    const EXACT: [&str; 12] = [
        "CARGO",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_MAKEFLAGS",
        "CARGO_TARGET_DIR",
        "RUSTC",
        "RUSTC_BOOTSTRAP",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTDOC",
        "RUSTDOCFLAGS",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
        "RUST_RECURSION_COUNT",
    ];
    const PREFIXES: [&str; 9] = [
        "CARGO_BIN_",
        "CARGO_BUILD_",
        "CARGO_CFG_",
        "CARGO_CRATE_",
        "CARGO_MANIFEST_",
        "CARGO_PKG_",
        "CARGO_PROFILE_",
        "CARGO_TARGET_RISCV64",
        "CARGO_TARGET_X86_64_UNKNOWN_NONE",
    ];
    EXACT.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns the release of the compiler on PATH, if it has the guest target.
fn installed(target: &str) -> Result<Option<String>> {
    let asked = run_bounded(
        Command::new("rustc").args(["--print", "target-libdir", "--target", target]),
        QUERY_LIMIT,
    )?;
    let folder = Path::new(asked.output.trim());
    if !asked.success() || !has_core(folder) {
        return Ok(None);
    }
    Ok(Some(version_line("rustc").map_or_else(
        || "of unknown version".to_owned(),
        |line| line.trim_start_matches("rustc ").to_owned(),
    )))
}

fn has_core(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::missing::Missing;
    use super::*;

    const TARGET: &str = Arch::Riscv64.target();

    #[test]
    fn the_last_line_is_the_likeliest_cure() {
        let debian = || Error::new(Missing::new(&["rustc"], "Rust is missing", false));
        let with = no_compiler(TARGET, "it failed earlier", true, debian()).to_string();
        assert!(with.contains("it failed earlier") && with.contains("apt-get install -y rustc"));
        let cure = format!("\n    rustup target add {TARGET}");
        assert!(with.ends_with(&cure), "{with}");
        let without = no_compiler(TARGET, "there is no rustup", false, debian());
        assert!(without.downcast_ref::<Missing>().is_some());
        assert!(format!("{without:#}").ends_with("apt-get install -y rustc"));
    }

    #[test]
    fn settings_of_the_person_stay_and_those_of_the_outer_cargo_go() {
        for name in [
            "CARGO",
            "CARGO_MANIFEST_DIR",
            "CARGO_PKG_NAME",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
        ] {
            assert!(belongs_to_outer_cargo(name), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "RUSTUP_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_TERM_COLOR",
            "PATH",
            "RUSTC_WRAPPER",
        ] {
            assert!(!belongs_to_outer_cargo(name), "{name}");
        }
    }
}
