//! The reason why a program could not be started.
//!
//! The contract's `exec` says only that it failed. So a program that wants to tell its user more
//! checks the file as a kernel does: does the file exist, is it a program for this machine, do its
//! segments lie where they may? If all that holds, memory was short. The check needs no kernel and
//! is tested on the host. Source: Tool Interface Standard, "Executable and Linking Format".

use crate::{ELF_MACHINE, USER_TOP};
use abi::{ARG_MAX, PAGE_SIZE};
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// Why a program cannot be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// There is no such file.
    NotFound,
    /// The path names a directory or a device, or cannot be read.
    NoFile,
    /// The file does not begin as an ELF file does.
    NoProgram,
    /// The file is an ELF file for another machine.
    OtherMachine,
    /// A segment begins at this address, which is not the start of a page.
    NotAligned(u64),
    /// A segment ends at this address, beyond what a program may have.
    TooLarge(u64),
    /// Two segments need the page at this address.
    Overlap(u64),
    /// The file ends before its headers' contents do.
    CutOff,
    /// The headers contradict themselves.
    Damaged,
    /// The arguments do not fit into a new stack.
    Arguments,
    /// The file is good, but there is no memory for it.
    NoMemory,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("not found"),
            Self::NoFile => f.write_str("it is no file that can be read"),
            Self::NoProgram => f.write_str("it is not a program (no ELF file)"),
            Self::OtherMachine => f.write_str("it is a program for another machine"),
            Self::NotAligned(address) => write!(
                f,
                "its segment at {address:#x} does not begin on a page \
                 (link with -z max-page-size=4096)"
            ),
            Self::TooLarge(end) => write!(
                f,
                "a segment of it ends at {end:#x}, beyond what a program may have"
            ),
            Self::Overlap(address) => {
                write!(f, "two segments of it share the page at {address:#x}")
            }
            Self::CutOff => f.write_str("the file is cut off"),
            Self::Damaged => f.write_str("its program headers cannot be true"),
            Self::Arguments => f.write_str("its arguments do not fit on its stack"),
            Self::NoMemory => f.write_str("there is no memory for it"),
        }
    }
}

const HEADER: usize = 64;
const SEGMENT: usize = 56;
/// The magic number with which an ELF file begins.
const MAGIC: &[u8] = b"\x7fELF";
/// 64 bits, little-endian.
const CLASS_AND_ORDER: &[u8] = &[2, 1];
/// The type of a segment that is loaded into memory.
const LOAD: u32 = 1;

/// Returns the `N` bytes of a header at `at`.
fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(field(bytes, at))
}

/// Fills `bytes` with the next bytes of a file.
fn fill(
    read: &mut impl FnMut(&mut [u8]) -> Option<usize>,
    mut bytes: &mut [u8],
) -> Result<(), Obstacle> {
    while !bytes.is_empty() {
        match read(bytes) {
            None => return Err(Obstacle::NoFile),
            Some(0) => return Err(Obstacle::CutOff),
            Some(count) => bytes = bytes.get_mut(count..).ok_or(Obstacle::NoFile)?,
        }
    }
    Ok(())
}

/// Examines a file of `size` bytes. `read` returns the file's bytes piece by piece, from its
/// beginning (`None` if reading fails).
///
/// # Errors
///
/// The first obstacle in the file.
pub fn examine(
    size: u64,
    mut read: impl FnMut(&mut [u8]) -> Option<usize>,
) -> Result<(), Obstacle> {
    let mut header = [0; HEADER];
    match fill(&mut read, &mut header) {
        Err(Obstacle::CutOff) if !header.starts_with(MAGIC) => return Err(Obstacle::NoProgram),
        outcome => outcome?,
    }
    if !header.starts_with(MAGIC) {
        return Err(Obstacle::NoProgram);
    }
    let machine = u16::from_le_bytes(field(&header, 18));
    if header[4..6] != *CLASS_AND_ORDER || machine != ELF_MACHINE {
        return Err(Obstacle::OtherMachine);
    }
    let table = word(&header, 32);
    let segment_size = usize::from(u16::from_le_bytes(field(&header, 54)));
    let count = u16::from_le_bytes(field(&header, 56));
    if count == 0 {
        return Ok(());
    }
    if segment_size != SEGMENT || table < HEADER as u64 {
        return Err(Obstacle::Damaged);
    }
    if table > size {
        return Err(Obstacle::CutOff);
    }
    let mut between = (table as usize) - HEADER;
    while between > 0 {
        let mut skipped = [0; 512];
        let step = between.min(skipped.len());
        fill(&mut read, &mut skipped[..step])?;
        between -= step;
    }
    let mut pages = Vec::new();
    for _ in 0..count {
        let mut segment = [0; SEGMENT];
        fill(&mut read, &mut segment)?;
        if let Some(range) = examine_segment(&segment, size)? {
            let overlaps = |other: &Range<u64>| other.start < range.end && range.start < other.end;
            if let Some(other) = pages.iter().find(|other| overlaps(other)) {
                return Err(Obstacle::Overlap(other.start.max(range.start)));
            }
            pages.push(range);
        }
    }
    Ok(())
}

