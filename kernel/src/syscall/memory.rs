//! The break.

use abi::SBRK_LAZY;
use mm::space::Promise;

use super::{Answer, Call, Failed};

/// Programs that pass one argument leave anything in `mode`: all but lazy is eager.
pub fn sbrk(call: &mut Call, increment: i32, mode: u64) -> Answer {
    let promise = if mode == SBRK_LAZY {
        Promise::Lazy
    } else {
        Promise::Charged
    };
    let thread = call.caller.thread;
    let mut space = thread.process.space.lock(&mut call.caller.held);
    let space = space.as_mut().ok_or(Failed)?;
    let distance = u64::from(increment.unsigned_abs());
    let old = if increment < 0 {
        space.shrink(distance)
    } else {
        space.grow(distance, promise)?
    };
    Ok(old.0)
}
