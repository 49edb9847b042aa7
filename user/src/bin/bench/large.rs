//! Processes with 64 MiB of memory, so that an operation on all of it takes long.

use user::memory::Promise;
use user::process::{self, Fork, Pid};
use user::region::Region;
use user::{Result, file};

use super::touch;

/// The memory of a large process: 64 MiB, in pages.
pub const PAGES: usize = 16 << 10;

/// Returns [`PAGES`] pages of memory, all of them in frames.
pub fn large() -> Result<Region> {
    let region = Region::new(PAGES, Promise::Eager)?;
    touch(&region);
    Ok(region)
}

/// Returns a child that has [`PAGES`] pages of memory and spins.
pub fn large_child() -> Result<Pid> {
    let (ready, tell) = file::pipe()?;
    match process::fork()? {
        Fork::Child => {
            let region = large();
            if tell.write_all(b"x").is_err() {
                process::exit(1)
            }
            keep(region, || {
                loop {
                    core::hint::spin_loop();
                }
            })
        }
        Fork::Parent(pid) => {
            tell.close()?;
            let told = ready.read(&mut [0]);
            ready.close()?;
            told.map(|_| pid)
        }
    }
}

/// Runs `body` in a child that has [`PAGES`] pages of memory, and waits for the child's end.
pub fn in_large_child(body: fn() -> !) -> Result<()> {
    match process::fork()? {
        Fork::Child => keep(large(), body),
        Fork::Parent(pid) => process::wait_for(pid).map(drop),
    }
}

/// Runs `body` while the memory exists.
fn keep(region: Result<Region>, body: fn() -> !) -> ! {
    if region.is_err() {
        process::exit(1)
    }
    core::mem::forget(region);
    body()
}
