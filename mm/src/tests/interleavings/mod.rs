//! Several harts at once, in the interleavings that a model checker makes (see [`sync::model`]).
//!
//! Shuttle runs whole operations at random, with a scheduling point before each access to an
//! atomic, page tables included: `faulting`, `filing`, `forking`, `leaving`, `sharing`, `frames`.
//! Loom runs the pieces whose memory orderings matter, in all interleavings: `pieces`. Each test
//! says which mistakes it was seen to find.

#[cfg(shuttle)]
mod faulting;
#[cfg(shuttle)]
mod filing;
#[cfg(shuttle)]
mod forking;
#[cfg(shuttle)]
mod frames;
#[cfg(shuttle)]
mod leaving;
#[cfg(loom)]
mod pieces;
#[cfg(shuttle)]
mod process;
#[cfg(shuttle)]
mod sharing;
