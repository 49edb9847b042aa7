//! Programs that broke an earlier kernel. Each is a small program of `tests/c` that judges its own
//! results.

use super::super::case::Case;
use super::super::talk::Step::{Prompt, See, Type};

/// A processor with vector registers.
const VECTOR: &str = "rv64,v=true,vlen=128";

/// The numbers of harts at which each program runs.
const HARTS: [u8; 3] = [1, 2, 4];

/// Returns the tests of hostile programs.
pub fn cases() -> Vec<Case> {
    HARTS
        .into_iter()
        .flat_map(|harts| [at(harts), waits(harts), endings(harts)])
        .flatten()
        .collect()
}

/// The ways in which `c-shrinkmap` ends a mapping.
const ENDINGS: [(&str, &str); 5] = [
    ("munmap", "c-shrinkmap 0\n"),
    ("sbrk", "c-shrinkmap 1\n"),
    ("a mapping over it", "c-shrinkmap 2\n"),
    ("exec", "c-shrinkmap 3\n"),
    ("exit", "c-shrinkmap 4\n"),
];

/// Returns the tests, at `harts` harts, of what is on the disk when a mapping has ended and the
/// power is cut.
fn endings(harts: u8) -> Vec<Case> {
    let case = |(way, line): (&str, &'static str)| {
        Case::talk(
            format!("hostile: a shared mapping ends by {way}: {harts} harts"),
            vec![Prompt, Type(line), See("(?m)^c-shrinkmap: ended")],
        )
        .harts(harts)
        .leaves_on_disk(b"MARKER/REACHED")
    };
    ENDINGS.into_iter().map(case).collect()
}

/// Returns the tests of how long one process waits for others, on `harts` harts.
///
/// Their limit is far above what a loaded host reaches and far below the wait of a starved process.
/// `bench waits` counts instructions and checks the kernel's own bound. Instructions cannot be
/// counted here: while all processes wait for the disk, the counting clock jumps, and several harts
/// make hardly any progress under it.
fn waits(harts: u8) -> Vec<Case> {
    let case = |what: &str, line: &str| {
        let program = line.split(' ').next().unwrap_or(line);
        Case::line(format!("hostile: {what}: {harts} harts"), line)
            .harts(harts)
            .within(120)
            .shows(&format!("^{program}: longest .*us$"))
            .shows(&format!("^{program}: OK$"))
    };
    vec![
        case("waits beside a writer of files", "c-fshog 1 4 1000000"),
        case(
            "waits beside one who asks for counters",
            "c-pshog 64 1 60 1000000",
        ),
        case("waits beside audits", "c-audithog 1 4 1000000"),
        case(
            "waits for the end of a killed process",
            "c-killgap 64 1 1000000 500",
        ),
    ]
}

/// Returns the tests at `harts` harts.
fn at(harts: u8) -> Vec<Case> {
    let case = |subject: &str, line: &str| {
        let program = line.split(' ').next().unwrap_or(line);
        Case::line(format!("hostile: {subject}: {harts} harts"), line)
            .harts(harts)
            .within(120)
            .shows(&format!("^{program}: .*OK$"))
    };
    vec![
        case("vector registers", "c-vleak")
            .cpu(VECTOR)
            .shows(r"^pid [0-9]+ \(c-vleak\): killed: illegal instruction"),
        case("nothing is read or written at once", "c-zeroread"),
        case("pages that are nobody's", "c-pinfo"),
        case(
            "mappings after memory was used",
            "c-sbrkdeg 55; c-eat; c-manymaps 1000 20; c-sbrkdeg 40; c-sbrkdeg 55",
        )
        .hides("c-[a-z]+: line"),
        case("a fork after memory was used", "c-forkdeg 10"),
        case("many mappings", "c-manymaps 10000"),
        case("idle address space", "c-lazyhog 60 100 20000")
            .mebibytes(32)
            .swap(64),
        case("a promise among dirty pages", "c-dirtyhog 50 10 3 1 20000").mebibytes(24),
    ]
}
