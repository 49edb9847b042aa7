//! Reports on processes for people: the table of Ctrl-P, and the facts that `ps` asks for.

use abi::{ProcState, ProcessFacts};
use sync::{Held, Level, level};

use super::scheduler::{self, State};
use super::tree::{Life, TREE, Tree};
use super::{Pid, Process, name::Text};
use crate::println;

/// Returns the facts about `process`, from the locked `tree`.
fn facts<L: Level>(tree: &Tree, process: &Process, held: &mut Held<L>) -> ProcessFacts {
    let state = match (tree.life(process), tree.thread(process)) {
        (Life::Ended(_), _) | (_, None) => ProcState::Zombie,
        (_, Some(thread)) => match scheduler::state(thread, held) {
            State::Ready => ProcState::Ready,
            State::Running => ProcState::Running,
            State::Waiting { .. } => ProcState::Sleeping,
            State::Ended => ProcState::Ending,
        },
    };
    ProcessFacts {
        parent: tree.parent(process).map_or(0, |parent| parent.pid()),
        state,
        name: process.name.text().bytes(),
    }
}

/// Returns the facts about `process`.
pub fn describe(process: &Process, held: &mut Held<level::Nothing>) -> ProcessFacts {
    let mut tree = TREE.lock(held);
    let (tree, held) = tree.parts();
    facts(tree, process, held)
}

/// Prints the table of processes. The tree is locked for one line at a time, so a process that is
/// forked or reaped meanwhile may be missing.
pub(super) fn print(held: &mut Held<level::Nothing>) {
    println!("\n  pid parent state   name");
    for chain in 0..Tree::CHAINS {
        let mut position = 0;
        while let Some((pid, row)) = row(chain, position, held) {
            let (parent, state) = (row.parent, row.state.name());
            println!("{pid:5} {parent:6} {state:7} {}", Text::of(row.name));
            position += 1;
        }
    }
}

fn row(
    chain: usize,
    position: usize,
    held: &mut Held<level::Nothing>,
) -> Option<(Pid, ProcessFacts)> {
    let mut tree = TREE.lock(held);
    let (tree, held) = tree.parts();
    let process = tree.at(chain, position)?;
    Some((process.pid(), facts(tree, process, held)))
}