/// Returns the pages that a segment takes, if it takes any.
fn examine_segment(segment: &[u8; SEGMENT], size: u64) -> Result<Option<Range<u64>>, Obstacle> {
    let page = PAGE_SIZE as u64;
    let kind = u32::from_le_bytes(field(segment, 0));
    let [offset, address, in_file, in_memory] = [8, 16, 32, 40].map(|at| word(segment, at));
    if kind != LOAD || in_memory == 0 {
        return Ok(None);
    }
    if !address.is_multiple_of(page) {
        return Err(Obstacle::NotAligned(address));
    }
    let end = address.saturating_add(in_memory);
    if end > USER_TOP {
        return Err(Obstacle::TooLarge(end));
    }
    if in_file > in_memory {
        return Err(Obstacle::Damaged);
    }
    match offset.checked_add(in_file) {
        Some(end_in_file) if end_in_file <= size => Ok(Some(address..end.next_multiple_of(page))),
        _ => Err(Obstacle::CutOff),
    }
}

/// Checks that arguments of these lengths, without their NULs, fit into a page together with their
/// vector.
///
/// # Errors
///
/// [`Obstacle::Arguments`].
pub fn examine_arguments(lengths: impl Iterator<Item = usize> + Clone) -> Result<(), Obstacle> {
    const ALIGNMENT: usize = 16;
    let count = lengths.clone().count();
    let strings: usize = lengths.map(|length| length + 1).sum();
    let vector = (count + 1) * size_of::<u64>();
    let all = strings.next_multiple_of(ALIGNMENT) + vector.next_multiple_of(ALIGNMENT);
    if count > ARG_MAX || all > PAGE_SIZE {
        Err(Obstacle::Arguments)
    } else {
        Ok(())
    }
}

#[cfg(target_os = "none")]
mod ask {
    use super::{Obstacle, examine, examine_arguments};
    use crate::file::Fd;
    use abi::{FileKind, OpenFlags};
    use core::ffi::CStr;

    /// Returns why the program at `path` could not be started with these arguments a moment ago.
    pub fn obstacle<'a>(
        path: &CStr,
        arguments: impl Iterator<Item = &'a CStr> + Clone,
    ) -> Obstacle {
        let Ok(file) = Fd::open(path, OpenFlags::READ_ONLY) else {
            return Obstacle::NotFound;
        };
        let found = match file.stat() {
            Ok(stat) if stat.kind == FileKind::File as u16 => {
                examine(stat.size, |bytes| file.read(bytes).ok())
            }
            _ => Err(Obstacle::NoFile),
        };
        // The file was only read, so a failing close loses nothing.
        let _ = file.close();
        let lengths = arguments.map(CStr::count_bytes);
        match found.and_then(|()| examine_arguments(lengths)) {
            Ok(()) => Obstacle::NoMemory,
            Err(obstacle) => obstacle,
        }
    }
}

