//! Instructions in mappings, and data that must not be executed.

use crate::child;
use crate::outcome::{Outcome, expect};
use crate::tools::{PAGE, READ_WRITE, private, store_kills};
use abi::Protection;
use user::mapping::Mapping;
use user::{arch, memory, syscall};

const READ_EXECUTE: Protection = Protection::READ.with(Protection::EXECUTE);
const ALL: Protection = READ_WRITE.with(Protection::EXECUTE);

/// Stores a function that returns `value`, makes it executable, and calls it.
fn store_and_call(mapping: &Mapping, value: u8) -> Outcome {
    mapping.protect(0..1, READ_WRITE)?;
    mapping.write(0, arch::code_that_returns(value));
    mapping.protect(0..1, READ_EXECUTE)?;
    returns(mapping, value)
}

fn returns(mapping: &Mapping, value: u8) -> Outcome {
    // SAFETY: the mapping begins with the instructions of a function.
    let seen = unsafe { arch::call(mapping.start()) };
    expect("what a mapped function returns", u64::from(value), seen)
}

/// Instructions that were stored can be executed, and so can those that replace them. A child has
/// its own.
pub fn run() -> Outcome {
    let mapping = private(1)?;
    for value in 42..52 {
        store_and_call(&mapping, value)?;
        store_kills("a store to instructions", &mapping, 0)?;
        child::run(|| {
            returns(&mapping, value)?;
            store_and_call(&mapping, 100)
        })?;
        returns(&mapping, value)?;
    }
    mapping.protect(0..1, ALL)?;
    mapping.write(0, arch::code_that_returns(7));
    mapping.protect(0..1, ALL)?;
    returns(&mapping, 7)
}

/// A page without the right to execute is not executed, even if it holds instructions.
pub fn data() -> Outcome {
    let mapping = private(1)?;
    mapping.write(0, arch::code_that_returns(42));
    for protection in [READ_WRITE, Protection::READ, Protection::NONE] {
        mapping.protect(0..1, protection)?;
        child::run_killed("a call of data", || {
            // SAFETY: nothing can be fetched there, or it is a function.
            unsafe { arch::call(mapping.start()) };
        })?;
    }
    store_and_call(&mapping, 43)?;
    mapping.protect(0..1, Protection::READ)?;
    child::run_killed("a call of what was a function", || {
        // SAFETY: as above.
        unsafe { arch::call(mapping.start()) };
    })
}

/// Text and constants become writable for the process that asks. The page belongs to that process
/// alone from then on.
pub fn text() -> Outcome {
    // The page with the program's first instruction, which runs only once, and a page of constants.
    for (address, protection) in [(0, ALL), (memory::constants().start, READ_WRITE)] {
        let before = arch::load_byte(address);
        child::run(|| {
            protect(address, protection)?;
            // SAFETY: the byte is not used any more but by this test, and it is put back.
            unsafe { arch::store_byte(address, !before) };
            expect("the byte written", !before, arch::load_byte(address))?;
            child::run(|| expect("its child's byte", !before, arch::load_byte(address)))?;
            // SAFETY: as above.
            unsafe { arch::store_byte(address, before) };
            protect(address, READ_EXECUTE)?;
            store_to_text_kills(address)
        })?;
        expect("the parent's byte", before, arch::load_byte(address))?;
        store_to_text_kills(address)?;
    }
    Ok(())
}

fn protect(address: u64, protection: Protection) -> Outcome {
    // SAFETY: whatever is there can be read and executed as before.
    let result = unsafe { syscall::mprotect(address, PAGE, protection.0) };
    expect("mprotect of one's own image", 0, result)
}

fn store_to_text_kills(address: u64) -> Outcome {
    let byte = arch::load_byte(address);
    child::run_killed("a store to text or constants", || {
        // SAFETY: the store must fault; if it does not, it changes nothing.
        unsafe { arch::store_byte(address, byte) }
    })
}
