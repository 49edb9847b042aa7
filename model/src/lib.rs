//! The protocol of shared page tables, as a model that is checked exhaustively.
//!
//! After a fork in mode 2 parent and child refer to one page table. The protocol says who may
//! change that table, in which order, and what must be fenced in between. This crate states it as
//! a state machine for the model checker [`stateright`], small enough that every interleaving of
//! its steps is visited. `docs/shared-tables.md` tells the protocol in prose; the code that will
//! implement it uses the same names for the same steps.
//!
//! # What is modelled
//!
//! ```text
//!   process        table               frame
//!  +---------+    +-----------+       +---------+
//!  | link  --+--->| count 2   |   +-->| count 1 |
//!  +---------+    | entry 0 --+---+   | content |
//!  +---------+    | entry 1   |       +---------+
//!  | link  --+--->|           |       slot: count, content
//!  +---------+    +-----------+
//! ```
//!
//! Two levels: each process has one upper entry, its *link*, to one leaf table. Two or three
//! processes fork at any moment, fault, fill, write and exit; an evictor takes pages to swap. One
//! atomic access of the real code is one [`Action`] here; between any two, everybody else may move.
//!
//! The two harts have TLBs that keep every translation they could have seen since the last fence,
//! at both levels, and use any of them ([`tlb`]). That is the most a TLB may do.
//!
//! # Rooms
//!
//! [`bounds`] says how large the model is and which mistake it makes; `state` what there is; `tlb`
//! what the harts remember; `step` has one operation per file; `property` the rules R1 to R3, as
//! predicates of a state.
//!
//! # What is left out
//!
//! Weak memory (loom looks at the real atomics), address-space identifiers, MAP_SHARED pages, and
//! the swap cache: a page that two tables read back from one slot comes back as two frames.

#![forbid(unsafe_code)]

pub mod bounds;
mod property;
mod state;
mod step;
pub mod tlb;

pub use bounds::{Bounds, Format, Mistake};
pub use state::State;
pub use step::Action;

use stateright::{Model, Property};

impl Model for Bounds {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::initial(self)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(step::enabled(self, state));
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        step::take(self, state, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        property::all()
    }
}

#[cfg(test)]
mod tests;
