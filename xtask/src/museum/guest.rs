//! Tests in the emulator, for mistakes that are made in the kernel.

use anyhow::Result;

use super::{Copy, Exhibit, Mistake};
use crate::arch::Arch;
use crate::build::{self, Guests, mistaken_kernel};
use crate::grade;
use crate::image::{self, Geometry};
use crate::setup::{Toolchain, ensure_emulator};
use crate::workspace::Workspace;

/// The kernel as it is, and the disk with the test program.
pub struct Guest<'w> {
    workspace: &'w Workspace,
    toolchain: Toolchain,
    guests: Guests,
    image: Vec<u8>,
}

impl<'w> Guest<'w> {
    /// Builds both.
    pub fn new(workspace: &'w Workspace) -> Result<Self> {
        ensure_emulator(Arch::Riscv64)?;
        let toolchain = Toolchain::ensure(workspace, Arch::Riscv64)?;
        let guests = build::guests(workspace, &toolchain)?;
        let image = image::build(workspace, &guests, &[], Geometry::DEFAULT)?;
        Ok(Self {
            workspace,
            toolchain,
            guests,
            image,
        })
    }

    /// Runs the mistake's tests of `cowtest` on the kernel as it is and on one that makes it.
    pub fn show(&self, copy: &Copy, mistake: &Mistake) -> Result<Exhibit> {
        let mistaken = mistaken_kernel(copy, &self.toolchain, mistake)?;
        let (mut passed, mut caught) = (true, true);
        for test in &mistake.cowtest {
            let passes = |kernel: &_| grade::passes(self.workspace, kernel, &self.image, test);
            passed &= passes(&self.guests.kernel)?;
            caught &= !passes(&mistaken)?;
        }
        let tests = mistake.cowtest.iter();
        let tests = tests.map(|test| format!("cowtest {test}")).collect();
        Ok(Exhibit::new(tests, passed, caught))
    }
}
