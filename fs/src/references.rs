//! The number of references to each open inode. They keep an inode without names alive.
//!
//! The counts are in an array by inode number. It is divided into pieces of 4096 bytes, which are
//! allocated when needed and freed with the last reference in them. Invariant: an inode's piece is
//! allocated before the first reference to the inode is taken, so counting never fails afterwards.
//! Neighbour: `filesystem`.

use alloc::vec::Vec;

use crate::error::FsError;
use crate::layout::Geometry;
use crate::number::InodeNo;

const COUNTS_PER_PIECE: usize = 1024;

/// The counts of a range of inodes.
#[derive(Default)]
struct Piece {
    /// One count for each inode of the range, or nothing.
    counts: Vec<u32>,
    /// The number of counts that are not 0.
    held: usize,
}

/// The counts of references.
pub(crate) struct References {
    pieces: Vec<Piece>,
}

impl References {
    /// Returns counts without any reference. Returns `None` if there is no memory.
    pub(crate) fn new(geometry: &Geometry) -> Option<Self> {
        let count = (geometry.inode_end as usize).div_ceil(COUNTS_PER_PIECE);
        let mut pieces = Vec::new();
        pieces.try_reserve_exact(count).ok()?;
        pieces.resize_with(count, Piece::default);
        Some(Self { pieces })
    }

    /// Returns the piece that counts the references to an inode, and the inode's index in it.
    fn piece_mut(&mut self, inode: InodeNo) -> (&mut Piece, usize) {
        let index = inode.number() as usize;
        let piece = &mut self.pieces[index / COUNTS_PER_PIECE];
        (piece, index % COUNTS_PER_PIECE)
    }

    fn count(&self, inode: InodeNo) -> u32 {
        let index = inode.number() as usize;
        let counts = &self.pieces[index / COUNTS_PER_PIECE].counts;
        let count = counts.get(index % COUNTS_PER_PIECE);
        count.copied().unwrap_or(0)
    }

    /// Allocates the piece of an inode, so that its references can be counted.
    pub(crate) fn prepare(&mut self, inode: InodeNo) -> Result<(), FsError> {
        let (piece, _) = self.piece_mut(inode);
        if piece.counts.is_empty() {
            piece
                .counts
                .try_reserve_exact(COUNTS_PER_PIECE)
                .map_err(|_| FsError::NoMemory)?;
            piece.counts.resize(COUNTS_PER_PIECE, 0);
        }
        Ok(())
    }

    /// Takes a reference to an inode.
    pub(crate) fn take(&mut self, inode: InodeNo) -> Result<(), FsError> {
        self.prepare(inode)?;
        let (piece, place) = self.piece_mut(inode);
        let count = &mut piece.counts[place];
        if *count == 0 {
            piece.held += 1;
        }
        *count += 1;
        Ok(())
    }

    /// Takes one more reference to an inode that has one.
    ///
    /// # Panics
    ///
    /// If it has none.
    pub(crate) fn retake(&mut self, inode: InodeNo) {
        assert!(
            self.are_held(inode),
            "inode {inode} is retained without a reference to it"
        );
        let (piece, place) = self.piece_mut(inode);
        piece.counts[place] += 1;
    }

    /// Drops a reference. Returns how many are left.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub(crate) fn drop(&mut self, inode: InodeNo) -> u32 {
        assert!(
            self.are_held(inode),
            "inode {inode} is released without a reference to it"
        );
        let (piece, place) = self.piece_mut(inode);
        let count = &mut piece.counts[place];
        *count -= 1;
        let left = *count;
        if left == 0 {
            piece.held -= 1;
            self.trim(inode);
        }
        left
    }

    /// Frees the memory that [`References::prepare`] allocated, if no reference uses it.
    pub(crate) fn trim(&mut self, inode: InodeNo) {
        let (piece, _) = self.piece_mut(inode);
        if piece.held == 0 {
            piece.counts = Vec::new();
        }
    }

    /// Returns whether the inode has a reference.
    pub(crate) fn are_held(&self, inode: InodeNo) -> bool {
        self.count(inode) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(pieces: usize) -> References {
        References {
            pieces: core::iter::repeat_with(Piece::default)
                .take(pieces)
                .collect(),
        }
    }

    fn inode(number: u16) -> InodeNo {
        InodeNo::new(number)
    }

    #[test]
    fn a_piece_goes_with_the_last_reference_in_it() {
        let mut references = references(2);
        let (low, one, other) = (inode(1), inode(1024), inode(2047));
        for inode in [low, one, other, one] {
            references.take(inode).expect("memory");
        }
        references.retake(other);
        assert_eq!(
            [one, other, one, other].map(|inode| references.drop(inode)),
            [1, 1, 0, 0]
        );
        assert!(references.pieces[1].counts.is_empty());
        assert!(references.are_held(low) && !references.are_held(one));
        references.take(one).expect("memory");
        assert_eq!(references.drop(one), 0);
        assert_eq!(references.drop(low), 0);
    }

    #[test]
    fn what_was_prepared_in_vain_goes_and_what_is_used_stays() {
        let mut references = references(2);
        references.prepare(inode(1024)).expect("memory");
        references.trim(inode(1024));
        assert!(references.pieces[1].counts.is_empty());
        references.take(inode(1024)).expect("memory");
        references.prepare(inode(1025)).expect("memory");
        references.trim(inode(1025));
        assert!(references.are_held(inode(1024)));
    }
}
