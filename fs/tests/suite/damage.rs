//! The checker finds every kind of damage. Each test damages an image in one way and names the
//! expected finding.

use abi::BLOCK_SIZE;
use fs::fsck::{self, Finding, User};
use fs::layout::{DIRECT, DirEntry, MAX_FILE_SIZE};
use fs::{FileSystem, MemoryDisk, MountError};

use crate::support::lines;
use crate::victim::{Scratched, Victim};

#[test]
fn bad_superblock() {
    let mut victim = Victim::new();
    victim.edit(1, |block| block[0] ^= 1);
    let error = MountError::NotXv6 { magic: 0x1020_3041 };
    victim.assert_finds_only(Finding::BadSuperblock(error));
    let findings = fsck::check(&mut MemoryDisk::new(1));
    assert!(!fsck::is_sound(&findings), "{}", lines(&findings));
}

#[test]
fn block_used_twice_by_two_files() {
    let mut victim = Victim::new();
    let (file, inner) = (victim.file, victim.inner);
    let block = victim.inode(file).addresses[3].get();
    victim.edit_inode(inner, |inode| inode.addresses[1].set(block));
    victim.assert_finds_only(Finding::BlockUsedTwice {
        block,
        first: file,
        second: inner,
    });
}

#[test]
fn block_used_twice_by_one_indirect_block() {
    let mut victim = Victim::new();
    let file = victim.file;
    let block = victim.inode(file).addresses[3].get();
    victim.edit_indirect(file, |addresses| addresses[100].set(block));
    victim.assert_finds_only(Finding::BlockUsedTwice {
        block,
        first: file,
        second: file,
    });
}

#[test]
fn used_block_that_the_bitmap_says_is_free() {
    let mut victim = Victim::new();
    let file = victim.file;
    let block = victim.inode(file).addresses[DIRECT].get();
    victim.flip_bit(block);
    let user = User::Inode(file);
    victim.assert_finds_only(Finding::UsedButFree { block, user });

    let mut victim = Victim::new();
    victim.flip_bit(5);
    let user = User::Metadata;
    victim.assert_finds_only(Finding::UsedButFree { block: 5, user });
}

#[test]
fn leaked_blocks() {
    let mut victim = Victim::new();
    for block in [290, 291, 293] {
        victim.flip_bit(block);
    }
    let findings = fsck::check(&mut victim.disk);
    let runs = [(290, 2), (293, 1)].map(|(first, count)| Finding::Leaked { first, count });
    assert_eq!(findings, runs);
    victim.flip_bit(299);
    victim.assert_finds(Finding::Leaked {
        first: 299,
        count: 1,
    });
}

#[test]
fn address_out_of_range() {
    for address in [1, 36, 300, u32::MAX] {
        let mut victim = Victim::new();
        let inode = victim.inner;
        victim.edit_inode(inode, |inode| inode.addresses[5].set(address));
        victim.assert_finds_only(Finding::AddressOutOfRange { inode, address });

        let mut victim = Victim::new();
        let inode = victim.file;
        victim.edit_indirect(inode, |addresses| addresses[255].set(address));
        victim.assert_finds_only(Finding::AddressOutOfRange { inode, address });

        let mut victim = Victim::new();
        victim.edit_inode(inode, |inode| inode.addresses[DIRECT].set(address));
        victim.assert_finds(Finding::AddressOutOfRange { inode, address });
    }
}

#[test]
fn wrong_link_counts() {
    for (found, expected) in [(2, 1), (7, 1)] {
        let mut victim = Victim::new();
        let inode = victim.inner;
        victim.edit_inode(inode, |inode| inode.nlink.set(found as u16));
        victim.assert_finds_only(Finding::WrongLinkCount {
            inode,
            found,
            expected,
        });
    }
    // A directory has one link for itself and one for each directory in it.
    let mut victim = Victim::new();
    let inode = victim.dir;
    victim.edit_inode(inode, |inode| inode.nlink.set(1));
    victim.assert_finds_only(Finding::WrongLinkCount {
        inode,
        found: 1,
        expected: 2,
    });
    // It has no link, but a name.
    let mut victim = Victim::new();
    let inode = victim.file;
    victim.edit_inode(inode, |inode| inode.nlink.set(0));
    victim.assert_finds_only(Finding::WrongLinkCount {
        inode,
        found: 0,
        expected: 1,
    });
}

