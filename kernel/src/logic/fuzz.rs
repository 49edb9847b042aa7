//! Fuzz targets of the parts that read what others wrote: programs, the device tree, the command
//! line.

use abi::user_top::RISCV64 as USER_TOP;
use abi::{ForkMode, PAGE_SIZE};
use dtoolkit::fdt::Fdt;
use fuzz::{Patch, check, text};

use crate::board::{Board, COMMAND_LINE_MAX, HARTS_MAX};
use crate::command_line::{Options, Test as Failure};
use crate::elf::{HEADER_SIZE, Header, PROGRAM_HEADER_SIZE, Segment};

/// Returns a program with two segments.
fn program() -> Vec<u8> {
    let mut file = vec![0; HEADER_SIZE + 2 * PROGRAM_HEADER_SIZE];
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    // Type, machine, version; program headers: where, their size, how many.
    for (place, value) in [(16, 2), (18, 243), (20, 1), (32, 64), (54, 56), (56, 2)] {
        file[place] = value;
    }
    for (index, header) in file[HEADER_SIZE..]
        .chunks_exact_mut(PROGRAM_HEADER_SIZE)
        .enumerate()
    {
        let fields = [
            0x5_0000_0001,
            0x1000,
            0x1000 * index as u64,
            0,
            0x800,
            0x900,
            0x1000,
        ];
        for (place, field) in header.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
    }
    file
}

/// Reads the file as `exec` does. Returns how many segments it found before something was wrong.
fn read_program(file: &[u8], limit: u64) -> usize {
    let Some((header, _)) = file.split_first_chunk::<HEADER_SIZE>() else {
        return 0;
    };
    let Ok(header) = Header::parse(header, 243) else {
        return 0;
    };
    let mut found = 0;
    for index in 0..header.segments {
        let bytes = header
            .segment_offset(index)
            .ok()
            .and_then(|offset| file.get(usize::try_from(offset).ok()?..))
            .and_then(<[u8]>::first_chunk::<PROGRAM_HEADER_SIZE>);
        let Some(Ok(segment)) = bytes.map(|bytes| Segment::parse(bytes, limit)) else {
            break;
        };
        let Some(Segment { memory, file, .. }) = segment else {
            continue;
        };
        assert!(memory.start < memory.end && memory.end <= limit);
        assert!(memory.start.is_multiple_of(PAGE_SIZE as u64));
        assert!(file.start <= file.end && file.end - file.start <= memory.end - memory.start);
        found += 1;
    }
    found
}

#[test]
fn fuzz_programs() {
    let good = program();
    assert_eq!(read_program(&good, USER_TOP), 2);
    let all = 0..good.len();
    check!()
        .with_type::<(Vec<Patch>, u64)>()
        .for_each(|(patches, limit)| {
            let mut file = good.clone();
            for patch in patches {
                patch.apply(&mut file, std::slice::from_ref(&all));
            }
            read_program(&file, limit % (2 * USER_TOP));
        });
}

/// Reads a device tree as the boot does. Returns whether it describes a board.
fn read_tree(blob: &[u8], boot_hart: u64) -> bool {
    let Ok(board) = Fdt::new(blob).map(|tree| Board::read(tree, boot_hart)) else {
        return false;
    };
    let Ok(board) = board else { return false };
    assert!((1..=HARTS_MAX).contains(&board.harts.len()));
    assert_eq!(board.harts.iter().next(), Some(boot_hart));
    assert_ne!(board.timebase, 0);
    assert!(board.command_line.text().len() <= COMMAND_LINE_MAX);
    true
}

#[test]
fn fuzz_device_trees() {
    let good = include_bytes!("board/virt.dtb");
    assert!(read_tree(good, 0));
    // The header by itself, for it is small, and everything.
    let regions = [0..40, 0..good.len()];
    check!()
        .with_type::<(Vec<Patch>, Option<u16>, u8)>()
        .for_each(|(patches, cut, boot_hart)| {
            let mut blob = good.to_vec();
            patches
                .iter()
                .for_each(|patch| patch.apply(&mut blob, &regions));
            if let Some(length) = cut {
                blob.truncate(usize::from(*length));
            }
            read_tree(&blob, u64::from(boot_hart % 5));
        });
}

#[test]
fn fuzz_command_lines() {
    let words: [&[u8]; 12] = [
        b" ",
        b" -- ",
        b"--",
        b"-",
        b"fork=",
        b"fork=cow",
        b"fork=eager",
        b"fork=shared",
        b"test=panic",
        b"test=overrun",
        b"\xc3\xa4",
        b"\xe2\x80\x83",
    ];
    check!().for_each(|input: &[u8]| {
        let text = text(input, &words);
        let text = String::from_utf8_lossy(&text);
        let mut unknown = Vec::new();
        let options = Options::parse(&text, |word| unknown.push(word));
        // The same, said in another way.
        let mut rest = text.split_ascii_whitespace();
        let own: Vec<_> = rest.by_ref().take_while(|word| *word != "--").collect();
        let known = |word: &&str| {
            matches!(
                *word,
                "fork=cow" | "fork=eager" | "fork=shared" | "test=panic" | "test=overrun"
            )
        };
        let (known, other): (Vec<_>, Vec<_>) = own.into_iter().partition(known);
        assert_eq!(unknown, other);
        let last = |option| known.iter().rfind(|word| word.starts_with(option));
        let mode = match last("fork=") {
            Some(&"fork=eager") => ForkMode::Eager,
            Some(&"fork=shared") => ForkMode::SharedTables,
            _ => ForkMode::CopyOnWrite,
        };
        assert_eq!(options.fork, mode);
        let failure = last("test=").map(|&word| match word {
            "test=panic" => Failure::Panic,
            _ => Failure::Overrun,
        });
        assert_eq!(options.test, failure);
        let line = options.line.unwrap_or("");
        assert!(line.split_ascii_whitespace().eq(rest));
    });
}
