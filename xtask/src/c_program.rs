//! Programs in C: anybody's source, compiled for the guest against the small library in `user/c`,
//! which has the names of the courses. What the compiler says is shown as it is.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::process::run_bounded;
use crate::workspace::Workspace;

/// One program takes no longer to compile than this.
const LIMIT: Duration = Duration::from_secs(60);

/// Bare programs, linked at 0, as the courses compile theirs.
const FLAGS: [&str; 14] = [
    "-std=gnu11",
    "-O",
    "-Wall",
    "-Wno-main",
    "-fno-omit-frame-pointer",
    "-static",
    "-nostdlib",
    "-ffreestanding",
    "-fno-pic",
    "-no-pie",
    "-fno-stack-protector",
    "-fno-tree-loop-distribute-patterns",
    "-Wl,--build-id=none,-zmax-page-size=4096,--no-warn-rwx-segments,-s",
    "-Wl,-Tlib/program.ld",
];

/// The library's sources besides the architecture's own.
const LIBRARY: [&str; 4] = [
    "lib/system.c",
    "lib/string.c",
    "lib/printf.c",
    "lib/malloc.c",
];

/// Returns what the compiler is told besides, for programs of either kind: riscv64 has no `gp` that
/// anybody sets up, so the linker must not shorten addresses by it.
pub const fn machine_flags(arch: Arch) -> &'static [&'static str] {
    match arch {
        Arch::Riscv64 => &[
            "-mcmodel=medany",
            "-mno-relax",
            "-march=rv64gc",
            "-mabi=lp64d",
        ],
        Arch::X86_64 => &["-m64", "-fcf-protection=none"],
    }
}

/// Returns whether a file is a program in C.
pub fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "c")
}

/// Compiles a program. Returns what it becomes.
pub fn compile(workspace: &Workspace, arch: Arch, source: &Path) -> Result<Vec<u8>> {
    let failed = || format!("cannot compile {}", source.display());
    let source = source.canonicalize().with_context(failed)?;
    let own = format!("lib/{}.S", arch.name());
    let program = workspace.temporary("c-program");
    let (compiler, _) = arch.c_compiler();
    let compiled = run_bounded(
        Command::new(compiler)
            .current_dir(workspace.root().join("user/c"))
            .args(FLAGS)
            .args(machine_flags(arch))
            // The courses' sources lie in `user`, and may name its headers without the folder.
            .args(["-I.", "-iquote", "user", "-o"])
            .arg(&program)
            .arg(&own)
            .args(LIBRARY)
            .arg(&source),
        LIMIT,
    )?;
    eprint!("{}{}", compiled.output, compiled.errors);
    if !compiled.success() {
        bail!(
            "{} does not compile for {} (see above)",
            source.display(),
            arch.name()
        );
    }
    fs::read(&program).with_context(failed)
}
