//! Inodes that are open while their names are removed.

use fs::{FileSystem, FsError, NewNode, fsck};

use crate::support::{ROOT, assert_clean, files, free, lines, pattern, read_inode, write_file};

#[test]
fn an_open_file_outlives_its_name() {
    let mut files = files();
    let empty = free(&mut files);
    let bytes = pattern(1, 40_000);
    write_file(&mut files, b"f", &bytes);
    let inode = files.lookup(ROOT, b"f").unwrap();
    files.retain(inode);
    files.unlink(ROOT, b"f").unwrap();
    write_file(&mut files, b"f", b"another");
    files.release(inode).unwrap();
    assert_eq!(files.stat(inode).unwrap().links, 0);
    assert_eq!(read_inode(&mut files, inode).unwrap(), bytes);
    assert_eq!(files.write_at(inode, 40_000, b"more"), Ok(4));
    files.release(inode).unwrap();
    files.unlink(ROOT, b"f").unwrap();
    assert_eq!(free(&mut files), empty);
    assert_clean(files);
}

#[test]
fn a_removed_directory_is_a_dead_end() {
    let mut files = files();
    let empty = free(&mut files);
    files.mkdir(ROOT, b"d").unwrap();
    files.mkdir(ROOT, b"d/e").unwrap();
    write_file(&mut files, b"f", b"");
    let inside = files.lookup(ROOT, b"d/e").unwrap();
    files.unlink(inside, b"../e").unwrap();
    files.unlink(ROOT, b"d").unwrap();

    for path in [b".".as_slice(), b"", b"./."] {
        assert_eq!(files.lookup(inside, path), Ok(inside));
        files.release(inside).unwrap();
    }
    for path in [b"..".as_slice(), b"../f", b"x", b"./x"] {
        assert_eq!(files.lookup(inside, path), Err(FsError::NotFound));
        let made = files.create(inside, path, NewNode::File);
        assert_eq!(made, Err(FsError::NotFound));
        assert_eq!(files.mkdir(inside, path), Err(FsError::NotFound));
        assert_eq!(files.unlink(inside, path), Err(FsError::NotFound));
        assert_eq!(files.link(inside, b"/f", path), Err(FsError::NotFound));
    }
    let root = files.lookup(inside, b"/").unwrap();
    assert_eq!(root, ROOT);
    files.release(root).unwrap();
    files.release(inside).unwrap();
    files.unlink(ROOT, b"f").unwrap();
    assert_eq!(free(&mut files), empty);
    assert_clean(files);
}

#[test]
fn what_was_open_at_a_crash_is_freed_by_the_next_mount() {
    let mut files = files();
    let empty = free(&mut files);
    write_file(&mut files, b"f", &pattern(1, 100_000));
    files.mkdir(ROOT, b"d").unwrap();
    files.lookup(ROOT, b"f").unwrap();
    files.lookup(ROOT, b"d").unwrap();
    files.unlink(ROOT, b"f").unwrap();
    files.unlink(ROOT, b"d").unwrap();
    let mut disk = files.unmount().unwrap();
    let findings = fsck::check(&mut disk);
    assert_eq!(findings.len(), 2, "{}", lines(&findings));
    assert!(fsck::is_sound(&findings), "{}", lines(&findings));

    let mut files = FileSystem::mount(disk, 8).unwrap();
    assert_eq!(free(&mut files), empty);
    assert_clean(files);
}

#[test]
#[should_panic(expected = "released without a reference")]
fn releasing_too_often_is_a_bug_of_the_caller() {
    let mut files = files();
    let inode = files.lookup(ROOT, b"/").unwrap();
    files.release(inode).unwrap();
    let _ = files.release(inode);
}

#[test]
fn the_observer_hears_of_every_inode_whose_bytes_go() {
    thread_local! {
        static HEARD: std::cell::RefCell<Vec<fs::InodeNo>> = const { std::cell::RefCell::new(vec![]) };
    }
    let heard = || HEARD.take();
    let mut files = files();
    files.observe(|inode| HEARD.with_borrow_mut(|heard| heard.push(inode)));
    write_file(&mut files, b"f", &pattern(1, 5000));
    let inode = files.lookup(ROOT, b"f").unwrap();
    files.link(ROOT, b"f", b"g").unwrap();
    files.unlink(ROOT, b"f").unwrap();
    assert_eq!(heard(), []);
    files.truncate(inode).unwrap();
    assert_eq!(heard(), [inode]);
    files.write_at(inode, 0, b"more").unwrap();
    files.unlink(ROOT, b"g").unwrap();
    assert_eq!(heard(), [], "it is open");
    files.release(inode).unwrap();
    assert_eq!(heard(), [inode]);
    files.mkdir(ROOT, b"d").unwrap();
    write_file(&mut files, b"d/f", b"");
    assert!(files.unlink(ROOT, b"d").is_err());
    assert_eq!(heard(), [], "nothing has happened");
}
