//! The free data blocks: one bit per block, which is set when the block is in use.
//!
//! The search for a free block goes round: it begins after the block found last. So a large disk is
//! not scanned through its full part again and again, and files get contiguous blocks. Invariant:
//! only blocks of the data region are allocated or freed, whatever the bitmap says about others.
//! Neighbours: `map` and `truncate` above, `volume` below.

use core::ops::Range;

use crate::device::BlockDevice;
use crate::error::{FsError, Place};
use crate::layout::{BITS_PER_BLOCK, Block};
use crate::volume::Volume;

/// Returns the first clear bit of `bits` within `range`.
fn first_clear(bits: &Block, range: Range<u32>) -> Option<u32> {
    let mut bit = range.start;
    while bit < range.end {
        let byte = bits[(bit / 8) as usize] >> (bit % 8);
        // Zeros shifted in from above look clear, but lie in the next byte.
        let clear = bit + byte.trailing_ones();
        let next_byte = (bit / 8 + 1) * 8;
        if clear < next_byte {
            return (clear < range.end).then_some(clear);
        }
        bit = next_byte;
    }
    None
}

fn mask(bit: u32) -> (usize, u8) {
    ((bit / 8) as usize, 1 << (bit % 8))
}

impl<D: BlockDevice> Volume<D> {
    /// Allocates a free block. Its contents are arbitrary.
    pub(crate) fn allocate_block(&mut self) -> Result<u32, FsError> {
        let (start, end) = (self.geometry().data_start, self.geometry().size);
        let hint = self.next_block;
        let block = match self.find_free(hint..end)? {
            Some(block) => block,
            None => self.find_free(start..hint)?.ok_or(FsError::NoSpace)?,
        };
        let (bitmap_block, bit) = self.geometry().bitmap_position(block);
        let (byte, mask) = mask(bit);
        self.edit(bitmap_block)?[byte] |= mask;
        self.next_block = if block + 1 < end { block + 1 } else { start };
        Ok(block)
    }

    /// Frees a block of the data region.
    ///
    /// # Errors
    ///
    /// [`FsError::Corrupt`] if it is free already, because then two files own it.
    pub(crate) fn free_block(&mut self, block: u32) -> Result<(), FsError> {
        let (bitmap_block, bit) = self.geometry().bitmap_position(block);
        let (byte, mask) = mask(bit);
        let bits = self.edit(bitmap_block)?;
        if bits[byte] & mask == 0 {
            return Err(FsError::Corrupt {
                what: "a file owns a block that the bitmap says is free",
                place: Place::Block(block),
            });
        }
        bits[byte] &= !mask;
        Ok(())
    }

    /// Returns how many blocks are free.
    pub(crate) fn count_free_blocks(&mut self) -> Result<u32, FsError> {
        let mut free = 0;
        let mut block = self.geometry().data_start;
        while let Some(found) = self.find_free(block..self.geometry().size)? {
            free += 1;
            block = found + 1;
        }
        Ok(free)
    }

    fn find_free(&mut self, blocks: Range<u32>) -> Result<Option<u32>, FsError> {
        let mut block = blocks.start;
        while block < blocks.end {
            let (bitmap_block, first_bit) = self.geometry().bitmap_position(block);
            let bits = (blocks.end - block).min(BITS_PER_BLOCK - first_bit);
            let contents = self.metadata(bitmap_block)?;
            if let Some(bit) = first_clear(contents, first_bit..first_bit + bits) {
                return Ok(Some(block + (bit - first_bit)));
            }
            block += bits;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_clear_bit_is_found_bit_by_bit() {
        let mut bits = [0xff; 1024];
        assert_eq!(first_clear(&bits, 0..8192), None);
        for bit in [0, 7, 8, 13, 4095, 8191] {
            let (byte, mask) = mask(bit);
            bits[byte] &= !mask;
            assert_eq!(first_clear(&bits, 0..8192), Some(bit));
            assert_eq!(first_clear(&bits, bit..bit + 1), Some(bit));
            assert_eq!(first_clear(&bits, 0..bit), None);
            assert_eq!(first_clear(&bits, bit + 1..8192), None);
            bits[byte] |= mask;
        }
        assert_eq!(first_clear(&[0; 1024], 11..20), Some(11));
    }
}
