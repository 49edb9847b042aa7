//! Running instructions of one hart.
//!
//! The plain path touches registers, fast translations and decoded instructions, allocates nothing
//! and calls nobody. Everything else leaves it through a method here. Groups: [`integer`],
//! [`memory`], [`atomic`], [`float`], [`system`]. `WATCH` compiles a second loop in which every
//! access is seen by the race detector and passes the store buffer; the plain one pays nothing for
//! that.

mod atomic;
mod float;
pub(crate) mod integer;
mod memory;
mod round;
mod run;
mod system;

pub(crate) use memory::Use;

use crate::board::Board;
use crate::hart::Hart;
use crate::hart::trap::Trap;

/// A hart that runs, and what it may touch.
pub(crate) struct Cpu<'a> {
    pub hart: &'a mut Hart,
    pub board: &'a mut Board,
}

/// An instruction either goes on or traps.
type Done = Result<(), Trap>;
