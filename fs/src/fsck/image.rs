//! The blocks of the image under check, as the next mount would see them after its recovery.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use abi::BLOCK_SIZE;
use zerocopy::transmute_ref;

use super::finding::Finding;
use crate::device::{BlockDevice, DeviceError};
use crate::layout::{Block, Geometry, LogHeader};

/// The image, and the findings so far.
pub(super) struct Image<'a, D> {
    device: &'a mut D,
    /// The block of the log that holds the newer contents of a block.
    logged: BTreeMap<u32, u32>,
    pub(super) findings: Vec<Finding>,
}

impl<'a, D: BlockDevice> Image<'a, D> {
    pub(super) fn new(device: &'a mut D) -> Self {
        Self {
            device,
            logged: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    /// Returns a block's contents. If it cannot be read, adds a finding and returns zeros.
    pub(super) fn block(&mut self, number: u32) -> Block {
        let source = self.logged.get(&number).copied().unwrap_or(number);
        let mut contents = [0; BLOCK_SIZE];
        if let Err(DeviceError) = self.device.read(source, &mut contents) {
            self.findings.push(Finding::Unreadable { block: source });
        }
        contents
    }

    /// From now on, returns blocks that the log holds as if they were installed.
    pub(super) fn look_through_log(&mut self, geometry: &Geometry) {
        let block = self.block(geometry.log_start);
        let header: &LogHeader = transmute_ref!(&block);
        match header.checked_targets(geometry) {
            Ok([]) => {}
            Ok(targets) => {
                let targets = targets.iter().map(|target| target.get());
                self.logged = targets.zip(geometry.log_start + 1..).collect();
                self.findings.push(Finding::LogNotEmpty {
                    blocks: header.count.get(),
                });
            }
            Err(error) => self.findings.push(Finding::BadLog(error)),
        }
    }
}
