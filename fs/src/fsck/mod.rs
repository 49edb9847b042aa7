//! Checking an image: everything that the format demands and that the operations rely on.
//!
//! The checker reads the disk by itself. It shares only the layout with the file system that it
//! checks, so a mistake there is not repeated here. It changes nothing. A transaction that waits in
//! the log is seen as installed. Neighbours: `xtask`, and every test that checks whether an image
//! survived.

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

/// Returns all faults of `device`, in the order of its blocks and inodes.
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

/// Returns whether all findings are notes, so that the image can be used.
pub fn is_sound(findings: &[Finding]) -> bool {
    findings
        .iter()
        .all(|finding| finding.severity() == Severity::Note)
}
