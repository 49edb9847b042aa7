//! Programs in C: those of `tests/c`, which bring their own library, and those of `tests/source`,
//! which are compiled against Cowslip's.

use super::super::case::{Case, End};
use crate::launch::{LAZY_SBRK, stack_pages};

/// Returns the tests of programs in C.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::line(
            "foreign: main is the entry point",
            "c-hello one 'two words'",
        )
        .ends(End::Status(7))
        .shows("^c-hello: 3 arguments: c-hello,one,two words,$"),
        Case::line(
            "foreign: too many arguments",
            format!("c-hello {}", "x ".repeat(32)),
        )
        .ends(End::Status(abi::EXIT_STATUS_MAX))
        .shows("^sh: c-hello: more than 32 words$"),
        Case::line("foreign: the stack is one page", "c-stack").shows("^c-stack: 1: OK$"),
        Case::line("foreign: a stack of two pages", "c-stack 2")
            .option(&stack_pages(2))
            .shows("^c-stack: 2: OK$"),
        Case::line("foreign: one-argument sbrk is a promise", "c-lazysbrk 0")
            .shows("^c-lazysbrk: OK$"),
        Case::line("foreign: one-argument sbrk is lazy", "c-lazysbrk 1")
            .option(LAZY_SBRK)
            .shows("^c-lazysbrk: OK$"),
        Case::line("foreign: the break", "c-sbrk").shows("^c-sbrk: OK$"),
        Case::line("source: a pipeline of processes", "l-sieve")
            .shows("^prime 2$")
            .shows("^prime 31$"),
        Case::line("source: strings, files and headers", "l-words argument")
            .shows("^l-words: OK$")
            .leaves_disk_sound(),
        Case::line("source: the heap", "l-heap").shows("^l-heap: OK$"),
        Case::line("foreign: bad arguments", "c-bad")
            .within(120)
            .shows("^c-bad: OK$")
            .leaves_disk_sound(),
    ];
    for harts in [1, 2, 4] {
        cases.push(
            Case::line(format!("foreign: copy-on-write: {harts} harts"), "c-cow")
                .harts(harts)
                .shows("^c-cow: OK$"),
        );
        cases.push(
            Case::line(format!("foreign: floating point: {harts} harts"), "c-fp")
                .harts(harts)
                .within(120)
                .shows("^c-fp: OK$"),
        );
    }
    cases
}
