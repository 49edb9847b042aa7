//! Full disks, exhausted inodes, and long use that must not lose anything.

use fs::{FsError, NewNode};

use crate::support::{
    CREATE_WRITE, ROOT, assert_clean, exists, files, free, mounted, pattern, read_file, snapshot,
    write_file,
};

#[test]
fn a_write_that_fills_the_disk_is_short() {
    let mut files = mounted(200, 20);
    let empty = free(&mut files);
    let inode = files.open(ROOT, b"f", CREATE_WRITE).unwrap();
    let bytes = pattern(1, 250 << 10);
    let written = files.write_at(inode, 0, &bytes).unwrap();
    // All free blocks but the indirect one hold bytes.
    assert_eq!(written, (empty.0 as usize - 1) << 10);
    assert_eq!(files.free_blocks(), Ok(0));
    let end = written as u64;
    assert_eq!(files.write_at(inode, end, b"x"), Err(FsError::NoSpace));
    assert_eq!(files.write_at(inode, 5, b"y"), Ok(1), "no block is needed");
    assert_eq!(read_file(&mut files, b"f").unwrap().len(), written);
    files.release(inode).unwrap();
    files.unlink(ROOT, b"f").unwrap();
    assert_eq!(free(&mut files), empty);
    assert_clean(files);
}

#[test]
fn the_last_block_is_not_lost_to_a_file_that_would_need_an_indirect_one() {
    let mut files = mounted(200, 20);
    write_file(&mut files, b"f", &pattern(1, 11 << 10));
    let filler = files.free_blocks().unwrap() as usize - 2;
    // One block of the filler is its indirect block.
    write_file(&mut files, b"filler", &pattern(2, (filler - 1) << 10));
    assert_eq!(files.free_blocks(), Ok(2));
    let inode = files.lookup(ROOT, b"f").unwrap();
    let outcome = files.write_at(inode, 11 << 10, &[1; 2 << 10]);
    assert_eq!(
        outcome,
        Ok(1 << 10),
        "the twelfth block, but not the thirteenth"
    );
    assert_eq!(files.free_blocks(), Ok(1));
    let outcome = files.write_at(inode, 12 << 10, b"x");
    assert_eq!(outcome, Err(FsError::NoSpace));
    files.release(inode).unwrap();
    assert_clean(files);
}

#[test]
fn free_blocks_are_found_wherever_they_are() {
    let mut files = mounted(200, 20);
    let all = files.free_blocks().unwrap() as usize - 1;
    // Three files fill the disk one behind another. The last one has an indirect block.
    write_file(&mut files, b"first", &pattern(1, 10 << 10));
    write_file(&mut files, b"second", &pattern(2, 10 << 10));
    write_file(&mut files, b"third", &pattern(3, (all - 20) << 10));
    assert_eq!(files.free_blocks(), Ok(0));
    files.unlink(ROOT, b"second").unwrap();
    write_file(&mut files, b"fourth", &pattern(4, 5 << 10));
    files.unlink(ROOT, b"first").unwrap();
    // Five free blocks are behind the fourth file, none at the end of the disk, and ten at its
    // beginning.
    write_file(&mut files, b"fifth", &pattern(5, 12 << 10));
    assert_eq!(
        read_file(&mut files, b"fifth").unwrap(),
        pattern(5, 12 << 10)
    );
    assert_eq!(files.free_blocks(), Ok(3));
    assert_clean(files);
}

#[test]
fn names_that_find_no_space_leave_no_trace() {
    let mut files = mounted(300, 100);
    // 62 names of 16 bytes beside `.` and `..` fill the root's one block.
    for number in 0..60 {
        write_file(&mut files, format!("{number}").as_bytes(), b"");
    }
    let free_blocks = files.free_blocks().unwrap() as usize;
    write_file(&mut files, b"filler", &pattern(1, (free_blocks - 1) << 10));
    assert_eq!(files.free_blocks(), Ok(0));
    write_file(&mut files, b"last", b"");
    let before = (snapshot(&mut files).unwrap(), free(&mut files));

    let made = files.create(ROOT, b"x", NewNode::File);
    assert_eq!(made, Err(FsError::NoSpace));
    assert_eq!(files.mkdir(ROOT, b"x"), Err(FsError::NoSpace));
    assert_eq!(files.mknod(ROOT, b"x", 1, 1), Err(FsError::NoSpace));
    assert_eq!(files.link(ROOT, b"last", b"x"), Err(FsError::NoSpace));
    let after = (snapshot(&mut files).unwrap(), free(&mut files));
    assert_eq!(after, before);

    files.unlink(ROOT, b"last").unwrap();
    assert_eq!(
        files.mkdir(ROOT, b"x"),
        Err(FsError::NoSpace),
        "its own block"
    );
    write_file(&mut files, b"x", b"");
    assert_clean(files);
}

#[test]
fn inodes_run_out_and_come_back() {
    let mut files = mounted(1000, 50);
    let empty = free(&mut files);
    assert_eq!(empty.1, 48, "all but 0, which is none, and the root");
    for _ in 0..2 {
        let name = |number: u32| format!("{number}").into_bytes();
        for number in 0..48 {
            write_file(&mut files, &name(number), b"x");
        }
        let made = files.create(ROOT, b"x", NewNode::File);
        assert_eq!(made, Err(FsError::NoInodes));
        assert_eq!(files.mkdir(ROOT, b"x"), Err(FsError::NoInodes));
        assert!(!exists(&mut files, b"x"));
        for number in 0..48 {
            files.unlink(ROOT, &name(number)).unwrap();
        }
        assert_eq!(free(&mut files), empty);
    }
    assert_clean(files);
}

#[test]
fn ten_thousand_rounds_lose_nothing() {
    let mut files = files();
    let empty = free(&mut files);
    for round in 0..10_000 {
        let bytes = pattern(round, (round as usize * 37) % 15_000);
        write_file(&mut files, b"f", &bytes);
        files.mkdir(ROOT, b"d").unwrap();
        files.link(ROOT, b"f", b"d/f").unwrap();
        files.unlink(ROOT, b"f").unwrap();
        files.unlink(ROOT, b"d/f").unwrap();
        files.unlink(ROOT, b"d").unwrap();
    }
    assert_eq!(free(&mut files), empty);
    assert_clean(files);
}
