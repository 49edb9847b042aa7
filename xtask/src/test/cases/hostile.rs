//! Programs that broke an earlier kernel: each a small one of `tests/c` that judges what it sees.

use super::super::case::Case;

/// A processor with vector registers.
const VECTOR: &str = "rv64,v=true,vlen=128";

/// The numbers of harts that each is run at.
const HARTS: [u8; 3] = [1, 2, 4];

/// Returns the tests.
pub fn cases() -> Vec<Case> {
    HARTS.into_iter().flat_map(at).collect()
}

/// Returns the tests at so many harts.
fn at(harts: u8) -> Vec<Case> {
    let case = |subject: &str, line: &str| {
        let program = line.split(' ').next().unwrap_or(line);
        Case::line(format!("hostile: {subject}: {harts} harts"), line)
            .harts(harts)
            .shows(&format!("^{program}: OK$"))
    };
    vec![
        case("vector registers", "c-vleak")
            .cpu(VECTOR)
            .shows(r"^pid [0-9]+ \(c-vleak\): killed: illegal instruction"),
        case("nothing is read or written at once", "c-zeroread"),
    ]
}
