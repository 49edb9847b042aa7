//! Every allocation of every operation fails once ("fail-nth"). After the failure the disk is
//! unchanged, the checker finds nothing, and the operation succeeds when it is tried again.
//!
//! The numbers are what the crate promises: mounting takes the memory, and afterwards only the
//! first reference among 1024 inodes does.

use std::cell::RefCell;
use std::rc::Rc;

use abi::OpenFlags;
use fs::mkfs::format;
use fs::{BlockDevice, DeviceError, FileSystem, FsError, InodeNo, MemoryDisk, MountError, fsck};

use crate::ROOT;
use crate::watched::without_nth;

const CREATE_WRITE: OpenFlags = OpenFlags::CREATE.with(OpenFlags::READ_WRITE);

/// A disk that can be looked at while it is mounted.
#[derive(Clone)]
struct Shared(Rc<RefCell<MemoryDisk>>);

impl Shared {
    /// Returns a copy of the disk, as a mount would find it now.
    fn copy(&self) -> MemoryDisk {
        self.0.borrow().clone()
    }
}

impl BlockDevice for Shared {
    fn blocks(&self) -> u32 {
        self.0.borrow().blocks()
    }

    fn read(&mut self, first: u32, buffer: &mut [u8]) -> Result<(), DeviceError> {
        self.0.borrow_mut().read(first, buffer)
    }

    fn write(&mut self, first: u32, buffer: &[u8]) -> Result<(), DeviceError> {
        self.0.borrow_mut().write(first, buffer)
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        self.0.borrow_mut().flush()
    }
}

type Files = FileSystem<Shared>;

/// Returns a disk with a directory, a file with two names and bytes behind its indirect block, and
/// more inodes than are counted in one piece.
fn disk() -> Shared {
    let mut disk = MemoryDisk::new(3000);
    format(&mut disk, 3000, 3000).unwrap();
    let mut files = FileSystem::mount(disk, 8).unwrap();
    files.mkdir(ROOT, b"/d").unwrap();
    let inode = files.open(ROOT, b"/d/file", CREATE_WRITE).unwrap();
    files.write_at(inode, 0, &[7; 20_000]).unwrap();
    files.release(inode).unwrap();
    files.link(ROOT, b"/d/file", b"/again").unwrap();
    Shared(Rc::new(RefCell::new(files.unmount().unwrap())))
}

/// Fails if the checker finds more than notes.
fn assert_sound(disk: &Shared) {
    let findings = fsck::check(&mut disk.copy());
    assert!(fsck::is_sound(&findings), "{findings:?}");
}

/// Refuses each allocation of `operation` in turn. Each time `prepare` has set up a fresh mount.
/// Returns how many allocations there are.
fn sweep<P, T>(
    prepare: impl Fn(&mut Files) -> P,
    operation: impl Fn(&mut Files, &P) -> Result<T, FsError>,
) -> u64 {
    for nth in 1.. {
        let disk = disk();
        let mut files = FileSystem::mount(disk.clone(), 8).unwrap();
        let prepared = prepare(&mut files);
        let before = disk.copy();
        let free = (files.free_blocks(), files.free_inodes());
        let (outcome, refused) = without_nth(nth, || operation(&mut files, &prepared));
        assert_sound(&disk);
        if !refused {
            assert_eq!(outcome.err(), None);
            return nth - 1;
        }
        assert_eq!(outcome.err(), Some(FsError::NoMemory), "allocation {nth}");
        assert!(disk.copy() == before, "allocation {nth}: the disk changed");
        assert_eq!((files.free_blocks(), files.free_inodes()), free);
        let again = operation(&mut files, &prepared);
        assert_eq!(again.err(), None, "allocation {nth}");
        assert_sound(&disk);
    }
    unreachable!("some operation has no end")
}

/// Takes no reference.
fn no_reference(_: &mut Files) {}

/// Holds a reference to the root, so that references to the first 1024 inodes can be counted.
fn root_held(files: &mut Files) {
    files.lookup(ROOT, b"/").unwrap();
}

