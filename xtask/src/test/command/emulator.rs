//! Emulators that have to be unpacked, on machines where that is difficult.
//!
//! Invariant: everything that the set-up asks the system for is a fake, for every architecture. So
//! no test depends on what the machine has installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::Test;
use super::fakes::Fakes;
use crate::arch::Arch;
use crate::process::{Finished, run_bounded};
use crate::workspace::{TARGET_VARIABLES, Workspace};

/// The tests of unpacking.
pub const TESTS: [Test; 5] = [
    (
        "setup unpacks an emulator that finds its firmware beside it",
        unpacked,
    ),
    ("setup keeps no emulator that does not start", dead),
    (
        "setup replaces an unpacked emulator that does not start",
        replaced,
    ),
    (
        "setup fetches lists of packages where there are none",
        no_lists,
    ),
    (
        "setup names all that is missing in one command",
        all_at_once,
    ),
];

const LIMIT: Duration = Duration::from_secs(120);

const VERSION: &str = "QEMU emulator version 10.0.2 (fake)";
const DEBUGGER: &str = "gdb-multiarch";
const NOT_THERE: &str = "exit 127";

/// An emulator that looks for its data in the folder of `-L` and, like Debian 13's, in a fixed
/// folder.
const GOOD: &str = r#"
case "$*" in
*--version) echo 'QEMU emulator version 10.0.2 (fake)' ;;
*'-L help') while [ "$2" != help ]; do echo "$2"; shift 2; done; echo /nowhere ;;
esac"#;
const DEAD: &str = "echo 'error while loading shared libraries: libfake.so.1' >&2; exit 127";

/// A machine with fake programs, and a cache whose path has an apostrophe.
struct Odd {
    fakes: Fakes,
    cache: PathBuf,
}

impl Odd {
    /// Returns a machine without an emulator. The emulators that can be unpacked are this script.
    fn new(workspace: &Workspace, emulator: &str) -> Result<Self> {
        let fakes = Fakes::new(workspace)?;
        let cache = fakes.file("it's a cache");
        for arch in Arch::ALL {
            fakes.add(arch.emulator().program, NOT_THERE)?;
            fakes.add(arch.c_compiler().0, "echo 'fake 1.0'")?;
        }
        fakes.add(DEBUGGER, "echo 'fake 1.0'")?;
        // A compiler that has every target.
        let library = fakes.file("library");
        fs::create_dir(&library)?;
        fs::write(library.join("libcore-fake.rlib"), "")?;
        fakes.add(
            "rustc",
            &format!(
                "case \"$*\" in *target-libdir*) echo '{}' ;; *) echo 'rustc 1.88.0 (fake)' ;; esac",
                library.display()
            ),
        )?;
        fakes.add("the-emulator", emulator)?;
        // The system's lists exist, or else the command names the user's own.
        let lists = fakes.file("lists").display().to_string();
        let offered = "echo ' 500 http://fake suite/main amd64 Packages'; echo ' Candidate: 1.0'";
        fakes.add(
            "apt-cache",
            &format!(
                "case \"$*\" in *Dir::State::lists=*) {offered} ;;\n\
                 *) [ -e '{lists}' ] && {{ {offered}; }}; true ;; esac"
            ),
        )?;
        // Nothing is installed, but an archive can be fetched if the lists exist.
        fakes.add(
            "apt-get",
            &format!(
                r#"echo "$@" >>'{log}'
for word; do case "$word" in
Dir::Cache::archives=*) archives=${{word#*=}} ;;
Dir::State::lists=*) own=yes ;;
update) exit 0 ;;
esac; done
[ -n "$archives" ] || exit 1
[ -e '{lists}' ] || [ -n "$own" ] || {{ echo 'E: Unable to locate package' >&2; exit 100; }}
: >"$archives/emulator.deb""#,
                log = fakes.file("log").display(),
            ),
        )?;
        let mut unpack = r#"mkdir -p "$3/usr/bin" "$3/usr/share/qemu""#.to_owned();
        for emulator in Arch::ALL.map(Arch::emulator) {
            unpack += &format!(
                r#" && : >"$3/usr/share/qemu/{}" && cp '{}' "$3/usr/bin/{}""#,
                emulator.firmware,
                fakes.file("the-emulator").display(),
                emulator.program,
            );
        }
        fakes.add("dpkg-deb", &unpack)?;
        fs::write(fakes.file("lists"), "")?;
        Ok(Self { fakes, cache })
    }

    /// Runs `setup` as a user who is not root: in a namespace that maps no user, everybody is
    /// nobody.
    fn setup(&self) -> Result<Finished> {
        let xtask = self.fakes.xtask(&["setup"])?;
        let mut command = Command::new("unshare");
        command.arg("--user").arg(xtask.get_program());
        command.args(xtask.get_args());
        for (name, value) in xtask.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.env("XDG_CACHE_HOME", &self.cache);
        // The real set-up must not see the failures that this one remembers.
        command.env(TARGET_VARIABLES[0], self.fakes.file("target"));
        run_bounded(&mut command, LIMIT)
    }

    /// Returns the folders into which the emulators are unpacked.
    fn unpacked(&self) -> [PathBuf; Arch::ALL.len()] {
        Arch::ALL.map(|arch| self.cache.join("cowslip").join(arch.emulator().folder))
    }
}

