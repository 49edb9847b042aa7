//! The effect of each operation, its errors, and what it leaves behind, as in xv6.

use abi::{FileKind, OpenFlags};
use fs::layout::{MAX_FILE_SIZE, MAX_LINKS};
use fs::{FsError, NewNode};

use crate::support::{
    CREATE_WRITE, Files, ROOT, assert_clean, entries, exists, files, free, mounted, pattern,
    read_file, write_file,
};

#[test]
fn a_file_holds_what_was_written_at_every_size() {
    let mut files = files();
    let empty = free(&mut files);
    for size in [0, 1, 1023, 1024, 1025, 12 << 10, (12 << 10) + 1, 100_000] {
        let bytes = pattern(size as u32, size);
        write_file(&mut files, b"/f", &bytes);
        assert_eq!(read_file(&mut files, b"f").unwrap(), bytes, "{size} bytes");
        files.unlink(ROOT, b"f").unwrap();
        assert_eq!(free(&mut files), empty, "{size} bytes");
    }
    assert_clean(files);
}

#[test]
fn the_largest_file_has_268_blocks_and_not_one_byte_more() {
    let mut files = files();
    let largest = pattern(1, MAX_FILE_SIZE as usize);
    assert_eq!(largest.len(), 268 * 1024);
    let inode = files.open(ROOT, b"f", CREATE_WRITE).unwrap();
    let too_much = vec![0; largest.len() + 1];
    assert_eq!(files.write_at(inode, 0, &too_much), Err(FsError::TooLarge));
    assert_eq!(files.stat(inode).unwrap().size, 0, "nothing was written");
    assert_eq!(files.write_at(inode, 0, &largest), Ok(largest.len()));
    let end = u64::from(MAX_FILE_SIZE);
    assert_eq!(files.write_at(inode, end, b"x"), Err(FsError::TooLarge));
    assert_eq!(files.write_at(inode, end, b""), Ok(0));
    assert_eq!(read_file(&mut files, b"f").unwrap(), largest);
    files.release(inode).unwrap();
    assert_clean(files);
}

#[test]
fn writes_begin_within_the_file() {
    let mut files = files();
    write_file(&mut files, b"f", b"hello");
    let inode = files.lookup(ROOT, b"f").unwrap();
    for offset in [6, 1 << 20, u64::from(u32::MAX) + 1, u64::MAX] {
        let outcome = files.write_at(inode, offset, b"x");
        assert!(matches!(outcome, Err(FsError::Invalid(_))), "{offset}");
    }
    files.write_at(inode, 5, b" world").unwrap();
    files.write_at(inode, 0, b"H").unwrap();
    assert_eq!(read_file(&mut files, b"f").unwrap(), b"Hello world");
    files.release(inode).unwrap();
}

#[test]
fn reads_end_with_the_file() {
    let mut files = files();
    let bytes = pattern(3, 3000);
    write_file(&mut files, b"f", &bytes);
    let inode = files.lookup(ROOT, b"f").unwrap();
    let mut buffer = [0; 2048];
    for (offset, expected) in [(0, 2048), (1, 2048), (1000, 2000), (2999, 1)] {
        assert_eq!(files.read_at(inode, offset, &mut buffer), Ok(expected));
        assert_eq!(buffer[..expected], bytes[offset as usize..][..expected]);
    }
    for offset in [3000, 3001, u64::MAX] {
        assert_eq!(files.read_at(inode, offset, &mut buffer), Ok(0));
    }
    files.release(inode).unwrap();
}

#[test]
fn creating_what_exists_finds_files_and_devices_only() {
    let mut files = files();
    write_file(&mut files, b"f", b"old");
    files.mkdir(ROOT, b"d").unwrap();
    files.mknod(ROOT, b"console", 1, 7).unwrap();
    let before = free(&mut files);

    let file = files.create(ROOT, b"f", NewNode::File).unwrap();
    assert_eq!(read_file(&mut files, b"f").unwrap(), b"old");
    files.release(file).unwrap();
    let device = files.create(ROOT, b"console", NewNode::File).unwrap();
    assert_eq!(files.device_numbers(device), Ok((1, 7)));
    assert!(files.read_at(device, 0, &mut [0]).is_err());
    assert!(files.write_at(device, 0, &[0]).is_err());
    files.release(device).unwrap();
    let on_directory = files.create(ROOT, b"d", NewNode::File);
    assert_eq!(on_directory, Err(FsError::IsADirectory));
    for path in [b"f".as_slice(), b"d", b"console", b"d/.", b"d/.."] {
        assert_eq!(files.mkdir(ROOT, path), Err(FsError::Exists));
        assert_eq!(files.mknod(ROOT, path, 0, 0), Err(FsError::Exists));
    }
    assert_eq!(free(&mut files), before);
    assert_clean(files);
}

