//! How often each inode is open: the references that keep an inode without names alive.
//!
//! Counts stand in an array by inode number, cut into pieces of 4096 bytes that are allocated
//! when first needed. Invariant: an inode's piece is allocated before a reference to it is
//! handed out, so counting never fails afterwards. Neighbour: `filesystem`.

use alloc::vec::Vec;

use crate::error::FsError;
use crate::inode::InodeNo;
use crate::layout::Geometry;

const COUNTS_PER_PIECE: usize = 1024;

/// The counts of references.
pub(crate) struct References {
    pieces: Vec<Vec<u32>>,
}

impl References {
    /// No references to any inode; `None` without memory.
    pub(crate) fn new(geometry: &Geometry) -> Option<Self> {
        let count = (geometry.inode_end as usize).div_ceil(COUNTS_PER_PIECE);
        let mut pieces = Vec::new();
        pieces.try_reserve_exact(count).ok()?;
        pieces.resize_with(count, Vec::new);
        Some(Self { pieces })
    }

    fn count_mut(&mut self, inode: InodeNo) -> Option<&mut u32> {
        let index = inode.number() as usize;
        let piece = self.pieces.get_mut(index / COUNTS_PER_PIECE)?;
        piece.get_mut(index % COUNTS_PER_PIECE)
    }

    /// Makes sure that references to the inode can be counted.
    pub(crate) fn prepare(&mut self, inode: InodeNo) -> Result<(), FsError> {
        let piece = &mut self.pieces[inode.number() as usize / COUNTS_PER_PIECE];
        if piece.is_empty() {
            piece
                .try_reserve_exact(COUNTS_PER_PIECE)
                .map_err(|_| FsError::NoMemory)?;
            piece.resize(COUNTS_PER_PIECE, 0);
        }
        Ok(())
    }

    /// Takes a reference to an inode.
    pub(crate) fn take(&mut self, inode: InodeNo) -> Result<(), FsError> {
        self.prepare(inode)?;
        if let Some(count) = self.count_mut(inode) {
            *count += 1;
        }
        Ok(())
    }

    /// Takes one more reference to an inode that has one.
    ///
    /// # Panics
    ///
    /// When it has none.
    pub(crate) fn retake(&mut self, inode: InodeNo) {
        match self.count_mut(inode) {
            Some(count) if *count > 0 => *count += 1,
            _ => panic!("inode {inode} is retained without a reference to it"),
        }
    }

    /// Drops a reference; how many are left.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub(crate) fn drop(&mut self, inode: InodeNo) -> u32 {
        match self.count_mut(inode) {
            Some(count) if *count > 0 => {
                *count -= 1;
                *count
            }
            _ => panic!("inode {inode} is released without a reference to it"),
        }
    }

    /// Whether anybody has a reference.
    pub(crate) fn are_held(&mut self, inode: InodeNo) -> bool {
        self.count_mut(inode).is_some_and(|count| *count > 0)
    }
}