#[cfg(target_os = "none")]
pub use ask::obstacle;

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 8192;

    /// A program with text at 0 and data at 0x1000.
    fn program() -> Vec<u8> {
        let mut file = vec![0; SIZE];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[18..20].copy_from_slice(&ELF_MACHINE.to_le_bytes());
        file[32] = HEADER as u8;
        file[54] = SEGMENT as u8;
        file[56] = 2;
        for (index, address) in [0u64, 0x1000].into_iter().enumerate() {
            let at = HEADER + index * SEGMENT;
            file[at] = LOAD as u8;
            for (place, number) in [(8, 0x800), (16, address), (32, 0x200), (40, 0x300)] {
                file[at + place..at + place + 8].copy_from_slice(&number.to_le_bytes());
            }
        }
        file
    }

    /// Examines a file that is read in pieces of at most 50 bytes.
    fn judge(file: &[u8]) -> Result<(), Obstacle> {
        let mut rest = file;
        examine(file.len() as u64, |bytes| {
            let count = bytes.len().min(rest.len()).min(50);
            bytes[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            Some(count)
        })
    }

    /// Examines a program with the bytes at `at` changed.
    fn changed(at: usize, bytes: &[u8]) -> Result<(), Obstacle> {
        let mut file = program();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        judge(&file)
    }

    fn in_second(at: usize, number: u64) -> Result<(), Obstacle> {
        changed(HEADER + SEGMENT + at, &number.to_le_bytes())
    }

    #[test]
    fn a_good_program_has_no_obstacle() {
        assert_eq!(judge(&program()), Ok(()));
        let mut far = program();
        let headers = far[HEADER..HEADER + 2 * SEGMENT].to_vec();
        far[HEADER..HEADER + 2 * SEGMENT].fill(0xff);
        far[32..40].copy_from_slice(&4000u64.to_le_bytes());
        far[4000..4000 + headers.len()].copy_from_slice(&headers);
        assert_eq!(judge(&far), Ok(()));
    }

    #[test]
    fn each_obstacle_is_told() {
        assert_eq!(judge(b"#!/bin/sh\n"), Err(Obstacle::NoProgram));
        assert_eq!(judge(b""), Err(Obstacle::NoProgram));
        assert_eq!(judge(&[b'x'; 5000]), Err(Obstacle::NoProgram));
        assert_eq!(judge(&program()[..50]), Err(Obstacle::CutOff));
        assert_eq!(judge(&program()[..150]), Err(Obstacle::CutOff));
        assert_eq!(judge(&program()[..0x9ff]), Err(Obstacle::CutOff));
        assert_eq!(changed(4, &[1]), Err(Obstacle::OtherMachine));
        assert_eq!(changed(18, &[3, 0]), Err(Obstacle::OtherMachine));
        assert_eq!(changed(54, &[32]), Err(Obstacle::Damaged));
        assert_eq!(changed(32, &[8]), Err(Obstacle::Damaged));
        assert_eq!(changed(32, &[0xff; 8]), Err(Obstacle::CutOff));
        assert_eq!(in_second(16, 0x1100), Err(Obstacle::NotAligned(0x1100)));
        assert_eq!(in_second(16, 0), Err(Obstacle::Overlap(0)));
        assert_eq!(
            in_second(16, USER_TOP),
            Err(Obstacle::TooLarge(USER_TOP + 0x300))
        );
        assert_eq!(in_second(40, u64::MAX), Err(Obstacle::TooLarge(u64::MAX)));
        assert_eq!(in_second(40, 0x100), Err(Obstacle::Damaged));
        assert_eq!(in_second(8, u64::MAX), Err(Obstacle::CutOff));
        // The fields of a segment that is not loaded may have any value.
        assert_eq!(in_second(40, 0), Ok(()));
    }

    #[test]
    fn what_cannot_be_read_is_no_file() {
        assert_eq!(examine(100, |_| None), Err(Obstacle::NoFile));
    }

    #[test]
    fn arguments_must_fit_into_a_page() {
        let longest = PAGE_SIZE - 16 - 1;
        assert_eq!(examine_arguments([longest].into_iter()), Ok(()));
        let longer = [longest + 1].into_iter();
        assert_eq!(examine_arguments(longer), Err(Obstacle::Arguments));
        assert_eq!(examine_arguments([1; ARG_MAX].into_iter()), Ok(()));
        let many = [1; ARG_MAX + 1].into_iter();
        assert_eq!(examine_arguments(many), Err(Obstacle::Arguments));
    }
}
