//! What a mill does to its memory. Every page holds the number that was last written to it, and
//! must still hold it, whatever children do to their copies.

use crate::processes::fork_into;
use user::memory::Promise;
use user::random::Random;
use user::region::Region;
use user::testing::child::Child;
use user::testing::outcome::{Outcome, ensure};

/// Most pages of a mill.
const MOST: usize = 256;

/// Pages, and the number that each holds.
pub struct Memory {
    region: Region,
    expected: [u32; MOST],
}

impl Memory {
    /// Returns memory without pages.
    pub fn new() -> Outcome<Self> {
        Ok(Self {
            region: Region::new(0, Promise::Eager)?,
            expected: [0; MOST],
        })
    }

    /// Adds some pages, which must hold zeros, and uses some of them.
    pub fn grow(&mut self, random: &mut Random) -> Outcome {
        let old = self.region.pages();
        let more = 1 + random.below(32) as usize;
        let promise = random.choose(&[Promise::Eager, Promise::Lazy]);
        // With less memory than this, the call may be refused.
        if old + more > MOST || self.region.extend(more, promise).is_err() {
            return Ok(());
        }
        for page in old..old + more {
            self.expected[page] = 0;
            if random.once_in(2) {
                self.check_page(page)?;
            }
            if random.once_in(2) {
                self.write(page, random);
            }
        }
        Ok(())
    }

    /// Gives some pages back.
    pub fn shrink(&mut self, random: &mut Random) -> Outcome {
        let fewer = random.below(self.region.pages() as u64 + 1) as usize;
        self.region.cut(fewer)?;
        self.check()
    }

    /// A child and this process both write to pages that they share.
    pub fn share(&mut self, random: &mut Random) -> Outcome {
        let mut child_random = random.split();
        let child = fork_into(|| {
            for _ in 0..self.region.pages() {
                self.write_some(&mut child_random);
            }
            self.check()
        });
        for _ in 0..self.region.pages() / 4 {
            self.write_some(random);
        }
        child.map_or(Ok(()), Child::join)?;
        self.check()
    }

    fn write_some(&mut self, random: &mut Random) {
        let page = random.below(self.region.pages() as u64) as usize;
        self.write(page, random);
    }

    fn write(&mut self, page: usize, random: &mut Random) {
        let value = random.bits() as u32;
        self.expected[page] = value;
        self.region.write(page, value.into());
    }

    fn check_page(&self, page: usize) -> Outcome {
        let expected = u64::from(self.expected[page]);
        let seen = self.region.read(page);
        ensure!(
            seen == expected,
            "page {page} of a mill: expected {expected:#x}, saw {seen:#x}"
        );
        Ok(())
    }

    /// Fails unless every page holds what was written to it.
    pub fn check(&self) -> Outcome {
        (0..self.region.pages()).try_for_each(|page| self.check_page(page))
    }
}
