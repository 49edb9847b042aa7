//! Processes: many of them, orphans, and what can be learnt about their memory.

use super::super::case::{Case, End};

/// The tests.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for harts in [1, 2, 4] {
        cases.push(
            Case::line(format!("forktest: {harts} harts"), "forktest")
                .harts(harts)
                .within(120),
        );
        cases.push(
            Case::line(format!("1,000 processes: {harts} harts"), "c-many")
                .harts(harts)
                .mebibytes(256)
                .within(120)
                .shows("^c-many: 999 children, 1[0-9]{3} processes$"),
        );
    }
    cases.extend([
        Case::line(
            "orphans are reaped",
            "zombie; zombie; zombie; sleep 10; c-many",
        )
        .mebibytes(256)
        .within(120),
        Case::line("memstat counts", "memstat")
            .shows(r"^frames +[1-9][0-9]*$")
            .shows(r"^forks +[1-9][0-9]*$")
            .shows(r"^copy-faults +[1-9][0-9]*$"),
        Case::line("nothing leaks: what is free stays free", LEAK_LINE)
            .harts(2)
            .within(120)
            .shows("^SAME$"),
        Case::line("cowmap of oneself", "cowmap")
            .shows("^start +end +pages +state$")
            .shows("private"),
        Case::line("cowmap of init", "cowmap 1").shows("^start +end +pages +state$"),
        Case::line("cowmap of nobody", "cowmap 30000")
            .ends(End::Status(1))
            .shows("cowmap: no process 30000"),
        Case::line("status of a killed program", "c-stack below")
            .ends(End::Status(120))
            .shows(r"^pid [0-9]+ \(c-stack\): killed: .*0x[0-9a-f]+, pc 0x[0-9a-f]+"),
    ]);
    cases
}

/// The same programs twice; the free frames after the first round and after the second.
/// The first round fills caches that may grow.
const LEAK_LINE: &str = "(forktest; stressfs; c-cow; lie-huge; lie-offset; echo a | cat) > out; \
                         memstat | grep ^free > one; \
                         (forktest; stressfs; c-cow; lie-huge; lie-offset; echo a | cat) > out; \
                         memstat | grep ^free > two; cat one two; c-same one two && echo SAME";