fn is_set_up(finished: &Finished) -> Result<()> {
    let found = finished.output.matches(VERSION).count();
    ensure!(
        finished.success() && found == Arch::ALL.len(),
        "it found {found} emulators:\n{}{}",
        finished.output,
        finished.errors
    );
    Ok(())
}

fn says(finished: &Finished, what: &str) -> Result<()> {
    let errors = &finished.errors;
    ensure!(errors.contains(what), "it did not say `{what}`:\n{errors}");
    Ok(())
}

fn unpacked(workspace: &Workspace) -> Result<()> {
    let odd = Odd::new(workspace, GOOD)?;
    let first = odd.setup()?;
    is_set_up(&first)?;
    says(&first, "are unpacked in")?;
    let second = odd.setup()?;
    is_set_up(&second)?;
    ensure!(
        !second.errors.contains("are unpacked in"),
        "it was unpacked again:\n{}",
        second.errors
    );
    Ok(())
}

fn dead(workspace: &Workspace) -> Result<()> {
    let odd = Odd::new(workspace, DEAD)?;
    let finished = odd.setup()?;
    ensure!(!finished.success(), "a dead emulator is a success");
    says(
        &finished,
        "it does not start: error while loading shared libraries",
    )?;
    says(
        &finished,
        &install_command(|arch| {
            let emulator = arch.emulator();
            vec![emulator.packages[0], emulator.firmware_package]
        }),
    )?;
    for folder in odd.unpacked() {
        ensure!(!exists(&folder), "a dead emulator was kept");
    }
    Ok(())
}

fn replaced(workspace: &Workspace) -> Result<()> {
    let odd = Odd::new(workspace, GOOD)?;
    is_set_up(&odd.setup()?)?;
    for (arch, folder) in Arch::ALL.into_iter().zip(odd.unpacked()) {
        let program = folder.join("system/usr/bin").join(arch.emulator().program);
        fs::write(program, format!("#!/bin/sh\n{DEAD}\n"))?;
    }
    let finished = odd.setup()?;
    is_set_up(&finished)?;
    let said = "is of no use and is replaced: it does not start";
    let times = finished.errors.matches(said).count();
    ensure!(
        times == Arch::ALL.len(),
        "{times} were replaced:\n{}",
        finished.errors
    );
    Ok(())
}

fn no_lists(workspace: &Workspace) -> Result<()> {
    let odd = Odd::new(workspace, GOOD)?;
    fs::remove_file(odd.fakes.file("lists"))?;
    is_set_up(&odd.setup()?)?;
    let log = fs::read_to_string(odd.fakes.file("log"))?;
    let own = odd.cache.join("cowslip/apt/lists");
    let updated = log.lines().any(|call| {
        call.ends_with("update") && call.contains(&format!("Dir::State::lists={}", own.display()))
    });
    ensure!(updated, "the lists were not fetched:\n{log}");
    Ok(())
}

fn all_at_once(workspace: &Workspace) -> Result<()> {
    let odd = Odd::new(workspace, DEAD)?;
    for program in Arch::ALL.map(|arch| arch.c_compiler().0) {
        odd.fakes.add(program, NOT_THERE)?;
    }
    odd.fakes.add(DEBUGGER, NOT_THERE)?;
    let finished = odd.setup()?;
    says(
        &finished,
        &install_command(|arch| {
            let emulator = arch.emulator();
            vec![
                emulator.packages[0],
                emulator.firmware_package,
                arch.c_compiler().1,
            ]
        }),
    )?;
    ensure!(
        finished.output.contains("debugger: none"),
        "the debugger is optional:\n{}",
        finished.output
    );
    Ok(())
}

/// Returns the one command that installs these packages of every architecture.
fn install_command(packages: fn(Arch) -> Vec<&'static str>) -> String {
    let packages = Arch::ALL.into_iter().flat_map(packages);
    let packages = packages.collect::<Vec<_>>().join(" ");
    format!("\n    sudo apt-get install -y {packages}\n")
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
