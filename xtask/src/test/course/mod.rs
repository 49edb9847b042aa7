//! The disks of two xv6 courses: the programs of `tests/course`, compiled and packed as a course
//! does it, with tools that share no code with Cowslip's. Init, shell and console node are the
//! course's.

pub mod command;
pub mod mkfs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use mkfs::Shape;

use super::foreign::LIMIT;
use crate::arch::Arch;
use crate::process::run_bounded;
use crate::workspace::Workspace;

/// A course's year. Programs and images changed between the two.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Course {
    /// One segment that may be read, written and executed and is not aligned in the file; the entry
    /// point is `main`; `sbrk` has one argument; the log has 30 blocks.
    Of2022,
    /// Text and data in segments of their own; the entry point is `start`, which calls `main`;
    /// `sbrk` has a mode; the log has 31 blocks.
    Of2025,
}

impl Course {
    /// Both courses.
    pub const ALL: [Self; 2] = [Self::Of2022, Self::Of2025];

    /// Returns the year.
    pub const fn year(self) -> u32 {
        match self {
            Self::Of2022 => 2022,
            Self::Of2025 => 2025,
        }
    }

    const fn log_blocks(self) -> usize {
        match self {
            Self::Of2022 => 30,
            Self::Of2025 => 31,
        }
    }

    const fn linking(self) -> &'static [&'static str] {
        match self {
            Self::Of2022 => &["-Wl,-N", "-Wl,-Ttext=0", "-Wl,-emain"],
            Self::Of2025 => &["-Wl,-Tuser.ld", "-Wl,-zmax-page-size=4096"],
        }
    }

    /// Returns the course's disk.
    pub fn image(self, workspace: &Workspace) -> Result<Vec<u8>> {
        let folder = workspace.root().join("tests/course");
        let mut files = vec![("README".to_owned(), README.into())];
        for (name, source) in programs(&folder)? {
            let text = fs::read_to_string(folder.join(&source))
                .with_context(|| format!("cannot read {source}"))?;
            let wishes = Wishes::read(&text);
            if wishes.only.is_none_or(|year| year == self.year()) {
                let mut program = self.compile(workspace, &folder, &source)?;
                if wishes.padded {
                    program.resize(program.len().max(Shape::Usual.file_max()), 0);
                }
                files.push((name, program));
            }
        }
        let files = files.iter();
        mkfs::image(
            self.log_blocks(),
            Shape::Usual,
            files.map(|(name, bytes)| (name.as_str(), bytes.as_slice())),
        )
    }

    /// Compiles a program with its symbols, because courses do not strip them.
    fn compile(self, workspace: &Workspace, folder: &Path, source: &str) -> Result<Vec<u8>> {
        let program = workspace.temporary(source);
        let compiled = run_bounded(
            Command::new(Arch::Riscv64.c_compiler().0)
                .current_dir(folder)
                .args(FLAGS)
                .arg(format!("-DCOURSE={}", self.year()))
                .args(self.linking())
                .arg("-o")
                .arg(&program)
                .args(LIBRARY)
                .arg(source),
            LIMIT,
        )?;
        if !compiled.success() {
            bail!(
                "tests/course/{source} does not compile for {}:\n{}{}",
                self.year(),
                compiled.output,
                compiled.errors
            );
        }
        fs::read(&program).with_context(|| format!("cannot read {}", program.display()))
    }
}

const README: &[u8] = b"one line\na line with words\nthe last line has words, too\n";

/// The sources that every program is linked with.
const LIBRARY: [&str; 4] = ["ulib.c", "printf.c", "umalloc.c", "usys.S"];

const FLAGS: [&str; 19] = [
    "-std=gnu11",
    "-O",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ggdb",
    "-fno-omit-frame-pointer",
    "-static",
    "-nostdlib",
    "-ffreestanding",
    "-fno-pic",
    "-no-pie",
    "-fno-stack-protector",
    "-fno-tree-loop-distribute-patterns",
    "-mcmodel=medany",
    "-mno-relax",
    "-march=rv64gc",
    "-mabi=lp64d",
    "-Wl,--no-warn-rwx-segments,--build-id=none",
];

/// The requirements in the first line of a program.
struct Wishes {
    /// The only year of the program: `// only: YEAR`.
    only: Option<u32>,
    /// Whether the program is padded to the largest size of a file: `// padded`.
    padded: bool,
}

impl Wishes {
    fn read(text: &str) -> Self {
        let first = text.lines().next().unwrap_or_default();
        let year = first.strip_prefix("// only: ");
        Self {
            only: year.and_then(|year| year.parse().ok()),
            padded: first == "// padded",
        }
    }
}

/// Returns the names and sources of the programs in a folder.
fn programs(folder: &Path) -> Result<Vec<(String, String)>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut programs: Vec<_> = entries
        .flatten()
        .map(|entry| PathBuf::from(entry.file_name()))
        .filter_map(|source| {
            let name = source.to_str()?.strip_suffix(".c")?.to_owned();
            let source = source.to_str()?.to_owned();
            (!LIBRARY.contains(&source.as_str())).then_some((name, source))
        })
        .collect();
    programs.sort();
    Ok(programs)
}
