//! Bad input. Each case must print one clear line and lose nothing. Only the two panics that are
//! asked for may happen.

use ::fs::mkfs::ImageBuilder;

use super::super::case::{Case, DiskContents, End};
use super::super::course::mkfs::{self, Shape};
use super::super::lies;

/// The exit status that stands for the status of a killed program, -1.
const KILLED: u8 = abi::EXIT_STATUS_MAX;

/// Returns the tests of bad input.
pub fn cases() -> Vec<Case> {
    let mut cases = refusals();
    cases.extend([
        Case::line("a kernel stack overrun is named", "echo not reached")
            .option("test=overrun")
            .ends(End::Panic)
            .shows("kernel stack overflow")
            .hides("^not reached$"),
        Case::line("a panic names functions and lines", "echo not reached")
            .option("test=panic")
            .ends(End::Panic)
            .shows(r"PANIC: .*kernel/src/\S+\.rs:[0-9]+")
            .shows(r"^ *0: \S+.* at kernel/src/\S+\.rs:[0-9]+$")
            .shows(r"^ *1: \S+.* at "),
        Case::line("an unknown kernel option is named", "echo hello")
            .option("colour=blue")
            .shows("colour=blue"),
        Case::line("a program that begins outside itself", lies::OUTSIDE_ENTRY)
            .ends(End::Status(KILLED))
            .shows(r"^pid [0-9]+ \(lie-entry\): killed: .*0x3f00000000"),
    ]);

    let line: Vec<_> = lies::refused()
        .map(|(name, _)| name)
        .chain([lies::HONEST, "memstat"])
        .collect();
    let mut lying = Case::line("programs that lie are refused", line.join("; "));
    for (name, why) in lies::refused() {
        lying = lying.shows(&format!("^sh: {name}: cannot execute: .*{why}"));
    }
    cases.push(lying.hides(&format!("^sh: {}", lies::HONEST)));
    cases
}

/// Returns the tests of what the kernel refuses to start with.
fn refusals() -> Vec<Case> {
    let refused = |name: &str, reason: &str| {
        Case::line(name, "echo not reached")
            .ends(End::Refusal)
            .shows(&format!("^cannot start: .*{reason}"))
            .hides("not reached")
            .within(30)
    };
    vec![
        refused("no disk", "disk").disk(DiskContents::NoDisk),
        refused("too little memory", "memory").mebibytes(8),
        refused("an image of noise", "xv6").disk(DiskContents::Bytes(|| vec![0xa5; 1 << 20])),
        refused("an image of zeros", "xv6").disk(DiskContents::Bytes(|| vec![0; 1 << 20])),
        refused("an image of one block", "").disk(DiskContents::Bytes(|| vec![0; 1024])),
        refused("an image that was cut off", "").disk(DiskContents::Bytes(|| {
            let mut image = empty_image();
            image.truncate(image.len() / 2);
            image
        })),
        refused(
            "an image of the file-system lab",
            "double-indirect block, as in the file-system lab",
        )
        .disk(DiskContents::Bytes(lab_image)),
        refused("an image without init", "init").disk(DiskContents::Bytes(empty_image)),
    ]
}

/// Returns an image as a course's `mkfs` makes it when `fs.h` has been changed for a lab.
fn lab_image() -> Vec<u8> {
    static PROGRAM: [u8; 20 << 10] = [0x13; 20 << 10];
    mkfs::image(31, Shape::FileSystemLab, [("init", PROGRAM.as_slice())])
        .expect("an image has room for one file")
}

fn empty_image() -> Vec<u8> {
    ImageBuilder::new(2000, 50)
        .and_then(ImageBuilder::finish)
        .expect("an empty image of 2,000 blocks has room for itself")
}
