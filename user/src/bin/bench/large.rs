//! Processes with much memory, so that what is done to all of it takes long.

use user::memory::Promise;
use user::process::{self, Fork, Pid};
use user::region::Region;
use user::{Result, file};

use super::touch;

/// What is much: 64 MiB.
pub const PAGES: usize = 16 << 10;

/// Much memory, all of it in frames.
pub fn large() -> Result<Region> {
    let region = Region::new(PAGES, Promise::Eager)?;
    touch(&region);
    Ok(region)
}

/// A child that has much memory and spins.
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

/// A child that has much memory does `body`, and its end is waited for.
pub fn in_large_child(body: fn() -> !) -> Result<()> {
    match process::fork()? {
        Fork::Child => keep(large(), body),
        Fork::Parent(pid) => process::wait_for(pid).map(drop),
    }
}

/// Does `body` with the memory there.
fn keep(region: Result<Region>, body: fn() -> !) -> ! {
    if region.is_err() {
        process::exit(1)
    }
    core::mem::forget(region);
    body()
}
