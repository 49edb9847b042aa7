//! The size of the machine, and how much of its memory is left.

use abi::MemCounter::{Frames, FreeSlots, SwapSlots};
use abi::PAGE_SIZE;
use abi::ProcCounter::{Resident, Swapped};
use user::memory::{ProcessCounters, SystemCounters};
use user::process::{self, Fork};
use user::testing::child;
use user::testing::measure::available_pages;
use user::testing::outcome::{Outcome, ensure};

/// The number of ticks that ended processes may take to free their memory.
const PATIENCE: u32 = 20;

/// The sizes of the machine, in pages.
#[derive(Clone, Copy)]
pub struct Machine {
    /// The number of frames.
    pub frames: usize,
    /// The number of slots.
    pub slots: usize,
}

impl Machine {
    /// Returns the sizes of this machine, or why nothing can be tested on it.
    pub fn find() -> Result<Self, &'static str> {
        let counters = SystemCounters::now().map_err(|_| "this kernel has no memstat")?;
        Ok(Self {
            frames: counters[Frames] as usize,
            slots: counters[SwapSlots] as usize,
        })
    }

    /// Returns the machine, if it has `times` as much swap as RAM, or what it lacks.
    pub fn with_swap(self, times: usize) -> Result<Self, &'static str> {
        match self.slots {
            0 => Err("this machine has no disk to swap to"),
            slots if slots < times * self.frames => Err("this machine has too little swap for it"),
            _ => Ok(self),
        }
    }

    /// Returns a number of pages that is more than RAM, but does not fill swap.
    pub fn more_than_ram(self) -> usize {
        self.frames + self.frames / 4
    }
}

/// Returns the number of slots in use.
pub fn slots_in_use() -> user::Result<u64> {
    let counters = SystemCounters::now()?;
    Ok(counters[SwapSlots] - counters[FreeSlots])
}

/// The memory that is left for programs.
#[derive(Clone, Copy)]
pub struct Left {
    /// The number of pages that a program can be promised. It does not depend on where the pages of
    /// other processes are at the moment.
    pages: i64,
}

impl Left {
    /// Returns what is left now.
    pub fn now() -> Outcome<Self> {
        // Makes the kernel's pools grow to what a child and its pipe need, which they keep.
        child::run(|| Ok(()))?;
        // A child measures it, so that the tables for the large break are freed with the child. Its
        // exit status is the answer, because that needs no memory.
        let pages = match process::fork()? {
            Fork::Child => process::exit(available_pages().map_or(-1, |pages| pages as i32)),
            Fork::Parent(pid) => process::wait_for(pid)?,
        };
        ensure!(pages > 0, "expected a child to count pages, saw {pages}");
        Ok(Self {
            pages: i64::from(pages),
        })
    }

    /// Fails unless as much is left again soon, and only pages of living processes have slots.
    pub fn expect_back(self) -> Outcome {
        let mut result = self.compare();
        for _ in 0..PATIENCE {
            if result.is_ok() {
                break;
            }
            process::sleep(1)?;
            result = self.compare();
        }
        result
    }

    fn compare(self) -> Outcome {
        let (before, now) = (self.pages, Self::now()?.pages);
        ensure!(
            now >= before,
            "expected {before} pages to be left afterwards, saw {now}"
        );
        let (used, most) = (slots_in_use()?, living_pages());
        ensure!(
            used <= most,
            "expected at most {most} slots in use afterwards, saw {used}"
        );
        Ok(())
    }
}

/// Returns the pages of all processes that began before this one, and of this one.
fn living_pages() -> u64 {
    let pages = |pid| {
        // Most numbers belong to processes that have ended.
        let counters = ProcessCounters::of(pid).ok()?;
        Some((counters[Resident] + counters[Swapped]) / PAGE_SIZE as u64)
    };
    (1..=process::id()).filter_map(pages).sum()
}
