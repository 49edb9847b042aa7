//! What the memory system promises, on the pretended machine.
//!
//! `faults`, `forks`, `promises`, `counters`, `fences`, `effort`, `protect`, `shared`, `swap`,
//! `evictions`, `ahead`, `shortage`, `busy`, `files`, `idle`, `places`, `tables` and `allegations`
//! state one rule each test; `failures` makes every allocation fail in turn; `audits` checks the
//! checker; `model` runs random programs against a plain map from addresses to contents, and `fuzz`
//! those that a fuzzer chooses; `interleavings` has several harts act at once; `museum` has a test
//! for each mistake of the known mistakes (docs/rules.md).

mod ahead;
mod allegations;
mod audits;
mod busy;
mod counters;
mod effort;
mod evictions;
mod failures;
mod faults;
mod fences;
mod files;
mod forks;
mod fuzz;
mod idle;
#[cfg(any(loom, shuttle))]
#[allow(unsafe_code)]
mod interleavings;
mod model;
mod museum;
mod places;
mod promises;
mod protect;
mod shared;
mod shortage;
mod swap;
mod tables;
mod transfers;

use abi::{ForkMode, PAGE_SIZE};

use crate::addr::{PageNo, PageRange};
use crate::memory::Memory;
use crate::pt::Permissions;
use crate::space::{AddressSpace, Promise};
use crate::testing::{FakeMachine, Space};

const PAGE: u64 = PAGE_SIZE as u64;
const COW: ForkMode = ForkMode::CopyOnWrite;

fn pages(start: u64, end: u64) -> PageRange {
    PageRange::new(PageNo(start), PageNo(end))
}

fn data() -> Permissions {
    Permissions::READ | Permissions::WRITE
}

/// Returns a space with `count` pages of lazy data from address 0.
fn space(memory: &'static Memory<FakeMachine>, count: u64) -> Space {
    let mut space = AddressSpace::new(memory).unwrap();
    space.map(pages(0, count), data(), Promise::Lazy).unwrap();
    space
}