#[test]
fn missing_and_wrong_dots() {
    for (name, index) in [(".", 0), ("..", 1)] {
        let mut victim = Victim::new();
        let (dir, sub) = (victim.dir, victim.sub);
        let expected = Some([sub, dir][index]);
        victim.edit_entry(sub, name.as_bytes(), |entry| *entry = DirEntry::UNUSED);
        victim.assert_finds_only(Finding::WrongDots {
            directory: sub,
            name,
            found: None,
            expected,
        });

        let mut victim = Victim::new();
        let inner = victim.inner;
        victim.edit_entry(sub, name.as_bytes(), |entry| entry.inode.set(inner as u16));
        victim.assert_finds_only(Finding::WrongDots {
            directory: sub,
            name,
            found: Some(inner),
            expected,
        });
    }
}

#[test]
fn entry_to_a_free_inode() {
    let mut victim = Victim::new();
    let directory = victim.dir;
    victim.add_entry(directory, b"ghost\n", 30);
    victim.assert_finds_only(Finding::EntryToFreeInode {
        directory,
        name: r"ghost\n".into(),
        inode: 30,
    });
}

#[test]
fn entry_to_an_inode_the_disk_does_not_have() {
    let mut victim = Victim::new();
    let directory = victim.dir;
    victim.add_entry(directory, b"ghost", 40);
    victim.assert_finds_only(Finding::NoSuchInode {
        directory,
        name: "ghost".into(),
        inode: 40,
    });
}

#[test]
fn impossible_names() {
    for name in [b"".as_slice(), b"a/b"] {
        let mut victim = Victim::new();
        let (directory, inode) = (victim.dir, victim.inner);
        victim.edit_entry(directory, b"inner", |entry| {
            *entry = DirEntry::new(inode as u16, name);
        });
        victim.assert_finds_only(Finding::BadName { directory, inode });
    }
}

#[test]
fn unreachable_inode_with_links() {
    let mut victim = Victim::new();
    let (dir, inode) = (victim.dir, victim.inner);
    victim.edit_entry(dir, b"inner", |entry| *entry = DirEntry::UNUSED);
    victim.assert_finds_only(Finding::Unreachable { inode, links: 1 });
}

#[test]
fn orphans_are_legal() {
    let mut victim = Victim::new();
    let (dir, inode) = (victim.dir, victim.inner);
    victim.edit_entry(dir, b"inner", |entry| *entry = DirEntry::UNUSED);
    victim.edit_inode(inode, |inode| inode.nlink.set(0));
    assert!(fsck::is_sound(&fsck::check(&mut victim.disk)));
    victim.assert_finds_only(Finding::Orphan { inode });
}

#[test]
fn size_beyond_blocks() {
    let mut victim = Victim::new();
    let inode = victim.inner;
    victim.edit_inode(inode, |inode| inode.size.set(1025));
    victim.assert_finds_only(Finding::SizeBeyondBlocks {
        inode,
        size: 1025,
        missing: 1,
    });

    let mut victim = Victim::new();
    let inode = victim.file;
    victim.edit_inode(inode, |inode| inode.size.set(MAX_FILE_SIZE));
    victim.assert_finds_only(Finding::SizeBeyondBlocks {
        inode,
        size: MAX_FILE_SIZE,
        missing: 20,
    });
}

#[test]
fn size_no_file_can_have() {
    for size in [MAX_FILE_SIZE + 1, u32::MAX] {
        let mut victim = Victim::new();
        let inode = victim.file;
        victim.edit_inode(inode, |inode| inode.size.set(size));
        victim.assert_finds_only(Finding::TooLarge { inode, size });
    }
}

#[test]
fn invalid_type() {
    for kind in [4, 0xffff] {
        let mut victim = Victim::new();
        let inode = victim.inner;
        victim.edit_inode(inode, |inode| inode.kind.set(kind));
        victim.assert_finds_only(Finding::InvalidType { inode, kind });
    }
}

