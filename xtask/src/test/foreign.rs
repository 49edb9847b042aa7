//! The C programs of `tests/c`: programs that Cowslip's own build does not know. Debian's cross
//! compiler compiles them with the system-call contract as their only interface.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::c_program::{self, machine_flags};
use crate::image::Extra;
use crate::process::run_bounded;
use crate::workspace::Workspace;

/// The longest time to compile one program.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The flags of programs without a runtime, linked at 0, with floating point in hardware registers.
const FLAGS: [&str; 14] = [
    "-std=c11",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-static",
    "-nostdlib",
    "-ffreestanding",
    "-fno-pic",
    "-fno-stack-protector",
    "-fno-tree-loop-distribute-patterns",
    "-Wl,--build-id=none",
    "-Wl,--no-warn-rwx-segments",
    "-Wl,-zmax-page-size=4096",
];

/// The entry point and layout of a program, which the first line of its source names.
struct Layout {
    entry: &'static str,
    linking: &'static [&'static str],
}

/// The two layouts of the programs in xv6's courses.
const LAYOUTS: [(&str, Layout); 2] = [
    // Text and data in one segment that may be read, written and executed. The entry point is
    // `main`, which calls exit itself.
    (
        "// layout: one segment, entry main",
        Layout {
            entry: "main",
            linking: &["-Wl,-N", "-Wl,-Ttext=0"],
        },
    ),
    // Text and data in segments of their own. `start` calls `main` and exits with its result.
    (
        "// layout: two segments, entry start",
        Layout {
            entry: "start",
            linking: &["-Wl,-Tuser.ld"],
        },
    ),
];

/// Compiles every program under the name of its source: those for all architectures, and those in
/// the architecture's own folder.
pub fn compile(workspace: &Workspace, arch: Arch) -> Result<Vec<Extra>> {
    let folder = workspace.root().join("tests/c");
    let mut all = sources(&folder)?;
    all.extend(sources(&folder.join(arch.name()))?);
    all.sort();
    all.iter()
        .map(|source| compile_one(workspace, arch, &folder, source))
        .collect()
}

/// Compiles the programs that use the library in `user/c`, as `run --with` does.
pub fn compile_with_library(workspace: &Workspace, arch: Arch) -> Result<Vec<Extra>> {
    sources(&workspace.root().join("tests/source"))?
        .iter()
        .map(|source| {
            Ok(Extra {
                name: name_of(source),
                bytes: c_program::compile(workspace, arch, source)?,
            })
        })
        .collect()
}

/// Returns the name of the program that is made from a source.
fn name_of(source: &Path) -> String {
    let stem = source.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// Returns the programs in a folder.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    Ok(entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .filter(|path| path.file_stem().is_some_and(|name| name != "lib"))
        .collect())
}

fn compile_one(workspace: &Workspace, arch: Arch, folder: &Path, source: &Path) -> Result<Extra> {
    let name = name_of(source);
    let text =
        fs::read_to_string(source).with_context(|| format!("cannot read {}", source.display()))?;
    let Some((_, layout)) = LAYOUTS
        .iter()
        .find(|(line, _)| text.lines().next() == Some(line))
    else {
        bail!(
            "{} does not begin with its layout, such as `{}`",
            source.display(),
            LAYOUTS[0].0
        );
    };
    let program = workspace.temporary(&name);
    let compiled = run_bounded(
        Command::new(arch.c_compiler().0)
            .current_dir(folder)
            .args(FLAGS)
            .args(machine_flags(arch))
            .args(layout.linking)
            .arg(format!("-Wl,-e{}", layout.entry))
            .args(["-Wl,-s", "-o"])
            .arg(&program)
            .arg("lib.c")
            .arg(format!("{}/usys.S", arch.name()))
            .arg(format!("-I{}", arch.name()))
            .arg("-I.")
            .arg(source),
        LIMIT,
    )?;
    if !compiled.success() {
        bail!(
            "{} does not compile:\n{}{}",
            source.display(),
            compiled.output,
            compiled.errors
        );
    }
    let bytes = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    Ok(Extra { name, bytes })
}
