//! The writes to a disk, as QEMU's `blklogwrites` recorded them, and the part of them that a disk
//! with a cache may lose.
//!
//! The format is that of Linux's `dm-log-writes` (its documentation, "Log Ordering Details", and
//! `drivers/md/dm-log-writes.c`): a superblock, and then for each request a header of little-endian
//! words, alone in a sector, and the bytes that were written. Recorder and guest are killed at one
//! moment, so the last entry may be incomplete; its request was never answered. The kernel has one
//! request under way at a time, so no entry follows it.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail};

use abi::BLOCK_SIZE;
use user::random::Random;

/// The unit of the format.
const SECTOR: usize = 512;
/// The flag of a flush.
const FLUSH: u64 = 1;

/// Requests in the order in which they were answered.
pub struct Recording {
    bytes: Vec<u8>,
    requests: Vec<Request>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Request {
    /// A write of these bytes of the recording to byte `offset` of the disk.
    Write {
        offset: usize,
        bytes: Range<usize>,
    },
    Flush,
}

impl Recording {
    /// Reads a recording.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(bytes)
    }

    fn parse(bytes: Vec<u8>) -> Result<Self> {
        let mut requests = Vec::new();
        let mut at = SECTOR;
        while let Some(header) = bytes.get(at..at + SECTOR) {
            let word = |index: usize| {
                let mut word = [0; 8];
                word.copy_from_slice(&header[8 * index..][..8]);
                u64::from_le_bytes(word)
            };
            let (sector, sectors, flags) = (word(0), word(1), word(2));
            let start = at + SECTOR;
            match (flags, sectors) {
                (0, 0) => break,
                (0, _) => {
                    let end = start + sectors as usize * SECTOR;
                    if end > bytes.len() {
                        break;
                    }
                    requests.push(Request::Write {
                        offset: sector as usize * SECTOR,
                        bytes: start..end,
                    });
                    at = end;
                }
                (FLUSH, 0) => {
                    requests.push(Request::Flush);
                    at = start;
                }
                _ => bail!(
                    "request {} of the recording has flags {flags:#x}, which are unknown here",
                    requests.len()
                ),
            }
        }
        Ok(Self { bytes, requests })
    }

    /// Repeats the recorded writes on a disk, except some blocks that were written after the last
    /// flush. Returns how many are left out. The random numbers choose the odds, from none to all,
    /// and then the blocks.
    pub fn replay(&self, disk: &mut [u8], random: &mut Random) -> usize {
        let is_flush = |request: &Request| *request == Request::Flush;
        let last_flush = self.requests.iter().rposition(is_flush);
        let unflushed = last_flush.map_or(0, |at| at + 1);
        let of_four = random.below(5);
        let mut lost = 0;
        for (index, request) in self.requests.iter().enumerate() {
            let Request::Write { offset, bytes } = request else {
                continue;
            };
            let blocks = self.bytes[bytes.clone()].chunks(BLOCK_SIZE);
            for (place, block) in disk[*offset..].chunks_mut(BLOCK_SIZE).zip(blocks) {
                if index >= unflushed && random.below(4) < of_four {
                    lost += 1;
                } else {
                    place[..block.len()].copy_from_slice(block);
                }
            }
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sector: u64, data: &[u8], flags: u64) -> Vec<u8> {
        let sectors = (data.len() / SECTOR) as u64;
        let mut entry = vec![0; SECTOR];
        for (place, word) in entry.chunks_mut(8).zip([sector, sectors, flags, 0]) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        entry.extend(data);
        entry
    }

    fn block(byte: u8) -> Vec<u8> {
        vec![byte; BLOCK_SIZE]
    }

    fn recording(entries: &[Vec<u8>]) -> Recording {
        Recording::parse([vec![0; SECTOR], entries.concat()].concat()).expect("a good recording")
    }

    fn first_bytes(disk: &[u8]) -> Vec<u8> {
        disk.chunks(BLOCK_SIZE).map(|block| block[0]).collect()
    }

    #[test]
    fn what_was_flushed_is_never_lost_and_the_rest_may_be() {
        let recording = recording(&[
            entry(2, &block(1), 0),
            entry(0, &[block(2), block(3)].concat(), 0),
            entry(0, &[], FLUSH),
            entry(4, &[block(4), block(5)].concat(), 0),
            entry(4, &block(6), 0),
        ]);
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..500 {
            let mut disk = vec![0; 4 * BLOCK_SIZE];
            recording.replay(&mut disk, &mut Random::new(seed));
            let disk = first_bytes(&disk);
            assert_eq!(disk[..2], [2, 3]);
            seen.insert((disk[2], disk[3]));
        }
        let all = [(0, 0), (0, 5), (4, 0), (4, 5), (6, 0), (6, 5)];
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), all);
    }

    #[test]
    fn an_entry_that_was_cut_short_counts_for_nothing() {
        let mut bytes = [
            vec![0; SECTOR],
            entry(0, &block(1), 0),
            entry(2, &block(2), 0),
        ]
        .concat();
        bytes.pop();
        let recording = Recording::parse(bytes).expect("a good recording");
        assert_eq!(recording.requests.len(), 1);
    }

    #[test]
    fn an_unknown_request_is_an_error() {
        let bytes = [vec![0; SECTOR], entry(0, &[], 4)].concat();
        assert!(Recording::parse(bytes).is_err());
    }
}