#[test]
fn root_that_is_no_directory() {
    let mut victim = Victim::new();
    victim.edit_inode(1, |inode| inode.kind.set(2));
    victim.assert_finds(Finding::NoRoot);
}

#[test]
fn directory_with_part_of_an_entry() {
    let mut victim = Victim::new();
    let directory = victim.sub;
    victim.edit_inode(directory, |inode| inode.size.set(33));
    victim.assert_finds_only(Finding::PartialEntry {
        directory,
        size: 33,
    });
}

#[test]
fn duplicate_names() {
    let mut victim = Victim::new();
    let (directory, inner) = (victim.dir, victim.inner);
    victim.add_entry(directory, b"inner", inner);
    victim.edit_inode(inner, |inode| inode.nlink.set(2));
    victim.assert_finds_only(Finding::DuplicateName {
        directory,
        name: "inner".into(),
    });
}

#[test]
fn directory_with_two_parents() {
    let mut victim = Victim::new();
    let (dir, sub) = (victim.dir, victim.sub);
    victim.add_entry(1, b"again", sub);
    victim.assert_finds(Finding::SeveralParents {
        directory: sub,
        first: 1,
        second: dir,
    });
}

#[test]
fn directory_cycles() {
    let mut victim = Victim::new();
    let (dir, sub) = (victim.dir, victim.sub);
    victim.add_entry(sub, b"up", dir);
    victim.assert_finds(Finding::DirectoryCycle {
        directory: sub,
        name: "up".into(),
        inode: dir,
    });

    let mut victim = Victim::new();
    victim.add_entry(sub, b"root", 1);
    victim.assert_finds(Finding::DirectoryCycle {
        directory: sub,
        name: "root".into(),
        inode: 1,
    });

    // An inode to which no name leads.
    let mut victim = Victim::new();
    victim.edit_entry(1, b"dir", |entry| *entry = DirEntry::UNUSED);
    victim.add_entry(sub, b"up", dir);
    let findings = fsck::check(&mut victim.disk);
    for inode in [dir, sub] {
        let links = 2 - u32::from(inode == sub);
        assert!(findings.contains(&Finding::Unreachable { inode, links }));
    }
    victim.assert_finds(Finding::DirectoryCycle {
        directory: sub,
        name: "up".into(),
        inode: dir,
    });
}

#[test]
fn waiting_transaction_is_noted_and_seen_as_installed() {
    let mut victim = Victim::new();
    let inode = victim.inner;
    // The good block is in the log, and the one in its place is damaged.
    let (block, _) = victim.geometry.inode_position(inode);
    let mut good = [0; BLOCK_SIZE];
    victim.edit(block, |contents| good = *contents);
    let log_start = victim.geometry.log_start;
    victim.edit(log_start + 1, |copy| *copy = good);
    victim.put_log(&[block], 1);
    victim.edit_inode(inode, |inode| inode.kind.set(9));
    assert!(fsck::is_sound(&fsck::check(&mut victim.disk)));
    victim.assert_finds_only(Finding::LogNotEmpty { blocks: 1 });
}

#[test]
fn impossible_log() {
    for (targets, count, found) in [
        ([100, 1].as_slice(), 2, 1),
        (&[0], 1, 0),
        (&[10], 1, 10),
        (&[300], 1, 300),
        (&[], 31, 31),
        (&[], u32::MAX, u32::MAX),
    ] {
        let mut victim = Victim::new();
        victim.put_log(targets, count);
        let findings = fsck::check(&mut victim.disk);
        let [Finding::BadLog(error @ MountError::BadLog { found: what, .. })] = findings[..] else {
            panic!("{}", lines(&findings));
        };
        assert_eq!(what, found);
        assert_eq!(FileSystem::mount(&mut victim.disk, 8).err(), Some(error));
    }
}

#[test]
fn unreadable_block() {
    let mut victim = Victim::new();
    let block = victim.inode(victim.file).addresses[DIRECT].get();
    let findings = fsck::check(&mut Scratched(victim.disk, block));
    assert!(findings.contains(&Finding::Unreadable { block }));
}
