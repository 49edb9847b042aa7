//! More memory than RAM, in one process and in many.

use crate::machine::Machine;
use crate::pages::{check, mark};
use user::memory::Promise;
use user::region::Region;
use user::testing::child::{self, Child};
use user::testing::outcome::Outcome;

/// One process that uses one and a half times the RAM.
pub fn one(machine: Machine) -> Outcome {
    use_twice(machine.frames + machine.frames / 2)
}

const CHILDREN: usize = 10;

/// Ten processes that use one and a half times the RAM together, at one time.
pub fn ten(machine: Machine) -> Outcome {
    let pages = (machine.frames + machine.frames / 2) / CHILDREN;
    let mut children: [Option<Child>; CHILDREN] = [const { None }; CHILDREN];
    for place in &mut children {
        *place = Some(child::start(|| use_twice(pages))?);
    }
    for child in children.into_iter().flatten() {
        child.join()?;
    }
    Ok(())
}

fn use_twice(pages: usize) -> Outcome {
    let region = Region::new(pages, Promise::Eager)?;
    for writer in 1..=2 {
        mark(&region, 0..pages, writer);
        check(&region, 0..pages, writer)?;
    }
    Ok(())
}
