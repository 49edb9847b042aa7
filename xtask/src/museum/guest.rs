//! Tests in the emulator, for mistakes in the kernel.

use std::path::Path;

use anyhow::Result;

use super::{Copy, Exhibit, Mistake};
use crate::arch::Arch;
use crate::build::{self, Guests, mistaken_kernel};
use crate::grade;
use crate::image::{self, Geometry};
use crate::setup::{Toolchain, ensure_c_compiler, ensure_emulator};
use crate::test;
use crate::workspace::Workspace;

/// The correct kernel, and the disk with the test programs.
pub struct Guest<'w> {
    workspace: &'w Workspace,
    toolchain: Toolchain,
    guests: Guests,
    image: Vec<u8>,
}

impl<'w> Guest<'w> {
    /// Builds both, for the architecture on which a mistake can be made.
    pub fn new(workspace: &'w Workspace, mistake: &Mistake) -> Result<Self> {
        let arch = if mistake.pc.is_empty() {
            Arch::Riscv64
        } else {
            Arch::X86_64
        };
        ensure_emulator(arch)?;
        let toolchain = Toolchain::ensure(workspace, arch)?;
        let guests = build::guests(workspace, &toolchain)?;
        let extras = match arch {
            Arch::Riscv64 => Vec::new(),
            Arch::X86_64 => {
                ensure_c_compiler(arch)?;
                test::c_programs(workspace, arch)?
            }
        };
        let image = image::build(workspace, &guests, &extras, Geometry::DEFAULT)?;
        Ok(Self {
            workspace,
            toolchain,
            guests,
            image,
        })
    }

    /// Runs the mistake's tests on the correct kernel and on one that makes the mistake.
    pub fn show(&self, copy: &Copy, mistake: &Mistake) -> Result<Exhibit> {
        let mistaken = mistaken_kernel(copy, &self.toolchain, mistake)?;
        let (mut passed, mut caught) = (true, true);
        for test in &mistake.cowtest {
            let passes = |kernel: &_| grade::passes(self.workspace, kernel, &self.image, test);
            passed &= passes(&self.guests.kernel)?;
            caught &= !passes(&mistaken)?;
        }
        for line in &mistake.pc {
            let (arch, shows) = (Arch::X86_64, &mistake.console);
            let passes = |kernel: &Path| {
                test::passes(self.workspace, arch, kernel, &self.image, line, shows)
            };
            passed &= passes(&self.guests.kernel)?;
            caught &= !passes(&mistaken)?;
        }
        let tests = mistake.cowtest.iter();
        let tests = tests.map(|test| format!("cowtest {test}"));
        let tests = tests.chain(mistake.pc.iter().cloned()).collect();
        Ok(Exhibit::new(tests, passed, caught))
    }
}
