//! The grader's own disk: `init` and the tests of `lab/`, which are programs of xv6 in C.
//!
//! The student's kernel runs them as they are, so nothing of the student's is built anew and
//! nothing of the student's programs is needed. The format is xv6's of every year.

use anyhow::{Context, Result, ensure};
use fs::mkfs::ImageBuilder;

use super::catalogue::PROGRAMS;
use crate::arch::Arch;
use crate::c_program;
use crate::setup::ensure_c_compiler;
use crate::workspace::Workspace;

/// Blocks of 1 KiB, as many as the images of the course have.
const BLOCKS: u32 = 2000;
const INODES: u32 = 200;
/// Where the size of the second program header's part of the file lies in an ELF-64 file: the file
/// header has 64 bytes, a program header 56, and the size is its sixth word.
const SECOND_FILE_SIZE: usize = 64 + 56 + 32;

/// A file of the disk: its name and its bytes.
pub type Program = (&'static str, Vec<u8>);

/// Returns the programs, compiled, and a file that is none quite.
pub fn programs(workspace: &Workspace) -> Result<Vec<Program>> {
    ensure_c_compiler(Arch::Riscv64)?;
    let mut all = Vec::new();
    for name in PROGRAMS.into_iter().chain(["init"]) {
        let source = workspace.root().join("lab").join(name).with_extension("c");
        let program = c_program::compile(workspace, Arch::Riscv64, &source)?;
        all.push((name, program));
    }
    let bad = half_bad(all[0].1.clone())?;
    all.push(("notexec", bad));
    Ok(all)
}

/// Returns the disk.
pub fn build(workspace: &Workspace) -> Result<Vec<u8>> {
    let mut image = ImageBuilder::new(BLOCKS, INODES)?;
    for (name, program) in programs(workspace)? {
        image.add_file(name, &program)?;
    }
    Ok(image.finish()?)
}

/// Returns a program whose second segment is impossible, so that exec fails after it has built the
/// first.
fn half_bad(mut program: Vec<u8>) -> Result<Vec<u8>> {
    let size = program.get_mut(SECOND_FILE_SIZE..SECOND_FILE_SIZE + 8);
    let size = size.context("a program is shorter than its headers")?;
    ensure!(size != [0; 8], "the second segment is empty already");
    size.copy_from_slice(&(1_u64 << 40).to_le_bytes());
    Ok(program)
}
