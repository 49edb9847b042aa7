//! Images that lie. Whatever their bytes say, mounting, using and checking them ends without a
//! panic, and every error is a single line.

use std::collections::BTreeSet;

use abi::FileKind;
use fs::layout::Geometry;
use fs::{BlockDevice, DeviceError, FileSystem, FsError, MemoryDisk, fsck};
use proptest::prelude::*;

use crate::model::{Call, Subject};
use crate::support::{Numbers, ROOT, disk, entries, lines, snapshot};

/// A disk that answers a limited number of requests. Code that exceeds the limit would never stop.
struct Patient {
    disk: MemoryDisk,
    left: u32,
}

impl Patient {
    fn new(image: Vec<u8>) -> Self {
        Self {
            disk: MemoryDisk::from_bytes(image),
            left: 200_000,
        }
    }

    fn answer(&mut self) -> &mut MemoryDisk {
        self.left = self.left.checked_sub(1).expect("requests come to an end");
        &mut self.disk
    }
}

impl BlockDevice for Patient {
    fn blocks(&self) -> u32 {
        self.disk.blocks()
    }

    fn read(&mut self, first: u32, buffer: &mut [u8]) -> Result<(), DeviceError> {
        self.answer().read(first, buffer)
    }

    fn write(&mut self, first: u32, buffer: &[u8]) -> Result<(), DeviceError> {
        self.answer().write(first, buffer)
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        self.answer().flush()
    }
}

/// Returns an image with every kind of inode.
pub fn image() -> Vec<u8> {
    let mut subject = Subject::new(FileSystem::mount(disk(150, 40), 8).unwrap());
    for call in calls() {
        subject.apply(&call).unwrap();
    }
    subject.files.unmount().unwrap().into_bytes()
}

fn calls() -> Vec<Call> {
    let path = |name: &str| name.as_bytes().to_vec();
    let write = |name: &str, length| Call::Write {
        path: path(name),
        offset: 0,
        length,
        seed: 1,
    };
    vec![
        Call::Mkdir(path("/a")),
        Call::Mkdir(path("/a/b")),
        write("/f", 20_000),
        Call::Link(path("/f"), path("/a/f")),
        Call::Mknod(path("/c"), 1, 1),
        write("/a/b/g", 3000),
        Call::Mkdir(path("/a/b/d")),
        Call::Create(path("/h")),
        Call::Open(path("/h")),
        Call::Unlink(path("/h")),
    ]
}

/// The checker's verdict on an image before it was used.
struct Verdict {
    sound: bool,
}

impl Verdict {
    /// Takes the result of an operation. On a sound image it must not be corruption, and on any
    /// image the operation must fit into the log. Other results are all allowed.
    fn hear<T>(&self, answer: Result<T, FsError>) -> Option<T> {
        answer
            .inspect_err(|error| {
                let corrupt = matches!(error, FsError::Corrupt { .. });
                assert!(!(self.sound && corrupt), "sound, but {error}");
                assert_ne!(*error, FsError::TransactionTooLarge);
            })
            .ok()
    }

    /// Looks at everything that can be reached by a path, at each directory once.
    fn walk(&self, files: &mut FileSystem<Patient>) {
        let mut seen = BTreeSet::new();
        let mut unread = vec![Vec::new()];
        let mut bytes = vec![0; 300_000];
        while let Some(directory) = unread.pop() {
            let names = self.hear(entries(files, &[&directory[..], b"/"].concat()));
            // Many names lead to the same few inodes.
            for (name, number) in names.into_iter().flatten().take(50) {
                let path = [&directory[..], b"/", &name].concat();
                let Some(inode) = self.hear(files.lookup(ROOT, &path)) else {
                    continue;
                };
                self.hear(files.stat(inode));
                self.hear(files.device_numbers(inode));
                self.hear(files.read_at(inode, 0, &mut bytes));
                let kind = self.hear(files.kind(inode));
                self.hear(files.release(inode));
                if kind == Some(FileKind::Directory) && seen.insert(number) {
                    unread.push(path);
                }
            }
        }
    }

