//! Programs in C: a user's source, compiled for the guest against the small library in `user/c`,
//! whose functions have the names of the courses. The compiler's messages are shown unchanged.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::process::run_bounded;
use crate::workspace::Workspace;

/// The longest time to compile one program.
const LIMIT: Duration = Duration::from_secs(60);

/// The flags of the courses: programs without a runtime, linked at 0.
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

/// The library's sources, without the architecture's own.
const LIBRARY: [&str; 4] = [
    "lib/system.c",
    "lib/string.c",
    "lib/printf.c",
    "lib/malloc.c",
];

/// Returns further flags for programs of either kind. On riscv64 no code sets up `gp`, so the
/// linker must not shorten addresses by it.
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

/// Compiles a program. Returns the file for the image.
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
            // The courses' sources are in `user` and include its headers without naming the folder.
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