#[test]
fn open_truncates_files_and_lets_directories_be_read_only() {
    let mut files = files();
    write_file(&mut files, b"f", &pattern(1, 50_000));
    files.mkdir(ROOT, b"d").unwrap();
    let write = OpenFlags::WRITE_ONLY;
    let truncate = write.with(OpenFlags::TRUNCATE);
    for flags in [write, OpenFlags::READ_WRITE, CREATE_WRITE, truncate] {
        assert_eq!(files.open(ROOT, b"d", flags), Err(FsError::IsADirectory));
    }
    assert_eq!(files.open(ROOT, b"x", truncate), Err(FsError::NotFound));
    let directory = files.open(ROOT, b"d", OpenFlags::READ_ONLY).unwrap();
    assert_eq!(files.kind(directory), Ok(FileKind::Directory));
    files.release(directory).unwrap();

    let before = files.free_blocks().unwrap();
    let file = files.open(ROOT, b"f", truncate).unwrap();
    assert_eq!(files.stat(file).unwrap().size, 0);
    assert_eq!(files.free_blocks().unwrap(), before + 49 + 1);
    files.release(file).unwrap();
    assert_clean(files);
}

#[test]
fn links_are_names_of_one_file() {
    let mut files = files();
    write_file(&mut files, b"a", b"one");
    files.mkdir(ROOT, b"d").unwrap();
    files.link(ROOT, b"a", b"d/b").unwrap();
    write_file(&mut files, b"d/b", b"two");
    assert_eq!(read_file(&mut files, b"a").unwrap(), b"two");
    let inode = files.lookup(ROOT, b"a").unwrap();
    assert_eq!(files.stat(inode).unwrap().links, 2);
    files.release(inode).unwrap();

    assert_eq!(files.link(ROOT, b"a", b"a"), Err(FsError::Exists));
    assert_eq!(files.link(ROOT, b"a", b"d"), Err(FsError::Exists));
    assert_eq!(files.link(ROOT, b"d", b"e"), Err(FsError::IsADirectory));
    assert_eq!(files.link(ROOT, b".", b"e"), Err(FsError::IsADirectory));
    assert_eq!(files.link(ROOT, b"x", b"e"), Err(FsError::NotFound));
    assert_eq!(files.link(ROOT, b"a", b"x/e"), Err(FsError::NotFound));
    assert_eq!(files.link(ROOT, b"a", b"a/e"), Err(FsError::NotADirectory));

    files.unlink(ROOT, b"a").unwrap();
    assert_eq!(read_file(&mut files, b"d/b").unwrap(), b"two");
    assert_eq!(files.link(ROOT, b"a", b"e"), Err(FsError::NotFound));
    assert_clean(files);
}

#[test]
fn a_file_has_at_most_32767_names() {
    let mut files = mounted(4000, 100);
    write_file(&mut files, b"f", b"");
    // A directory holds 17,150 names, so two directories are needed.
    for (directory, count) in [(b"/1".as_slice(), 17_000), (b"/2", 15_766)] {
        files.mkdir(ROOT, directory).unwrap();
        let current = files.lookup(ROOT, directory).unwrap();
        for number in 0..count {
            let name = format!("{number}");
            files
                .link(
                    ROOT,
                    b"/f",
                    format!("{}/{name}", directory.escape_ascii()).as_bytes(),
                )
                .unwrap();
        }
        files.release(current).unwrap();
    }
    let inode = files.lookup(ROOT, b"f").unwrap();
    assert_eq!(files.stat(inode).unwrap().links, MAX_LINKS);
    assert_eq!(files.link(ROOT, b"f", b"g"), Err(FsError::TooManyLinks));
    assert!(!exists(&mut files, b"g"));
    files.release(inode).unwrap();
    assert_clean(files);
}

