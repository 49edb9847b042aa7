//! What is stored in a shared mapping stays in the file when the mapping ends, however it ends, and
//! when memory is needed for other pages. `powercut` tests that it is on the disk as well.

use super::{holds, make, map, remove};
use crate::child::{self, Gate};
use crate::outcome::{Outcome, ensure, failure};
use crate::tools::{READ_WRITE, mark, marked};
use abi::MemCounter;
use user::file::Fd;
use user::mapping::{Mapping, Sharing};
use user::memory::{Promise, SystemCounters, touch_own_pages};
use user::process;
use user::region::Region;

const PAGES: usize = 4;

/// How a mapping ends.
#[derive(Clone, Copy)]
enum Way {
    /// The mapping does not end: `msync` writes it.
    Sync,
    Unmap,
    Exit,
    Exec,
    Kill,
}

const WAYS: [Way; 5] = [Way::Sync, Way::Unmap, Way::Exit, Way::Exec, Way::Kill];

/// After each way, `read` finds what was stored, at once and after the pages had to leave memory.
/// Each way has its own part of the file.
pub fn filelasting() -> Outcome {
    let pages = WAYS.len() * PAGES;
    let file = make(pages, 0x100)?;
    for (way, first) in WAYS.into_iter().zip((0..).step_by(PAGES)) {
        store_and_go(way, file, first)?;
        holds("at once", 0..first + PAGES, BASE)?;
        holds("not stored", first + PAGES..pages, 0x100)?;
    }
    crowd_out()?;
    holds("from the disk", 0..pages, BASE)?;
    remove(file)
}

/// The first word of the first page that is stored.
const BASE: u64 = 0x1000;

/// A child stores in a shared mapping of the file, from page `first` on. The mapping then ends in
/// the given way.
fn store_and_go(way: Way, file: Fd, first: usize) -> Outcome {
    let stored = Gate::new()?;
    let child = child::start(|| {
        let mapping = Mapping::of_file(file, first, PAGES, Sharing::Shared, READ_WRITE)?;
        mark(&mapping, 0..PAGES, BASE + first as u64);
        match way {
            Way::Sync => mapping.sync(0..PAGES)?,
            Way::Unmap => mapping.cut(0..PAGES)?,
            Way::Exit => process::exit(0),
            Way::Exec => {
                process::exec(c"/sleep", [c"sleep", c"0"]);
                return Err(failure!("expected to become sleep, saw -1"));
            }
            Way::Kill => {
                stored.open()?;
                // Waits for ever: no process opens this gate.
                Gate::new()?.pass()?;
            }
        }
        holds("in the process itself", first..first + PAGES, BASE)
    })?;
    let outcome = match way {
        Way::Sync | Way::Unmap | Way::Exit | Way::Exec => child.join(),
        Way::Kill => {
            stored.pass()?;
            process::kill(child.pid())?;
            child.join_killed("a process that has a file mapped")
        }
    };
    stored.remove()?;
    outcome
}

/// Pages of files leave memory and come back unchanged, stored or read, shared or private. Private
/// copies stay private copies.
pub fn filecrowded() -> Outcome {
    let file = make(2 * PAGES, 0x100)?;
    let shared = map(file, 2 * PAGES, Sharing::Shared)?;
    let own = map(file, 2 * PAGES, Sharing::Private)?;
    mark(&shared, 0..PAGES, 0x200);
    mark(&own, 0..PAGES / 2, 0x300);
    marked("not copied", &own, PAGES / 2..PAGES, 0x200)?;
    marked("not stored", &own, PAGES..2 * PAGES, 0x100)?;
    crowd_out()?;
    let mut left = 0;
    for page in 0..2 * PAGES {
        left += usize::from(shared.info(page)?.is_present());
    }
    ensure!(
        left < 2 * PAGES,
        "expected pages of a file to give way to all other memory, saw none go"
    );
    marked("stored, and back", &shared, 0..PAGES, 0x200)?;
    marked("read, and back", &shared, PAGES..2 * PAGES, 0x100)?;
    marked("copies", &own, 0..PAGES / 2, 0x300)?;
    marked("no copies", &own, PAGES / 2..PAGES, 0x200)?;
    marked("no copies, not stored", &own, PAGES..2 * PAGES, 0x100)?;
    mark(&shared, 0..2 * PAGES, 0x400);
    holds("stored again", 0..2 * PAGES, 0x400)?;
    remove(file)
}

/// Makes a child use all memory for a moment, so that pages which can be read from the disk again
/// leave memory.
pub fn crowd_out() -> Outcome {
    child::run(|| {
        // There will be no frames for copies.
        touch_own_pages();
        let most = SystemCounters::now()?[MemCounter::Frames] as usize;
        let mut region = Region::new(0, Promise::Eager)?;
        let mut step = most;
        while step > 0 {
            let old = region.pages();
            if old + step > most || region.extend(step, Promise::Eager).is_err() {
                step /= 2;
                continue;
            }
            for page in old..old + step {
                region.write(page, 1);
            }
        }
        Ok(())
    })
}
