//! Paths and names.

use fs::{FsError, NewNode};

use crate::support::{ROOT, assert_clean, exists, files, write_file};

#[test]
fn many_spellings_lead_to_one_file() {
    let mut files = files();
    files.mkdir(ROOT, b"/a").unwrap();
    files.mkdir(ROOT, b"/a/b/").unwrap();
    write_file(&mut files, b"a/b/f", b"x");
    let file = files.lookup(ROOT, b"/a/b/f").unwrap();
    let inside = files.lookup(ROOT, b"a/b").unwrap();
    for path in [
        b"a/b/f".as_slice(),
        b"//a///b/f",
        b"/a/./b/../b/f",
        b"../../a/b/f",
        b"a/b/f/",
        b"a/b/f\0/nonsense",
    ] {
        assert_eq!(
            files.lookup(ROOT, path),
            Ok(file),
            "{}",
            path.escape_ascii()
        );
        files.release(file).unwrap();
    }
    for path in [b"f".as_slice(), b"./f", b"../b/f", b"/a/b/f"] {
        assert_eq!(files.lookup(inside, path), Ok(file));
        files.release(file).unwrap();
    }
    for path in [b"a/b/f/.".as_slice(), b"a/b/f/..", b"a/b/f/x"] {
        assert_eq!(files.lookup(ROOT, path), Err(FsError::NotADirectory));
    }
    assert_eq!(files.lookup(ROOT, b"a/x/f"), Err(FsError::NotFound));
    files.release(file).unwrap();
    files.release(inside).unwrap();
    assert_clean(files);
}

#[test]
fn the_empty_path_is_where_one_is_and_cannot_be_made() {
    let mut files = files();
    files.mkdir(ROOT, b"d").unwrap();
    write_file(&mut files, b"f", b"");
    let inside = files.lookup(ROOT, b"d").unwrap();
    assert_eq!(files.lookup(inside, b""), Ok(inside));
    files.release(inside).unwrap();
    for path in [b"".as_slice(), b"/", b"//"] {
        let outcome = files.create(inside, path, NewNode::File);
        assert!(matches!(outcome, Err(FsError::Invalid(_))));
        assert!(matches!(
            files.mkdir(inside, path),
            Err(FsError::Invalid(_))
        ));
        let outcome = files.link(inside, b"/f", path);
        assert!(matches!(outcome, Err(FsError::Invalid(_))));
    }
    files.release(inside).unwrap();
    assert_clean(files);
}

#[test]
fn names_are_cut_at_14_bytes() {
    let mut files = files();
    files.mkdir(ROOT, b"12345678901234").unwrap();
    files
        .mkdir(ROOT, b"12345678901234/123456789012345")
        .unwrap();
    write_file(&mut files, b"123456789012345/123456789012345/f", b"");
    assert!(exists(&mut files, b"12345678901234/12345678901234/f"));
    let again = files.mkdir(ROOT, b"12345678901234/12345678901234XYZ");
    assert_eq!(again, Err(FsError::Exists));
    assert!(!exists(&mut files, b"1234567890123"));
    files
        .unlink(ROOT, b"12345678901234/12345678901234/f")
        .unwrap();
    files
        .unlink(ROOT, b"123456789012345/12345678901234")
        .unwrap();
    files.unlink(ROOT, b"12345678901234567890").unwrap();
    assert_clean(files);
}
