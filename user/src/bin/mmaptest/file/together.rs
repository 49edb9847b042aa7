//! Many processes at one file, while its pages are written back and leave memory.

use super::lasting::crowd_out;
use super::{PATH, make, map, remove};
use crate::child::{self, Child, Gate};
use crate::outcome::{Outcome, expect};
use crate::shared::shared;
use crate::tools::{READ_WRITE, mark, private};
use abi::{OpenFlags, PAGE_SIZE};
use user::file::Fd;
use user::mapping::{Mapping, Sharing};
use user::memory::touch_own_pages;
use user::random::Random;

const PAGES: usize = 64;
const PROCESSES: usize = 4;
/// The fewest steps of a process: two rounds of the file.
const STEPS: usize = 2 * PAGES * STAY;
/// How many steps a process spends at one page. After that it leaves the page alone long enough for
/// it to be evicted.
const STAY: usize = 32;

/// No store is lost, and no old word comes back. Each process has a word of its own in every page
/// and counts in it. It finds its last count in its mapping, in other mappings and with `read`.
pub fn filetogether() -> Outcome {
    let (file, crowded) = (make(PAGES, 0)?, shared(1)?);
    let (ready, go_on) = (Gate::new()?, Gate::new()?);
    let mut children: [Option<Child>; PROCESSES] = [const { None }; PROCESSES];
    for (index, place) in children.iter_mut().enumerate() {
        *place = Some(child::start(|| {
            let mut counter = Counter::new(file, index + 1)?;
            touch_own_pages();
            crowded.read(0);
            ready.open()?;
            go_on.pass()?;
            counter.count(&crowded)
        })?);
    }
    for _ in 0..PROCESSES {
        ready.pass()?;
    }
    // There will be no frames for copies.
    touch_own_pages();
    for _ in 0..PROCESSES {
        go_on.open()?;
    }
    crowd_out()?;
    crowded.write(0, 1);
    for child in children.into_iter().flatten() {
        child.join()?;
    }
    remove(file)
}

/// A process that counts in its word of each page.
struct Counter {
    file: Fd,
    mapping: Mapping,
    /// The memory into which `read` copies the file.
    seen: Mapping,
    /// The index of this process's word.
    own: usize,
    /// The number that was last stored in each page.
    stored: [u64; PAGES],
}

impl Counter {
    fn new(file: Fd, own: usize) -> Outcome<Self> {
        let seen = private(PAGES)?;
        mark(&seen, 0..PAGES, 0);
        Ok(Self {
            file,
            mapping: map(file, PAGES, Sharing::Shared)?,
            seen,
            own,
            stored: [0; PAGES],
        })
    }

    /// Counts in one page after another, for as long as memory is short and at least [`STEPS`]
    /// steps. While memory is short, new mappings and open files can be refused.
    fn count(&mut self, crowded: &Mapping) -> Outcome {
        let mut random = Random::new(self.own as u64);
        let mut steps = 0;
        while steps < STEPS || crowded.read(0) == 0 {
            // Each process begins at another page.
            let page = (steps / STAY + self.own * PAGES / PROCESSES) % PAGES;
            steps += 1;
            let seen = self.mapping.read_word(page, self.own);
            expect("the word stored last", self.stored[page], seen)?;
            self.stored[page] += 1;
            self.mapping.write_word(page, self.own, self.stored[page]);
            match random.below(64) {
                0 | 4 => self.mapping.sync(page..page + 1)?,
                1 => {
                    if let Ok(mapping) = map(self.file, PAGES, Sharing::Shared) {
                        self.mapping = mapping;
                    }
                }
                2 => {
                    // If the call is refused, the old pages stay.
                    let _ = self.mapping.renew_from_file(
                        page..PAGES,
                        self.file,
                        page,
                        Sharing::Shared,
                        READ_WRITE,
                    );
                }
                3 => {
                    if let Ok(file) = Fd::open(PATH, OpenFlags::READ_ONLY) {
                        self.read_all(file)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Fails unless `read` finds what was stored last in each page.
    fn read_all(&self, file: Fd) -> Outcome {
        let bytes = PAGES * PAGE_SIZE;
        expect("bytes read", bytes, self.seen.read_from(file, 0, bytes)?)?;
        file.close()?;
        for (page, &stored) in self.stored.iter().enumerate() {
            expect("a word, read", stored, self.seen.read_word(page, self.own))?;
        }
        Ok(())
    }
}
