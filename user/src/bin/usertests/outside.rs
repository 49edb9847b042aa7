//! Addresses at which a touch kills the program, and nothing else happens.

use crate::lies::{OUTSIDE, TEXT, stack_page};
use user::arch;
use user::testing::child;
use user::testing::outcome::Outcome;

/// Fails unless a load from `address` kills.
fn load_kills(address: u64) -> Outcome {
    child::run_killed("load", || {
        arch::load_byte(address);
    })
}

/// Fails unless a store to `address` kills.
fn store_kills(address: u64) -> Outcome {
    child::run_killed("store", || {
        // SAFETY: the store must fault; if it does not, the child ends and the test fails.
        unsafe { arch::store_byte(address, 10) }
    })
}

/// The kernel's memory cannot be read.
pub fn kernmem() -> Outcome {
    for step in 0..40 {
        load_kills(0x8000_0000 + step * 50_000)?;
    }
    Ok(())
}

/// Nothing past the end of the user half can be written, at every power of two.
#[expect(non_snake_case, reason = "the test is known by this name")]
pub fn MAXVAplus() -> Outcome {
    for shift in 38..64 {
        store_kills(1 << shift)?;
    }
    Ok(())
}

/// Text and addresses outside of the program cannot be written.
pub fn nowrite() -> Outcome {
    for lie in [TEXT].into_iter().chain(OUTSIDE) {
        store_kills(lie.address())?;
    }
    Ok(())
}

/// The page below the stack page belongs to no process.
pub fn stacktest() -> Outcome {
    let last_below = stack_page() - 1;
    let first_below = stack_page() - abi::PAGE_SIZE as u64;
    for address in [last_below, first_below] {
        load_kills(address)?;
        store_kills(address)?;
    }
    Ok(())
}
