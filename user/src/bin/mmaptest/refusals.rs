//! What `mmap` must refuse without any effect: bad arguments, and more memory than there is.

use crate::measure::{Levels, Since};
use crate::outcome::{Outcome, ensure, expect};
use crate::tools::{Call, FREE, PAGE, READ_WRITE, mark, marked, private_at};
use abi::{FAILURE, MapFlags, MemCounter, Protection};
use user::USER_TOP;
use user::memory::SystemCounters;
use user::syscall;

/// Bad lengths, protections, flags and offsets.
pub fn arguments() -> Outcome {
    let start = Since::now()?;
    for length in [
        0,
        USER_TOP,
        USER_TOP + 1,
        USER_TOP + 2 * PAGE,
        1 << 63,
        u64::MAX - PAGE,
        u64::MAX,
    ] {
        for address in [0, FREE, FREE + 1] {
            let call = Call {
                address,
                length,
                ..Call::GOOD
            };
            call.refused("a length of nothing or of too much")?;
        }
    }
    for protection in [8, 16, 0x100, READ_WRITE.0 | 8, i32::MIN, -1] {
        let call = Call {
            protection,
            ..Call::GOOD
        };
        call.refused("a protection that is none")?;
    }
    let anonymous = MapFlags::ANONYMOUS;
    let both = MapFlags::SHARED.with(MapFlags::PRIVATE);
    for (what, flags) in [
        ("no flags", 0),
        ("neither shared nor private", anonymous.0),
        ("neither, but fixed", anonymous.with(MapFlags::FIXED).0),
        ("shared and private", both.with(anonymous).0),
        ("an unknown flag", Call::GOOD.flags | 4),
        ("another unknown flag", Call::GOOD.flags | 0x40),
        ("an unknown high flag", Call::GOOD.flags | i32::MIN),
        ("all flags", -1),
        ("a private file that is not open", MapFlags::PRIVATE.0),
        ("a shared file that is not open", MapFlags::SHARED.0),
    ] {
        let address = FREE;
        Call {
            address,
            flags,
            ..Call::GOOD
        }
        .refused(what)?;
    }
    for offset in [1, 512, PAGE - 1, PAGE + 1, u64::MAX] {
        Call {
            offset,
            ..Call::GOOD
        }
        .refused("an offset that is not of a page")?;
    }
    start.expect("refused calls", MemCounter::Committed, 0)
}

/// More than all memory is refused at once, at any address, and what is mapped stays.
pub fn toomuch() -> Outcome {
    const PAGES: usize = 4;
    let limit = SystemCounters::now()?[MemCounter::CommitLimit];
    let mapping = private_at(FREE, PAGES)?;
    mark(&mapping, 0..PAGES, 0x100);
    let before = Levels::now()?;
    for pages in [limit + 1, 2 * limit, USER_TOP / PAGE / 4] {
        let length = pages * PAGE;
        Call {
            length,
            ..Call::GOOD
        }
        .refused("more than memory")?;
        Call::fixed(FREE, length).refused("more than memory, fixed")?;
    }
    before.expect_back()?;
    marked("what was there", &mapping, 0..PAGES, 0x100)
}

/// The pages of one mapping in the list.
const LINK: usize = 64;

/// Maps until the kernel refuses, and uses the mappings. Each differs from the one before, so that
/// no two become one area. Then gives all back.
pub fn exhaust() -> Outcome {
    fill_and_free()?;
    let before = Levels::now()?;
    fill_and_free()?;
    before.expect_back()
}

/// The mappings form a list, linked through their first words.
fn fill_and_free() -> Outcome {
    let mut newest = 0;
    let mut count = 0;
    let mut pages = LINK as u64;
    while pages > 0 {
        let protection = match count % 2 {
            0 => READ_WRITE,
            _ => READ_WRITE.with(Protection::EXECUTE),
        };
        let call = Call {
            length: pages * PAGE,
            protection: protection.0,
            ..Call::GOOD
        };
        // SAFETY: new memory appears where none is.
        let start = unsafe { call.make() };
        if start == FAILURE {
            // A shorter mapping may still fit.
            pages /= 2;
            continue;
        }
        // SAFETY: the mapping is new, and no object lives in it.
        unsafe { (start as *mut [u64; 2]).write_volatile([newest, pages]) };
        newest = start;
        count += 1;
    }
    ensure!(count > 16, "expected many mappings to fit, saw {count}");
    let mut freed = 0;
    while newest != 0 {
        let start = newest;
        // SAFETY: written above, and not unmapped yet.
        let [next, pages] = unsafe { (start as *const [u64; 2]).read_volatile() };
        newest = next;
        // SAFETY: only what was mapped above is unmapped.
        let unmapped = unsafe { syscall::munmap(start, pages * PAGE) };
        expect("munmap", 0, unmapped)?;
        freed += 1;
    }
    expect("mappings found again", count, freed)
}
