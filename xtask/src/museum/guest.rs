//! Tests in the emulator, for mistakes that are made in the kernel.

use anyhow::Result;
use mm::mistake::Mistake;

use super::Exhibit;
use crate::build::{self, Guests, mistaken_kernel};
use crate::grade;
use crate::image::{self, Geometry};
use crate::setup::{Toolchain, ensure_emulator};
use crate::workspace::Workspace;

/// The mistakes that no unit test can see, each with the test of `cowtest` that does.
const IN_THE_KERNEL: [(Mistake, &str); 1] = [(Mistake::KillLosesCopy, "kill")];

/// The test of `cowtest` for a mistake that is made in the kernel.
pub fn test_for(mistake: Mistake) -> Option<&'static str> {
    IN_THE_KERNEL
        .into_iter()
        .find_map(|(made, test)| (made == mistake).then_some(test))
}

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
        ensure_emulator()?;
        let toolchain = Toolchain::ensure(workspace)?;
        let guests = build::guests(workspace, &toolchain)?;
        let image = image::build(workspace, &guests, &[], Geometry::DEFAULT)?;
        Ok(Self {
            workspace,
            toolchain,
            guests,
            image,
        })
    }

    /// Runs a test of `cowtest` on the kernel as it is and on one that makes the mistake.
    pub fn show(&self, test: &str, mistake: Mistake) -> Result<Exhibit> {
        let passes = |kernel: &_| grade::passes(self.workspace, kernel, &self.image, test);
        let passed = passes(&self.guests.kernel)?;
        let mistaken = mistaken_kernel(self.workspace, &self.toolchain, mistake)?;
        let caught = !passes(&mistaken)?;
        Ok(Exhibit::new(
            vec![format!("cowtest {test}")],
            passed,
            caught,
        ))
    }
}
