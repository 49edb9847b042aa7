//! The break.

use crate::frames;
use crate::lies;
use crate::scratch::{self, CREATE, clear, open, unlink, works};
use abi::PAGE_SIZE;
use core::sync::atomic::{AtomicU8, Ordering};
use user::arch;
use user::file::Fd;
use user::memory::{self, Promise};
use user::process::{self, Fork, KILLED};
use user::region::Region;
use user::syscall;
use user::testing::child;
use user::testing::outcome::{Outcome, ensure, expect};

const GIB: usize = 1 << 30;

/// The break moves byte by byte, and not beyond the memory there is.
pub fn sbrkbasic() -> Outcome {
    too_much()?;
    let mut end = memory::current_break()?;
    for _ in 0..5000 {
        expect("the break", end, memory::grow(1, Promise::Eager)?)?;
        // SAFETY: the byte is new, and no object lives there.
        unsafe { arch::store_byte(end, 1) };
        end += 1;
    }
    child::run(|| {
        memory::grow(1, Promise::Eager)?;
        expect("a child's break", end + 1, memory::grow(1, Promise::Eager)?)
    })?;
    expect("the parent's break", end, memory::current_break()?)
}

/// Memory beyond what there is: the kernel refuses it, or kills the process that touches it. Using
/// it must not work.
fn too_much() -> Outcome {
    const MOST: usize = 64;
    let status = match process::fork()? {
        Fork::Parent(pid) => process::wait_for(pid)?,
        Fork::Child => {
            let mut region = Region::new(0, Promise::Eager)?;
            for _ in 0..MOST {
                if region.extend(GIB / PAGE_SIZE, Promise::Eager).is_err() {
                    process::exit(0);
                }
            }
            (0..region.pages()).for_each(|page| region.write(page, 1));
            process::exit(1)
        }
    };
    ensure!(
        matches!(status, 0 | KILLED),
        "expected no {MOST} GiB, saw them"
    );
    Ok(())
}

/// A hundred megabytes, or most of memory, can be reserved, given back, and reserved again; they
/// read as zeros then.
pub fn sbrkmuch() -> Outcome {
    let pages = (100 << 20) / PAGE_SIZE;
    let most = frames::reservable() as usize / 10 * 9;
    let mut region = Region::new(pages.min(most), Promise::Eager)?;
    let last = region.pages() - 1;
    for page in 0..=last {
        region.write(page, page as u64);
    }
    region.write(last, 99);

    let end = region.end();
    region.cut(1)?;
    let lowered = end - PAGE_SIZE as u64;
    expect("the break after a cut", lowered, memory::current_break()?)?;
    region.extend(1, Promise::Eager)?;
    expect(
        "the break after growing again",
        end,
        memory::current_break()?,
    )?;
    expect("a page that came back", 0, region.read(last))?;
    for page in 0..last {
        expect("a page that stayed", page as u64, region.read(page))?;
    }

    region.cut(last + 1)?;
    region.extend(last + 1, Promise::Eager)?;
    for page in 0..=last {
        expect("a page that came back", 0, region.read(page))?;
    }
    Ok(())
}

/// Moves the break by `increment`, whatever lives there.
///
/// # Safety
///
/// What is given back must not be used again, unless the process is meant to be killed for it.
unsafe fn sbrk(increment: i32) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { syscall::sbrk(increment, abi::SBRK_EAGER) }
}

/// The break moves down through stack and text, and to the middle of a page.
pub fn sbrkbugs() -> Outcome {
    let all = i32::try_from(memory::current_break()?).map_err(|_| user::Failed)?;
    child::run_killed("giving back all memory", || {
        // SAFETY: the child is to die of this.
        unsafe { sbrk(-all) };
    })?;
    child::run_killed("giving back all but a part of the first page", || {
        // SAFETY: as above; the stack goes too, so that whatever follows the call dies.
        unsafe { sbrk(-(all - 3500)) };
    })?;
    // The break moves to the middle of a page, and from there down, but not to the beginning of a
    // page.
    child::run(|| {
        let region = Region::new(10, Promise::Eager)?;
        memory::grow(2048, Promise::Eager)?;
        // SAFETY: these bytes are not used.
        unsafe { sbrk(-10) };
        expect("the break", region.end() + 2038, memory::current_break()?)?;
        // SAFETY: nor are these.
        unsafe { sbrk(-2038) };
        Ok(())
    })
}

/// The kernel can also use the last bytes below a break in the middle of a page.
pub fn sbrklast() -> Outcome {
    let region = Region::new(1, Promise::Eager)?;
    memory::grow(10, Promise::Eager)?;
    // SAFETY: ten bytes that were never used, and ten of the region, which is no object.
    unsafe { sbrk(-20) };
    let end = memory::current_break()?;
    expect("the break", region.end() - 10, end)?;

    let place = PAGE_SIZE - 64;
    region.set_byte(place, b'x');
    region.set_byte(place + 1, 0);
    let path = region.start() + place as u64;
    clear(c"x");
    // SAFETY: the kernel only reads the path.
    let opened = unsafe { syscall::open(path, CREATE.0) };
    ensure!(
        opened != abi::FAILURE,
        "open with a path near the break: expected success, saw -1"
    );
    let fd = Fd(opened as i32);
    let written = lies::write(fd, path, 1);
    expect("bytes written from near the break", 1, written)?;
    fd.close()?;
    let fd = open(c"x", scratch::READ)?;
    region.set_byte(place, 0);
    expect("bytes read", 1, region.read_from(fd, place, 1)?)?;
    expect("the byte read", b'x', region.byte(place))?;
    fd.close()?;
    unlink(c"x")?;
    memory::grow(10, Promise::Eager)?;
    Ok(())
}

/// A request to move far below 0 changes nothing, and returns the break.
pub fn sbrk8000() -> Outcome {
    let end = memory::current_break()?;
    for increment in [0x8000_0004_u32 as i32, i32::MIN, -(end as i32) - 1] {
        // SAFETY: the kernel must not give anything back; if it does, the test fails.
        let old = unsafe { sbrk(increment) };
        expect("sbrk to below 0", end, old)?;
        expect("the break", end, memory::current_break()?)?;
    }
    // SAFETY: the byte below the break is in the stack page or the heap, which may be written.
    unsafe { arch::rewrite_byte(end - 1) };
    Ok(())
}

/// The kernel reads from and writes to a page that was never touched.
pub fn sbrkarg() -> Outcome {
    let region = Region::new(2, Promise::Eager)?;
    clear(c"sbrk");
    let fd = open(c"sbrk", CREATE)?;
    unlink(c"sbrk")?;
    let written = lies::write(fd, region.start(), PAGE_SIZE as i32);
    expect("bytes written from a new page", PAGE_SIZE as u64, written)?;
    fd.close()?;

    let second = region.start() + PAGE_SIZE as u64;
    // SAFETY: the region is not an object.
    let made = unsafe { syscall::pipe(second) };
    expect("pipe to a new page", 0, made)?;
    let ends = region.read(1);
    for end in [Fd(ends as u32 as i32), Fd((ends >> 32) as i32)] {
        works("close of an end of the pipe", end.close())?;
    }
    Ok(())
}

/// Memory that the program's file does not fill.
static UNINITIALISED: [AtomicU8; 10_000] = [const { AtomicU8::new(0) }; 10_000];

/// The part of the image that the file does not fill is zero.
pub fn bsstest() -> Outcome {
    for byte in &UNINITIALISED {
        expect("uninitialised data", 0, byte.load(Ordering::Relaxed))?;
    }
    Ok(())
}