#[test]
fn unlink_spares_dots_and_directories_in_use() {
    let mut files = files();
    files.mkdir(ROOT, b"d").unwrap();
    files.mkdir(ROOT, b"d/e").unwrap();
    write_file(&mut files, b"f", b"");
    for path in [b".".as_slice(), b"..", b"d/.", b"d/..", b"/", b""] {
        let outcome = files.unlink(ROOT, path);
        assert!(matches!(outcome, Err(FsError::Invalid(_))), "{outcome:?}");
    }
    assert_eq!(files.unlink(ROOT, b"d"), Err(FsError::NotEmpty));
    assert_eq!(files.unlink(ROOT, b"x"), Err(FsError::NotFound));
    assert_eq!(files.unlink(ROOT, b"f/x"), Err(FsError::NotADirectory));
    files.unlink(ROOT, b"d/e").unwrap();
    files.unlink(ROOT, b"d").unwrap();
    assert!(!exists(&mut files, b"d"));
    assert_clean(files);
}

#[test]
fn directories_count_their_children() {
    let mut files = files();
    let links = |files: &mut Files, path: &[u8]| {
        let inode = files.lookup(ROOT, path).unwrap();
        let links = files.stat(inode).unwrap().links;
        files.release(inode).unwrap();
        links
    };
    files.mkdir(ROOT, b"d").unwrap();
    files.mkdir(ROOT, b"d/e").unwrap();
    write_file(&mut files, b"d/f", b"");
    assert_eq!((links(&mut files, b"/"), links(&mut files, b"d")), (2, 2));
    files.unlink(ROOT, b"d/e").unwrap();
    assert_eq!((links(&mut files, b"/"), links(&mut files, b"d")), (2, 1));
    assert_clean(files);
}

#[test]
fn directories_grow_and_take_unused_entries_again() {
    let mut files = mounted(2000, 700);
    let empty = free(&mut files);
    files.mkdir(ROOT, b"d").unwrap();
    let name = |number: u32| format!("d/{number}").into_bytes();
    for number in 0..600 {
        write_file(&mut files, &name(number), b"");
    }
    let directory = files.lookup(ROOT, b"d").unwrap();
    assert_eq!(files.stat(directory).unwrap().size, 602 * 16);
    for number in (0..600).step_by(2) {
        files.unlink(ROOT, &name(number)).unwrap();
    }
    for number in 1000..1300 {
        write_file(&mut files, &name(number), b"");
    }
    assert_eq!(files.stat(directory).unwrap().size, 602 * 16);
    let mut names: Vec<_> = entries(&mut files, b"d").unwrap();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 602);
    for number in (1..600).step_by(2).chain(1000..1300) {
        files.unlink(ROOT, &name(number)).unwrap();
    }
    files.release(directory).unwrap();
    files.unlink(ROOT, b"d").unwrap();
    assert_eq!(free(&mut files), empty);
    assert_clean(files);
}

#[test]
fn what_a_removed_file_held_is_not_seen_again() {
    let mut files = files();
    write_file(&mut files, b"f", &[0xaa; 200_000]);
    files.unlink(ROOT, b"f").unwrap();
    files.mkdir(ROOT, b"d").unwrap();
    for number in 0..80 {
        let path = format!("d/{number}");
        write_file(&mut files, path.as_bytes(), b"");
    }
    assert_eq!(entries(&mut files, b"d").unwrap().len(), 82);
    write_file(&mut files, b"g", &pattern(1, 1500));
    assert_eq!(read_file(&mut files, b"g").unwrap(), pattern(1, 1500));
    assert_clean(files);
}

#[test]
fn data_operations_are_for_plain_files() {
    let mut files = files();
    let root = files.lookup(ROOT, b"/").unwrap();
    let mut page = [0; 4096];
    assert_eq!(files.write_at(root, 0, b"x"), Err(FsError::IsADirectory));
    assert_eq!(files.truncate(root), Err(FsError::IsADirectory));
    assert_eq!(
        files.read_page(root, 0, &mut page),
        Err(FsError::IsADirectory)
    );
    assert_eq!(files.write_page(root, 0, &page), Err(FsError::IsADirectory));
    assert!(files.device_numbers(root).is_err());
    files.release(root).unwrap();
}
