//! The rules of a run: seed, unkindness and watchers. They can be changed between two steps, so a
//! kernel boots once on a kind and fast machine, and each test starts from there under rules of its
//! own.

use super::Machine;
use crate::adversity::Adversity;
use crate::board::Board;
use crate::early::{Early, Past};
use crate::rng::Rng;
use crate::sanitize::Watch;
use crate::sanitize::atomics::Atomics;
use crate::stored::stored;

/// Instructions per clock tick: as many as on QEMU with `-icount`, ...
const KIND_TICK: u64 = 10;
/// ... and while turns are random, because time is short of instructions then.
const UNKIND_TICK: u64 = 3;

/// What a run depends on besides the state it starts from and what is typed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// What decides all that is left to choice.
    pub seed: u64,
    /// How unkind the machine is.
    pub adversity: Adversity,
    /// What is watched.
    pub watch: Watch,
}

stored!(Rules {
    seed,
    adversity,
    watch
});

impl Machine {
    /// The rules now.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Turns the switches that the rules are about, and nothing else.
    pub(crate) fn follow(&mut self, rules: &Rules) {
        self.rules = *rules;
        let adversity = &rules.adversity;
        self.watched = rules.watch.races || adversity.stores || adversity.loads;
        self.board.follow(rules);
    }

    /// Tells the race detector which instructions the source means to be atomic.
    pub fn declare_atomic(&mut self, addresses: &[u64]) {
        self.board.atomics = Atomics::new(addresses);
    }

    /// Goes on under other rules. What was found so far is forgotten. Watchers take what happened
    /// before for well done: accesses until now race with nothing.
    pub fn set_rules(&mut self, rules: &Rules) {
        // What waits because of the old rules has no place under the new ones.
        for hart in &mut self.harts {
            crate::exec::Cpu {
                hart,
                board: &mut self.board,
            }
            .drain();
        }
        self.deliver();
        self.board.state.past = Past::default();
        self.follow(rules);
        // The watchers begin anew.
        self.board.watch(rules.watch);
        for hart in &mut self.harts {
            hart.fast.forget_all();
            hart.early = Early::default();
            hart.tlb.forget_causes();
            if !self.board.keeps_translations {
                hart.tlb.forget_all();
            }
            if !self.board.keeps_code {
                hart.code.fence();
            }
        }
    }
}

impl Board {
    fn follow(&mut self, rules: &Rules) {
        let tick = if rules.adversity.turns {
            UNKIND_TICK
        } else {
            KIND_TICK
        };
        // The clock goes on from where it is.
        let time = self.time();
        self.tick = tick;
        self.state.skipped = time.wrapping_sub(self.state.steps / tick);
        self.state.rng = Rng::new(rules.seed);
        self.adversity = rules.adversity;
        self.keeps_translations = rules.adversity.translations || rules.watch.translations;
        self.keeps_code = rules.adversity.fetches || rules.watch.kernel;
    }
}
