//! Processes: many at once, orphans, and reports about their memory.

use super::super::case::{Case, End};

/// The exit status that stands for the status of a killed program, -1.
const KILLED: u8 = abi::EXIT_STATUS_MAX;

/// Runs `ps` beside a background process that sleeps and has a zombie child (state 4). `ps` starts
/// only when both are so.
const PS: &str = "c-zombie & c-asleep c-zombie 4 ps";

/// Returns the tests of processes.
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
        Case::line("free tells of memory and swap", "free")
            .swap(256)
            .shows(r"^ +total +used +free +cache$")
            .shows(r"^Mem:( +[1-9][0-9]*){4}$")
            .shows(r"^Swap: +262144 +0 +262144 +0$")
            .shows(r"^Promised: +[1-9][0-9]* +[1-9][0-9]* +[1-9][0-9]* +0$"),
        Case::line("ps finds all processes", PS)
            .shows(r"^ +pid +parent +state +size +rss +pss +uss +swap +faults +name$")
            // Init, the shell, the shell's copy for the background, the background process, and
            // `ps` below its parent.
            .shows(r"(\n +[0-9]+ +[0-9]+ +\w+( +[0-9]+){4} +0 +[0-9]+ [-\w]+){7}$")
            .shows(r"^ +1 +0 sleep .* init$")
            .shows(r"^ +2 +1 sleep .* sh$")
            .shows(r"^ +[0-9]+ +[0-9]+ sleep .* c-zombie$")
            .shows(r"^ +[0-9]+ +2 .* c-asleep$")
            .shows(r"^ +[0-9]+ +[0-9]+ running .* ps$"),
        Case::line("ps finds a zombie", PS).shows(r"^ +[0-9]+ +[0-9]+ zombie +0( +0){5} c-zombie$"),
        Case::line("vmstat counts by interval", "vmstat 1 2")
            .shows(r"^ +free +cache +si +so +zero +copy +reuse +file$")
            // The time since boot, and a second in which only the first touches of the program's
            // own code happened.
            .shows(
                r"^( +[0-9]+){2}( +0){2} +[1-9][0-9]*( +[0-9]+){3}\n( +[0-9]+){2}( +0){5} +[0-9]$",
            ),
        Case::line("vmstat without an interval", "vmstat 0")
            .ends(End::Status(2))
            .shows("^usage: vmstat"),
        Case::line("nothing leaks: what is free stays free", "c-leak")
            .harts(2)
            .within(120)
            .shows("^c-leak: OK$"),
        Case::line("cowmap of oneself", "cowmap")
            .shows("^start +end +pages +state$")
            .shows("private"),
        Case::line("cowmap of init", "cowmap 1").shows("^start +end +pages +state$"),
        Case::line("cowmap of nobody", "cowmap 30000")
            .ends(End::Status(1))
            .shows("cowmap: no process 30000"),
        Case::line("status of a killed program", "c-stack below")
            .ends(End::Status(KILLED))
            .shows(r"^pid [0-9]+ \(c-stack\): killed: .*0x[0-9a-f]+, pc 0x[0-9a-f]+"),
    ]);
    for (misdeed, cause) in MISDEEDS {
        cases.push(
            Case::line(
                format!("misbehaving: {misdeed}"),
                format!("usertrap {misdeed}"),
            )
            .ends(End::Status(KILLED))
            .shows(&format!(
                r"^pid [0-9]+ \(usertrap\): killed: {cause}.*pc 0x[0-9a-f]+"
            ))
            .hides("survived"),
        );
    }
    cases
}

/// The kinds of `usertrap`, and the beginning of the kernel's line about each.
const MISDEEDS: [(&str, &str); 8] = [
    ("null-write", "store page fault at 0x0,"),
    ("constant-write", "store page fault at 0x[0-9a-f]+,"),
    ("break-write", "store page fault at 0x[0-9a-f]+,"),
    ("kernel-read", "load page fault at 0x80000000,"),
    ("kernel-write", "store page fault at 0xfffffffffffff000,"),
    ("illegal", "illegal instruction"),
    ("jump", "instruction page fault at 0x[0-9a-f]+,"),
    ("overflow", "store page fault at 0x[0-9a-f]+,"),
];
