//! From the firmware to the shell, on machines of all sizes.

use super::super::case::Case;

/// Returns the tests.
pub fn cases() -> Vec<Case> {
    let sizes = [(1, 24), (1, 128), (2, 128), (4, 128), (8, 128), (4, 8192)];
    sizes
        .into_iter()
        .map(|(harts, memory)| {
            Case::line(format!("boot: {harts} harts, {memory} MiB"), "echo hello")
                .harts(harts)
                .mebibytes(memory)
                .shows("^hello$")
                .shows(&format!(
                    r"^Cowslip \S+: riscv64, {harts} harts?, {memory} MiB"
                ))
        })
        .collect()
}