fn opened(files: &mut Files) -> InodeNo {
    files.lookup(ROOT, b"/d/file").unwrap()
}

#[test]
fn mounting() {
    for nth in 1.. {
        let disk = disk();
        // An inode without a name, which the mount frees.
        let mut files = FileSystem::mount(disk.clone(), 8).unwrap();
        let whole = files.free_inodes().unwrap();
        files.create(ROOT, b"/gone", fs::NewNode::File).unwrap();
        files.unlink(ROOT, b"/gone").unwrap();
        drop(files);
        let (outcome, refused) = without_nth(nth, || FileSystem::mount(disk.clone(), 8));
        assert_sound(&disk);
        if !refused {
            assert!(outcome.is_ok());
            // A block, the log's blocks and their list, the cache, and the list of counts.
            assert_eq!(nth - 1, 5);
            return;
        }
        assert_eq!(outcome.err(), Some(MountError::Failed(FsError::NoMemory)));
        let mut files = FileSystem::mount(disk.clone(), 8).unwrap();
        assert_eq!(files.free_inodes(), Ok(whole));
        files.sync().unwrap();
        assert_eq!(fsck::check(&mut disk.copy()), []);
    }
}

#[test]
fn what_takes_the_first_reference() {
    let lookup = |files: &mut Files, _: &()| files.lookup(ROOT, b"/again");
    assert_eq!(
        (sweep(no_reference, lookup), sweep(root_held, lookup)),
        (1, 0)
    );
    for path in [b"/d/new".as_slice(), b"/d/file"] {
        for flags in [CREATE_WRITE, CREATE_WRITE.with(OpenFlags::TRUNCATE)] {
            let open = |files: &mut Files, _: &()| files.open(ROOT, path, flags);
            assert_eq!((sweep(no_reference, open), sweep(root_held, open)), (1, 0));
        }
    }
    let mkdir = |files: &mut Files, _: &()| files.mkdir(ROOT, b"/d/e");
    assert_eq!(
        (sweep(no_reference, mkdir), sweep(root_held, mkdir)),
        (1, 0)
    );
    let mknod = |files: &mut Files, _: &()| files.mknod(ROOT, b"/tape", 1, 2);
    assert_eq!(
        (sweep(no_reference, mknod), sweep(root_held, mknod)),
        (1, 0)
    );
}

#[test]
fn an_inode_counted_in_another_piece() {
    // All inodes below 1024 are in use, so the next one is above.
    let fill = |files: &mut Files| {
        root_held(files);
        loop {
            let name = format!("/d/{}", files.free_inodes().unwrap());
            let inode = files
                .create(ROOT, name.as_bytes(), fs::NewNode::File)
                .unwrap();
            files.release(inode).unwrap();
            if inode.number() == 1023 {
                return;
            }
        }
    };
    let create = |files: &mut Files, _: &()| files.create(ROOT, b"/new", fs::NewNode::File);
    assert_eq!(sweep(fill, create), 1);
}

#[test]
fn the_rest_needs_no_memory() {
    let write = |files: &mut Files, inode: &InodeNo| files.write_at(*inode, 12_000, &[8; 30_000]);
    assert_eq!(sweep(opened, write), 0);
    let read = |files: &mut Files, inode: &InodeNo| files.read_at(*inode, 1, &mut [0; 15_000]);
    assert_eq!(sweep(opened, read), 0);
    let truncate = |files: &mut Files, inode: &InodeNo| files.truncate(*inode);
    assert_eq!(sweep(opened, truncate), 0);
    let link = |files: &mut Files, _: &()| files.link(ROOT, b"/again", b"/d/third");
    assert_eq!(sweep(no_reference, link), 0);
    let unlink = |files: &mut Files, _: &()| files.unlink(ROOT, b"/again");
    assert_eq!(sweep(no_reference, unlink), 0);
    let last = |files: &mut Files, inode: &InodeNo| {
        files.unlink(ROOT, b"/again")?;
        files.unlink(ROOT, b"/d/file")?;
        files.release(*inode)
    };
    assert_eq!(sweep(opened, last), 0);
}
