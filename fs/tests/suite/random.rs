//! Random calls on the file system and on the model. Outcomes and trees must be equal, and nothing
//! may be lost.

use abi::PAGE_SIZE;
use fs::FsError;
use proptest::prelude::*;

use crate::model::{Call, Model, Subject, same_outcome};
use crate::support::{assert_clean, free, mounted, snapshot};

/// Returns one of a few names, so that calls meet. Two of them are equal in their first 14 bytes,
/// and the dots are among them.
fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        8 => prop::sample::select(vec!["a", "b", "c", "d", "abcdefghijklmn", "abcdefghijklmnX"]),
        1 => prop::sample::select(vec![".", ".."]),
    ]
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(name(), 1..4).prop_map(|names| names.join("/").into_bytes())
}

fn call() -> impl Strategy<Value = Call> {
    let write = (path(), 0u32..20_000, 0usize..30_000, any::<u32>());
    let big_write = (path(), 0u32..2, 200_000usize..280_000, any::<u32>());
    let to_call = |(path, offset, length, seed)| Call::Write {
        path,
        offset,
        length,
        seed,
    };
    prop_oneof![
        3 => path().prop_map(Call::Create),
        3 => path().prop_map(Call::Mkdir),
        1 => (path(), any::<u16>(), any::<u16>()).prop_map(|(path, a, b)| Call::Mknod(path, a, b)),
        3 => (path(), path()).prop_map(|(old, new)| Call::Link(old, new)),
        5 => path().prop_map(Call::Unlink),
        4 => write.prop_map(to_call),
        2 => (path(), 0u32..1, 0usize..3000, any::<u32>()).prop_map(to_call),
        1 => big_write.prop_map(to_call),
        1 => path().prop_map(Call::Truncate),
        2 => path().prop_map(Call::Open),
        2 => Just(Call::Close),
    ]
}

/// Makes the calls on a disk of `blocks` blocks and `inodes` inodes, which may run out.
fn compare(calls: &[Call], blocks: u32, inodes: u32) {
    let mut model = Model::new();
    let mut files = mounted(blocks, inodes);
    let empty = free(&mut files);
    let mut subject = Subject::new(files);
    for call in calls {
        let outcome = subject.apply(call);
        match (call, outcome) {
            (_, Err(FsError::NoSpace | FsError::NoInodes)) => {}
            (Call::Write { length, .. }, Ok(written)) if written < *length => {
                assert_eq!(model.write_part(call, written), Ok(written), "{call:?}");
            }
            _ => {
                let expected = model.apply(call);
                let same = same_outcome(outcome, expected);
                assert!(same, "{call:?}: {outcome:?}, the model has {expected:?}");
            }
        }
    }
    let mut files = subject.finish();
    assert_eq!(snapshot(&mut files).unwrap(), model.snapshot());
    let mut again = fs::FileSystem::mount(files.unmount().unwrap(), 8).unwrap();
    assert_eq!(snapshot(&mut again).unwrap(), model.snapshot());
    for path in model.snapshot().keys().rev() {
        again.unlink(fs::InodeNo::ROOT, path).unwrap();
    }
    assert_eq!(free(&mut again).1, empty.1, "no inode is lost");
    assert_clean(again);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn random_calls_do_what_the_model_does(calls in prop::collection::vec(call(), 1..120)) {
        compare(&calls, 4000, 200);
    }

    #[test]
    fn random_calls_on_a_small_disk_happen_or_do_not(
        calls in prop::collection::vec(call(), 1..120),
    ) {
        compare(&calls, 110, 8);
    }

    #[test]
    fn pages_are_the_bytes_of_the_file(size in 0usize..40_000, page in 0u32..12, seed: u32) {
        let bytes = crate::support::pattern(seed, size);
        let mut files = mounted(200, 20);
        crate::support::write_file(&mut files, b"/f", &bytes);
        let inode = files.lookup(fs::InodeNo::ROOT, b"/f").unwrap();
        let start = (page as usize * PAGE_SIZE).min(size);
        let end = (start + PAGE_SIZE).min(size);

        let mut buffer = [0xee; PAGE_SIZE];
        let valid = files.read_page(inode, page, &mut buffer).unwrap();
        prop_assert_eq!(valid, end - start);
        prop_assert_eq!(&buffer[..valid], &bytes[start..end]);
        prop_assert!(buffer[valid..].iter().all(|&byte| byte == 0));

        let mut expected = bytes.clone();
        expected[start..end].fill(0x5a);
        prop_assert_eq!(files.write_page(inode, page, &[0x5a; PAGE_SIZE]), Ok(valid));
        prop_assert_eq!(crate::support::read_inode(&mut files, inode).unwrap(), expected);
        files.release(inode).unwrap();
        assert_clean(files);
    }
}
