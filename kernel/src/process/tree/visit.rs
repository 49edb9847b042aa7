//! Iteration over the processes of the tree.

use core::iter::successors;

use sync::Counted;

use super::super::{Pid, Process};
use super::{CHAINS, Life, Tree, chain};

impl Tree {
    /// Returns the living processes, chain by chain.
    pub fn alive(&self) -> impl Iterator<Item = &Counted<Process>> {
        (0..CHAINS).flat_map(|chain| self.alive_in(chain))
    }

    fn alive_in(&self, chain: usize) -> impl Iterator<Item = &Counted<Process>> {
        let first = self.by_pid[chain].as_ref();
        let all = successors(first, |&process| self.family(process).same_chain.as_ref());
        all.filter(|process| self.life(process) == Life::Alive)
    }

    /// Returns the first living process, or the one that follows the pid `after`. A caller that
    /// releases the lock between calls can thus visit every living process.
    pub fn next_alive(&self, after: Option<Pid>) -> Option<&Counted<Process>> {
        let place = |pid: Pid| (chain(pid), pid);
        (after.map_or(0, chain)..CHAINS).find_map(|chain| {
            self.alive_in(chain)
                .filter(|process| Some(place(process.pid())) > after.map(place))
                .min_by_key(|process| process.pid())
        })
    }

    /// Returns the process at a position of a chain of the table of pids, for visiting all of them.
    pub fn at(&self, chain: usize, position: usize) -> Option<&Counted<Process>> {
        let mut at = self.by_pid.get(chain)?.as_ref();
        for _ in 0..position {
            at = self.family(at?).same_chain.as_ref();
        }
        at
    }

    /// The number of chains that [`Tree::at`] accepts.
    pub const CHAINS: usize = CHAINS;
}
