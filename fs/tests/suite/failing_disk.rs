//! A disk that fails one request. The call in progress returns the error, and the disk is as if the
//! call had happened or had not.

use std::cell::Cell;
use std::rc::Rc;

use fs::{BlockDevice, DeviceError, FileSystem, FsError, MemoryDisk, fsck};

use crate::model::{Call, Model, Subject};
use crate::support::{ROOT, disk, lines, snapshot};

/// Fails one request and serves the others.
struct FailingDisk<'a> {
    disk: &'a mut MemoryDisk,
    /// The number of requests that are served before the one that fails.
    left: Rc<Cell<u32>>,
}

impl FailingDisk<'_> {
    fn count(&mut self) -> Result<(), DeviceError> {
        let left = self.left.get();
        self.left.set(left.wrapping_sub(1));
        if left == 0 { Err(DeviceError) } else { Ok(()) }
    }
}

impl BlockDevice for FailingDisk<'_> {
    fn blocks(&self) -> u32 {
        self.disk.blocks()
    }

    fn read(&mut self, first: u32, buffer: &mut [u8]) -> Result<(), DeviceError> {
        self.count()?;
        self.disk.read(first, buffer)
    }

    fn write(&mut self, first: u32, buffer: &[u8]) -> Result<(), DeviceError> {
        self.count()?;
        self.disk.write(first, buffer)
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        self.count()?;
        self.disk.flush()
    }
}

fn calls() -> Vec<Call> {
    let path = |name: &str| name.as_bytes().to_vec();
    let write = |name: &str, offset, length| Call::Write {
        path: path(name),
        offset,
        length,
        seed: 1,
    };
    vec![
        Call::Mkdir(path("/d")),
        Call::Create(path("/d/f")),
        write("/d/f", 0, 15_000),
        Call::Link(path("/d/f"), path("/g")),
        write("/g", 14_000, 3000),
        Call::Unlink(path("/d/f")),
        Call::Truncate(path("/g")),
        Call::Unlink(path("/g")),
        Call::Unlink(path("/d")),
    ]
}

/// Makes the calls until one fails. Returns whether one failed.
fn run(fail_after: u32) -> bool {
    let mut disk = disk(200, 20);
    let device = FailingDisk {
        disk: &mut disk,
        left: Rc::new(Cell::new(fail_after)),
    };
    let mut before = Model::new();
    let mut after = before.clone();
    let mut failed = false;
    let Ok(files) = FileSystem::mount(device, 8) else {
        return true;
    };
    let mut subject = Subject::new(files);
    for call in calls() {
        after.apply(&call).unwrap();
        match subject.apply(&call) {
            Ok(_) => before = after.clone(),
            Err(FsError::Device(_) | FsError::Stopped) => {
                failed = true;
                // Either the call has not happened and later calls work, or all later calls are
                // refused.
                match snapshot(&mut subject.files) {
                    Ok(seen) => assert_eq!(seen, before.snapshot(), "{call:?}"),
                    Err(error) => assert_eq!(error, FsError::Stopped, "{call:?}"),
                }
                break;
            }
            Err(error) => panic!("{call:?}: {error}"),
        }
    }
    drop(subject);
    let mut files = FileSystem::mount(&mut disk, 8).unwrap();
    let seen = snapshot(&mut files).unwrap();
    let allowed = [before.snapshot(), after.snapshot()];
    assert!(allowed.contains(&seen), "request {fail_after} failed");
    files.unmount().unwrap();
    let findings = fsck::check(&mut disk);
    assert!(findings.is_empty(), "{}", lines(&findings));
    failed
}

#[test]
fn any_request_may_fail() {
    let requests = (0..)
        .find(|request| !run(*request))
        .expect("some number of requests is enough");
    // Each call is a commit of at least eight requests.
    assert!(requests > 8 * calls().len() as u32, "{requests}");
}

#[test]
fn a_failure_before_the_commit_leaves_a_working_file_system() {
    let left = Rc::new(Cell::new(u32::MAX));
    let device = FailingDisk {
        disk: &mut disk(200, 20),
        left: Rc::clone(&left),
    };
    let mut files = FileSystem::mount(device, 64).unwrap();
    files.mkdir(ROOT, b"/d").unwrap();
    // With all blocks cached, the next requests are: flushing the emptied log, writing the copies,
    // flushing them.
    for served in 0..3 {
        left.set(served);
        let failed = files.mkdir(ROOT, b"/e");
        assert!(matches!(failed, Err(FsError::Device(_))), "{failed:?}");
        files.mkdir(ROOT, b"/e").unwrap();
        files.unlink(ROOT, b"/e").unwrap();
    }
    left.set(3);
    assert!(files.mkdir(ROOT, b"/e").is_err(), "the header");
    assert_eq!(files.mkdir(ROOT, b"/e"), Err(FsError::Stopped));
    assert_eq!(files.stat(ROOT), Err(FsError::Stopped));
    assert_eq!(files.sync(), Err(FsError::Stopped));
}
