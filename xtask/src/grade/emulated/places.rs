//! Where the harts of a machine are, in a sentence and by their functions.

use emu::Machine;
use emu::hart::{Hart, Mode};

use crate::emulate::Printer;

/// Functions of a hart that are told.
const DEPTH: usize = 6;

/// Returns what a hart that panics met last: its trap registers.
fn last_trap(hart: &Hart, printer: &Printer<'_>) -> String {
    let place = printer.functions(&[hart.csr.sepc], 1).join("");
    let (cause, value) = (hart.csr.scause, hart.csr.stval);
    format!("its last trap (scause {cause:#x}, stval {value:#x}) in {place}")
}

/// Returns where each hart is, one line for each; the functions innermost first.
pub fn describe(machine: &Machine, printer: &Printer<'_>) -> String {
    let stacks: Vec<_> = machine
        .harts()
        .iter()
        .map(|hart| {
            if hart.mode == Mode::User {
                return vec!["in its program".to_owned()];
            }
            let mut functions = printer.functions(&machine.stack(hart.id), DEPTH);
            if functions
                .first()
                .is_some_and(|name| name.starts_with("panic"))
            {
                functions.push(last_trap(hart, printer));
            }
            functions
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