    /// Makes calls of every kind at the paths that the image had before it was damaged.
    fn call(&self, subject: &mut Subject<Patient>) {
        for name in ["a", "f", "c", "a/b", "a/f", "a/b/g", "a/b/d", "a/b/../f"] {
            let path = name.as_bytes().to_vec();
            let inside = [&path[..], b"/x"].concat();
            let write = |offset, length| Call::Write {
                path: path.clone(),
                offset,
                length,
                seed: 2,
            };
            for call in [
                Call::Open(path.clone()),
                Call::Mkdir(inside.clone()),
                Call::Link(b"/f".to_vec(), inside.clone()),
                Call::Unlink(inside),
                write(0, 15_000),
                write(100, 10),
                Call::Truncate(path.clone()),
                Call::Unlink(path.clone()),
                Call::Close,
            ] {
                self.hear(subject.apply(&call));
            }
        }
    }
}

/// Uses the image in every way. Its answers matter only if the checker found nothing wrong. In that
/// case nothing may be wrong, and the checker must find nothing afterwards.
pub fn use_image(image: Vec<u8>) {
    let mut disk = Patient::new(image);
    let findings = fsck::check(&mut disk);
    assert!(
        findings
            .iter()
            .all(|finding| !finding.to_string().contains('\n'))
    );
    let verdict = Verdict {
        sound: fsck::is_sound(&findings),
    };
    let files = match FileSystem::mount(disk, 8) {
        Ok(files) => files,
        Err(error) => {
            assert!(!error.to_string().contains('\n'));
            assert!(!verdict.sound, "not mounted: {error}");
            return;
        }
    };
    let mut subject = Subject::new(files);
    verdict.walk(&mut subject.files);
    verdict.call(&mut subject);
    verdict.walk(&mut subject.files);
    verdict.hear(subject.files.free_blocks());
    verdict.hear(subject.files.free_inodes());
    if let Some(mut disk) = verdict.hear(subject.files.unmount()) {
        let findings = fsck::check(&mut disk);
        let sound = fsck::is_sound(&findings);
        assert!(sound || !verdict.sound, "used: {}", lines(&findings));
    }
}

fn metadata(image: &[u8]) -> usize {
    let block = image[1024..2048].try_into().unwrap();
    let geometry = Geometry::check(block, (image.len() / 1024) as u32).unwrap();
    geometry.data_start as usize * 1024
}

/// Writes a significant number somewhere: a small or a large one, or that of an existing block or
/// inode.
fn spoil(image: &mut [u8], range: std::ops::Range<usize>, numbers: &mut Numbers) {
    let at = range.start + numbers.below(range.len()) / 2 * 2;
    let value = match numbers.below(5) {
        0 => 0,
        1 => numbers.below(8) as u32,
        2 => numbers.below(200) as u32,
        3 => u32::MAX - numbers.below(3) as u32,
        _ => numbers.next() as u32,
    };
    let bytes = value.to_le_bytes();
    let length = [1, 2, 4][numbers.below(3)].min(range.end - at);
    image[at..at + length].copy_from_slice(&bytes[..length]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn spoiled_metadata(seed: u64, count in 1usize..12) {
        let mut image = image();
        let mut numbers = Numbers::new(seed);
        let metadata = metadata(&image);
        let inodes = 33 * 1024..34 * 1024;
        for _ in 0..count {
            let range = match numbers.below(8) {
                0 => 1024..1056,
                1 => 2048..2080,
                2..=5 => inodes.clone(),
                6 => metadata - 1024..metadata,
                _ => metadata..metadata + 40 * 1024,
            };
            spoil(&mut image, range, &mut numbers);
        }
        use_image(image);
    }

    #[test]
    fn noise_behind_a_good_superblock(seed: u64) {
        let mut image = image();
        let mut numbers = Numbers::new(seed);
        let from = if numbers.below(2) == 0 { 2048 } else { 33 * 1024 };
        for byte in &mut image[from..] {
            *byte = numbers.next() as u8;
        }
        // The image has a root directory, so that it can be mounted.
        image[33 * 1024 + 64..][..2].copy_from_slice(&[1, 0]);
        use_image(image);
    }

    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
        use_image(bytes);
    }
}

#[test]
fn a_sound_image_with_the_same_treatment_is_used() {
    let image = image();
    let mut disk = MemoryDisk::from_bytes(image.clone());
    let findings = fsck::check(&mut disk);
    assert!(fsck::is_sound(&findings), "{}", lines(&findings));
    let mut files = FileSystem::mount(disk, 8).unwrap();
    assert_eq!(snapshot(&mut files).unwrap().len(), 7);
    use_image(image);
}
