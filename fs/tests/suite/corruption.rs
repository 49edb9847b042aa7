//! The errors of operations that meet damage. The operations leave the damage as it is.

use fs::layout::DIRECT;
use fs::{FileSystem, FsError, MemoryDisk, NewNode, Place};

use crate::support::{ROOT, read_file};
use crate::victim::Victim;

type Files = FileSystem<MemoryDisk>;

fn mounted(victim: Victim) -> Files {
    FileSystem::mount(victim.disk, 8).unwrap()
}

/// Asserts that the operation fails because of this place and has written nothing.
#[track_caller]
fn assert_corrupt<T: std::fmt::Debug>(
    victim: Victim,
    place: Place,
    operation: impl FnOnce(&mut Files) -> Result<T, FsError>,
) {
    let before = victim.disk.clone().into_bytes();
    let mut files = mounted(victim);
    match operation(&mut files) {
        Err(error @ FsError::Corrupt { place: found, .. }) => {
            assert_eq!(found, place, "{error}");
            assert!(error.to_string().starts_with("corrupt file system: "));
        }
        other => panic!("{other:?}"),
    }
    assert!(
        files.unmount().unwrap().into_bytes() == before,
        "something was written"
    );
}

#[test]
fn block_numbers_outside_the_data_region() {
    let new = Victim::new;
    for address in [2, 36, 300, u32::MAX] {
        let place = Place::Inode(new().file);
        let direct = || {
            let mut victim = new();
            let file = victim.file;
            victim.edit_inode(file, |inode| inode.addresses[2].set(address));
            victim
        };
        assert_corrupt(direct(), place, |files| read_file(files, b"/file"));
        assert_corrupt(direct(), place, |files| files.unlink(ROOT, b"/file"));
        let indirect = || {
            let mut victim = new();
            let file = victim.file;
            victim.edit_inode(file, |inode| inode.addresses[DIRECT].set(address));
            victim
        };
        assert_corrupt(indirect(), place, |files| read_file(files, b"/file"));
        assert_corrupt(indirect(), place, |files| files.unlink(ROOT, b"/file"));
        let named = || {
            let mut victim = new();
            let file = victim.file;
            victim.edit_indirect(file, |addresses| addresses[3].set(address));
            victim
        };
        assert_corrupt(named(), place, |files| read_file(files, b"/file"));
        assert_corrupt(named(), place, |files| files.unlink(ROOT, b"/file"));
    }
}

#[test]
fn blocks_that_are_free_already() {
    let mut victim = Victim::new();
    let block = victim.inode(victim.file).addresses[7].get();
    victim.flip_bit(block);
    assert_corrupt(victim, Place::Block(block), |files| {
        files.unlink(ROOT, b"/file")
    });
}

#[test]
fn missing_blocks() {
    let mut victim = Victim::new();
    let (file, dir) = (victim.file, victim.dir);
    victim.edit_inode(file, |inode| inode.addresses[0].set(0));
    victim.edit_inode(dir, |inode| inode.addresses[0].set(0));
    let mut files = mounted(victim);
    for (path, inode) in [(b"/file".as_slice(), file), (b"/dir/inner", dir)] {
        let place = Place::Inode(inode);
        let outcome = read_file(&mut files, path);
        assert!(matches!(outcome, Err(FsError::Corrupt { place: found, .. }) if found == place));
    }
}

#[test]
fn entries_for_inodes_that_are_free_or_do_not_exist() {
    let mut victim = Victim::new();
    let dir = victim.dir;
    victim.add_entry(dir, b"ghost", 40);
    assert_corrupt(victim, Place::Inode(dir), |files| {
        files.lookup(ROOT, b"/dir/ghost")
    });
    let mut victim = Victim::new();
    victim.add_entry(dir, b"ghost", 30);
    assert_corrupt(victim, Place::Inode(30), |files| {
        files.unlink(ROOT, b"/dir/ghost")
    });
}

#[test]
fn inodes_that_cannot_be() {
    let spoil: [fn(&mut fs::layout::DiskInode); 3] = [
        |inode| inode.kind.set(4),
        |inode| inode.size.set(u32::MAX),
        |inode| inode.size.set(17),
    ];
    for spoil in spoil {
        let mut victim = Victim::new();
        let dir = victim.dir;
        victim.edit_inode(dir, spoil);
        assert_corrupt(victim, Place::Inode(dir), |files| {
            files.create(ROOT, b"/dir/new", NewNode::File)
        });
    }
}

#[test]
fn link_counts_that_are_too_small() {
    let mut victim = Victim::new();
    let dir = victim.dir;
    victim.edit_inode(dir, |inode| inode.nlink.set(1));
    let mut files = mounted(victim);
    files.unlink(ROOT, b"/dir/sub").unwrap();
    // The directory has lost its last link, though not its name.
    assert_eq!(files.unlink(ROOT, b"/dir/inner"), Err(FsError::NotFound));
    let outcome = files.unlink(ROOT, b"/dir");
    assert!(
        matches!(outcome, Err(FsError::Corrupt { .. })),
        "{outcome:?}"
    );
}

#[test]
fn damage_in_an_unlinked_inode_is_met_by_mounting() {
    let mut victim = Victim::new();
    let file = victim.file;
    victim.edit_inode(file, |inode| {
        inode.nlink.set(0);
        inode.addresses[0].set(1);
    });
    let error = FileSystem::mount(&mut victim.disk, 8).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "corrupt file system: a block number lies outside the data region (inode {file}); \
             check it with fsck"
        )
    );
}
