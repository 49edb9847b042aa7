//! Where the harts of a machine are, in a sentence and by their functions.

use emu::Machine;
use emu::hart::Mode;

use crate::emulate::Printer;

/// Functions of a hart that are told.
const DEPTH: usize = 6;

/// Returns where each hart is, one line for each; the functions innermost first.
pub fn describe(machine: &Machine, printer: &Printer<'_>) -> String {
    let stacks: Vec<_> = machine
        .harts()
        .iter()
        .map(|hart| {
            if hart.mode == Mode::User {
                return vec!["in its program".to_owned()];
            }
            printer.functions(&machine.stack(hart.id), DEPTH)
        })
        .collect();
    let same = stacks.windows(2).all(|pair| pair[0] == pair[1]);
    match &stacks[..] {
        [first, _, ..] if same => format!("all harts: {}", first.join(", called from ")),
        _ => stacks
            .iter()
            .enumerate()
            .map(|(hart, stack)| format!("hart {hart}: {}", stack.join(", called from ")))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}
