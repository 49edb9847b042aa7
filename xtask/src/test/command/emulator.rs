//! An emulator that has to be unpacked, on machines where that is not easy. The packages and the
//! programs of the system are fakes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::Test;
use super::fakes::Fakes;
use crate::process::{Finished, run_bounded};
use crate::workspace::Workspace;

/// The tests.
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

const EMULATOR: &str = "qemu-system-riscv64";
const VERSION: &str = "QEMU emulator version 10.0.2 (fake)";
const NOT_THERE: &str = "exit 127";

/// An emulator that looks for its data where `-L` says and, as Debian 13's, in a fixed folder.
const GOOD: &str = r#"
case "$*" in
*--version) echo 'QEMU emulator version 10.0.2 (fake)' ;;
*'-L help') while [ "$2" != help ]; do echo "$2"; shift 2; done; echo /nowhere ;;
esac"#;
const DEAD: &str = "echo 'error while loading shared libraries: libfake.so.1' >&2; exit 127";

/// A machine with these programs, and a cache whose name has an apostrophe.
struct Odd {
    fakes: Fakes,
    cache: PathBuf,
}

impl Odd {
    /// Without an emulator. Returns the one that can be unpacked is this script.
    fn new(workspace: &Workspace, emulator: &str) -> Result<Self> {
        let fakes = Fakes::new(workspace)?;
        let cache = fakes.file("it's a cache");
        fakes.add(EMULATOR, NOT_THERE)?;
        for program in ["riscv64-linux-gnu-gcc", "gdb-multiarch"] {
            fakes.add(program, "echo 'fake 1.0'")?;
        }
        fakes.add("the-emulator", emulator)?;
        // The lists are there, or else the person's own are named.
        let lists = fakes.file("lists").display().to_string();
        let offered = "echo ' 500 http://fake suite/main amd64 Packages'; echo ' Candidate: 1.0'";
        fakes.add(
            "apt-cache",
            &format!(
                "case \"$*\" in *Dir::State::lists=*) {offered} ;;\n\
                 *) [ -e '{lists}' ] && {{ {offered}; }}; true ;; esac"
            ),
        )?;
        // Nothing is installed, but an archive can be fetched where the lists are there.
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
        let firmware = "opensbi-riscv64-generic-fw_dynamic.bin";
        fakes.add(
            "dpkg-deb",
            &format!(
                r#"mkdir -p "$3/usr/bin" "$3/usr/share/qemu" && : >"$3/usr/share/qemu/{firmware}" &&
cp '{}' "$3/usr/bin/{EMULATOR}""#,
                fakes.file("the-emulator").display()
            ),
        )?;
        fs::write(fakes.file("lists"), "")?;
        Ok(Self { fakes, cache })
    }

    /// Runs `setup` as somebody who is not root: with no user of ours known in a namespace, nobody.
    fn setup(&self) -> Result<Finished> {
        let xtask = self.fakes.xtask(&["setup"])?;
        let mut command = Command::new("unshare");
        command.arg("--user").arg(xtask.get_program());
        command.args(xtask.get_args());
        for (name, value) in xtask.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.env("XDG_CACHE_HOME", &self.cache);
        run_bounded(&mut command, LIMIT)
    }

    fn unpacked(&self) -> PathBuf {
        self.cache.join("cowslip/emulator").join(EMULATOR)
    }
}

fn is_set_up(finished: &Finished) -> Result<()> {
    ensure!(
        finished.success() && finished.output.contains(VERSION),
        "it did not find the emulator:\n{}{}",
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
        "sudo apt-get install -y qemu-system-riscv opensbi",
    )?;
    ensure!(!exists(&odd.unpacked()), "a dead emulator was kept");
    Ok(())
}

fn replaced(workspace: &Workspace) -> Result<()> {
    let odd = Odd::new(workspace, GOOD)?;
    is_set_up(&odd.setup()?)?;
    let program = odd
        .unpacked()
        .with_file_name("system/usr/bin")
        .join(EMULATOR);
    fs::write(program, format!("#!/bin/sh\n{DEAD}\n"))?;
    let finished = odd.setup()?;
    is_set_up(&finished)?;
    says(&finished, "is of no use and is replaced: it does not start")
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
    for program in ["riscv64-linux-gnu-gcc", "gdb-multiarch"] {
        odd.fakes.add(program, NOT_THERE)?;
    }
    let finished = odd.setup()?;
    says(
        &finished,
        "\n    sudo apt-get install -y qemu-system-riscv opensbi gcc-riscv64-linux-gnu\n",
    )?;
    ensure!(
        finished.output.contains("debugger: none"),
        "the debugger is optional:\n{}",
        finished.output
    );
    Ok(())
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
