//! Ctrl-P: all processes, one line each.

use sync::{Held, level};

use super::scheduler::{self, State};
use super::tree::{Life, TREE, Tree};
use super::{Pid, name::Text};
use crate::println;

/// What a line says.
struct Row {
    pid: Pid,
    parent: Pid,
    state: &'static str,
    name: Text,
}

/// Prints the table. Called from the console's interrupt, with no lock of the console held. The tree is locked
/// for one line at a time, so a process that comes or goes meanwhile may be missing.
pub fn print_table() {
    // An interrupt finds the kernel without spin locks.
    let mut held = Held::<level::Sleeping>::claim();
    println!("\n  pid parent state   name");
    for chain in 0..Tree::CHAINS {
        let mut position = 0;
        while let Some(row) = row(chain, position, &mut held) {
            let Row {
                pid,
                parent,
                state,
                name,
            } = row;
            println!("{pid:5} {parent:6} {state:7} {name}");
            position += 1;
        }
    }
}

fn row(chain: usize, position: usize, held: &mut Held<level::Sleeping>) -> Option<Row> {
    let mut tree = TREE.lock(held);
    let (tree, held) = tree.parts();
    let process = tree.at(chain, position)?;
    let state = match (tree.life(process), tree.thread(process)) {
        (Life::Ended(_), _) | (_, None) => "zombie",
        (_, Some(thread)) => match scheduler::state(thread, held) {
            State::Ready => "ready",
            State::Running => "running",
            State::Waiting { .. } => "sleep",
            State::Ended => "ending",
        },
    };
    Some(Row {
        pid: process.pid(),
        parent: tree.parent(process).map_or(0, |parent| parent.pid()),
        state,
        name: process.name.text(),
    })
}
