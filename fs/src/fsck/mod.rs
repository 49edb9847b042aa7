//! Checking an image: everything that the format demands and the operations rely on.
//!
//! The checker reads the disk on its own, sharing only the layout with the file system it
//! checks, so a mistake there does not hide itself here. It changes nothing. A transaction that
//! waits in the log is seen as installed. Neighbours: `xtask`, and every test that wants to know
//! whether an image survived.

mod blocks;
mod finding;
mod image;
mod tree;

use alloc::vec::Vec;

use crate::device::BlockDevice;
use crate::error::MountError;
use crate::layout::{Geometry, SUPERBLOCK};

pub use finding::{Finding, Severity, User};

use image::Image;

/// Everything that is not as it should be on `device`, in the order of its blocks and inodes.
pub fn check<D: BlockDevice>(device: &mut D) -> Vec<Finding> {
    let present = device.blocks();
    if present <= SUPERBLOCK {
        let error = MountError::DeviceTooSmall { needed: 0, present };
        return [Finding::BadSuperblock(error)].into();
    }
    let mut image = Image::new(device);
    match Geometry::check(&image.block(SUPERBLOCK), present) {
        Ok(geometry) => {
            image.look_through_log(&geometry);
            let nodes = blocks::check(&mut image, &geometry);
            tree::check(&mut image, &nodes);
        }
        Err(error) => image.findings.push(Finding::BadSuperblock(error)),
    }
    image.findings
}

/// Returns whether the findings are mere notes: the image can be used.
pub fn is_sound(findings: &[Finding]) -> bool {
    findings
        .iter()
        .all(|finding| finding.severity() == Severity::Note)
}
