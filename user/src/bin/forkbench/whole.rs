//! Fork itself, and the whole life of a child that ends at once or executes a program.

use user::process::{self, Fork};
use user::testing::counter::Counter;
use user::{Result, println};

use super::{MEBIBYTE, NOTHING, PROGRAM, instructions, resident};

/// The sizes of the forking process in MiB, and how often each is measured.
const SIZES: [(usize, usize); 3] = [(1, 5), (64, 3), (512, 2)];

/// Measures a process that has nothing but its image, and then one of each size.
pub fn measure(counter: Counter) -> Result<()> {
    instructions("fork-exit-wait-small", life(counter, 5, || {})?.whole);
    for (size, tries) in SIZES {
        let memory = resident(size * MEBIBYTE)?;
        let exit = life(counter, tries, || {})?;
        let exec = life(counter, tries, || {
            process::exec(PROGRAM, [PROGRAM, NOTHING]);
        })?;
        drop(memory);
        for (row, value) in [
            ("fork", exit.fork),
            ("fork-exit-wait", exit.whole),
            ("fork-exec-wait", exec.whole),
        ] {
            println!("forkbench {row}-{size}m {value} instructions");
        }
    }
    Ok(())
}

/// What one child costs its parent, in instructions.
struct Life {
    /// From the call of fork to its return.
    fork: u64,
    /// From the call of fork until the child has ended and was waited for.
    whole: u64,
}

/// Returns the least cost of a child that does `child` and ends.
fn life(counter: Counter, tries: usize, child: impl Fn()) -> Result<Life> {
    let mut least = Life {
        fork: u64::MAX,
        whole: u64::MAX,
    };
    for _ in 0..tries {
        let start = counter.now();
        match process::fork()? {
            Fork::Child => {
                child();
                process::exit(0)
            }
            Fork::Parent(pid) => {
                least.fork = least.fork.min(counter.now() - start);
                process::wait_for(pid)?;
                least.whole = least.whole.min(counter.now() - start);
            }
        }
    }
    Ok(least)
}
