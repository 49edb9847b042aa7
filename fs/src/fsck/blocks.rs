//! The first pass: each inode by itself, the owner of each block, and the bitmap.

use alloc::vec;
use alloc::vec::Vec;

use abi::FileKind;
use zerocopy::little_endian::U32;
use zerocopy::transmute_ref;

use super::finding::{Finding, User};
use super::image::Image;
use crate::device::BlockDevice;
use crate::layout::{
    BITS_PER_BLOCK, DiskInode, Geometry, INDIRECT, INODES_PER_BLOCK, MAX_FILE_BLOCKS, MAX_FILE_SIZE,
};

/// An inode in use, with its blocks in the order of the file. 0 means that there is no block.
pub(super) struct Node {
    pub(super) record: DiskInode,
    pub(super) blocks: Vec<u32>,
}

/// Checks the inodes and the bitmap. Returns the inodes that are in use, by number.
pub(super) fn check<D: BlockDevice>(
    image: &mut Image<'_, D>,
    geometry: &Geometry,
) -> Vec<Option<Node>> {
    let mut owners = Owners {
        geometry,
        inodes: vec![0; (geometry.size - geometry.data_start) as usize],
    };
    let mut nodes = Vec::new();
    for first in (0..geometry.inode_end).step_by(INODES_PER_BLOCK as usize) {
        let block = image.block(geometry.inode_position(first).0);
        let records: &[DiskInode; INODES_PER_BLOCK as usize] = transmute_ref!(&block);
        for (number, record) in (first..geometry.inode_end).zip(records) {
            let in_use = geometry.has_inode(number) && !record.is_free();
            nodes.push(in_use.then(|| check_inode(image, &mut owners, number, *record)));
        }
    }
    check_bitmap(image, &owners);
    nodes
}

/// The inode that uses each block of the data region. 0 means that no inode does.
struct Owners<'a> {
    geometry: &'a Geometry,
    inodes: Vec<u32>,
}

impl Owners<'_> {
    fn user(&self, block: u32) -> Option<User> {
        match block.checked_sub(self.geometry.data_start) {
            None => Some(User::Metadata),
            Some(index) => match self.inodes[index as usize] {
                0 => None,
                inode => Some(User::Inode(inode)),
            },
        }
    }

    /// Notes that `inode` uses the block. Returns whether it may, and no other inode did before.
    fn claim(&mut self, findings: &mut Vec<Finding>, inode: u32, address: u32) -> bool {
        if !self.geometry.is_data(address) {
            findings.push(Finding::AddressOutOfRange { inode, address });
            return false;
        }
        let owner = &mut self.inodes[(address - self.geometry.data_start) as usize];
        if *owner != 0 {
            findings.push(Finding::BlockUsedTwice {
                block: address,
                first: *owner,
                second: inode,
            });
            return false;
        }
        *owner = inode;
        true
    }
}

fn check_inode<D: BlockDevice>(
    image: &mut Image<'_, D>,
    owners: &mut Owners<'_>,
    inode: u32,
    record: DiskInode,
) -> Node {
    if record.file_kind().is_none() {
        image.findings.push(Finding::InvalidType {
            inode,
            kind: record.kind.get(),
        });
    }
    let [direct @ .., indirect] = &record.addresses;
    let mut blocks: Vec<u32> = direct.iter().map(|address| address.get()).collect();
    let indirect = indirect.get();
    if indirect != 0 && owners.claim(&mut image.findings, inode, indirect) {
        let block = image.block(indirect);
        let addresses: &[U32; INDIRECT] = transmute_ref!(&block);
        blocks.extend(addresses.iter().map(|address| address.get()));
    }
    blocks.resize(MAX_FILE_BLOCKS, 0);
    for block in blocks.iter_mut().filter(|block| **block != 0) {
        // A block with another owner is still read, because its directory entries are worth
        // checking.
        if !owners.claim(&mut image.findings, inode, *block) && !owners.geometry.is_data(*block) {
            *block = 0;
        }
    }
    check_size(image, inode, &record, &blocks);
    Node { record, blocks }
}

fn check_size<D>(image: &mut Image<'_, D>, inode: u32, record: &DiskInode, blocks: &[u32]) {
    let size = record.size.get();
    if size > MAX_FILE_SIZE {
        image.findings.push(Finding::TooLarge { inode, size });
        return;
    }
    let needed = match record.file_kind() {
        // Later blocks of a directory may be missing; their entries are unused.
        Some(FileKind::Directory) => record.size_in_blocks().min(1),
        _ => record.size_in_blocks(),
    };
    let needed = &blocks[..needed];
    if let Some(missing) = needed.iter().position(|&block| block == 0) {
        image.findings.push(Finding::SizeBeyondBlocks {
            inode,
            size,
            missing: missing as u32,
        });
    }
}

fn check_bitmap<D: BlockDevice>(image: &mut Image<'_, D>, owners: &Owners<'_>) {
    let size = owners.geometry.size;
    // The run of leaked blocks that ends before the current block.
    let mut leaked: Option<(u32, u32)> = None;
    for first in (0..size).step_by(BITS_PER_BLOCK as usize) {
        let bits = image.block(owners.geometry.bitmap_position(first).0);
        for block in first..size.min(first.saturating_add(BITS_PER_BLOCK)) {
            let bit = block - first;
            let in_use = bits[(bit / 8) as usize] & (1 << (bit % 8)) != 0;
            let user = owners.user(block);
            if in_use && user.is_none() {
                let (start, count) = leaked.unwrap_or((block, 0));
                leaked = Some((start, count + 1));
                continue;
            }
            report_leak(image, leaked.take());
            if let (false, Some(user)) = (in_use, user) {
                image.findings.push(Finding::UsedButFree { block, user });
            }
        }
    }
    report_leak(image, leaked);
}

fn report_leak<D>(image: &mut Image<'_, D>, run: Option<(u32, u32)>) {
    if let Some((first, count)) = run {
        image.findings.push(Finding::Leaked { first, count });
    }
}
