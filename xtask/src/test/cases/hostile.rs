//! Programs that broke an earlier kernel: each a small one of `tests/c` that judges what it sees.

use super::super::case::Case;

/// A processor with vector registers.
const VECTOR: &str = "rv64,v=true,vlen=128";

/// The numbers of harts that each is run at.
const HARTS: [u8; 3] = [1, 2, 4];

/// The tests.
pub fn cases() -> Vec<Case> {
    HARTS.into_iter().flat_map(at).collect()
}

/// Returns the tests at so many harts.
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
